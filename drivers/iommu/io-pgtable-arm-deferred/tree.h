/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory side of a page table: what is left of it once the hardware, the
 * domain and the driver have let go, and all that the reclaimer ever sees.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_TREE_H
#define _IOPD_TREE_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/device.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "lpae.h"

/**
 * struct iopd_cursor - where in a detached sub-tree the reclaimer stands
 * @table: the tables on the way down to the one being emptied, by level
 * @below: how many tables are still under each of them
 * @index: the next entry to look at in each of them
 * @top: level of the sub-tree's root
 * @level: level of the table being emptied; less than @top when there is none
 *
 * Everything that is needed to stop after any table and go on at another time.
 */
struct iopd_cursor {
	u64 *table[LPAE_LEVELS];
	unsigned long below[LPAE_LEVELS];
	unsigned int index[LPAE_LEVELS];
	int top;
	int level;
};

/* Waits that are told apart by what was handed over before them, see epoch.c */
#define IOPD_EPOCHS		8

/*
 * Chunks that wait for the rest of them. Where tables go in the order in which
 * they have come, that is one for each level; the others are for callers that
 * make and free tables of the same tree side by side.
 */
#define IOPD_PARTIALS		8

/*
 * Kinds of spares: pages that no control group pays for, and those that one
 * does
 */
#define IOPD_SPARES		2

struct rt_mutex;

/* Where a tree stands with the reclaimer; changes under its lock. */
enum iopd_tree_state {
	IOPD_TREE_IDLE,		/* nothing pending */
	IOPD_TREE_QUEUED,	/* waits for its turn */
	IOPD_TREE_BUSY,		/* a worker or helper has it for a batch */
};

/*
 * How far the search for empty tables is, see sweep.c and due.c; changes under
 * the reclaimer's lock.
 */
enum iopd_sweep_state {
	IOPD_SWEEP_NONE,	/* nothing has been unmapped since the last */
	IOPD_SWEEP_DUE,		/* it has, and the time will come */
	IOPD_SWEEP_MARKS,	/* the first pass */
	IOPD_SWEEP_GRACE,	/* waits for a grace period */
	IOPD_SWEEP_CUTS,	/* the second pass */
	IOPD_SWEEP_FLUSH,	/* waits for a flush of what has been cut off */
	IOPD_SWEEP_FLUSHING,	/* the driver is being asked for it */
};

/* How far a pass of a sweep has come */
enum iopd_swept {
	IOPD_SWEPT_PART,	/* there is more to look at */
	IOPD_SWEPT_ALL,		/* nothing more */
	IOPD_SWEPT_LIMBO,	/* nothing more; a flush is to be asked for */
	IOPD_SWEPT_FULL,	/* limbo is full; a flush is to be asked for */
	IOPD_SWEPT_OVER,	/* limbo is full; none may be asked for */
};

struct iopd_tree;

/**
 * struct iopd_tree_ops - what the lower layers call of the upper ones
 * @sweep: go on with a pass over the page table: iopd_sweep()
 * @flush: ask the driver for a flush; is there room for more tables that wait
 *	   for one? iopd_sweep_flush()
 * @make_ready: allocate a chunk: iopd_pages_make_ready()
 * @free: free the structure, which nothing knows any more; may sleep
 *
 * The reclaimer and refill.c know a tree, and nothing of the live page table
 * that it belongs to: these are all calls from there. main.c has the one such
 * table.
 */
struct iopd_tree_ops {
	enum iopd_swept (*sweep)(struct iopd_tree *tree, unsigned long *pos,
				 bool cuts, unsigned int *scan);
	bool (*flush)(struct iopd_tree *tree);
	void (*make_ready)(struct iopd_tree *tree);
	void (*free)(struct iopd_tree *tree);
};

