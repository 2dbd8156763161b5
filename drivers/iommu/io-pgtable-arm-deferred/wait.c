// SPDX-License-Identifier: GPL-2.0-only
/*
 * What callers wait for. The rules, for all of them:
 *
 * - A wait is for what was pending when it began, see epoch.c, or for a tree of
 *   the caller's own. Nothing that comes in later makes it longer.
 * - The waiting task frees batches of that itself, oldest first, and sleeps
 *   only while others have all of it in hand or a grace period does.
 * - A fatal signal ends it. The workers free what is left.
 *
 * So a wait ends when its share is free. A grace period ends as RCU has it, and
 * callbacks are not put off (call_rcu_hurry()). A tree that another task has in
 * hand comes back after one batch. That task may have been preempted in it: a
 * real-time task lends its priority to that one (iopd_reclaim_boost()), so that
 * only tasks of higher priority than its own can hold it up; others leave it to
 * the scheduler, as with any work that a kernel thread does for them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/jiffies.h>
#include <linux/rtmutex.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "reclaim-parts.h"
#include "trace.h"

/*
 * How long a map waits for a batch that others have in hand, or for a grace
 * period: many times either, so that after it they must be stuck.
 */
#define IOPD_RECLAIM_PATIENCE	HZ

/*
 * Tables that a map makes between two calls of iopd_reclaim_throttle_caller(),
 * at most
 */
#define IOPD_RECLAIM_MADE	16

static bool iopd_reclaim_within_limit(void)
{
	return READ_ONCE(iopd_reclaim_stats.pending_pages) <=
	       READ_ONCE(iopd_reclaim_params.limit);
}

