/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for the one of the library, which cleans by instructions of its CPU.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_CACHE_H
#define COMPAT_CACHE_H

#include <linux/dma-mapping.h>

/* A line of 64 bytes is cleaned; only the word that was asked for may be counted on. */
static inline void compat_clean_line(const void *addr)
{
	shim_clean(addr, sizeof(u64));
}

#endif /* COMPAT_CACHE_H */
