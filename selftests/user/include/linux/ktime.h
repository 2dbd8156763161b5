/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time, which passes with every look at it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_KTIME_H
#define SHIM_KTIME_H

#include <linux/types.h>

typedef s64 ktime_t;

ktime_t ktime_get(void);

#define ktime_get_ns()		((u64)ktime_get())
#define ktime_sub(a, b)		((a) - (b))
#define ktime_to_ns(t)		(t)
#define ktime_ms_delta(a, b)	(((a) - (b)) / 1000000)
#define ktime_us_delta(a, b)	(((a) - (b)) / 1000)
#define local_clock()		ktime_get_ns()

#endif /* SHIM_KTIME_H */
