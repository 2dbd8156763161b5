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
#include <linux/cpufeature.h>
#include <asm/sysreg.h>

/*
 * Begin to clean the line that @addr is in. Some Cortex-A53, which R-Car Gen3
 * has, need clean and invalidate for it (errata 819472 and others); the kernel
 * puts the right one in when it loads the module.
 */
static inline void compat_begin_clean(const void *addr)
{
	asm volatile(ALTERNATIVE("dc cvac, %0", "dc civac, %0",
				 ARM64_WORKAROUND_CLEAN_CACHE)
		     : : "r" (addr) : "memory");
}

/*
 * Clean the line that @addr is in, and wait until it is done: what was stored
 * there before is in memory when this returns.
 */
static inline void compat_clean_line(const void *addr)
{
	compat_begin_clean(addr);
	dsb(sy);
}

/* Bytes of a line: the least of all CPUs (Arm ARM D19.2, CTR_EL0.DminLine) */
static inline size_t compat_line_size(void)
{
	return 4 << ((read_sanitised_ftr_reg(SYS_CTR_EL0) >> 16) & 0xf);
}

/*
 * The same for all lines, of @line bytes, that the @size bytes from @addr on
 * are in
 */
static inline void compat_clean_lines(const void *addr, size_t size, size_t line)
{
	const void *end = addr + size;

	addr -= (unsigned long)addr & (line - 1);
	for (; addr + 3 * line < end; addr += 4 * line) {
		compat_begin_clean(addr);
		compat_begin_clean(addr + line);
		compat_begin_clean(addr + 2 * line);
		compat_begin_clean(addr + 3 * line);
	}
	for (; addr < end; addr += line)
		compat_begin_clean(addr);
	dsb(sy);
}

#endif /* COMPAT_CACHE_H */
