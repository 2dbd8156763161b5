/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Table pages: their memory, what their struct page says of them, and how their
 * entries become visible to the walker.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_TABLE_H
#define _IOPD_TABLE_H

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>

#include <compat/cache.h>
#include "lpae.h"
#include "tree.h"

/*
 * page->private of a table page:
 *
 *	1:0	its level
 *	4	chunk: one of several pages that were allocated together
 *	5	done: one of a chunk, and no table any more
 *	9:6	left: in a chunk's first page: how many others are not done
 *	63:29	how many tables are under it
 *
 * Entries are not counted: a leaf is written and cleared with one store, into
 * the table and nowhere else. Which tables are empty is found out by a sweep,
 * see sweep.c.
 *
 * The count of tables makes a detached sub-tree a known quantity without a
 * walk. Mappers that publish tables under it and unmappers that cut them off
 * change it, while the page table is live; after the detach no task does.
 *
 * The bits of chunks are not the table's, and may change whatever it does: that
 * is in pages.c.
 *
 * page->lru links a detached sub-tree by its root.
 */
#define IOPD_PAGE_LEVEL		GENMASK(1, 0)
#define IOPD_PAGE_CHUNK		BIT(4)
#define IOPD_PAGE_DONE		BIT(5)
#define IOPD_PAGE_LEFT		GENMASK(9, 6)
#define IOPD_PAGE_LEFT_ONE	BIT(6)
#define IOPD_PAGE_BELOW		BIT(29)
#define IOPD_PAGE_BELOW_SHIFT	29

static inline struct page *iopd_table_page(const u64 *table)
{
	return virt_to_page(table);
}

static inline u64 *iopd_table_of(const struct lpae_geometry *geo, u64 entry)
{
	return phys_to_virt(lpae_address(geo, entry));
}

static inline atomic_long_t *iopd_page_state(struct page *page)
{
	return (atomic_long_t *)&page->private;
}

/* All of it at one moment, while others may change parts that are theirs */
static inline unsigned long iopd_page_word(struct page *page)
{
	return atomic_long_read(iopd_page_state(page));
}

static inline int iopd_page_level(struct page *page)
{
	return iopd_page_word(page) & IOPD_PAGE_LEVEL;
}

static inline unsigned long iopd_page_below(struct page *page)
{
	return iopd_page_word(page) >> IOPD_PAGE_BELOW_SHIFT;
}

/*
 * Atomic: mappers publish below the same table at the same time, without a
 * lock.
 */
static inline void iopd_page_add_below(struct page *page, long nr)
{
	atomic_long_add(nr * (long)IOPD_PAGE_BELOW, iopd_page_state(page));
}

/*
 * For a table that is still its maker's alone, though its chunk, if any, is not
 */
static inline void iopd_page_init(struct page *page, int level,
				  unsigned long below)
{
	atomic_long_t *state = iopd_page_state(page);
	long table = level | below * IOPD_PAGE_BELOW;
	long old = atomic_long_read(state);
	long chunk;

	if (!(old & IOPD_PAGE_CHUNK)) {
		set_page_private(page, table);
		return;
	}
	do {
		chunk = old & (IOPD_PAGE_CHUNK | IOPD_PAGE_LEFT);
	} while (!atomic_long_try_cmpxchg_relaxed(state, &old, chunk | table));
}

/* Bytes that the walker reads of a table of @level */
static inline size_t iopd_table_bytes(const struct iopd_tree *tree, int level)
{
	return level == tree->geo.start ? lpae_root_size(&tree->geo) :
					  lpae_table_size(&tree->geo);
}

u64 *iopd_table_alloc(struct iopd_tree *tree, int level, unsigned int below,
		      gfp_t gfp);
u64 *iopd_table_alloc_root(struct iopd_tree *tree, gfp_t gfp);
void iopd_table_init_reach(struct iopd_tree *tree, unsigned int oas);
void iopd_table_init_cleaning(struct iopd_tree *tree);
int iopd_table_publishable(struct iopd_tree *tree, u64 *table);
bool iopd_table_reject(struct iopd_tree *tree, u64 *table, int why, gfp_t *gfp);
void iopd_table_free_unpublished(struct iopd_tree *tree, u64 *table);

/* Undo iopd_table_publishable(). The walker has written nothing to look at. */
static inline void iopd_table_unmap(struct iopd_tree *tree, struct page *page)
{
	if (tree->unmaps)
		dma_unmap_single_attrs(tree->dev, page_to_phys(page),
				       iopd_table_bytes(tree,
							iopd_page_level(page)),
				       DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
}

/*
 * iopd_sync_entry() - make an entry visible to the walker
 *
 * Coherent walkers need no cleaning; the barrier that orders the entries
 * before what the caller does next is the caller's, once for all of its runs.
 *
 * An entry is in one line of the cache. Where the device is mapped directly
 * that line is cleaned right here: the way through the DMA API to that
 * instruction takes as many as a walk from the root. So are runs, and whole
 * tables, where that is known to be all that the API does.
 */
static inline void iopd_sync_entry(struct iopd_tree *tree, u64 *entry)
{
	if (tree->coherent)
		return;
	if (likely(!tree->unmaps))
		compat_clean_line(entry);
	else
		dma_sync_single_for_device(tree->dev, virt_to_phys(entry),
					   sizeof(*entry), DMA_TO_DEVICE);
}

/* The same for a run of entries of one table */
static inline void iopd_sync_entries(struct iopd_tree *tree, u64 *entry,
				     unsigned int nr)
{
	if (nr == 1)
		iopd_sync_entry(tree, entry);
	else if (likely(tree->line))
		compat_clean_lines(entry, nr * sizeof(*entry), tree->line);
	else if (!tree->coherent)
		dma_sync_single_for_device(tree->dev, virt_to_phys(entry),
					   nr * sizeof(*entry), DMA_TO_DEVICE);
}

#endif /* _IOPD_TABLE_H */
