/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for the one of the library, which cleans by instructions of its
 * CPU.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_CACHE_H
#define COMPAT_CACHE_H

#include <linux/dma-mapping.h>

/*
 * A line of 64 bytes is cleaned; only the word that was asked for may be
 * counted on.
 */
static inline void compat_clean_line(const void *addr)
{
	shim_clean(addr, sizeof(u64));
}

/* None, where what the IOMMU reaches is known to the DMA API alone */
size_t compat_line_size(void);

static inline void compat_clean_lines(const void *addr, size_t size, size_t line)
{
	shim_step();
	shim_clean(addr, size);
}

#endif /* COMPAT_CACHE_H */
