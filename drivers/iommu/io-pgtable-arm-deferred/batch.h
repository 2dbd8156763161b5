/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One batch of the reclaimer: a bounded number of the tables of one tree.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_BATCH_H
#define _IOPD_BATCH_H

#include <linux/ktime.h>

#include "tree.h"

/*
 * Pages accounted and given back at once: enough to make the counters cheap,
 * and few enough to stay far below the delay that a real-time task sees from
 * the idle kernel.
 */
#define IOPD_RECLAIM_PAGES	16

/* Why a batch came to its end */
enum iopd_reclaim_reason {
	IOPD_RECLAIM_EMPTY,	/* the tree has nothing more for now */
	IOPD_RECLAIM_FULL,	/* as many tables as the parameter batch says */
	IOPD_RECLAIM_SCANNED,	/* too many entries read */
	IOPD_RECLAIM_RESCHED,	/* something else wants the CPU */
};

/**
 * struct iopd_reclaim_batch - a batch under way
 * @pages: table pages taken out of the tree and not yet given back
 * @tables: tables freed
 * @nr_pages: pages that they were in
 * @scanned: entries read
 * @singles: pages given back one by one
 * @start: when it began
 * @reason: why it ended
 * @help: run by another task than a worker, which sets it
 */
struct iopd_reclaim_batch {
	struct page *pages[IOPD_RECLAIM_PAGES];
	unsigned long tables;
	unsigned long nr_pages;
	unsigned int scanned;
	unsigned int singles;
	ktime_t start;
	enum iopd_reclaim_reason reason;
	bool help;
};

void iopd_reclaim_run(struct iopd_reclaim_batch *b, struct iopd_tree *tree,
		      unsigned long max);
void iopd_reclaim_calm_allocator(void);

#endif /* _IOPD_BATCH_H */
