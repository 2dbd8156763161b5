/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the reclaimer share.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_RECLAIMER_H
#define _IOPD_RECLAIMER_H

#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/rtmutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "reclaim.h"

struct shrinker;

/*
 * Workers, each with a tree of its own: the CPUs of the largest R-Car Gen3.
 * More would only take turns.
 */
#define IOPD_RECLAIM_WORKERS_MAX	8

/*
 * Tasks that have a tree in hand and can be lent priority: all workers, and a
 * helper on each of those CPUs
 */
#define IOPD_RECLAIM_HANDS	(2 * IOPD_RECLAIM_WORKERS_MAX)

/**
 * struct iopd_reclaim_params - the module's parameters
 * @deferred: leave the freeing to the workers
 * @batch: most tables of a batch
 * @limit: pending pages above which callers that may sleep help
 * @workers: most trees of which workers free a batch at the same time
 * @sweep_ms: from an unmap to the search for empty tables; 0 for no time at all
 */
struct iopd_reclaim_params {
	bool deferred;
	unsigned long batch;
	unsigned long limit;
	unsigned long workers;
	unsigned long sweep_ms;
};

extern struct iopd_reclaim_params iopd_reclaim_params;

void iopd_reclaim_init_params(void);

/**
 * struct iopd_reclaim_epoch - what was handed over between two waiters' begin
 * @waiting: trees with something to free that owe nothing older, in the order
 *	     of their turns
 * @owed: tables of this epoch that are not free
 */
struct iopd_reclaim_epoch {
	struct list_head waiting;
	unsigned long owed;
};

/**
 * struct iopd_reclaimer - the one there is
 * @lock: guards everything here but @hands, and the part of each tree that says
 *	  so; held for a few instructions, never while a table is freed
 * @epochs: those that are told apart, by their number modulo IOPD_EPOCHS
 * @first: number of the oldest epoch of which anything is owed, or @now
 * @now: number of the epoch that hand-overs belong to
 * @ring_full: a waiter has begun, and there was no room for another epoch
 * @nr_waiting: trees that wait for their turn
 * @busy: trees of which a worker or a helper frees a batch
 * @resting: trees that hold pages and have nothing to free, the longest first
 * @nr_resting: how many
 * @asked: how many times drains have asked for trees to be trimmed
 * @done: woken when a tree is waiting again, or some tables are free
 * @hands: each held by a task that frees a batch, so that it can be lent
 *   priority
 * @wq: the workqueue of all works here but @flush; NULL before and after, under
 *	the lock of the module parameters
 * @works: the workers; of those above the parameter none goes on
 * @later: wakes the first worker a moment after a hand-over
 * @trim: trims what has rested long enough
 * @due: trees of which something has been unmapped, the longest first
 * @flushing: trees with a sweep of which the driver is to be asked for a flush
 * @sweep: begins the sweeps that are due
 * @flush_wq: the workqueue of @flush, frozen while the system is suspended
 * @flush: asks drivers
 * @shrinker: asked by a system that is short of memory
 */
struct iopd_reclaimer {
	raw_spinlock_t lock;
	struct iopd_reclaim_epoch epochs[IOPD_EPOCHS];
	unsigned long first;
	unsigned long now;
	bool ring_full;
	unsigned long nr_waiting;
	struct list_head busy;
	struct list_head resting;
	unsigned long nr_resting;
	unsigned long asked;
	wait_queue_head_t done;
	struct rt_mutex hands[IOPD_RECLAIM_HANDS];
	struct workqueue_struct *wq;
	struct work_struct works[IOPD_RECLAIM_WORKERS_MAX];
	struct delayed_work later;
	struct delayed_work trim;
	struct list_head due;
	struct list_head flushing;
	struct delayed_work sweep;
	struct workqueue_struct *flush_wq;
	struct work_struct flush;
	struct shrinker *shrinker;
};

extern struct iopd_reclaimer iopd_reclaimer;

static inline bool iopd_reclaim_is_waiting(void)
{
	return READ_ONCE(iopd_reclaimer.nr_waiting);
}

/* Instead of a ticket: any tree, whatever it owes */
#define IOPD_RECLAIM_ANY	ULONG_MAX

/* epoch.c; with the reclaimer's lock held */
void iopd_reclaim_owe(struct iopd_tree *tree, unsigned long count);
void iopd_reclaim_pay(struct iopd_tree *tree, unsigned long count);
unsigned long iopd_reclaim_oldest(const struct iopd_tree *tree);
void iopd_reclaim_line_up(struct iopd_tree *tree);
void iopd_reclaim_leave(struct iopd_tree *tree);
struct iopd_tree *iopd_reclaim_next(unsigned long ticket);
const struct list_head *iopd_reclaim_queue_of(unsigned long number);

/* epoch.c; without it */
unsigned long iopd_reclaim_ticket(void);
bool iopd_reclaim_ticket_is_done(unsigned long ticket);
bool iopd_reclaim_is_waiting_for(unsigned long ticket);
unsigned long iopd_reclaim_owed(unsigned long ticket);
void iopd_reclaim_init_epochs(void);

/* reclaim.c; with the reclaimer's lock held */
bool iopd_reclaim_has_work(const struct iopd_tree *tree);
void iopd_reclaim_enqueue(struct iopd_tree *tree);
void iopd_reclaim_dequeue(struct iopd_tree *tree);

/* reclaim.c; without it */
void iopd_reclaim_kick(void);
void iopd_reclaim_wake_waiters(void);
struct rt_mutex *iopd_reclaim_take_hand(void);
void iopd_reclaim_give_hand(struct rt_mutex *hand);
long iopd_reclaim_help(unsigned long ticket);
long iopd_reclaim_help_tree(struct iopd_tree *tree);

/* wait.c */
void iopd_reclaim_share(unsigned long pages);
void iopd_reclaim_free_own(struct iopd_tree *tree);
void iopd_reclaim_drain_for_good(void);

/* trim.c; the first two with the reclaimer's lock held */
void iopd_reclaim_rest(struct iopd_tree *tree);
void iopd_reclaim_end_rest(struct iopd_tree *tree);
void iopd_reclaim_trim_later(void);
long iopd_reclaim_trim(bool any);
long iopd_reclaim_trim_tree(struct iopd_tree *tree);
unsigned long iopd_reclaim_trim_ask(void);
bool iopd_reclaim_trim_awaited(unsigned long number, struct rt_mutex **hand);
void iopd_reclaim_init_trim(void);

/* due.c; the first two with the reclaimer's lock held */
void iopd_reclaim_sweep_next(struct iopd_tree *tree);
void iopd_reclaim_sweep_close(struct iopd_tree *tree);
void iopd_reclaim_sweep_some(struct iopd_tree *tree, unsigned int *scan);
void iopd_reclaim_sweep_now(void);
void iopd_reclaim_sweep_later(void);
int iopd_reclaim_init_sweep(void);
void iopd_reclaim_exit_sweep(void);

/* shrink.c */
int iopd_reclaim_init_shrinker(void);
void iopd_reclaim_exit_shrinker(void);

#endif /* _IOPD_RECLAIMER_H */
