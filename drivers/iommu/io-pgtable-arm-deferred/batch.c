// SPDX-License-Identifier: GPL-2.0-only
/*
 * One batch. The tree is busy, so that all of this is for one pair of hands; no
 * lock is held, and nothing waits for anything.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "batch.h"
#include "cursor.h"
#include "pages.h"
#include "reclaim-parts.h"
#include "table.h"
#include "trace.h"

/*
 * Entries that a batch may look at: 8 tables from end to end. Reading an
 * entry costs about a fiftieth of freeing a table, so a batch that finds little
 * to free takes no longer than one that frees all the time.
 */
#define IOPD_RECLAIM_SCAN	(8 * IOPD_RECLAIM_SCAN_SLICE)

/* Entries between two looks at the clock of the scheduler: one table's */
#define IOPD_RECLAIM_SCAN_SLICE	512

/**
 * iopd_reclaim_calm_allocator() - keep the page allocator from a burst
 *
 * While a CPU only frees, the page allocator doubles what it moves from the
 * CPU's list to the zone each time that list is full: up to some 2,000 pages in
 * one go, with interrupts off, 650,000 instructions. An allocation from the
 * list halves that again. So a page is taken and put back after each batch;
 * there need not be one, for nothing is done with it. A helper may be a task
 * that reclaims memory, and may take from the reserves: not for this.
 *
 * Context: any; takes no lock of the library's.
 */
void iopd_reclaim_calm_allocator(void)
{
	struct page *page = alloc_page(GFP_NOWAIT | __GFP_NOWARN |
				       __GFP_NOMEMALLOC);

	if (page)
		__free_page(page);
}

static void iopd_reclaim_give_tables(struct iopd_reclaim_batch *b,
				     struct iopd_tree *tree, unsigned int nr)
{
	bool last = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		iopd_table_unmap(tree, b->pages[i]);
		last |= b->pages[i] == tree->root;
	}
	b->nr_pages += (unsigned long)nr << tree->table_order;
	if (last)
		b->nr_pages += BIT(tree->root_order) - BIT(tree->table_order);
	b->singles += iopd_pages_free(tree, b->pages, nr);
	if (last)
		iopd_pages_finish(tree);
	b->tables += nr;
}

/* Have a sub-tree open. Return: false when there is none left to open. */
static bool iopd_reclaim_open(struct iopd_tree *tree)
{
	struct page *root;

	if (iopd_cursor_is_open(&tree->cursor))
		return true;

	root = list_first_entry_or_null(&tree->work, struct page, lru);
	if (!root)
		return false;
	list_del(&root->lru);
	iopd_cursor_open(&tree->cursor, root);
	return true;
}

static enum iopd_reclaim_reason iopd_reclaim_step(struct iopd_reclaim_batch *b,
						  struct iopd_tree *tree,
						  unsigned long max)
{
	unsigned int scan = IOPD_RECLAIM_SCAN_SLICE;
	unsigned int nr = min_t(unsigned long, max - b->tables,
				IOPD_RECLAIM_PAGES);

	nr = iopd_cursor_take(&tree->cursor, &tree->geo, b->pages, nr, &scan);
	b->scanned += IOPD_RECLAIM_SCAN_SLICE - scan;
	if (nr)
		iopd_reclaim_give_tables(b, tree, nr);

	if (need_resched())
		return IOPD_RECLAIM_RESCHED;
	if (b->tables >= max)
		return IOPD_RECLAIM_FULL;
	return b->scanned >= IOPD_RECLAIM_SCAN ? IOPD_RECLAIM_SCANNED :
	       IOPD_RECLAIM_EMPTY;
}

/* There is nothing (more) to free: go on with a sweep, if there is one. */
static void iopd_reclaim_sweep_part(struct iopd_reclaim_batch *b,
				    struct iopd_tree *tree)
{
	unsigned int scan = IOPD_RECLAIM_SCAN - b->scanned, before = scan;

	if (tree->sweep_pass != IOPD_SWEEP_MARKS &&
	    tree->sweep_pass != IOPD_SWEEP_CUTS)
		return;
	iopd_reclaim_sweep_some(tree, &scan);
	b->scanned += before - scan;
}

/**
 * iopd_reclaim_run() - free a batch of a tree
 * @b: the batch; @b->help is set by the caller, the rest here
 * @tree: a tree that is busy for the caller
 * @max: how many tables at most
 *
 * Goes on until there are enough, too many entries have been read, or something
 * else wants the CPU; frees at least one, or reads a table's worth of entries.
 * What is left of the batch then goes to the sweep, if one is under way.
 *
 * Context: any that may wait for no lock; holds none.
 */
void iopd_reclaim_run(struct iopd_reclaim_batch *b, struct iopd_tree *tree,
		      unsigned long max)
{
	trace_batch_begin(tree, b->help);
	b->start = ktime_get();
	b->reason = IOPD_RECLAIM_EMPTY;
	b->tables = 0;
	b->nr_pages = 0;
	b->scanned = 0;
	b->singles = 0;
	while (b->reason == IOPD_RECLAIM_EMPTY && iopd_reclaim_open(tree))
		b->reason = iopd_reclaim_step(b, tree, max);
	if (b->reason == IOPD_RECLAIM_EMPTY)
		iopd_reclaim_sweep_part(b, tree);
	if (b->singles)
		iopd_reclaim_calm_allocator();
}
