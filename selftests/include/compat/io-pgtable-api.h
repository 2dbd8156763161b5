/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of a page table as a driver calls them, for the test modules.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IO_PGTABLE_API_H
#define COMPAT_IO_PGTABLE_API_H

#include <linux/io-pgtable.h>
#include <linux/string.h>
#include <compat/dirty.h>

/* Until 5.15 there was only a call for one page. */
static inline int compat_map_pages(struct io_pgtable_ops *ops,
				   unsigned long iova, phys_addr_t paddr,
				   size_t pgsize, size_t pgcount, int prot,
				   gfp_t gfp, size_t *mapped)
{
#ifndef HAVE_MAP_PAGES
	int ret = pgcount ? 0 : -EINVAL;

	for (; pgcount && !ret; pgcount--) {
		ret = ops->map(ops, iova, paddr, pgsize, prot, gfp);
		if (!ret)
			*mapped += pgsize;
		iova += pgsize;
		paddr += pgsize;
	}
	return ret;
#else
	return ops->map_pages(ops, iova, paddr, pgsize, pgcount, prot, gfp,
			      mapped);
#endif
}

static inline size_t compat_unmap_pages(struct io_pgtable_ops *ops,
					unsigned long iova, size_t pgsize,
					size_t pgcount,
					struct iommu_iotlb_gather *gather)
{
#ifndef HAVE_MAP_PAGES
	size_t unmapped = 0, size = pgsize;

	for (; pgcount && size == pgsize; pgcount--) {
		size = ops->unmap(ops, iova + unmapped, pgsize, gather);
		unmapped += size;
	}
	return unmapped;
#else
	return ops->unmap_pages(ops, iova, pgsize, pgcount, gather);
#endif
}

/* Since 6.15: the entries on the way to @iova */
static inline int compat_pgtable_walk(struct io_pgtable_ops *ops,
				      unsigned long iova, u64 *entries,
				      int *result)
{
#ifdef COMPAT_HAS_PGTABLE_WALK
	struct arm_lpae_io_pgtable_walk_data data = {};

	if (!ops->pgtable_walk)
		return -EINVAL;
	*result = ops->pgtable_walk(ops, iova, &data);
	memcpy(entries, data.ptes, sizeof(data.ptes));
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}

#endif /* COMPAT_IO_PGTABLE_API_H */
