// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees that live and have nothing to free, but hold pages that wait for the rest of
 * their chunks, see pages.c. Each rests in a list: what comes in next takes it out
 * of there, and if nothing does for a while, or memory is short, or a task drains,
 * it is settled. It is busy meanwhile, as for a batch.
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

/* reclaim_rest() - the tree has nothing to free for now, and is busy no more */
void reclaim_rest(struct iopt_tree *tree)
{
	tree->held = tree->whole ? 0 : iopt_pages_held(tree);
	if (!tree->held) {
		tree->state = IOPT_TREE_IDLE;
		list_del_init(&tree->node);
		return;
	}
	tree->state = IOPT_TREE_RESTING;
	tree->settle_at = jiffies + RECLAIM_REST;
	list_move_tail(&tree->node, &reclaimer.resting);
	iopt_count(&reclaimer.nr_resting, 1);
	iopt_count(&reclaim_stats.held, tree->held);
}

/*
 * reclaim_end_rest() - there is something to free again, or the time has come
 *
 * It is the caller who moves the tree.
 */
void reclaim_end_rest(struct iopt_tree *tree)
{
	iopt_count(&reclaimer.nr_resting, -1);
	iopt_count(&reclaim_stats.held, -(long)tree->held);
	tree->held = 0;
}

static bool reclaim_is_resting(void)
{
	return READ_ONCE(reclaimer.nr_resting);
}

/*
 * reclaim_settle_later() - see to it that what rests is settled some day
 *
 * If the work is pending it finds the trees of now, and if it has looked already it
 * is not pending. A tree that comes late in its time waits for the next one: twice
 * the time at most.
 */
void reclaim_settle_later(void)
{
	if (reclaim_is_resting() && !delayed_work_pending(&reclaimer.settle))
		queue_delayed_work(reclaimer.wq, &reclaimer.settle,
				   RECLAIM_REST);
}

/* Any tree, or one that has rested long enough; busy, so that it is the caller's */
static struct iopt_tree *reclaim_take_resting(bool any, struct rt_mutex *hand)
{
	struct iopt_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree = list_first_entry_or_null(&reclaimer.resting, struct iopt_tree,
					node);
	if (tree && !any && time_before(jiffies, tree->settle_at))
		tree = NULL;
	if (tree) {
		reclaim_end_rest(tree);
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

/*
 * reclaim_settle() - give back what a tree holds
 * @any: not only one that has rested long enough
 *
 * Single pages are few here, and the allocator is calmed after those of each
 * chunk. Context: may sleep. Return: how many pages, or -ENOENT when there is no
 * such tree.
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
	held = iopt_pages_held(tree);
	while (iopt_pages_settle(tree)) {
		reclaim_calm_allocator();
		cond_resched();
	}
	reclaim_put_settled(tree, hand);
	return held;
}

static void reclaim_settle_work(struct work_struct *work)
{
	while (reclaim_settle(false) >= 0)
		;
	reclaim_settle_later();
}

void reclaim_init_settle(void)
{
	INIT_LIST_HEAD(&reclaimer.resting);
	INIT_DELAYED_WORK(&reclaimer.settle, reclaim_settle_work);
}
