/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A histogram of durations with a bucket for each power of two.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_HIST_H
#define _IOPT_HIST_H

#include <linux/bitops.h>
#include <linux/types.h>

/* The last bucket takes everything from 2^39 ns, nine minutes, on. */
#define IOPT_HIST_BUCKETS	40

/* Bucket b counts what is at least 2^b ns (bucket 0: 0), and below 2^(b + 1) */
struct iopt_hist {
	unsigned long count[IOPT_HIST_BUCKETS];
};

static inline void iopt_hist_add(struct iopt_hist *hist, u64 ns)
{
	unsigned int bucket = ns ? __fls(ns) : 0;

	if (bucket >= IOPT_HIST_BUCKETS)
		bucket = IOPT_HIST_BUCKETS - 1;
	hist->count[bucket]++;
}

#endif /* _IOPT_HIST_H */
