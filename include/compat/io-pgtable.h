/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs in <linux/io-pgtable.h>.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IO_PGTABLE_H
#define COMPAT_IO_PGTABLE_H

#include <linux/io-pgtable.h>
#include <linux/version.h>

#ifndef HAVE_GATHER_QUEUED
/* Since 5.15 the gather says that its pages wait in a queue for their flush. */
static inline bool iommu_iotlb_gather_queued(struct iommu_iotlb_gather *gather)
{
	return false;
}
#endif

/* Since 6.8 a driver may bring its own allocator for tables. */
static inline bool compat_cfg_has_allocator(const struct io_pgtable_cfg *cfg)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return cfg->alloc || cfg->free;
#else
	return false;
#endif
}

/*
 * Since 6.14 the kernel's library refuses to unmap a part of a block instead of
 * splitting the block; so does this one, on the same kernels.
 */
#define COMPAT_SPLIT_BLOCKS	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0))

/* Quirks that came, and one that went; 0 where there is no such thing. */
#ifndef IO_PGTABLE_QUIRK_ARM_OUTER_WBWA
#define IO_PGTABLE_QUIRK_ARM_OUTER_WBWA	0
#endif
#ifndef IO_PGTABLE_QUIRK_ARM_HD
#define IO_PGTABLE_QUIRK_ARM_HD		0
#endif
/*
 * A mapper that is refused is told so by what it is returned, never by a
 * warning.
 */
#ifndef IO_PGTABLE_QUIRK_NO_WARN
#define IO_PGTABLE_QUIRK_NO_WARN	0
#endif
/* 5.10 only: the flush queue, where later kernels have a flag of the gather */
#ifndef IO_PGTABLE_QUIRK_NON_STRICT
#define IO_PGTABLE_QUIRK_NON_STRICT	0
#endif

/*
 * What has been unmapped is going to be put into that queue, and another CPU
 * makes the flush of it. The queue of 5.10 relies on the library to have the
 * entries cleared before; later ones see to that themselves.
 */
static inline void compat_order_queue(const struct io_pgtable_cfg *cfg)
{
	if (cfg->quirks & IO_PGTABLE_QUIRK_NON_STRICT)
		/* pairs with what orders the flush after the queueing */
		smp_wmb();
}

/*
 * When does the root of a stage 2 consist of several tables? Until 6.14 the
 * kernel's library made it so instead of a level 0 wherever that was possible;
 * since then where the architecture has it no other way (R_DXBSH and R_SRKBC
 * in D8.2), and it fails where that does not fit.
 */
static inline bool compat_concatenates(int start, unsigned int page_shift,
				       const struct io_pgtable_cfg *cfg)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	if (start == 0 && page_shift == 14)
		return cfg->oas == 48 || cfg->ias == 48;
	if (start == 0 && page_shift == 12)
		return cfg->oas == 40 || cfg->oas == 42;
	return start == 1 && page_shift == 14 && cfg->oas == 40;
#else
	return start == 0;
#endif
}

#define COMPAT_CONCATENATES_OR_FAILS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0))

#endif /* COMPAT_IO_PGTABLE_H */
