// SPDX-License-Identifier: GPL-2.0-only
/*
 * When sweeps are made. The first unmapper since the last sweep puts the tree
 * into a list of those that are due some time later, where a delayed work finds
 * it. A task that needs memory, or drains, does not wait so long. From then on
 * the tree has something for the workers to do, in their turns, as if there
 * were tables to free.
 *
 * What a sweep has cut off waits for a flush. The next one that the driver
 * makes will do; if the driver allows it, it is asked for one, by a work of its
 * own: on a queue that is frozen while the system is suspended, for this one
 * touches hardware, and with nothing held but a mutex that is the page table's
 * alone.
 *
 * A tree with a sweep under way is not freed: iopd_reclaim_put_back() looks at
 * that.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/jiffies.h>
#include <linux/sched.h>

#include <compat/rcu.h>
#include "batch.h"
#include "reclaim-parts.h"
#include "sweep.h"

static void iopd_reclaim_sweep_due(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	tree->sweep = IOPD_SWEEP_DUE;
	tree->sweep_at =
		jiffies +
		msecs_to_jiffies(READ_ONCE(iopd_reclaim_params.sweep_ms));
	list_add_tail(&tree->sweep_node, &iopd_reclaimer.due);
}

/*
 * The sweep has come to its end, or to where limbo was full: then the flush
 * that empties limbo touches the tree. With the reclaimer's lock held.
 */
static void iopd_reclaim_sweep_end(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	iopd_count(&iopd_reclaim_stats.sweeps, -1);
	if (READ_ONCE(tree->touched) && !tree->closed) {
		iopd_reclaim_sweep_due(tree);
		return;
	}
	tree->sweep = IOPD_SWEEP_NONE;
}

/* Mappers that had not seen the mark have come to their end. */
static void iopd_reclaim_sweep_graced(struct rcu_head *rcu)
{
	struct iopd_tree *tree = container_of(rcu, struct iopd_tree, sweep_rcu);
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree->sweep = IOPD_SWEEP_CUTS;
	iopd_reclaim_enqueue(tree);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);

	iopd_reclaim_kick();
	iopd_reclaim_wake_waiters();
}

static void iopd_reclaim_sweep_wait(struct iopd_tree *tree)
{
	tree->sweep = IOPD_SWEEP_GRACE;
	tree->sweep_pos = 0;
	call_rcu_hurry(&tree->sweep_rcu, iopd_reclaim_sweep_graced);
}

/**
 * iopd_reclaim_sweep_next() - a batch of the tree has been done
 * @tree: the tree, still busy
 *
 * If the batch came to the end of a pass, the sweep goes on with what follows.
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_sweep_next(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	if (!tree->sweep_done)
		return;
	tree->sweep_done = false;
	if (tree->closed || tree->swept == IOPD_SWEPT_OVER) {
		iopd_reclaim_sweep_end(tree);
	} else if (tree->sweep == IOPD_SWEEP_MARKS) {
		iopd_reclaim_sweep_wait(tree);
	} else if (tree->swept != IOPD_SWEPT_ALL) {
		tree->sweep = IOPD_SWEEP_FLUSH;
		list_add_tail(&tree->flush_node, &iopd_reclaimer.flushing);
	} else {
		iopd_reclaim_sweep_end(tree);
	}
}

/**
 * iopd_reclaim_sweep_some() - a batch's share of the pass that is under way
 * @tree: a tree that is busy for the caller
 * @scan: how many entries may be looked at; counted down
 *
 * Context: the task that has the tree in hand; no lock is held.
 */
void iopd_reclaim_sweep_some(struct iopd_tree *tree, unsigned int *scan)
{
	tree->swept = IOPD_SWEPT_ALL;
	if (!READ_ONCE(tree->closed))
		tree->swept = tree->ops->sweep(tree, &tree->sweep_pos,
					       tree->sweep_pass == IOPD_SWEEP_CUTS,
					       scan);
	tree->sweep_done = tree->swept != IOPD_SWEPT_PART;
}

/*
 * The sweep begins: what is unmapped from here on is the next one's. The
 * barrier orders that before the first look at a mark, as for those of tables:
 * S1 in sweep.c.
 */
static void iopd_reclaim_sweep_begin(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	tree->sweep = IOPD_SWEEP_MARKS;
	tree->sweep_pos = 0;
	list_del_init(&tree->sweep_node);
	iopd_count(&iopd_reclaim_stats.sweeps, 1);
	WRITE_ONCE(tree->touched, false);
	smp_mb(); /* pairs with the cmpxchg in iopd_touch_one() */
	iopd_reclaim_enqueue(tree);
}

/* Return: was there a tree for which a sweep is due, or @any at all? */
static bool iopd_reclaim_sweep_first(bool any)
{
	struct iopd_tree *tree;
	unsigned long flags;
	bool begins;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree = list_first_entry_or_null(&iopd_reclaimer.due, struct iopd_tree,
					sweep_node);
	begins = tree && (any || !time_before(jiffies, tree->sweep_at));
	if (begins)
		iopd_reclaim_sweep_begin(tree);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return begins;
}

/**
 * iopd_reclaim_sweep_now() - begin all sweeps that are to be made some time
 *
 * Does not wait for them.
 *
 * Context: any.
 */
