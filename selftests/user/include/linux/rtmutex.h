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
	unsigned int magic;	/* it is one, and no other memory */
};

void rt_mutex_init(struct rt_mutex *lock);
bool rt_mutex_trylock(struct rt_mutex *lock);
void rt_mutex_lock(struct rt_mutex *lock);
void rt_mutex_unlock(struct rt_mutex *lock);

#endif /* SHIM_RTMUTEX_H */
