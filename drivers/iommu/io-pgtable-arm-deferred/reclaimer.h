/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the reclaimer share.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_RECLAIMER_H
#define _IOPT_RECLAIMER_H

#include <linux/list.h>
#include <linux/rtmutex.h>
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

/*
 * Tasks that have a tree in hand and can be lent priority: all workers, and a
 * helper on each of those CPUs
 */
#define RECLAIM_HANDS		(2 * RECLAIM_WORKERS_MAX)

/**
 * struct reclaim_params - the module's parameters
 * @deferred: leave the freeing to the workers
 * @batch: most tables of a batch
 * @limit: pending pages above which callers that may sleep help
 * @workers: most trees of which workers free a batch at the same time
 * @sweep_ms: from an unmap to the search for empty tables; 0 for no time at all
 */
struct reclaim_params {
	bool deferred;
	unsigned long batch;
	unsigned long limit;
	unsigned long workers;
	unsigned long sweep_ms;
};

extern struct reclaim_params reclaim_params;

void reclaim_init_params(void);

/**
 * struct reclaim_epoch - what was handed over between two waiters' begin
 * @waiting: trees with something to free that owe nothing older, in the order of
 *	     their turns
 * @owed: tables of this epoch that are not free
 */
struct reclaim_epoch {
	struct list_head waiting;
	unsigned long owed;
};

/**
 * struct reclaimer - the one there is
 * @lock: guards everything here but @hands, and the part of each tree that says
 *	  so; held for a few instructions, never while a table is freed
 * @epochs: those that are told apart, by their number modulo IOPT_EPOCHS
 * @first: number of the oldest epoch of which anything is owed, or @now
 * @now: number of the epoch that hand-overs belong to
 * @ring_full: a waiter has begun, and there was no room for another epoch
 * @nr_waiting: trees that wait for their turn
 * @busy: trees of which a worker or a helper frees a batch
 * @resting: trees that hold pages and have nothing to free, the longest first
 * @nr_resting: how many
 * @asked: how many times drains have asked for trees to be settled
 * @done: woken when a tree is waiting again, or some tables are free
 * @hands: each held by a task that frees a batch, so that it can be lent priority
 * @wq: the workqueue of all works here but @flush; NULL before and after, under the
 *	lock of the module parameters
 * @works: the workers; of those above the parameter none goes on
 * @later: wakes the first worker a moment after a hand-over
 * @settle: settles what has rested long enough
 * @due: trees of which something has been unmapped, the longest first
 * @flushing: trees with a sweep of which the driver is to be asked for a flush
 * @sweep: begins the sweeps that are due
 * @flush_wq: the workqueue of @flush, frozen while the system is suspended
 * @flush: asks drivers
 * @shrinker: asked by a system that is short of memory
 */
struct reclaimer {
	raw_spinlock_t lock;
	struct reclaim_epoch epochs[IOPT_EPOCHS];
	unsigned long first;
	unsigned long now;
	bool ring_full;
	unsigned long nr_waiting;
	struct list_head busy;
	struct list_head resting;
	unsigned long nr_resting;
	unsigned long asked;
	wait_queue_head_t done;
	struct rt_mutex hands[RECLAIM_HANDS];
	struct workqueue_struct *wq;
	struct work_struct works[RECLAIM_WORKERS_MAX];
	struct delayed_work later;
	struct delayed_work settle;
	struct list_head due;
	struct list_head flushing;
	struct delayed_work sweep;
	struct workqueue_struct *flush_wq;
	struct work_struct flush;
	struct shrinker *shrinker;
};

extern struct reclaimer reclaimer;

static inline bool reclaim_is_waiting(void)
{
	return READ_ONCE(reclaimer.nr_waiting);
}

/* Instead of a ticket: any tree, whatever it owes */
#define RECLAIM_ANY		ULONG_MAX

/* epoch.c; with the reclaimer's lock held */
void reclaim_owe(struct iopt_tree *tree, unsigned long count);
void reclaim_pay(struct iopt_tree *tree, unsigned long count);
unsigned long reclaim_oldest(const struct iopt_tree *tree);
void reclaim_line_up(struct iopt_tree *tree);
void reclaim_leave(struct iopt_tree *tree);
struct iopt_tree *reclaim_next(unsigned long ticket);
const struct list_head *reclaim_queue_of(unsigned long number);

/* epoch.c; without it */
unsigned long reclaim_ticket(void);
bool reclaim_ticket_is_done(unsigned long ticket);
bool reclaim_is_waiting_for(unsigned long ticket);
unsigned long reclaim_owed(unsigned long ticket);
void reclaim_init_epochs(void);

/* reclaim.c; with the reclaimer's lock held */
bool reclaim_has_work(const struct iopt_tree *tree);
void reclaim_enqueue(struct iopt_tree *tree);
void reclaim_dequeue(struct iopt_tree *tree);

/* reclaim.c; without it */
void reclaim_kick(void);
void reclaim_wake_waiters(void);
struct rt_mutex *reclaim_take_hand(void);
void reclaim_give_hand(struct rt_mutex *hand);
long reclaim_help(unsigned long ticket);
long reclaim_help_tree(struct iopt_tree *tree);

/* wait.c */
void reclaim_share(unsigned long pages);
void reclaim_free_own(struct iopt_tree *tree);
void reclaim_drain_for_good(void);

/* settle.c; the first two with the reclaimer's lock held */
void reclaim_rest(struct iopt_tree *tree);
void reclaim_end_rest(struct iopt_tree *tree);
void reclaim_settle_later(void);
long reclaim_settle(bool any);
long reclaim_settle_tree(struct iopt_tree *tree);
unsigned long reclaim_settle_ask(void);
bool reclaim_settle_awaited(unsigned long number, struct rt_mutex **hand);
void reclaim_init_settle(void);

/* due.c; the first two with the reclaimer's lock held */
void reclaim_sweep_next(struct iopt_tree *tree);
void reclaim_sweep_close(struct iopt_tree *tree);
void reclaim_sweep_some(struct iopt_tree *tree, unsigned int *scan);
void reclaim_sweep_now(void);
void reclaim_sweep_later(void);
int reclaim_init_sweep(void);
void reclaim_exit_sweep(void);

/* shrink.c */
int reclaim_init_shrinker(void);
void reclaim_exit_shrinker(void);

#endif /* _IOPT_RECLAIMER_H */
