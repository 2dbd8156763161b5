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
#include <linux/lockdep.h>

#include "limbo.h"
#include "pgtable.h"
#include "reclaim.h"
#include "sweep.h"

DEFINE_PER_CPU(long, iopd_limbo_tables);
DEFINE_PER_CPU(long, iopd_limbo_further);
atomic_long_t iopd_limbo_flushes;

/* @tables more than before, or less, wait for a flush. */
static inline void iopd_limbo_count(const struct iopd_tree *tree, long tables)
{
	this_cpu_add(iopd_limbo_tables, tables);
	if (unlikely(tree->table_order))
		this_cpu_add(iopd_limbo_further,
			     tables * (long)(BIT(tree->table_order) - 1));
}

/*
 * Into limbo, or back into it. Called with the detach lock held.
 */
static void iopd_limbo_put(struct iopd *iopd, struct list_head *tables,
			   unsigned long count)
{
	struct iopd_limbo *limbo = &iopd->limbo;

	lockdep_assert_held(&limbo->detach_lock);
	/*
	 * The cleared entries are in memory before the tables are in limbo, so
	 * that a flusher that finds them there flushes after the detach.
	 * Cleaning the cache has had this barrier in it, but the DMA API cleans
	 * nothing for an IOMMU that is coherent.
	 */
	wmb();
	list_splice_tail_init(tables, &limbo->tables);
	WRITE_ONCE(limbo->count, limbo->count + count);
	/* All mappers read it: it is written when it changes. */
	if (!iopd->unsettled)
		WRITE_ONCE(iopd->unsettled, true);
}

/**
 * iopd_limbo_add() - put what has been cut off into limbo
 * @iopd: the page table
 * @tables: roots of sub-trees that are detached, and whose slots the walker
 *	    sees as empty; left empty
 * @count: tables in all of them
 *
 * Context: the detach lock is held, and has been since the detach.
 */
void iopd_limbo_add(struct iopd *iopd, struct list_head *tables,
		    unsigned long count)
{
	iopd_limbo_put(iopd, tables, count);
	iopd_limbo_count(&iopd->tree, count);
}

/*
 * Is there anything left that a flush could release or make good? Called with
 * the detach lock held, after all other stores: a flusher that reads "no"
 * without the lock sees them. A limbo that another flusher has taken and not
 * given back yet does not count once a flush that began later has completed:
 * that flusher hands its tables over by itself.
 */
static void iopd_limbo_judge(struct iopd *iopd)
{
	const struct iopd_limbo *limbo = &iopd->limbo;
	bool unsettled = limbo->count ||
			 iopd->flushed_gen + 1 != limbo->gen ||
			 iopd->recovered != iopd->failed;

	lockdep_assert_held(&limbo->detach_lock);
	if (iopd->unsettled == unsettled)
		return;
	/* Pairs with io_pgtable_deferred_is_settled() */
	smp_store_release(&iopd->unsettled, unsettled);
}

void io_pgtable_deferred_flush_begin(struct io_pgtable_ops *ops,
				     struct io_pgtable_deferred_limbo *limbo)
{
	struct iopd *iopd = iopd_from_ops(ops);
	struct iopd_limbo *from = &iopd->limbo;
	unsigned long flags;

	limbo->count = 0;
	limbo->settled = io_pgtable_deferred_is_settled(ops);
	if (limbo->settled) {
		INIT_LIST_HEAD(&limbo->tables);
		return;
	}

	spin_lock_irqsave(&from->detach_lock, flags);
	list_replace_init(&from->tables, &limbo->tables);
	limbo->count = from->count;
	limbo->failed = iopd->failed;
	/*
	 * With nothing in limbo, all limbos before this one have been taken,
	 * and are covered by this flush, too.
	 */
	if (limbo->count)
		from->gen++;
	limbo->gen = from->gen - 1;
	WRITE_ONCE(from->count, 0);
	from->brackets++;
	spin_unlock_irqrestore(&from->detach_lock, flags);
	/*
	 * What was read there says what the flush covers, so it is read before
	 * the first register of the flush is written.
	 */
	smp_mb();
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_begin);

