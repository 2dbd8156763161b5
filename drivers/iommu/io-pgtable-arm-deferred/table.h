/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Table pages: their memory, what is written on the back of them, and how their
 * entries become visible to the walker.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_TABLE_H
#define _IOPT_TABLE_H

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "lpae.h"
#include "tree.h"

/*
 * page->private of a table page:
 *
 *	1:0	its level
 *	63:2	how many tables are under it
 *
 * The count makes a detached sub-tree a known quantity without a walk. It is
 * changed by whoever hangs tables under it or takes them away, while the page
 * table is live; after the detach nobody else is left to change it.
 * page->lru links a detached sub-tree by its root.
 */
#define IOPT_PAGE_LEVEL		GENMASK(1, 0)
#define IOPT_PAGE_BELOW_SHIFT	2

static inline struct page *iopt_table_page(const u64 *table)
{
	return virt_to_page(table);
}

static inline u64 *iopt_table_of(u64 entry)
{
	return phys_to_virt(lpae_address(entry));
}

static inline int iopt_page_level(struct page *page)
{
	return page_private(page) & IOPT_PAGE_LEVEL;
}

static inline unsigned long iopt_page_below(struct page *page)
{
	return page_private(page) >> IOPT_PAGE_BELOW_SHIFT;
}

/* Mappers of neighbouring ranges meet here without a lock. */
static inline void iopt_page_add_below(struct page *page, long nr)
{
	atomic_long_add(nr * (1L << IOPT_PAGE_BELOW_SHIFT),
			(atomic_long_t *)&page->private);
}

u64 *iopt_table_alloc(struct iopt_tree *tree, int level, gfp_t gfp);
int iopt_table_publishable(struct iopt_tree *tree, u64 *table);
void iopt_table_free_unpublished(struct iopt_tree *tree, u64 *table);
void iopt_table_unmap(struct iopt_tree *tree, u64 *table);

/*
 * iopt_sync_entries() - make a run of entries visible to the walker
 *
 * Coherent walkers need no cleaning; the barrier that orders the entries
 * before what the caller does next is the caller's, once for all of its runs.
 */
static inline void iopt_sync_entries(struct iopt_tree *tree, u64 *entry,
				     unsigned int nr)
{
	if (tree->coherent)
		return;
	dma_sync_single_for_device(tree->dev, virt_to_phys(entry),
				   nr * sizeof(*entry), DMA_TO_DEVICE);
}

#endif /* _IOPT_TABLE_H */
