/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages: an arena with addresses of its own, and a struct page for each.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_MM_H
#define SHIM_MM_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/list.h>

#ifndef SHIM_PAGE_SHIFT
#define SHIM_PAGE_SHIFT		12
#endif

#define PAGE_SHIFT		SHIM_PAGE_SHIFT
#define PAGE_SIZE		BIT(PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)		ALIGN(x, PAGE_SIZE)
#define PFN_PHYS(pfn)		((phys_addr_t)(pfn) << PAGE_SHIFT)
#define PHYS_PFN(pa)		((unsigned long)((pa) >> PAGE_SHIFT))
#define MAX_PAGE_ORDER		10
#define PAGE_ALLOC_COSTLY_ORDER	3
#define NUMA_NO_NODE		(-1)
#define SHIM_NODES		2
#define SHIM_GROUPS		3	/* no group, and two more */

#define CONFIG_MEMCG		1

struct page {
	unsigned long flags;
	struct list_head lru;
	void *mapping;
	unsigned long index;
	unsigned long private;
	atomic_t _refcount;
	unsigned long memcg_data;
};

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order);
void __free_pages(struct page *page, unsigned int order);
void split_page(struct page *page, unsigned int order);

/* Anything that is not in the arena is a failure. */
struct page *virt_to_page(const void *address);
struct page *pfn_to_page(unsigned long pfn);
unsigned long page_to_pfn(const struct page *page);
void *page_address(const struct page *page);
phys_addr_t virt_to_phys(const volatile void *address);
void *phys_to_virt(phys_addr_t pa);
int page_to_nid(const struct page *page);

#define alloc_pages(gfp, order)		alloc_pages_node(NUMA_NO_NODE, gfp, order)
#define alloc_page(gfp)			alloc_pages(gfp, 0)
#define __free_page(page)		__free_pages(page, 0)
#define put_page(page)			__free_page(page)
#define page_to_phys(page)		PFN_PHYS(page_to_pfn(page))
#define phys_to_page(pa)		pfn_to_page(PHYS_PFN(pa))
#define virt_to_pfn(address)		page_to_pfn(virt_to_page(address))
#define __va(pa)			phys_to_virt(pa)
#define __pa(address)			virt_to_phys(address)

#define page_private(page)		((page)->private)
#define set_page_private(page, value)	((page)->private = (value))

static inline int get_order(unsigned long size)
{
	return order_base_2(DIV_ROUND_UP(size, PAGE_SIZE));
}

static inline unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp, order);

	return page ? (unsigned long)page_address(page) : 0;
}

static inline void free_pages(unsigned long address, unsigned int order)
{
	if (address)
		__free_pages(virt_to_page((void *)address), order);
}

#define __get_free_page(gfp)		__get_free_pages(gfp, 0)
#define get_zeroed_page(gfp)		__get_free_page((gfp) | __GFP_ZERO)
#define free_page(address)		free_pages(address, 0)

unsigned long totalram_pages(void);

/* --- what is counted ------------------------------------------------------ */

enum node_stat_item {
	NR_PAGETABLE,
	NR_SECONDARY_PAGETABLE,
	NR_IOMMU_PAGES,
	SHIM_NODE_STATS,
};

typedef struct pglist_data {
	int nid;
} pg_data_t;

pg_data_t *page_pgdat(const struct page *page);
void mod_node_page_state(pg_data_t *pgdat, enum node_stat_item item, long delta);
void mod_lruvec_page_state(struct page *page, enum node_stat_item item, int delta);

#endif /* SHIM_MM_H */