/*
 * A flush makes those good that had failed before it began. Flushes may end in
 * another order than they began in: one that began later covers the limbos
 * of all before it, whatever became of those, and may be the first to end.
 */
static void iopd_flush_completed(struct iopd *iopd,
				 const struct io_pgtable_deferred_limbo *limbo)
{
	if (iopd->recovered < limbo->failed)
		WRITE_ONCE(iopd->recovered, limbo->failed);
	if (iopd->flushed_gen < limbo->gen)
		WRITE_ONCE(iopd->flushed_gen, limbo->gen);
}

/* One that fails leaves everything that was unmapped before it in doubt. */
static void iopd_flush_failed(struct iopd *iopd)
{
	WRITE_ONCE(iopd->failed, iopd->failed + 1);
}

/*
 * The callback that was asked for a flush looks for this. Called with the
 * detach lock held. Return: false if there was no begin.
 */
static bool iopd_flush_told(struct iopd_limbo *limbo, bool settled)
{
	lockdep_assert_held(&limbo->detach_lock);
	WRITE_ONCE(limbo->flushes, limbo->flushes + 1);
	if (settled)
		return true;
	if (!limbo->brackets)
		return false;
	limbo->brackets--;
	return true;
}

void io_pgtable_deferred_flush_end(struct io_pgtable_ops *ops,
				   struct io_pgtable_deferred_limbo *limbo,
				   bool completed)
{
	struct iopd *iopd = iopd_from_ops(ops);
	unsigned long flags;
	bool begun;

	if (completed && limbo->settled)
		return;

	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	begun = iopd_flush_told(&iopd->limbo, limbo->settled);
	if (completed) {
		iopd_flush_completed(iopd, limbo);
	} else {
		iopd_flush_failed(iopd);
		iopd_limbo_put(iopd, &limbo->tables, limbo->count);
		limbo->count = 0;
	}
	iopd_limbo_judge(iopd);
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);

	WARN_ONCE(!begun, "%s: a flush of a page table ends that has not begun\n",
		  dev_name(iopd->tree.dev));
	if (limbo->count) {
		iopd_limbo_count(&iopd->tree, -(long)limbo->count);
		iopd_reclaim_queue(&iopd->tree, &limbo->tables, limbo->count);
	}
	/* A sweep may have found limbo full, and left tables alone for that. */
	if (limbo->count >= IOPD_SWEEP_LIMBO_MAX)
		iopd_reclaim_touched(&iopd->tree);
	limbo->count = 0;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_end);

void io_pgtable_deferred_flush_failed(struct io_pgtable_ops *ops)
{
	struct iopd *iopd = iopd_from_ops(ops);
	unsigned long flags;

	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	iopd_flush_told(&iopd->limbo, true);
	iopd_flush_failed(iopd);
	iopd_limbo_judge(iopd);
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush_failed);

int io_pgtable_deferred_flush(struct io_pgtable_ops *ops,
			      int (*flush)(void *cookie), void *cookie)
{
	struct io_pgtable_deferred_limbo limbo;
	int ret;

	io_pgtable_deferred_flush_begin(ops, &limbo);
	ret = flush(cookie);
	io_pgtable_deferred_flush_end(ops, &limbo, !ret);
	return ret;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_flush);

/* --- asking the driver ---------------------------------------------------- */

/*
 * What the flush was asked for is not done. If none has even ended since there
 * were @ended, the callback has no brackets: it would have found that there is
 * something to take.
 */
static void iopd_warn_bare(struct iopd *iopd, unsigned long ended)
{
	WARN_ONCE(READ_ONCE(iopd->limbo.flushes) == ended,
		  "%s: a callback of io_pgtable_cfg.tlb flushes without io_pgtable_deferred_flush()\n",
		  dev_name(iopd->tree.dev));
}

/* Has a flush been completed that began after limbo @gen was taken? */
static bool iopd_is_flushed(const struct iopd *iopd, unsigned long gen)
{
	return gen <= READ_ONCE(iopd->flushed_gen);
}

