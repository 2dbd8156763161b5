// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees that live and have nothing to free, but hold pages that wait for the rest of
 * their chunks, see pages.c. Each rests in a list: what comes in next takes it out
 * of there, and if nothing does for a while, or memory is short, or a task drains,
 * it is settled. It is busy meanwhile, as for a batch.
 *
 * A tree that is swept rests, too. While a task has a batch of the sweep in hand the
 * tree is not taken from it; a drain asks that task to settle it at the end of
 * the batch.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "batch.h"
#include "pages.h"
#include "reclaimer.h"

/*
 * How long pages wait for the rest of their chunks: many grace periods, so that it is
 * not for one of them that chunks are split.
 */
#define RECLAIM_REST		HZ

/**
 * reclaim_rest() - the tree has nothing to free for now
 * @tree: the tree, which may be swept meanwhile; if it holds no pages, or rests
 *	  already, nothing happens
 *
 * Context: the reclaimer's lock is held, and the tree is busy for the caller.
 */
void reclaim_rest(struct iopt_tree *tree)
{
	if (tree->held || tree->whole)
		return;
	tree->held = iopt_pages_held(tree);
	if (!tree->held)
		return;
	tree->settle_at = jiffies + RECLAIM_REST;
	list_add_tail(&tree->rest_node, &reclaimer.resting);
	iopt_count(&reclaimer.nr_resting, 1);
	iopt_count(&reclaim_stats.held, tree->held);
}

/**
 * reclaim_end_rest() - there is something to free again, or the time has come
 * @tree: the tree, whether it rests or not
 *
 * Context: the reclaimer's lock is held.
 */
void reclaim_end_rest(struct iopt_tree *tree)
{
	if (!tree->held)
		return;
	list_del_init(&tree->rest_node);
	iopt_count(&reclaimer.nr_resting, -1);
	iopt_count(&reclaim_stats.held, -(long)tree->held);
	tree->held = 0;
	tree->settle = 0;
}

static bool reclaim_is_resting(void)
{
	return READ_ONCE(reclaimer.nr_resting);
}

/**
 * reclaim_settle_later() - see to it that what rests is settled some day
 *
 * If the work is pending it finds the trees of now, and if it has looked
 * already it is not pending. A tree that comes late in its time waits for the
 * next one: twice the time at most.
 *
 * Context: any, without the reclaimer's lock.
 */
void reclaim_settle_later(void)
{
	if (reclaim_is_resting() && !delayed_work_pending(&reclaimer.settle))
		queue_delayed_work(reclaimer.wq, &reclaimer.settle,
				   RECLAIM_REST);
}

/* The first that no task has in hand; those that are busy are as few as the CPUs. */
static struct iopt_tree *reclaim_first_resting(void)
{
	struct iopt_tree *tree;

	list_for_each_entry(tree, &reclaimer.resting, rest_node)
		if (tree->state != IOPT_TREE_BUSY)
			return tree;
	return NULL;
}

/* Any tree, or one that has rested long enough; busy, so that it is the caller's */
static struct iopt_tree *reclaim_take_resting(bool any, struct rt_mutex *hand)
{
	struct iopt_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree = reclaim_first_resting();
	if (tree && !any && time_before(jiffies, tree->settle_at))
		tree = NULL;
	if (tree) {
		reclaim_end_rest(tree);
		if (tree->state == IOPT_TREE_QUEUED)
			reclaim_dequeue(tree);
		tree->state = IOPT_TREE_BUSY;
		tree->hand = hand;
		list_move_tail(&tree->node, &reclaimer.busy);
	}
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return tree;
}

/* It may have got something to free meanwhile, and may even have been closed. */
static void reclaim_put_settled(struct iopt_tree *tree, struct rt_mutex *hand)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree->hand = NULL;
	tree->state = IOPT_TREE_IDLE;
	if (reclaim_has_work(tree))
		reclaim_enqueue(tree);
	else
		list_del_init(&tree->node);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	reclaim_give_hand(hand);
	if (reclaim_is_waiting())
		reclaim_kick();
	reclaim_wake_waiters();
}

/**
 * reclaim_settle_tree() - give back what a tree holds
 * @tree: a tree that is busy for the caller
 *
 * Single pages are few here, and the allocator is calmed after those of each
 * chunk.
 *
 * Context: may sleep.
 * Return: how many pages.
 */
long reclaim_settle_tree(struct iopt_tree *tree)
{
	long held = iopt_pages_held(tree);

	while (iopt_pages_settle(tree)) {
		reclaim_calm_allocator();
		cond_resched();
	}
	return held;
}

/**
 * reclaim_settle_ask() - have those that are busy with a sweep settled
 *
 * Context: any; takes the reclaimer's lock.
 * Return: the number of the question. One that was asked before stands.
 */
unsigned long reclaim_settle_ask(void)
{
	struct iopt_tree *tree;
	unsigned long flags, number;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	number = ++reclaimer.asked;
	list_for_each_entry(tree, &reclaimer.busy, node)
		if (tree->held && !tree->settle)
			tree->settle = number;
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return number;
}

/**
 * reclaim_settle_awaited() - is there a tree that was asked for and not settled?
 * @number: what reclaim_settle_ask() said; those asked for by then
 * @hand: set to the hand of the task that has such a tree
 *
 * Context: any; takes the reclaimer's lock.
 * Return: true if there is such a tree.
 */
bool reclaim_settle_awaited(unsigned long number, struct rt_mutex **hand)
{
	struct iopt_tree *tree;
	unsigned long flags;
	bool awaited = false;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	list_for_each_entry(tree, &reclaimer.busy, node) {
		if (tree->settle && tree->settle <= number) {
			*hand = tree->hand;
			awaited = true;
			break;
		}
	}
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return awaited;
}

/**
 * reclaim_settle() - give back what the tree holds that has rested for longest
 * @any: not only if that has been long enough
 *
 * Context: may sleep.
 * Return: how many pages, or -ENOENT when there is no such tree.
 */
long reclaim_settle(bool any)
{
	struct rt_mutex *hand = reclaim_take_hand();
	struct iopt_tree *tree = reclaim_take_resting(any, hand);
	long held;

	if (!tree) {
		reclaim_give_hand(hand);
		return -ENOENT;
	}
	held = reclaim_settle_tree(tree);
	reclaim_put_settled(tree, hand);
	return held;
}

static void reclaim_settle_work(struct work_struct *work)
{
	while (reclaim_settle(false) >= 0)
		;
	reclaim_settle_later();
}

/**
 * reclaim_init_settle() - no tree rests
 */
void reclaim_init_settle(void)
{
	INIT_LIST_HEAD(&reclaimer.resting);
	INIT_DELAYED_WORK(&reclaimer.settle, reclaim_settle_work);
}
