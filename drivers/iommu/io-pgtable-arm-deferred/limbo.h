/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of tables between detach and flush, in all page tables.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_LIMBO_H
#define _IOPD_LIMBO_H

#include <linux/atomic.h>
#include <linux/percpu.h>

/* Tables cut off that no completed flush has released, lost ones included */
DECLARE_PER_CPU(long, iopd_limbo_tables);

/* Pages of theirs beyond one each, where the granule is larger than a page */
DECLARE_PER_CPU(long, iopd_limbo_further);

/* Flushes that the library has asked for because too many were waiting */
extern atomic_long_t iopd_limbo_flushes;

#endif /* _IOPD_LIMBO_H */
