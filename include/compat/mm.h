/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accounting of table pages, which grew from version to version: nothing in
 * 5.10, SecPageTables from 6.1, nr_iommu_pages beside it from 6.11.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_MM_H
#define COMPAT_MM_H

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <linux/vmstat.h>

/*
 * Count @nr tables more, or less if negative, all of the node and group of
 * @page.
 */
static inline void compat_account_tables(struct page *page, int nr)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	mod_node_page_state(page_pgdat(page), NR_IOMMU_PAGES, nr);
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, nr);
#endif
}

/* Pages with the same key can be accounted together; until 6.1 none is. */
static inline bool compat_accounted_alike(struct page *a, struct page *b)
{
#if defined(CONFIG_MEMCG) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
	if (a->memcg_data != b->memcg_data)
		return false;
#endif
	return page_to_nid(a) == page_to_nid(b);
}

#endif /* COMPAT_MM_H */
