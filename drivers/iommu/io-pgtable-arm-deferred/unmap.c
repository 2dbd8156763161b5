// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmapping. Leaves are cleared; a table that the range covers as a whole is
 * cut off with one store, whatever is under it, and waits in limbo for the
 * flush that the caller makes anyway.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>

#include <compat/io-pgtable.h>
#include "detach.h"

/*
 * struct iopd_unmap - an unmapping under way
 * @at: the next address to unmap
 * @pgsize: bytes the caller counts in
 * @level: of the tables whose leaves have that size
 * @left: leaves to unmap
 * @done: bytes unmapped
 * @walk_at: from where the hardware may know more than leaves of @pgsize: a
 *	     table that was cut off, or a block that has come apart
 * @walk_size: how many bytes of that there are, 0 for none
 * @gen: the latest limbo that a table of those has gone into, 0 for none
 * @split: a block has come apart
 */
struct iopd_unmap {
	struct iopd *iopd;
	struct iommu_iotlb_gather *gather;
	unsigned long at;
	size_t pgsize;
	int level;
	size_t left;
	size_t done;
	unsigned long walk_at;
	size_t walk_size;
	unsigned long gen;
	bool split;
};

static void iopd_unmap_advance(struct iopd_unmap *unmap, size_t nr)
{
	unmap->at += nr * unmap->pgsize;
	unmap->left -= nr;
	unmap->done += nr * unmap->pgsize;
}

/* Tell a driver that flushes by address about @nr leaves that are gone */
static noinline void iopd_gather(const struct iopd *iopd,
				 struct iommu_iotlb_gather *gather,
				 unsigned long at, size_t pgsize, unsigned int nr)
{
	unsigned long iova = iopd->base + at;

	if (!gather || iommu_iotlb_gather_queued(gather))
		return;
	for (; nr; nr--, iova += pgsize)
		iopd->iop.cfg.tlb->tlb_add_page(gather, iova, pgsize,
						iopd->iop.cookie);
}

static inline void iopd_unmap_gather(struct iopd_unmap *unmap, unsigned int nr)
{
	if (unlikely(unmap->iopd->gathers))
		iopd_gather(unmap->iopd, unmap->gather, unmap->at,
			    unmap->pgsize, nr);
}

/* Clear leaves, up to the first entry that is none. Return: how many. */
static unsigned int iopd_unmap_leaves(struct iopd *iopd, u64 *slot, int level,
				      unsigned int room)
{
	unsigned int nr;

	for (nr = 0; nr < room; nr++) {
		if (!lpae_is_leaf(READ_ONCE(slot[nr]), level))
			break;
		WRITE_ONCE(slot[nr], 0);
	}
	if (nr)
		iopd_sync_entries(&iopd->tree, slot, nr);
	return nr;
}

/*
 * Tables to cut off with interrupts disabled: some 30 instructions each, and
 * one cleaning of the cache for all.
 */
#define IOPD_DETACH_RUN		128

/* A flush of the next @nr leaves, one by one, is not enough. */
static void iopd_unmap_note_walk(struct iopd_unmap *unmap, size_t nr)
{
	if (!unmap->walk_size)
		unmap->walk_at = unmap->at;
	unmap->walk_size = unmap->at + nr * unmap->pgsize - unmap->walk_at;
}

/* Cut tables off, up to the first entry that is none. Return: how many. */
static unsigned int iopd_unmap_tables(struct iopd_unmap *unmap,
				      const struct iopd_walk *walk,
				      unsigned int room)
{
	struct iopd *iopd = unmap->iopd;
	unsigned long flags;
	unsigned int nr;

	room = min_t(unsigned int, room, IOPD_DETACH_RUN);
	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	nr = iopd_detach(iopd, walk, room);
	if (nr)
		unmap->gen = iopd->limbo.gen;
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);
	if (nr)
		iopd_unmap_note_walk(unmap, nr);
	return nr;
}

/*
 * Clear a run of entries of one table: leaves, or tables, whichever comes
 * first.
 * Return: how many there were.
 */
static unsigned int iopd_unmap_run(struct iopd_unmap *unmap,
				   const struct iopd_walk *walk)
{
	struct iopd *iopd = unmap->iopd;
	unsigned int room = iopd_run_length(iopd, unmap->at, walk->level,
					    unmap->left);
	unsigned int nr;

	if (lpae_is_table(walk->entry, walk->level)) {
		nr = iopd_unmap_tables(unmap, walk, room);
	} else {
		nr = iopd_unmap_leaves(iopd, walk->slot, walk->level, room);
		iopd_unmap_gather(unmap, nr);
	}
	if (nr)
		iopd_mark_touched(iopd, walk, unmap->at);
	return nr;
}

/*
 * What @block maps, in a table of @level, but for the entries [skip, skip + nr)
 */
static void iopd_split_fill(struct iopd *iopd, u64 *table, u64 block, int level,
			    unsigned int skip, unsigned int nr)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	size_t size = lpae_leaf_size(geo, level);
	u64 attrs = (lpae_attributes(block) & ~LPAE_TYPE) | lpae_leaf_type(level);
	phys_addr_t pa = lpae_address(geo, block);
	unsigned int after = skip + nr;

	lpae_fill(geo, table, skip, attrs, pa, size);
	lpae_fill(geo, &table[after], BIT(geo->bits) - after, attrs,
		  pa + after * size, size);
}

