/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the kernel's own library gets its tables from: pages, zeroed and
 * accounted.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_IOMMU_PAGES_H
#define SMP_IOMMU_PAGES_H

#include <linux/mm.h>

static inline void smp_account(struct page *page, long nr)
{
	mod_node_page_state(page_pgdat(page), NR_IOMMU_PAGES, nr);
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, nr);
}

static inline void *iommu_alloc_pages_node(int nid, gfp_t gfp, int order)
{
	struct page *page = alloc_pages_node(nid, gfp | __GFP_ZERO, order);

	if (!page)
		return NULL;
	smp_account(page, 1l << order);
	return page_address(page);
}

static inline void iommu_free_pages(void *pages, int order)
{
	if (!pages)
		return;
	smp_account(virt_to_page(pages), -(1l << order));
	__free_pages(virt_to_page(pages), order);
}

#endif /* SMP_IOMMU_PAGES_H */
