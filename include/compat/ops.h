/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library's functions as the operations that the kernel knows. Included
 * after what declares them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_OPS_H
#define COMPAT_OPS_H

#include <linux/io-pgtable.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static int compat_map_one(struct io_pgtable_ops *ops, unsigned long iova,
			  phys_addr_t paddr, size_t size, int prot, gfp_t gfp)
{
	size_t mapped = 0;

	return iopd_map_range(ops, iova, paddr, size, 1, prot, gfp, &mapped);
}

static size_t compat_unmap_one(struct io_pgtable_ops *ops, unsigned long iova,
			       size_t size, struct iommu_iotlb_gather *gather)
{
	return iopd_unmap_range(ops, iova, size, 1, gather);
}
#endif

/*
 * Operations for many pages came with 5.15; those for a single one stood beside
 * them until 6.3.
 */
static inline void compat_set_ops(struct io_pgtable_ops *ops)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	ops->map_pages = iopd_map_range;
	ops->unmap_pages = iopd_unmap_range;
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	ops->map = compat_map_one;
	ops->unmap = compat_unmap_one;
#endif
}

#endif /* COMPAT_OPS_H */
