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
	tree->limbo_count += count;
	WRITE_ONCE(iopt->unsettled, true);
}

/*
 * Is there anything left that a flush could release or make good? Called with the
 * detach lock held, when all else has been written: whoever reads that there is
 * not, without the lock, sees what led to it. A limbo that another flush has
 * taken and still holds does not count once a flush that began later has
 * completed: the one who holds it knows.
 */
static void iopt_limbo_judge(struct iopt *iopt)
{
	struct iopt_tree *tree = &iopt->tree;
	bool unsettled = tree->limbo_count ||
			 tree->flushed_gen + 1 != tree->limbo_gen ||
			 iopt->recovered != iopt->failed;

	/* Pairs with io_pgtable_deferred_is_settled() */
	smp_store_release(&iopt->unsettled, unsettled);
}

void io_pgtable_deferred_flush_begin(struct io_pgtable_ops *ops,
				     struct io_pgtable_deferred_limbo *limbo)
{
	struct iopt *iopt = iopt_from_ops(ops);
	struct iopt_tree *tree = &iopt->tree;
	unsigned long flags;

	INIT_LIST_HEAD(&limbo->tables);
	limbo->count = 0;
	limbo->settled = io_pgtable_deferred_is_settled(ops);
	if (limbo->settled)
		return;

	spin_lock_irqsave(&tree->detach_lock, flags);
	list_splice_init(&tree->limbo, &limbo->tables);
	limbo->count = tree->limbo_count;
	limbo->failed = iopt->failed;
	/*
	 * With nothing in limbo, all limbos before this one have been taken, and
	 * are covered by this flush, too.
	 */
	if (limbo->count)
		tree->limbo_gen++;
	limbo->gen = tree->limbo_gen - 1;
	tree->limbo_count = 0;
	spin_unlock_irqrestore(&tree->detach_lock, flags);
	/*
	 * What was read there says what the flush covers, so it is read before the
	 * first register of the flush is written.
	 */
	smp_mb();
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_begin);

/*
 * A flush makes those good that had failed before it began. Flushes may end in
 * another order than they began in: one that began later covers the limbos
 * of all before it, whatever became of those, and may be the first to end.
 */
static void iopt_flush_completed(struct iopt *iopt,
				 const struct io_pgtable_deferred_limbo *limbo)
{
	struct iopt_tree *tree = &iopt->tree;

	if (iopt->recovered < limbo->failed)
		WRITE_ONCE(iopt->recovered, limbo->failed);
	if (tree->flushed_gen < limbo->gen)
		WRITE_ONCE(tree->flushed_gen, limbo->gen);
}

/* One that fails leaves everything that was unmapped before it in doubt. */
static void iopt_flush_failed(struct iopt *iopt)
{
	WRITE_ONCE(iopt->failed, iopt->failed + 1);
}

void io_pgtable_deferred_flush_end(struct io_pgtable_ops *ops,
				   struct io_pgtable_deferred_limbo *limbo,
				   bool completed)
{
	struct iopt *iopt = iopt_from_ops(ops);
	unsigned long flags;

	if (completed && limbo->settled)
		return;

	spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	if (completed) {
		iopt_flush_completed(iopt, limbo);
	} else {
		iopt_flush_failed(iopt);
		iopt_limbo_add(iopt, &limbo->tables, limbo->count);
		limbo->count = 0;
	}
	iopt_limbo_judge(iopt);
	spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);

	if (limbo->count)
		reclaim_queue(&iopt->tree, &limbo->tables, limbo->count);
	limbo->count = 0;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_end);

void io_pgtable_deferred_flush_failed(struct io_pgtable_ops *ops)
{
	struct iopt *iopt = iopt_from_ops(ops);
	unsigned long flags;

	spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	iopt_flush_failed(iopt);
	iopt_limbo_judge(iopt);
	spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_failed);
