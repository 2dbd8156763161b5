/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page table as the driver holds it, and what its parts have in common.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_PGTABLE_H
#define _IOPD_PGTABLE_H

#include <linux/io-pgtable-arm-deferred.h>
#include <linux/mutex.h>
#include <linux/overflow.h>

#include "overlap.h"
#include "table.h"
#include "tree.h"

/* No level has leaves of that size. */
#define IOPD_NO_LEVEL		0xff

/**
 * struct iopd_limbo - the tables of a page table between detach and flush
 * @detach_lock: held to cut tables off a live page table, and for all of this.
 *		 Not raw: the DMA API, which cleans their slots under it, may
 *		 take locks that sleep with PREEMPT_RT (DMA_API_DEBUG has one)
 * @tables: roots of detached sub-trees that wait for a flush
 * @count: how many tables they have in all
 * @gen: number of the limbo that tables go into now, from 1
 * @brackets: flushes that have begun, with something to take, and not ended
 * @flushes: how many have told how they ended, to see that callbacks do
 * @ended: the page table is being given back, and no table cut off any more
 *
 * Unmappers and the sweep read @count without the lock, and a task that has the
 * driver flush reads @flushes.
 */
struct iopd_limbo {
	spinlock_t detach_lock;	/* guards all members */
	struct list_head tables;
	unsigned long count;
	unsigned long gen;
	unsigned int brackets;
	unsigned long flushes;
	bool ended;
};

/**
 * struct iopd - a live page table
 * @iop: what the kernel's users see; @iop.ops is handed out
 * @unsettled: limbo is not empty, or a limbo that was taken is not known to be
 *	       flushed, or a flush has failed and has not been made good;
 *	       changes under the detach lock
 * @failed: how many flushes have ended without being complete
 * @recovered: how many of these a flush that began later has made good
 * @flushed_gen: limbos up to this one have been flushed
 * @root: table at level @tree.geo.start
 * @base: the first IOVA; not zero for the upper half of a split space
 * @last: the last IOVA, counted from @base
 * @table_attrs: bits of an entry that leads to a table, beside its address
 * @gathers: the driver wants to hear of each leaf that is unmapped
 * @attrs: attributes of a leaf, by prot
 * @tree: its memory, which lives on after the hand-over
 * @limbo: what has been cut off and waits for a flush
 * @levels: which level has leaves of a size, by its log2; IOPD_NO_LEVEL if none
 * @flush_lock: held while the worker has the driver flush; guards the next one
 * @worker_flushes: the driver may be asked for a flush of what a sweep has cut
 *		    off; the sweep reads it without the lock, too
 * @calls: maps and unmaps under way, in debug builds
 *
 * One allocation with the tree in it: freed with the last table, long after
 * the driver's domain. By then nothing but @tree is used.
 *
 * What every mapper reads is on lines that do not change while the page table
 * lives: @iop, @root to the first part of @tree. @unsettled is read by all,
 * too, and written by unmappers that cut tables off and by flushes that end: it
 * has a line apart, with what else flushes write, all under the detach lock;
 * mappers read @flushed_gen where a slot has lost a table. @limbo has a line of
 * its own, too, for unmappers wait on its lock.
 *
 * Inside, an address is an offset from @base, called @at; the driver's
 * callbacks get the IOVA.
 */
struct iopd {
	struct io_pgtable iop;
	bool unsettled ____cacheline_aligned_in_smp;
	unsigned long failed;
	unsigned long recovered;
	unsigned long flushed_gen;
	u64 *root ____cacheline_aligned_in_smp;
	unsigned long base;
	unsigned long last;
	u64 table_attrs;
	bool gathers;
	u64 attrs[BIT(LPAE_PROT_BITS)];
	u8 levels[BITS_PER_LONG];
	struct iopd_tree tree;
	struct iopd_limbo limbo ____cacheline_aligned_in_smp;
	/* No flush by the worker begins or ends. */
	struct mutex flush_lock;
	bool worker_flushes;
	struct iopd_calls calls;
};

/* Drivers look there, too. */
static_assert(offsetof(struct iopd, iop) ==
	      offsetof(struct io_pgtable_deferred, iop));
