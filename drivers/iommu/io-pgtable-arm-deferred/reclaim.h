/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reclaimer: takes detached trees in O(1), gives their pages back in bounded
 * batches, and keeps count.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_RECLAIM_H
#define _IOPT_RECLAIM_H

#include <linux/list.h>
#include <linux/percpu.h>

#include "hist.h"
#include "tree.h"

/**
 * struct reclaim_stats - counters since load, and what is there now
 * @pending: tables handed over and not freed
 * @pending_pages: pages that they are in
 * @freed: tables freed
 * @freed_pages: pages that they were in
 * @batches: batches that freed at least one table
 * @longest_batch: most tables in a batch
 * @longest_batch_ns: longest time a batch took
 * @trees: trees that have something pending
 * @held: pages that wait for the rest of their chunks, in trees that have nothing
 * @trees_done: whole page tables freed
 * @helps: batches run by another task than a worker
 * @drains: calls that waited for everything
 * @shrinks: calls for memory that were answered
 * @sweeps: trees in which tables that have become empty are looked for just now
 * @swept: tables that were cut off because they had become empty
 * @batch_hist: how long batches took
 * @queue_hist: how long trees took from their hand-over to their last table
 *
 * Written under the reclaimer's lock, read without.
 */
struct reclaim_stats {
	unsigned long pending;
	unsigned long pending_pages;
	unsigned long freed;
	unsigned long freed_pages;
	unsigned long batches;
	unsigned long longest_batch;
	unsigned long longest_batch_ns;
	unsigned long trees;
	unsigned long held;
	unsigned long trees_done;
	unsigned long helps;
	unsigned long drains;
	unsigned long shrinks;
	unsigned long sweeps;
	unsigned long swept;
	struct iopt_hist batch_hist;
	struct iopt_hist queue_hist;
};

extern struct reclaim_stats reclaim_stats;

/* Tables allocated and not freed, the pending ones included */
DECLARE_PER_CPU(long, reclaim_live);

static inline void reclaim_note_live(long nr)
{
	this_cpu_add(reclaim_live, nr);
}

static inline bool reclaim_has_pending(void)
{
	return READ_ONCE(reclaim_stats.pending);
}

void reclaim_touched(struct iopt_tree *tree);
void reclaim_note_swept(unsigned int nr);
void reclaim_queue(struct iopt_tree *tree, struct list_head *tables,
		   unsigned long count);
void reclaim_close(struct iopt_tree *tree, struct page *root);
void reclaim_throttle_caller(void);
bool reclaim_make_room(unsigned long *ticket);
int reclaim_drain(void);
void reclaim_reset(void);

/**
 * struct reclaim_tree_info - what can be told of a tree that is pending
 * @dev: name of its IOMMU
 * @pending: tables to free
 * @freed: tables freed
 * @age_ms: time since it became pending
 * @busy: a batch of it is being freed right now
 * @closed: the whole tree goes, not only parts cut off by unmap
 */
struct reclaim_tree_info {
	char dev[32];
	unsigned long pending;
	unsigned long freed;
	s64 age_ms;
	bool busy;
	bool closed;
};

unsigned int reclaim_tree_infos(struct reclaim_tree_info *infos,
				unsigned int max);

void reclaim_tree_init(struct iopt_tree *tree);
int reclaim_init(void);
void reclaim_exit(void);

#endif /* _IOPT_RECLAIM_H */
