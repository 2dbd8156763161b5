/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reclaimer: takes detached trees in O(1), gives their pages back in
 * bounded batches, and keeps count.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_RECLAIM_H
#define _IOPD_RECLAIM_H

#include <linux/list.h>
#include <linux/percpu.h>

#include "hist.h"
#include "tree.h"

/**
 * struct iopd_reclaim_stats - counters since load, and what is there now
 * @pending: tables handed over and not freed
 * @pending_pages: pages that they are in
 * @freed: tables freed
 * @freed_pages: pages that they were in
 * @batches: batches that freed at least one table
 * @longest_batch: most tables in a batch
 * @longest_batch_ns: longest time a batch took
 * @trees: trees that have something pending
 * @held: pages that wait for the others of their chunks, in trees that have
 *   nothing
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
struct iopd_reclaim_stats {
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
	struct iopd_hist batch_hist;
	struct iopd_hist queue_hist;
};

extern struct iopd_reclaim_stats iopd_reclaim_stats;

/* Tables allocated and not freed, the pending ones included */
DECLARE_PER_CPU(long, iopd_reclaim_live);

static inline void iopd_reclaim_note_live(long nr)
{
	this_cpu_add(iopd_reclaim_live, nr);
}

static inline bool iopd_reclaim_has_pending(void)
{
	return READ_ONCE(iopd_reclaim_stats.pending);
}

void iopd_reclaim_touched(struct iopd_tree *tree);
void iopd_reclaim_note(unsigned long *counter, unsigned long nr);
void iopd_reclaim_queue(struct iopd_tree *tree, struct list_head *tables,
			unsigned long count);
void iopd_reclaim_close(struct iopd_tree *tree, struct page *root);
void iopd_reclaim_throttle_caller(void);
bool iopd_reclaim_make_room(unsigned long *ticket);
int iopd_reclaim_drain(void);
void iopd_reclaim_reset(void);

/**
 * struct iopd_reclaim_tree_info - what can be told of a tree that is pending
 * @dev: name of its IOMMU
 * @pending: tables to free
 * @freed: tables freed
 * @age_ms: time since it became pending
 * @busy: a batch of it is being freed right now
 * @closed: the whole tree goes, not only parts cut off by unmap
 */
struct iopd_reclaim_tree_info {
	char dev[32];
	unsigned long pending;
	unsigned long freed;
	s64 age_ms;
	bool busy;
	bool closed;
};

unsigned int iopd_reclaim_tree_infos(struct iopd_reclaim_tree_info *infos,
				     unsigned int max);

void iopd_reclaim_tree_init(struct iopd_tree *tree);
int iopd_reclaim_init(void);
void iopd_reclaim_exit(void);

#endif /* _IOPD_RECLAIM_H */
