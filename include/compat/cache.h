/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cleaning of a cache line to the point of coherency, which the kernel has as a
 * function for its own use only.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_CACHE_H
#define COMPAT_CACHE_H

#include <asm/alternative.h>
#include <asm/barrier.h>
#include <asm/cpucaps.h>

/*
 * Clean the line that @addr is in, and wait until it is done: what was stored
 * there before is in memory when this returns. Some Cortex-A53, which R-Car Gen3
 * has, need clean and invalidate for it (errata 819472 and others); the kernel
 * puts the right one in when it loads the module.
 */
static inline void compat_clean_line(const void *addr)
{
	asm volatile(ALTERNATIVE("dc cvac, %0", "dc civac, %0",
				 ARM64_WORKAROUND_CLEAN_CACHE)
		     : : "r" (addr) : "memory");
	dsb(sy);
}

#endif /* COMPAT_CACHE_H */
