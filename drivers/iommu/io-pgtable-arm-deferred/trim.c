// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees that live and have nothing to free, but hold pages that wait for the
 * others of their chunks, see pages.c. Each rests in a list: what comes in next
 * takes it out of there, and if nothing does for a while, or memory is short,
 * or a task drains, it is trimmed. It is busy meanwhile, as for a batch.
 *
 * A tree that is swept rests, too. While a task has a batch of the sweep in
 * hand the tree is not taken from it; a drain asks that task to trim it at the
 * end of the batch.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "batch.h"
#include "pages.h"
#include "reclaim-parts.h"

/*
 * How long pages wait for the others of their chunks: many grace periods, so
 * that it is not for one of them that chunks are split.
 */
#define IOPD_RECLAIM_REST	HZ

/**
 * iopd_reclaim_rest() - the tree has nothing to free for now
 * @tree: the tree, which may be swept meanwhile; if it holds no pages, or rests
 *	  already, nothing happens
 *
 * Context: the reclaimer's lock is held, and the tree is busy for the caller.
 */
void iopd_reclaim_rest(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	if (tree->held || tree->whole)
		return;
	tree->held = iopd_pages_held(tree);
	if (!tree->held)
		return;
	tree->trim_at = jiffies + IOPD_RECLAIM_REST;
	list_add_tail(&tree->rest_node, &iopd_reclaimer.resting);
	iopd_count(&iopd_reclaimer.nr_resting, 1);
	iopd_count(&iopd_reclaim_stats.held, tree->held);
}

/**
 * iopd_reclaim_end_rest() - there is something to free again, or the time has
 * come
 * @tree: the tree, whether it rests or not
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_end_rest(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	if (!tree->held)
		return;
	list_del_init(&tree->rest_node);
	iopd_count(&iopd_reclaimer.nr_resting, -1);
	iopd_count(&iopd_reclaim_stats.held, -(long)tree->held);
	tree->held = 0;
	tree->trim = 0;
}

static bool iopd_reclaim_is_resting(void)
{
	return READ_ONCE(iopd_reclaimer.nr_resting);
}

/**
 * iopd_reclaim_trim_later() - see to it that what rests is trimmed some day
 *
 * If the work is pending it finds the trees of now, and if it has looked
 * already it is not pending. A tree that comes late in its time waits for the
 * next one: twice the time at most.
 *
 * Context: any, without the reclaimer's lock.
 */
void iopd_reclaim_trim_later(void)
{
	if (iopd_reclaim_is_resting() &&
	    !delayed_work_pending(&iopd_reclaimer.trim))
		queue_delayed_work(iopd_reclaimer.wq, &iopd_reclaimer.trim,
				   IOPD_RECLAIM_REST);
}

/*
 * The first that no task has in hand; those that are busy are as few as the
 * CPUs.
 */
static struct iopd_tree *iopd_reclaim_first_resting(void)
{
	struct iopd_tree *tree;

	lockdep_assert_held(&iopd_reclaimer.lock);
	list_for_each_entry(tree, &iopd_reclaimer.resting, rest_node)
		if (tree->state != IOPD_TREE_BUSY)
			return tree;
	return NULL;
}

/*
 * Any tree, or one that has rested long enough; busy, so that it is the
 * caller's
 */
static struct iopd_tree *iopd_reclaim_take_resting(bool any,
						   struct rt_mutex *hand)
{
	struct iopd_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree = iopd_reclaim_first_resting();
	if (tree && !any && time_before(jiffies, tree->trim_at))
		tree = NULL;
	if (tree) {
		iopd_reclaim_end_rest(tree);
		if (tree->state == IOPD_TREE_QUEUED)
			iopd_reclaim_dequeue(tree);
		tree->state = IOPD_TREE_BUSY;
		tree->hand = hand;
		list_move_tail(&tree->node, &iopd_reclaimer.busy);
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return tree;
}

/*
 * It may have got something to free meanwhile, and may even have been closed.
 */
static void iopd_reclaim_put_trimmed(struct iopd_tree *tree,
				     struct rt_mutex *hand)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree->hand = NULL;
	tree->state = IOPD_TREE_IDLE;
	if (iopd_reclaim_has_work(tree))
		iopd_reclaim_enqueue(tree);
	else
		list_del_init(&tree->node);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	iopd_reclaim_give_hand(hand);
	if (iopd_reclaim_is_waiting())
		iopd_reclaim_kick();
	iopd_reclaim_wake_waiters();
}

/**
 * iopd_reclaim_trim_tree() - give back what a tree holds
 * @tree: a tree that is busy for the caller
 *
 * Single pages are few here, and the allocator is calmed after those of each
 * chunk.
 *
 * Context: may sleep.
 * Return: how many pages.
 */
long iopd_reclaim_trim_tree(struct iopd_tree *tree)
{
	long held = iopd_pages_held(tree);

	while (iopd_pages_trim(tree)) {
		iopd_reclaim_calm_allocator();
		cond_resched();
	}
	return held;
}

/**
 * iopd_reclaim_trim_ask() - have those that are busy with a sweep trimmed
 *
 * Context: any; takes the reclaimer's lock.
 * Return: the number of the question. One that was asked before stands.
 */
unsigned long iopd_reclaim_trim_ask(void)
{
	struct iopd_tree *tree;
	unsigned long flags, number;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	number = ++iopd_reclaimer.asked;
	list_for_each_entry(tree, &iopd_reclaimer.busy, node)
		if (tree->held && !tree->trim)
			tree->trim = number;
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return number;
}

/**
 * iopd_reclaim_trim_awaited() - is there a tree that was asked for and not
 * trimmed?
 * @number: what iopd_reclaim_trim_ask() said; those asked for by then
 * @hand: set to the hand of the task that has such a tree
 *
 * Context: any; takes the reclaimer's lock.
 * Return: true if there is such a tree.
 */
bool iopd_reclaim_trim_awaited(unsigned long number, struct rt_mutex **hand)
{
	struct iopd_tree *tree;
	unsigned long flags;
	bool awaited = false;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	list_for_each_entry(tree, &iopd_reclaimer.busy, node) {
		if (tree->trim && tree->trim <= number) {
			*hand = tree->hand;
			awaited = true;
			break;
		}
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return awaited;
}

/**
 * iopd_reclaim_trim() - give back what the tree holds that has rested for
 * longest
 * @any: not only if that has been long enough
 *
 * Context: may sleep.
 * Return: how many pages, or -ENOENT when there is no such tree.
 */
long iopd_reclaim_trim(bool any)
{
	struct rt_mutex *hand = iopd_reclaim_take_hand();
	struct iopd_tree *tree = iopd_reclaim_take_resting(any, hand);
	long held;

	if (!tree) {
		iopd_reclaim_give_hand(hand);
		return -ENOENT;
	}
	held = iopd_reclaim_trim_tree(tree);
	iopd_reclaim_put_trimmed(tree, hand);
	return held;
}

static void iopd_reclaim_trim_work(struct work_struct *work)
{
	while (iopd_reclaim_trim(false) >= 0)
		;
	iopd_reclaim_trim_later();
}

/**
 * iopd_reclaim_init_trim() - no tree rests
 */
void iopd_reclaim_init_trim(void)
{
	INIT_LIST_HEAD(&iopd_reclaimer.resting);
	INIT_DELAYED_WORK(&iopd_reclaimer.trim, iopd_reclaim_trim_work);
}
