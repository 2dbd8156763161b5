/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RCU read-side sections as those of a kernel with preemption: a count of the
 * task's own. Grace periods are over between two rounds, when no thread is in a
 * section.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_RCUPDATE_H
#define SMP_RCUPDATE_H

#include_next <linux/rcupdate.h>

extern __thread int smp_readers;

static inline void smp_read_lock(void)
{
	WRITE_ONCE(smp_readers, READ_ONCE(smp_readers) + 1);
	barrier();
}

static inline void smp_read_unlock(void)
{
	barrier();
	WRITE_ONCE(smp_readers, READ_ONCE(smp_readers) - 1);
}

#define rcu_read_lock()		smp_read_lock()
#define rcu_read_unlock()	smp_read_unlock()

#endif /* SMP_RCUPDATE_H */
