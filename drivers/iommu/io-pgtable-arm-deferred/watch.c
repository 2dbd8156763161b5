// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that only look, on the kernels that have them: which leaves the
 * hardware has written through, and the entries on the way to an address.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/sched.h>

#include <compat/dirty.h>
#include <compat/io-pgtable.h>
#include "walk.h"

#ifdef COMPAT_HAS_DIRTY
/*
 * Leaves or holes looked at between two offers to reschedule: 200 instructions
 * each
 */
#define IOPD_DIRTY_SLICE	512

/*
 * Leave @slot, which holds @leaf, clean. The leaf may be unmapped meanwhile,
 * and an entry that maps nothing must stay what it is.
 */
static void iopd_make_clean(struct iopd *iopd, u64 *slot, u64 leaf)
{
	if (cmpxchg64_relaxed(slot, leaf, leaf | LPAE_AP_RDONLY) == leaf)
		iopd_sync_entry(&iopd->tree, slot);
}

/*
 * Look at the leaf or hole that @at is in. Return: its bytes, with what was
 * found in @is_dirty.
 */
static size_t iopd_look_dirty(struct iopd *iopd, unsigned long at,
			      bool clear, bool *is_dirty)
{
	struct iopd_walk walk;

	/* A table on the way may be cut off, and not freed before. */
	rcu_read_lock();
	iopd_descend(iopd, at, LPAE_LAST_LEVEL, &walk);
	*is_dirty = lpae_is_leaf(walk.entry, walk.level) &&
		    lpae_is_dirty(walk.entry);
	if (*is_dirty && clear)
		iopd_make_clean(iopd, walk.slot, walk.entry);
	rcu_read_unlock();
	return lpae_leaf_size(&iopd->tree.geo, walk.level);
}

/*
 * The same for all up to @last. Recording may sleep, so nothing is held then.
 */
static void iopd_read_dirty(struct iopd *iopd, unsigned long at,
			    unsigned long last, bool clear,
			    struct iommu_dirty_bitmap *dirty)
{
	unsigned int looks = 0;
	unsigned long end;
	bool is_dirty;
	size_t size;

	do {
		size = iopd_look_dirty(iopd, at, clear, &is_dirty);
		end = at | (size - 1);
		if (is_dirty)
			iommu_dirty_bitmap_record(dirty, iopd->base +
						  (at & ~(size - 1)), size);
		if (++looks % IOPD_DIRTY_SLICE == 0)
			cond_resched();
		at = end + 1;
	} while (end < last);
}

/*
 * The caller flushes what has been made clean, by @dirty's gather: until then
 * the hardware may write without saying so. Where nothing is mapped nothing is
 * dirty. May sleep.
 */
static int iopd_read_and_clear_dirty(struct io_pgtable_ops *ops,
				     unsigned long iova, size_t size,
				     unsigned long flags,
				     struct iommu_dirty_bitmap *dirty)
{
	struct iopd *iopd = iopd_from_ops(ops);
	unsigned long at = iova - iopd->base, last = at + size - 1;

	if (!(iopd->iop.cfg.quirks & IO_PGTABLE_QUIRK_ARM_HD) || !size ||
	    last < at || last > iopd->last)
		return -EINVAL;

	iopd_read_dirty(iopd, at, last, !(flags & IOMMU_DIRTY_NO_CLEAR), dirty);
	return 0;
}
#endif /* COMPAT_HAS_DIRTY */

#ifdef COMPAT_HAS_PGTABLE_WALK
/*
 * The entries that @walk has come by. Return: false if one does not lead any
 * more where it did: with those of two moments the path would be none that a
 * walker can take.
 */
static bool iopd_read_path(struct iopd *iopd, unsigned long at,
			   const struct iopd_walk *walk, u64 *entries)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	int level;

	for (level = geo->start; level < walk->level; level++) {
		u64 entry = READ_ONCE(walk->table[level][lpae_index(geo, at, level)]);

		if (!lpae_leads_on(entry) ||
		    iopd_table_of(geo, entry) != walk->table[level + 1])
			return false;
		entries[level] = entry;
	}
	/* The stamp of a table that was there stays inside the library. */
	entries[level] = lpae_is_valid(walk->entry) ? walk->entry : 0;
	return true;
}

/* The entries from the root's to the leaf's, by level */
static int iopd_pgtable_walk(struct io_pgtable_ops *ops, unsigned long iova,
			     void *data)
{
	struct iopd *iopd = iopd_from_ops(ops);
	struct arm_lpae_io_pgtable_walk_data *path = data;
	unsigned long at = iova - iopd->base;
	struct iopd_walk walk;

	if (at > iopd->last)
		return -EINVAL;

	/* A table on the way may be cut off, and not freed before. */
	rcu_read_lock();
	do {
		iopd_descend(iopd, at, LPAE_LAST_LEVEL, &walk);
	} while (!iopd_read_path(iopd, at, &walk, path->ptes));
	rcu_read_unlock();
	return lpae_is_leaf(walk.entry, walk.level) ? 0 : -EINVAL;
}
#endif /* COMPAT_HAS_PGTABLE_WALK */

/**
 * iopd_init_watch_ops() - set the operations that only look
 * @ops: the page table; those that the kernel does not have are left out
 */
void iopd_init_watch_ops(struct io_pgtable_ops *ops)
{
#ifdef COMPAT_HAS_DIRTY
	ops->read_and_clear_dirty = iopd_read_and_clear_dirty;
#endif
#ifdef COMPAT_HAS_PGTABLE_WALK
	ops->pgtable_walk = iopd_pgtable_walk;
#endif
}