void iopd_reclaim_sweep_now(void)
{
	bool any = false;

	while (iopd_reclaim_sweep_first(true))
		any = true;
	if (any)
		iopd_reclaim_kick();
}

/**
 * iopd_reclaim_sweep_later() - see to it that what has to be done later is done
 *
 * If a work is pending it finds the trees of now, and if it has looked already
 * it is not pending.
 *
 * Context: any, without the reclaimer's lock.
 */
void iopd_reclaim_sweep_later(void)
{
	unsigned long flags, at = jiffies;
	struct iopd_tree *tree;

	if (!list_empty(&iopd_reclaimer.flushing))
		queue_work(iopd_reclaimer.flush_wq, &iopd_reclaimer.flush);
	if (!READ_ONCE(iopd_reclaim_params.sweep_ms) ||
	    list_empty(&iopd_reclaimer.due) ||
	    delayed_work_pending(&iopd_reclaimer.sweep))
		return;
	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree = list_first_entry_or_null(&iopd_reclaimer.due, struct iopd_tree,
					sweep_node);
	if (tree && time_before(at, tree->sweep_at))
		at = tree->sweep_at - at;
	else
		at = 0;
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	queue_delayed_work(iopd_reclaimer.wq, &iopd_reclaimer.sweep, at);
}

/**
 * iopd_reclaim_touched() - something has been unmapped, and a table marked
 * @tree: the tree
 *
 * The first call since a sweep began makes the next one due.
 *
 * Context: any.
 */
void iopd_reclaim_touched(struct iopd_tree *tree)
{
	unsigned long flags;
	bool due = false;

	if (READ_ONCE(tree->touched) || xchg(&tree->touched, true))
		return;
	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	/* The end of a sweep that is under way looks at the mark, too. */
	if (tree->sweep == IOPD_SWEEP_NONE && !tree->closed) {
		iopd_reclaim_sweep_due(tree);
		due = true;
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	if (due)
		iopd_reclaim_sweep_later();
}

/**
 * iopd_reclaim_sweep_close() - no sweep of the tree begins any more
 * @tree: a tree that is being closed
 *
 * One that is under way ends with its pass.
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_sweep_close(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	if (tree->sweep != IOPD_SWEEP_DUE)
		return;
	list_del_init(&tree->sweep_node);
	tree->sweep = IOPD_SWEEP_NONE;
}

static void iopd_reclaim_due_work(struct work_struct *work)
{
	while (iopd_reclaim_sweep_first(false))
		;
	if (iopd_reclaim_is_waiting())
		iopd_reclaim_kick();
	iopd_reclaim_sweep_later();
}

static struct iopd_tree *iopd_reclaim_flush_take(void)
{
	struct iopd_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree = list_first_entry_or_null(&iopd_reclaimer.flushing,
					struct iopd_tree, flush_node);
	if (tree) {
		list_del_init(&tree->flush_node);
		tree->sweep = IOPD_SWEEP_FLUSHING;
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return tree;
}

/*
 * The driver has been asked. If there is room in limbo now a sweep that was
 * waiting for it goes on. One that ends may have been all that kept a tree that
 * is closed: that is not to be looked at after this.
 */
static void iopd_reclaim_flush_put(struct iopd_tree *tree, bool room)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	if (tree->swept == IOPD_SWEPT_FULL && room && !tree->closed) {
		tree->sweep = IOPD_SWEEP_CUTS;
		iopd_reclaim_enqueue(tree);
	} else {
		iopd_reclaim_sweep_end(tree);
		if (tree->closed)
			iopd_reclaim_enqueue(tree);
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
}

static void iopd_reclaim_flush_work(struct work_struct *work)
{
	struct iopd_tree *tree;

	while ((tree = iopd_reclaim_flush_take())) {
		iopd_reclaim_flush_put(tree, tree->ops->flush(tree));
		cond_resched();
	}
	if (iopd_reclaim_is_waiting())
		iopd_reclaim_kick();
	iopd_reclaim_sweep_later();
	iopd_reclaim_wake_waiters();
}

/**
 * iopd_reclaim_init_sweep() - make what sweeps need
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM when there is no workqueue.
 */
int iopd_reclaim_init_sweep(void)
{
	INIT_LIST_HEAD(&iopd_reclaimer.due);
	INIT_LIST_HEAD(&iopd_reclaimer.flushing);
	INIT_DELAYED_WORK(&iopd_reclaimer.sweep, iopd_reclaim_due_work);
	INIT_WORK(&iopd_reclaimer.flush, iopd_reclaim_flush_work);
	iopd_reclaimer.flush_wq = alloc_workqueue("io-pgtable-deferred-flush",
						  WQ_UNBOUND | WQ_FREEZABLE, 1);
	return iopd_reclaimer.flush_wq ? 0 : -ENOMEM;
}

/**
 * iopd_reclaim_exit_sweep() - undo iopd_reclaim_init_sweep(), with no page
 * table left
 *
 * Context: may sleep.
 */
void iopd_reclaim_exit_sweep(void)
{
	cancel_delayed_work_sync(&iopd_reclaimer.sweep);
	destroy_workqueue(iopd_reclaimer.flush_wq);
}