static_assert(offsetof(struct iopd, unsettled) ==
	      offsetof(struct io_pgtable_deferred, unsettled));

#ifdef CONFIG_SMP
static_assert(IOPD_LINE(struct iopd, iop.ops) <
	      IOPD_LINE(struct iopd, unsettled));
static_assert(IS_ALIGNED(offsetof(struct iopd, unsettled), SMP_CACHE_BYTES));
static_assert(IOPD_LINE(struct iopd, flushed_gen) ==
	      IOPD_LINE(struct iopd, unsettled));
static_assert(IOPD_LINE(struct iopd, flushed_gen) <
	      IOPD_LINE(struct iopd, root));
static_assert(IOPD_LINE(struct iopd, unsettled) <
	      IOPD_LINE(struct iopd, tree.geo));
#endif

static inline struct iopd *iopd_from_ops(struct io_pgtable_ops *ops)
{
	return container_of(ops, struct iopd, iop.ops);
}

/*
 * Has a flush failed, and no flush that began after that been completed? Then
 * the hardware may know translations that are no longer there.
 *
 * Takes no lock. A mapper that reuses an IOVA has been told so by the unmapper
 * of it, by a lock or message of the driver's: that orders these reads after
 * the end of the unmapper's flush, which wrote what they look at.
 */
static inline bool iopd_is_stale(const struct iopd *iopd)
{
	return READ_ONCE(iopd->unsettled) &&
	       READ_ONCE(iopd->failed) != READ_ONCE(iopd->recovered);
}

/*
 * Entries of a run of @count leaves that the table at @level still has room for
 */
static inline unsigned int iopd_run_length(struct iopd *iopd, unsigned long at,
					   int level, size_t count)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	unsigned int room = lpae_entries(geo, level) -
			    lpae_index(geo, at, level);

	return min_t(size_t, room, count);
}

/* The level that has leaves of @pgsize, or IOPD_NO_LEVEL */
static inline unsigned int iopd_level_of(const struct iopd *iopd, size_t pgsize)
{
	unsigned int shift;

	if (unlikely(!pgsize || (pgsize & (pgsize - 1))))
		return IOPD_NO_LEVEL;
	shift = __ffs(pgsize);
	return iopd->levels[shift];
}

/*
 * Does the range lie within the input size, in whole pages?
 * Return: 0 with its offset from the first IOVA in @at, or an error.
 */
static inline int iopd_check_range(const struct iopd *iopd, unsigned long iova,
				   size_t pgsize, size_t pgcount,
				   unsigned long *at)
{
	unsigned long size, last;

	if (!pgcount || (iova & (pgsize - 1)))
		return -EINVAL;
	if (check_mul_overflow(pgsize, pgcount, &size))
		return -ERANGE;
	*at = iova - iopd->base;
	last = *at + size - 1;
	return last < *at || last > iopd->last ? -ERANGE : 0;
}

int iopd_map_range(struct io_pgtable_ops *ops, unsigned long iova,
		   phys_addr_t paddr, size_t pgsize, size_t pgcount, int prot,
		   gfp_t gfp, size_t *mapped);
size_t iopd_unmap_range(struct io_pgtable_ops *ops, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather);
phys_addr_t iopd_iova_to_phys(struct io_pgtable_ops *ops, unsigned long iova);
void iopd_init_watch_ops(struct io_pgtable_ops *ops);

const char *iopd_format_init(struct iopd *iopd, enum io_pgtable_fmt fmt);
void iopd_format_set_root(struct iopd *iopd);

void iopd_limbo_add(struct iopd *iopd, struct list_head *tables,
		    unsigned long count);
void iopd_limbo_limit(struct iopd *iopd, unsigned long limit);
unsigned long iopd_limbo_close(struct iopd *iopd);
bool iopd_flush_walk(struct iopd *iopd, unsigned long gen, unsigned long at,
		     size_t size);
bool iopd_ask_flush_all(struct iopd *iopd);
bool iopd_flush_all(struct iopd *iopd, unsigned long gen);
bool iopd_flush_stale(struct iopd *iopd);
int iopd_make_way(struct iopd *iopd, unsigned long at, int level);

#endif /* _IOPD_PGTABLE_H */
