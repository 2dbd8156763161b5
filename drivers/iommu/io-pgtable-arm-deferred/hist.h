/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A histogram of durations with a bucket for each power of two.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_HIST_H
#define _IOPD_HIST_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/types.h>

/* The last bucket takes everything from 2^39 ns, nine minutes, on. */
#define IOPD_HIST_BUCKETS	40

/* Bucket b counts what is at least 2^b ns (bucket 0: 0), and below 2^(b + 1) */
struct iopd_hist {
	unsigned long count[IOPD_HIST_BUCKETS];
};

/* Under the lock that serialises the writers. Readers take none. */
static inline void iopd_count(unsigned long *counter, long nr)
{
	WRITE_ONCE(*counter, *counter + nr);
}

static inline void iopd_hist_add(struct iopd_hist *hist, u64 ns)
{
	unsigned int bucket = ns ? __fls(ns) : 0;

	if (bucket >= IOPD_HIST_BUCKETS)
		bucket = IOPD_HIST_BUCKETS - 1;
	iopd_count(&hist->count[bucket], 1);
}

static inline void iopd_hist_reset(struct iopd_hist *hist)
{
	unsigned int bucket;

	for (bucket = 0; bucket < IOPD_HIST_BUCKETS; bucket++)
		WRITE_ONCE(hist->count[bucket], 0);
}

#endif /* _IOPD_HIST_H */
