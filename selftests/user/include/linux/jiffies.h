/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time as works count it: it passes when the test says so.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_JIFFIES_H
#define SHIM_JIFFIES_H

#include <linux/kernel.h>

#define HZ			250

/* How much passes at once */
#define SHIM_PASSES		(10UL * HZ)

extern unsigned long shim_jiffies;

/* It is volatile in the kernel. */
#define jiffies			READ_ONCE(shim_jiffies)

#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / 1000)
#define time_before(a, b)	((long)((a) - (b)) < 0)

#endif /* SHIM_JIFFIES_H */