/*
 * Put a table in the place of @block that maps the same, but for the entries
 * [skip, skip + nr). Old and new agree wherever both are valid, so the block
 * may linger in a cache until the caller's flush (Arm ARM D8.17.1 asks for
 * break before make for the sake of walkers that would see both sizes at once;
 * this kernel's own library splits the same way, and so does its hardware
 * accept it).
 */
static u64 *iopd_split_table(struct iopd *iopd, u64 block, int level,
			     unsigned int skip, unsigned int nr)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_ZERO;
	u64 *table;
	int ret;

	do {
		table = iopd_table_alloc(&iopd->tree, level, 0, gfp);
		if (!table)
			return NULL;
		iopd_split_fill(iopd, table, block, level, skip, nr);
		ret = iopd_table_publishable(&iopd->tree, table);
		if (!ret)
			return table;
	} while (iopd_table_reject(&iopd->tree, table, ret, &gfp));
	return NULL;
}

/* All of the block in leaves that are smaller: nothing of it stays. */
static unsigned int iopd_unmap_block(struct iopd_unmap *unmap,
				     const struct iopd_walk *walk)
{
	struct iopd *iopd = unmap->iopd;
	unsigned int entries = BIT(iopd->tree.geo.bits);

	iopd_unmap_leaves(iopd, walk->slot, walk->level, 1);
	iopd_mark_touched(iopd, walk, unmap->at);
	iopd_unmap_gather(unmap, entries);
	iopd_unmap_note_walk(unmap, entries);
	unmap->split = true;
	return entries;
}

/*
 * The range is a part of the block where the walk ended. Make the table one
 * level down; if the range is smaller still, the next walk comes to a block in
 * there.
 * Return: how many leaves of the caller's size are gone, which may be none, or
 * a negative error.
 */
static noinline int iopd_split(struct iopd_unmap *unmap,
			       const struct iopd_walk *walk)
{
	struct iopd *iopd = unmap->iopd;
	int level = walk->level + 1;
	unsigned int skip = lpae_index(&iopd->tree.geo, unmap->at, level);
	unsigned int nr = 0;
	u64 *table;

	if (level == unmap->level)
		nr = iopd_run_length(iopd, unmap->at, level, unmap->left);
	if (nr == BIT(iopd->tree.geo.bits))
		return iopd_unmap_block(unmap, walk);

	table = iopd_split_table(iopd, walk->entry, level, skip, nr);
	if (!table)
		return -ENOMEM;

	if (iopd_publish(iopd, walk, table, walk->entry)) {
		/* Another unmapper took a part of it: there is a table now. */
		iopd_table_free_unpublished(&iopd->tree, table);
		return -EAGAIN;
	}
	iopd_unmap_gather(unmap, nr);
	iopd_unmap_note_walk(unmap, nr);
	unmap->split = true;
	return nr;
}

/*
 * Return: how many leaves of the caller's size are gone, -EAGAIN, or an error
 */
static int iopd_unmap_found(struct iopd_unmap *unmap,
			    const struct iopd_walk *walk)
{
	int nr;

	/* Until then a walker may come to a block that was there. */
	iopd_walk_clean(unmap->iopd, walk, unmap->at);
	if (walk->level == unmap->level)
		return iopd_unmap_run(unmap, walk) ?: -ENOENT;
	if (!lpae_is_valid(walk->entry))
		return -ENOENT;
	if (WARN_ONCE(!COMPAT_SPLIT_BLOCKS,
		      "unmap of 0x%zx bytes inside a block of 0x%zx\n",
		      unmap->pgsize,
		      lpae_leaf_size(&unmap->iopd->tree.geo, walk->level)))
		return -EINVAL;

	nr = iopd_split(unmap, walk);
	return nr ?: -EAGAIN;
}

/*
 * Unmap what @walk has come to, in its RCU read-side section. Return: false
 * when there is nothing (more) to unmap.
 */
static bool iopd_unmap_one(struct iopd_unmap *unmap,
			   const struct iopd_walk *walk)
{
	int nr = iopd_unmap_found(unmap, walk);

	if (nr > 0)
		iopd_unmap_advance(unmap, nr);
	return nr > 0 || nr == -EAGAIN;
}

/*
 * Tables in limbo above which a driver that flushes by address is asked for a
 * whole flush: one such flush for so many tables that have become empty page by
 * page.
 */
#define IOPD_LIMBO_MAX		64

/* The same where a queue is going to flush everything within milliseconds */
#define IOPD_LIMBO_QUEUED	4096

/* Does the caller say that it flushes all that is known of the page table? */
static bool iopd_gather_is_whole(const struct iommu_iotlb_gather *gather)
{
	return gather && !gather->start && gather->end == ULONG_MAX;
}

