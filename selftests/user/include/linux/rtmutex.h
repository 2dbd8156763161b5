/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mutexes that lend the waiters' priority. Where there are no threads a task
 * that has to wait is noted, and killed: its holder stands still.
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
#define rt_mutex_trylock(lock)		mutex_trylock(&(lock)->mutex)

void rt_mutex_lock(struct rt_mutex *lock);
void rt_mutex_unlock(struct rt_mutex *lock);

#endif /* SHIM_RTMUTEX_H */
