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
#include "reclaimer.h"
#include "table.h"
#include "trace.h"

/*
 * Entries that a batch may look at: 8 tables from end to end. Reading an
 * entry costs about a fiftieth of freeing a table, so a batch that finds little
 * to free takes no longer than one that frees all the time.
 */
#define RECLAIM_SCAN		(8 * RECLAIM_SCAN_SLICE)

/* Entries between two looks at the clock of the scheduler: one table's */
#define RECLAIM_SCAN_SLICE	512

/**
 * reclaim_calm_allocator() - keep the page allocator from a burst
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
void reclaim_calm_allocator(void)
{
	struct page *page = alloc_page(GFP_NOWAIT | __GFP_NOWARN |
				       __GFP_NOMEMALLOC);

	if (page)
		__free_page(page);
}

static void reclaim_give_tables(struct reclaim_batch *b, struct iopt_tree *tree,
				unsigned int nr)
{
	bool last = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		iopt_table_unmap(tree, b->pages[i]);
		last |= b->pages[i] == tree->root;
	}
	b->nr_pages += (unsigned long)nr << tree->table_order;
	if (last)
		b->nr_pages += BIT(tree->root_order) - BIT(tree->table_order);
	b->singles += iopt_pages_free(tree, b->pages, nr);
	if (last)
		iopt_pages_finish(tree);
	b->tables += nr;
}

/* Have a sub-tree open. Return: false when there is none left to open. */
static bool reclaim_open(struct iopt_tree *tree)
{
	struct page *root;

	if (iopt_cursor_is_open(&tree->cursor))
		return true;

	root = list_first_entry_or_null(&tree->work, struct page, lru);
	if (!root)
		return false;
	list_del(&root->lru);
	iopt_cursor_open(&tree->cursor, root);
	return true;
}

static enum reclaim_reason reclaim_step(struct reclaim_batch *b,
					struct iopt_tree *tree,
					unsigned long max)
{
	unsigned int scan = RECLAIM_SCAN_SLICE;
	unsigned int nr = min_t(unsigned long, max - b->tables, RECLAIM_PAGES);

	nr = iopt_cursor_take(&tree->cursor, &tree->geo, b->pages, nr, &scan);
	b->scanned += RECLAIM_SCAN_SLICE - scan;
	if (nr)
		reclaim_give_tables(b, tree, nr);

	if (need_resched())
		return RECLAIM_RESCHED;
	if (b->tables >= max)
		return RECLAIM_FULL;
	return b->scanned >= RECLAIM_SCAN ? RECLAIM_SCANNED : RECLAIM_EMPTY;
}

/* There is nothing (more) to free: go on with a sweep, if there is one. */
static void reclaim_sweep_part(struct reclaim_batch *b, struct iopt_tree *tree)
{
	unsigned int scan = RECLAIM_SCAN - b->scanned, before = scan;

	if (tree->sweep_pass != IOPT_SWEEP_MARKS &&
	    tree->sweep_pass != IOPT_SWEEP_CUTS)
		return;
	reclaim_sweep_some(tree, &scan);
	b->scanned += before - scan;
}

/**
 * reclaim_run() - free a batch of a tree
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
void reclaim_run(struct reclaim_batch *b, struct iopt_tree *tree,
		 unsigned long max)
{
	trace_batch_begin(tree, b->help);
	b->start = ktime_get();
	b->reason = RECLAIM_EMPTY;
	b->tables = 0;
	b->nr_pages = 0;
	b->scanned = 0;
	b->singles = 0;
	while (b->reason == RECLAIM_EMPTY && reclaim_open(tree))
		b->reason = reclaim_step(b, tree, max);
	if (b->reason == RECLAIM_EMPTY)
		reclaim_sweep_part(b, tree);
	if (b->singles)
		reclaim_calm_allocator();
}