/*
 * What the flush of the leaves that were gathered leaves out: a table that was
 * cut off is still known to walk caches, and its leaves by a size that is not
 * the caller's. So the driver is told right here, unless it is going to flush
 * all.
 *
 * A block that has come apart does not wait for a queue: meanwhile others may
 * unmap what is left of it, and flush that by the size of its new leaves.
 */
static void iopd_unmap_ask_flush(const struct iopd_unmap *unmap)
{
	bool queued = iommu_iotlb_gather_queued(unmap->gather);
	struct iopd *iopd = unmap->iopd;

	if (iopd_gather_is_whole(unmap->gather))
		return;
	if (unmap->split || (unmap->walk_size && !queued))
		iopd_flush_walk(iopd, unmap->gen, unmap->walk_at,
				unmap->walk_size);
}

/* Do too many tables wait for a flush that the caller is not going to make? */
static noinline void iopd_unmap_limit(struct iopd *iopd,
				      struct iommu_iotlb_gather *gather)
{
	if (!iopd_gather_is_whole(gather))
		iopd_limbo_limit(iopd, iommu_iotlb_gather_queued(gather) ?
				 IOPD_LIMBO_QUEUED : IOPD_LIMBO_MAX);
}

/*
 * The general way: more than a leaf, or a part of one, or one that is not
 * there. Begins with what @walk has come to, and ends the RCU read-side section
 * of that.
 */
static noinline size_t iopd_unmap_many(struct iopd *iopd, struct iopd_walk *walk,
				       unsigned long at, size_t pgsize,
				       int level, size_t pgcount,
				       struct iommu_iotlb_gather *gather)
	__releases(RCU)
{
	struct iopd_unmap unmap __uninitialized;
	bool more;

	unmap.iopd = iopd;
	unmap.gather = gather;
	unmap.at = at;
	unmap.pgsize = pgsize;
	unmap.level = level;
	unmap.left = pgcount;
	unmap.done = 0;
	unmap.walk_size = 0;
	unmap.gen = 0;
	unmap.split = false;
	for (;;) {
		/*
		 * What is found may be a neighbour's, where nothing is mapped.
		 */
		more = iopd_unmap_one(&unmap, walk);
		rcu_read_unlock();
		if (!more || !unmap.left)
			break;
		rcu_read_lock();
		iopd_descend(iopd, unmap.at, level, walk);
	}
	if (unlikely(unmap.walk_size))
		iopd_unmap_ask_flush(&unmap);
	return unmap.done;
}

/*
 * A single leaf of a table that has been cleaned on the way to. That is nearly
 * all of them. Return: false if it is not so; then nothing has been done.
 */
static __always_inline bool iopd_unmap_leaf(struct iopd *iopd,
					    const struct iopd_walk *walk,
					    unsigned long at, int level)
{
	if (unlikely(walk->level != level || !lpae_is_leaf(walk->entry, level) ||
		     !(iopd->tree.coherent || (walk->common & LPAE_SW_CLEAN))))
		return false;
	WRITE_ONCE(*walk->slot, 0);
	iopd_sync_entry(&iopd->tree, walk->slot);
	iopd_mark_touched(iopd, walk, at);
	return true;
}

static __always_inline size_t iopd_unmap(struct iopd *iopd, unsigned long at,
					 size_t pgsize, int level,
					 size_t pgcount,
					 struct iommu_iotlb_gather *gather)
{
	struct iopd_walk walk __uninitialized;

	rcu_read_lock();
	iopd_descend(iopd, at, level, &walk);
	if (unlikely(pgcount != 1 || !iopd_unmap_leaf(iopd, &walk, at, level)))
		return iopd_unmap_many(iopd, &walk, at, pgsize, level, pgcount,
				       gather);
	rcu_read_unlock();

	if (unlikely(iopd->gathers))
		iopd_gather(iopd, gather, at, pgsize, 1);
	return pgsize;
}

/**
 * iopd_unmap_range() - unmap_pages() of a page table
 * @ops: the page table
 * @iova: from where on, in bytes
 * @pgsize: bytes of a leaf
 * @pgcount: how many leaves
 * @gather: what the caller is going to flush, or NULL
 *
 * Context: see "Where map and unmap may be called" in io-pgtable-arm-
 * deferred.h.
 * Return: how many bytes have been unmapped.
 */
size_t iopd_unmap_range(struct io_pgtable_ops *ops, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	struct iopd *iopd = iopd_from_ops(ops);
	unsigned int level = iopd_level_of(iopd, pgsize);
	struct iopd_call call;
	unsigned long at;
	size_t done;

	if (level == IOPD_NO_LEVEL ||
	    iopd_check_range(iopd, iova, pgsize, pgcount, &at))
		return 0;

	iopd_call_enter(iopd, &call, "unmap", at, pgsize * pgcount);
	done = iopd_unmap(iopd, at, pgsize, level, pgcount, gather);
	iopd_call_leave(iopd, &call);
	if (unlikely(READ_ONCE(iopd->unsettled) &&
		     READ_ONCE(iopd->limbo.count) > IOPD_LIMBO_MAX))
		iopd_unmap_limit(iopd, gather);
	compat_order_queue(&iopd->iop.cfg);
	return done;
}
