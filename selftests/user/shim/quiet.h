/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the shim nothing else happens on the same CPU.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_QUIET_H
#define SHIM_QUIET_H

#include <pthread.h>

#include "shim.h"

/* Steps put off; these locks do not nest */
extern __thread long quiet_steps;

static inline void quiet_lock(pthread_mutex_t *mutex)
{
	quiet_steps = shim_steps;
	shim_steps = SHIM_NO_STEPS;
	pthread_mutex_lock(mutex);
}

static inline void quiet_unlock(pthread_mutex_t *mutex)
{
	pthread_mutex_unlock(mutex);
	shim_steps = quiet_steps;
}

#endif /* SHIM_QUIET_H */
