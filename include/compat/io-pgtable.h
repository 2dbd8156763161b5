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

/* For callers: many at once, where the kernel has no way to ask for that one by one */
static inline int compat_map_pages(struct io_pgtable_ops *ops,
				   unsigned long iova, phys_addr_t paddr,
				   size_t pgsize, size_t pgcount, int prot,
				   gfp_t gfp, size_t *mapped)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
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
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
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

/*
 * Until 5.11 the kernel's own of that name took the callback for granted. Return:
 * whether there is one.
 */
static inline bool compat_tlb_flush_all(struct io_pgtable *iop)
{
	if (!iop->cfg.tlb || !iop->cfg.tlb->tlb_flush_all)
		return false;
	iop->cfg.tlb->tlb_flush_all(iop->cookie);
	return true;
}

/* Since 5.15 the gather says that its pages wait in a queue for their flush. */
static inline bool compat_gather_queued(struct iommu_iotlb_gather *gather)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
	return false;
#else
	return iommu_iotlb_gather_queued(gather);
#endif
}

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
/* A mapper that is refused is told so by what it is returned, never by a warning. */
#ifdef IO_PGTABLE_QUIRK_NO_WARN
#define COMPAT_QUIRK_NO_WARN		IO_PGTABLE_QUIRK_NO_WARN
#else
#define COMPAT_QUIRK_NO_WARN		0
#endif
/* 5.10 only: the flush queue, where later kernels have a flag of the gather */
#ifdef IO_PGTABLE_QUIRK_NON_STRICT
#define COMPAT_QUIRK_NON_STRICT		IO_PGTABLE_QUIRK_NON_STRICT
#else
#define COMPAT_QUIRK_NON_STRICT		0
#endif

/*
 * What has been unmapped is going to be put into that queue, and another CPU makes
 * the flush of it. The queue of 5.10 relies on the library to have the entries
 * cleared before; later ones see to that themselves.
 */
static inline void compat_order_queue(const struct io_pgtable_cfg *cfg)
{
	if (cfg->quirks & COMPAT_QUIRK_NON_STRICT)
		smp_wmb(); /* pairs with what orders the flush after the queueing */
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
