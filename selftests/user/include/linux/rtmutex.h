/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mutexes that lend the waiters' priority: here there is but one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_RTMUTEX_H
#define SHIM_RTMUTEX_H

#include <linux/mutex.h>

struct rt_mutex {
	struct mutex mutex;	/* all there is to it without priorities */
};

#define rt_mutex_init(lock)		mutex_init(&(lock)->mutex)
#define rt_mutex_lock(lock)		mutex_lock(&(lock)->mutex)
#define rt_mutex_trylock(lock)		mutex_trylock(&(lock)->mutex)
#define rt_mutex_unlock(lock)		mutex_unlock(&(lock)->mutex)

#endif /* SHIM_RTMUTEX_H */