/**
 * iopd_flush_walk() - have the driver flush what leads to tables that are gone
 * @iopd: the page table
 * @gen: number of their limbo; 0 for none
 * @at: where the hardware may know more than leaves of its caller's size
 * @size: how many bytes of that there are
 *
 * Context: mappers and unmappers, in whatever context their callers are; no
 * lock is held.
 * Return: true if a flush that covers @gen has been completed.
 */
bool iopd_flush_walk(struct iopd *iopd, unsigned long gen, unsigned long at,
		     size_t size)
{
	const struct iommu_flush_ops *tlb = iopd->iop.cfg.tlb;
	unsigned long ended = READ_ONCE(iopd->limbo.flushes);

	if (!tlb || !tlb->tlb_flush_walk)
		return iopd_is_flushed(iopd, gen);
	tlb->tlb_flush_walk(iopd->base + at, size,
			    lpae_table_size(&iopd->tree.geo), iopd->iop.cookie);
	if (iopd_is_flushed(iopd, gen))
		return true;
	iopd_warn_bare(iopd, ended);
	return false;
}

/**
 * iopd_ask_flush_all() - have the driver flush everything, if it can be asked
 * @iopd: the page table
 *
 * Context: that of the driver's callback.
 * Return: false if the driver has no such callback.
 */
bool iopd_ask_flush_all(struct iopd *iopd)
{
	const struct iommu_flush_ops *tlb = iopd->iop.cfg.tlb;

	if (!tlb || !tlb->tlb_flush_all)
		return false;
	tlb->tlb_flush_all(iopd->iop.cookie);
	return true;
}

/**
 * iopd_flush_all() - have the driver flush everything
 * @iopd: the page table
 * @gen: number of the limbo that is to be flushed
 *
 * Context: as iopd_flush_walk().
 * Return: true if a flush that covers @gen has been completed.
 */
bool iopd_flush_all(struct iopd *iopd, unsigned long gen)
{
	unsigned long ended = READ_ONCE(iopd->limbo.flushes);
	bool asked = iopd_ask_flush_all(iopd);

	if (iopd_is_flushed(iopd, gen))
		return true;
	if (asked)
		iopd_warn_bare(iopd, ended);
	return false;
}

/**
 * iopd_flush_stale() - have the driver make good the flushes that have failed
 * @iopd: the page table
 *
 * Context: as iopd_flush_walk().
 * Return: true if a flush that began after the last one failed is complete.
 */
bool iopd_flush_stale(struct iopd *iopd)
{
	unsigned long ended = READ_ONCE(iopd->limbo.flushes);
	bool asked = iopd_ask_flush_all(iopd);

	if (!iopd_is_stale(iopd))
		return true;
	if (asked)
		iopd_warn_bare(iopd, ended);
	return false;
}

/**
 * iopd_limbo_limit() - ask for a flush if too many tables wait for one
 * @iopd: the page table
 * @limit: how many are not too many
 *
 * A driver that flushes by address alone would let them grow without end.
 *
 * Context: as iopd_flush_walk().
 */
void iopd_limbo_limit(struct iopd *iopd, unsigned long limit)
{
	unsigned long flags, gen = 0;

	if (READ_ONCE(iopd->limbo.count) <= limit)
		return;

	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	if (iopd->limbo.count > limit)
		gen = iopd->limbo.gen;
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);
	if (!gen)
		return;
	atomic_long_inc(&iopd_limbo_flushes);
	iopd_flush_all(iopd, gen);
}

/**
 * iopd_limbo_close() - count everything as cut off
 * @iopd: the page table, of which nothing is mapped or unmapped any more
 *
 * Context: any; takes the detach lock.
 * Return: the number of the limbo that the page table is in now: a flush that
 * covers it has begun after this.
 */
unsigned long iopd_limbo_close(struct iopd *iopd)
{
	unsigned long flags, gen;

	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	gen = iopd->limbo.gen++;
	WRITE_ONCE(iopd->unsettled, true);
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);
	return gen;
}
