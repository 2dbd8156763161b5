/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the reclaimer share, and nobody else knows of.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_RECLAIMER_H
#define _IOPT_RECLAIMER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "reclaim.h"

struct shrinker;

/*
 * Workers, each with a tree of its own: the CPUs of the largest R-Car Gen3. More
 * would only take turns.
 */
#define RECLAIM_WORKERS_MAX	8

/**
 * struct reclaim_params - the module's parameters
 * @deferred: leave the freeing to the workers
 * @batch: most tables of a batch
 * @limit: pending tables above which those who may sleep help
 * @workers: most trees of which workers free a batch at the same time
 */
struct reclaim_params {
	bool deferred;
	unsigned long batch;
	unsigned long limit;
	unsigned long workers;
};

extern struct reclaim_params reclaim_params;

void reclaim_init_params(void);

/**
 * struct reclaimer - the one there is
 * @lock: guards everything here, and the part of each tree that says so; held
 *	  for a few instructions, never while a table is freed
 * @waiting: trees with something to free, in the order of their turns
 * @busy: trees of which somebody frees a batch
 * @resting: trees that hold pages and have nothing to free, the longest first
 * @epoch: index of the epoch that hand-overs belong to now
 * @outstanding: tables to free, by epoch
 * @drain_lock: serialises those who wait for an epoch
 * @done: woken when an epoch has nothing left, or a tree is waiting again
 * @works: the workers; of those above the parameter none goes on
 * @settle: settles what has rested long enough
 * @shrinker: asked by a system that is short of memory
 */
struct reclaimer {
	raw_spinlock_t lock;
	struct list_head waiting;
	struct list_head busy;
	struct list_head resting;
	unsigned int epoch;
	unsigned long outstanding[IOPT_EPOCHS];
	struct mutex drain_lock;	/* one waiter for an epoch at a time */
	wait_queue_head_t done;
	struct workqueue_struct *wq;
	struct work_struct works[RECLAIM_WORKERS_MAX];
	struct delayed_work settle;
	struct shrinker *shrinker;
};

extern struct reclaimer reclaimer;

static inline bool reclaim_is_waiting(void)
{
	return !list_empty(&reclaimer.waiting);
}

/* reclaim.c; with the reclaimer's lock held */
bool reclaim_has_work(const struct iopt_tree *tree);
void reclaim_enqueue(struct iopt_tree *tree);

/* reclaim.c; without it */
void reclaim_kick(void);
void reclaim_wake_waiters(void);
long reclaim_help(void);

/* settle.c; the first two with the reclaimer's lock held */
void reclaim_rest(struct iopt_tree *tree);
void reclaim_end_rest(struct iopt_tree *tree);
void reclaim_settle_later(void);
long reclaim_settle(bool any);
void reclaim_init_settle(void);

/* shrink.c */
int reclaim_init_shrinker(void);
void reclaim_exit_shrinker(void);

#endif /* _IOPT_RECLAIMER_H */