/* The hand of a task that has a tree in hand of which @ticket covers a part */
static struct rt_mutex *iopd_reclaim_hand_of(unsigned long ticket)
{
	struct rt_mutex *hand = NULL;
	struct iopd_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	list_for_each_entry(tree, &iopd_reclaimer.busy, node) {
		if (tree->hand && iopd_reclaim_oldest(tree) <= ticket) {
			hand = tree->hand;
			break;
		}
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return hand;
}

/*
 * The task that has the tree in hand may have been preempted by one of a
 * priority between its own and ours. It holds this mutex until its batch is
 * done, and meanwhile inherits our priority. Return: false when that is no way
 * to wait.
 */
static bool iopd_reclaim_boost(struct rt_mutex *hand)
{
	if (!hand || current->prio >= MAX_RT_PRIO)
		return false;
	rt_mutex_lock(hand);
	rt_mutex_unlock(hand);
	return true;
}

static bool iopd_reclaim_boost_for(unsigned long ticket)
{
	if (current->prio >= MAX_RT_PRIO)
		return false;
	return iopd_reclaim_boost(iopd_reclaim_hand_of(ticket));
}

/* Something of ours has its turn, or there is nothing of ours any more. */
static bool iopd_reclaim_ticket_is_ready(unsigned long ticket)
{
	return iopd_reclaim_is_waiting_for(ticket) ||
	       iopd_reclaim_ticket_is_done(ticket);
}

/* Return: 0, or -EINTR when a fatal signal came before the end */
static int iopd_reclaim_wait_for(unsigned long ticket)
{
	while (!iopd_reclaim_ticket_is_done(ticket)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (iopd_reclaim_help(ticket) >= 0)
			cond_resched();
		else if (!iopd_reclaim_boost_for(ticket))
			wait_event_killable(iopd_reclaimer.done,
					    iopd_reclaim_ticket_is_ready(ticket));
	}
	return 0;
}

/*
 * What rests when this begins; what comes to rest later is for drains that
 * begin later. A tree that another task sweeps a part of is trimmed by that
 * task, at the end of that part.
 */
static void iopd_reclaim_trim_resting(void)
{
	unsigned long nr = READ_ONCE(iopd_reclaimer.nr_resting), number;
	struct rt_mutex *hand;

	while (nr-- && !fatal_signal_pending(current) &&
	       iopd_reclaim_trim(true) >= 0)
		cond_resched();

	number = iopd_reclaim_trim_ask();
	while (!fatal_signal_pending(current) &&
	       iopd_reclaim_trim_awaited(number, &hand))
		if (!iopd_reclaim_boost(hand))
			wait_event_killable(iopd_reclaimer.done,
					    !iopd_reclaim_trim_awaited(number,
								       &hand));
}

/**
 * iopd_reclaim_drain() - wait until everything that is pending now has been
 * freed
 *
 * Tables that are empty begin to be looked for; that takes grace periods of its
 * own, and is not waited for.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR when a fatal signal came before that.
 */
int iopd_reclaim_drain(void)
{
	int ret;

	iopd_reclaim_note(&iopd_reclaim_stats.drains, 1);
	ret = iopd_reclaim_wait_for(iopd_reclaim_ticket());
	iopd_reclaim_trim_resting();
	/*
	 * Last of all, so that no worker has them in hand while they are
	 * trimmed.
	 */
	iopd_reclaim_sweep_now();
	return ret;
}

/**
 * iopd_reclaim_drain_for_good() - the module goes: a signal does not stop that
 *
 * Nothing new comes in any more, so this waits for all there is.
 *
 * Context: may sleep.
 */
void iopd_reclaim_drain_for_good(void)
{
	unsigned long ticket = iopd_reclaim_ticket();

	while (!iopd_reclaim_ticket_is_done(ticket)) {
		if (iopd_reclaim_help(ticket) >= 0)
			cond_resched();
		else if (!iopd_reclaim_boost_for(ticket))
			wait_event(iopd_reclaimer.done,
				   iopd_reclaim_ticket_is_ready(ticket));
	}
}

/**
 * iopd_reclaim_share() - lend a hand after handing over a page table
 * @pages: how many pages that had
 *
 * Above the limit the caller frees as many pages as it has handed over, of
 * whatever has its turn, and no batch more than that takes. A batch that only
 * reads counts for one, so that a sparse tree of another's has an end, too.
 * Where others have everything in hand there is nothing for it to do.
 *
 * Context: may sleep.
 */
void iopd_reclaim_share(unsigned long pages)
{
	unsigned long freed = 0;

	if (iopd_reclaim_within_limit())
		return;
	trace_help(READ_ONCE(iopd_reclaim_stats.pending_pages),
		   READ_ONCE(iopd_reclaim_params.limit));
	while (freed < pages && !iopd_reclaim_within_limit() &&
	       !fatal_signal_pending(current)) {
		long batch = iopd_reclaim_help(IOPD_RECLAIM_ANY);

		if (batch < 0)
			return;
		freed += max(batch, 1L);
		cond_resched();
	}
}

/**
 * iopd_reclaim_throttle_caller() - lend a hand when too much is pending
 *
 * One batch: a mapper gives back several times as many tables as it makes
 * between two of these. Tables of live trees cannot be had before their grace
 * period ends, and one is long enough to make a great many more: then the
 * mapper waits until a tree has its turn, or others have freed as many as it
 * has made.
 *
 * Context: may sleep.
 */
void iopd_reclaim_throttle_caller(void)
{
	unsigned long freed;

	if (iopd_reclaim_within_limit())
		return;
	trace_help(READ_ONCE(iopd_reclaim_stats.pending_pages),
		   READ_ONCE(iopd_reclaim_params.limit));
	freed = READ_ONCE(iopd_reclaim_stats.freed);
	if (iopd_reclaim_help(IOPD_RECLAIM_ANY) < 0 &&
	    wait_event_killable_timeout(iopd_reclaimer.done,
					iopd_reclaim_is_waiting() ||
					iopd_reclaim_within_limit() ||
					READ_ONCE(iopd_reclaim_stats.freed) -
					freed >= IOPD_RECLAIM_MADE,
					IOPD_RECLAIM_PATIENCE) > 0)
		iopd_reclaim_help(IOPD_RECLAIM_ANY);
	cond_resched();
}

/*
 * Return: false when nothing comes of it, and the tasks that free must be stuck
 */
static bool iopd_reclaim_help_or_wait(unsigned long ticket)
{
	if (iopd_reclaim_help(ticket) >= 0) {
		cond_resched();
		return true;
	}
	return iopd_reclaim_boost_for(ticket) ||
	       wait_event_killable_timeout(iopd_reclaimer.done,
					   iopd_reclaim_ticket_is_ready(ticket),
					   IOPD_RECLAIM_PATIENCE) > 0;
}

/**
 * iopd_reclaim_make_room() - free tables for a mapper that is refused memory
 * @ticket: of its map call; 0 for the first time, and set then
 *
 * A map waits for what was pending when it was refused for the first time, and
 * not for what others hand over meanwhile. To be refused costs more than a
 * batch: the kernel looks for memory to reclaim in the whole of a control
 * group. So half of what is left becomes free between two tries, of which there
 * are few then, however much of it is for other groups.
 *
 * Context: may sleep.
 * Return: false when all of that is free, or does not get there, or the task
 * has been killed.
 */
bool iopd_reclaim_make_room(unsigned long *ticket)
{
	unsigned long owed;

	if (!*ticket) {
		iopd_reclaim_sweep_now();
		*ticket = iopd_reclaim_ticket();
	}
	owed = iopd_reclaim_owed(*ticket);
	if (!owed)
		return false;
	do {
		if (fatal_signal_pending(current) ||
		    !iopd_reclaim_help_or_wait(*ticket))
			return false;
	} while (iopd_reclaim_owed(*ticket) > owed / 2);
	return true;
}

/* Is there a batch for the one that waits for this tree, or no more to free? */
static bool iopd_reclaim_tree_is_ready(const struct iopd_tree *tree)
{
	unsigned long flags;
	bool ready;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	ready = tree->state != IOPD_TREE_BUSY;
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return ready;
}

static struct rt_mutex *iopd_reclaim_hand_on(const struct iopd_tree *tree)
{
	struct rt_mutex *hand;
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	hand = tree->hand;
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return hand;
}

/**
 * iopd_reclaim_free_own() - free the whole of a tree that the caller has closed
 * @tree: the tree. It is awaited, so that it stays until iopd_reclaim_let_go(),
 *	  which the caller calls next
 *
 * Others may have it in hand, for a batch at a time. A task that is killed
 * meanwhile leaves the rest to the workers.
 *
 * Context: may sleep.
 */
void iopd_reclaim_free_own(struct iopd_tree *tree)
{
	while (READ_ONCE(tree->pending_count) && !fatal_signal_pending(current)) {
		if (iopd_reclaim_help_tree(tree) >= 0)
			cond_resched();
		else if (!iopd_reclaim_boost(iopd_reclaim_hand_on(tree)))
			wait_event_killable(iopd_reclaimer.done,
					    iopd_reclaim_tree_is_ready(tree));
	}
}
