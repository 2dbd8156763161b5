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

#endif /* COMPAT_IO_PGTABLE_H */
