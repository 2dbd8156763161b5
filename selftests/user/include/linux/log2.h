/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Powers of two.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_LOG2_H
#define SHIM_LOG2_H

#include <linux/bitops.h>

#define ilog2(x)		(63 - __builtin_clzll(x))

static inline bool is_power_of_2(unsigned long x)
{
	return x && !(x & (x - 1));
}

#define order_base_2(x)		((x) > 1 ? ilog2((x) - 1) + 1 : 0)
#define roundup_pow_of_two(x)	(1ul << order_base_2(x))
#define rounddown_pow_of_two(x)	(1ul << ilog2(x))

#endif /* SHIM_LOG2_H */
