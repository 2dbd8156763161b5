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

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
/* Until 6.3 the operations for a single page stood beside those for many. */
static inline int compat_map_one(struct io_pgtable_ops *ops, unsigned long iova,
				 phys_addr_t paddr, size_t size, int prot,
				 gfp_t gfp)
{
	size_t mapped = 0;

	return ops->map_pages(ops, iova, paddr, size, 1, prot, gfp, &mapped);
}

static inline size_t compat_unmap_one(struct io_pgtable_ops *ops,
				      unsigned long iova, size_t size,
				      struct iommu_iotlb_gather *gather)
{
	return ops->unmap_pages(ops, iova, size, 1, gather);
}

static inline void compat_complete_ops(struct io_pgtable_ops *ops)
{
	ops->map = compat_map_one;
	ops->unmap = compat_unmap_one;
}
#else
static inline void compat_complete_ops(struct io_pgtable_ops *ops)
{
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
#ifdef IO_PGTABLE_QUIRK_ARM_OUTER_WBWA
#define COMPAT_QUIRK_OUTER_WBWA		IO_PGTABLE_QUIRK_ARM_OUTER_WBWA
#else
#define COMPAT_QUIRK_OUTER_WBWA		0
#endif
#ifdef IO_PGTABLE_QUIRK_ARM_HD
#define COMPAT_QUIRK_DIRTY		IO_PGTABLE_QUIRK_ARM_HD
#else
#define COMPAT_QUIRK_DIRTY		0
#endif
/* 5.10 only: the flush queue, where later kernels have a flag of the gather */
#ifdef IO_PGTABLE_QUIRK_NON_STRICT
#define COMPAT_QUIRK_NON_STRICT		IO_PGTABLE_QUIRK_NON_STRICT
#else
#define COMPAT_QUIRK_NON_STRICT		0
#endif

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