/**
 * struct iopd_tree - the memory of one page table
 * @dev: the IOMMU, for DMA unmapping; a reference is held
 * @geo: shape of the tree
 * @coherent: the walker snoops, so tables are not mapped for DMA
 * @unmaps: the mapping of a table for DMA has to be undone, for it is not
 *   direct
 * @line: bytes of a cache line, where tables are cleaned without the DMA API;
 *   else 0
 * @root_order: log2 of the pages of the root
 * @table_order: log2 of the pages of each other table
 * @reach: the last address at which the walker finds a table
 * @root: page of the root, the first of them
 * @closed: the page table has been given back, and takes no table any more
 * @spare: pages that are no tables yet, by their payer, see pages.c
 * @ready: a chunk that is whole, for mappers that may not block
 * @asked: one is to be made ready
 * @refill_node: among those for which that is so, see refill.c
 * @returned: pages that were to be tables, and were not needed
 * @pause: how many tables to make before a chunk is asked for again
 * @zone: what to ask the page allocator for, so that tables are within @reach
 * @ungraced: sub-trees that a lookup may still be in
 * @grace: those of them for which an RCU grace period is running
 * @rcu: that grace period
 * @in_grace: there is one
 * @node: place among the reclaimer's waiting or busy trees
 * @pending: sub-trees handed to the reclaimer and not begun, the oldest first
 * @pending_count: tables handed to the reclaimer and not freed
 * @owed: the same, by the epoch of their hand-over
 * @freed: tables that the reclaimer has freed
 * @held: pages that wait for the others of their chunks, while the tree rests
 * @rest_node: place among those trees
 * @trim: number of a drain that has asked for them, while the tree is busy
 * @trim_at: when they have waited long enough, in jiffies
 * @state: idle, queued or busy
 * @since: when the tree became pending
 * @hand: held by the task that frees a batch of it, if it has one
 * @whole: the root has been handed over; the last table takes the tree along
 * @awaited: the task that closed the tree frees it, and takes the tree along
 * @sweep: how far the sweep is
 * @sweep_node: place among those for which a sweep is due
 * @sweep_at: when it is due, in jiffies
 * @sweep_rcu: the grace period between its passes
 * @flush_node: place among those that wait for the driver's flush
 * @touched: something has been unmapped since a sweep began
 * @sweep_pass: what @sweep was when the tree was made busy; later it may be
 *   another
 * @sweep_done: the pass that was made is
 * @swept: how far that pass has come, from iopd_reclaim_sweep_some() on
 * @sweep_pos: where the pass stands
 * @work: sub-trees that are being freed, the oldest first
 * @cursor: where in the first of them the freeing stands
 * @partial: chunks that tables were freed of and that are not free yet, by
 *	     their first pages, the one of the last table first
 * @left: what @spare was when the tree was closed
 * @left_ready: what @ready was
 * @ops: what the reclaimer calls
 *
 * The members are grouped by their owner. Each group says what may write them,
 * and what reads them without the lock. Each part that has other writers begins
 * a cache line: what every mapper reads (up to @closed), what makers of tables
 * write, and what the reclaimer writes.
 */
struct iopd_tree {
	/* Shape: does not change once the page table has been handed out */
	struct device *dev;
	struct lpae_geometry geo;
	bool coherent;
	bool unmaps;
	u16 line;
	u8 root_order;
	u8 table_order;
	phys_addr_t reach;
	struct page *root;
	/*
	 * Written once: by the close, with the reclaimer's lock, or where a
	 * page table is abandoned, without. Mappers and batches read it
	 * without.
	 */
	bool closed;

	/*
	 * Pages. By atomic operations: makers of tables, the tasklet of
	 * refill.c, batches, and the close
	 */
	atomic_long_t spare[IOPD_SPARES] ____cacheline_aligned_in_smp;
	atomic_long_t ready;
	/* The lock of refill.c; makers of tables look at @asked without */
	bool asked;
	struct list_head refill_node;
	/*
	 * Makers of tables add to it; they, and the last batch, take all of it
	 */
	struct llist_head returned;
	/* Makers of tables, without a lock: two hints, an old value will do */
	unsigned int pause;
	gfp_t zone;

	/*
	 * Reclaim: the reclaimer's lock. The task that frees its own tree reads
	 * @pending_count without
	 */
	struct list_head ungraced ____cacheline_aligned_in_smp;
	struct list_head grace;
	struct rcu_head rcu;
	bool in_grace;
	struct list_head node;
	struct list_head pending;
	unsigned long pending_count;
	unsigned long owed[IOPD_EPOCHS];
	unsigned long freed;
	unsigned int held;
	struct list_head rest_node;
	unsigned long trim;
	unsigned long trim_at;
	enum iopd_tree_state state;
	ktime_t since;
	struct rt_mutex *hand;
	bool whole;
	bool awaited;

	/* Sweep: the reclaimer's lock */
	enum iopd_sweep_state sweep;
	struct list_head sweep_node;
	unsigned long sweep_at;
	struct rcu_head sweep_rcu;
	struct list_head flush_node;
	/*
	 * Unmappers and flushers set it by xchg(), the sweep's begin clears it
	 */
	bool touched;

	/*
	 * Batch: the task that has made the tree busy. While there is none the
	 * first four are guarded by the reclaimer's lock
	 */
	enum iopd_sweep_state sweep_pass;
	bool sweep_done;
	enum iopd_swept swept;
	unsigned long sweep_pos;
	struct list_head work;
	struct iopd_cursor cursor;
	struct page *partial[IOPD_PARTIALS];
	/*
	 * Written by the close, with the reclaimer's lock, for the last batch
	 */
	unsigned long left[IOPD_SPARES];
	unsigned long left_ready;

	/* Shape, too, but no mapper reads it */
	const struct iopd_tree_ops *ops;
};

/* Which of the cache lines of its structure a member begins in */
#define IOPD_LINE(type, member)	(offsetof(type, member) / SMP_CACHE_BYTES)

#ifdef CONFIG_SMP
static_assert(IOPD_LINE(struct iopd_tree, closed) <
	      IOPD_LINE(struct iopd_tree, spare));
static_assert(IOPD_LINE(struct iopd_tree, pause) <
	      IOPD_LINE(struct iopd_tree, ungraced));
#endif

#endif /* _IOPD_TREE_H */
