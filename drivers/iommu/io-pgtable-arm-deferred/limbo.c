// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between detach and flush. A flush releases what was in limbo before its first
 * register was written, and nothing else: a table that comes in while the flush
 * runs may have been walked after the hardware forgot.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/export.h>
#include <linux/io-pgtable-arm-deferred.h>

#include "pgtable.h"
#include "reclaim.h"

/*
 * The tables are detached, and their slots seen as empty. Called with the
 * detach lock held.
 */
void iopt_limbo_add(struct iopt *iopt, struct list_head *tables,
		    unsigned long count)
{
	struct iopt_tree *tree = &iopt->tree;

	if (tree->coherent) {
		/*
		 * The cleared entries are in memory before the tables are in
		 * limbo, so that whoever finds them there flushes after the
		 * detach. Cleaning the cache has had this barrier in it.
		 */
		wmb();
	}
	list_splice_tail_init(tables, &tree->limbo);
	WRITE_ONCE(tree->limbo_count, tree->limbo_count + count);
}

void io_pgtable_deferred_flush_begin(struct io_pgtable_ops *ops,
				     struct io_pgtable_deferred_limbo *limbo)
{
	struct iopt *iopt = iopt_from_ops(ops);
	struct iopt_tree *tree = &iopt->tree;
	unsigned long flags;

	INIT_LIST_HEAD(&limbo->tables);
	limbo->count = 0;
	/*
	 * What is read here says what the flush covers, so it is read before
	 * the first register of the flush is written: hence the acquires.
	 */
	limbo->failed = smp_load_acquire(&iopt->failed);
	/*
	 * Nearly always empty. A detach on another CPU that is not seen here is
	 * one whose caller has yet to make the flush that releases it. All limbos
	 * before this one have been taken, and are covered by this flush, too.
	 */
	if (!READ_ONCE(tree->limbo_count)) {
		/* As above, before the flush */
		limbo->gen = smp_load_acquire(&tree->limbo_gen) - 1;
		return;
	}

	raw_spin_lock_irqsave(&tree->detach_lock, flags);
	list_splice_init(&tree->limbo, &limbo->tables);
	limbo->count = tree->limbo_count;
	limbo->gen = tree->limbo_gen;
	WRITE_ONCE(tree->limbo_gen, limbo->gen + 1);
	WRITE_ONCE(tree->limbo_count, 0);
	raw_spin_unlock_irqrestore(&tree->detach_lock, flags);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_begin);

/*
 * A flush makes those good that had failed before it began. One that fails
 * leaves everything that was unmapped before it in doubt.
 */
static void iopt_note_flush(struct iopt *iopt,
			    const struct io_pgtable_deferred_limbo *limbo,
			    bool completed)
{
	unsigned long flags;

	if (completed && limbo->failed == READ_ONCE(iopt->recovered))
		return;

	raw_spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	if (!completed)
		WRITE_ONCE(iopt->failed, iopt->failed + 1);
	else if (iopt->recovered < limbo->failed)
		WRITE_ONCE(iopt->recovered, limbo->failed);
	raw_spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);
}

/*
 * Flushes may end in another order than they began in. One that began later
 * covers the limbos of all before it, whatever became of those, and may be the
 * first to end.
 */
static void iopt_limbo_settle(struct iopt_tree *tree,
			      const struct io_pgtable_deferred_limbo *limbo)
{
	unsigned long flags;

	if (READ_ONCE(tree->flushed_gen) >= limbo->gen)
		return;

	raw_spin_lock_irqsave(&tree->detach_lock, flags);
	if (tree->flushed_gen < limbo->gen)
		WRITE_ONCE(tree->flushed_gen, limbo->gen);
	raw_spin_unlock_irqrestore(&tree->detach_lock, flags);
}

static void iopt_limbo_return(struct iopt *iopt,
			      struct io_pgtable_deferred_limbo *limbo)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	iopt_limbo_add(iopt, &limbo->tables, limbo->count);
	raw_spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);
}

void io_pgtable_deferred_flush_end(struct io_pgtable_ops *ops,
				   struct io_pgtable_deferred_limbo *limbo,
				   bool completed)
{
	struct iopt *iopt = iopt_from_ops(ops);

	iopt_note_flush(iopt, limbo, completed);
	if (completed)
		iopt_limbo_settle(&iopt->tree, limbo);
	if (!limbo->count)
		return;

	if (completed)
		reclaim_queue(&iopt->tree, &limbo->tables, limbo->count);
	else
		iopt_limbo_return(iopt, limbo);
	limbo->count = 0;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_end);
