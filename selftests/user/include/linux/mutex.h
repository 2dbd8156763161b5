/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locks that sleep.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_MUTEX_H
#define SHIM_MUTEX_H

#include <linux/kernel.h>

struct mutex {
	const void *owner;
	bool initialised;
};

#define DEFINE_MUTEX(name)	struct mutex name = { NULL, true }

static inline void mutex_init(struct mutex *mutex)
{
	mutex->owner = NULL;
	mutex->initialised = true;
}

void mutex_lock(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif /* SHIM_MUTEX_H */
