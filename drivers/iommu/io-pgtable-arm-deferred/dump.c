// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a live page table maps, run by run, for people who look at it while
 * others map and unmap.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/export.h>
#include <linux/io-pgtable-arm-deferred.h>

#include "walk.h"

/* Entries that a call looks at, at most: a table's with the granule of 4 KiB */
#define IOPD_LOOKS		512

/* Does @entry go on where @run has ended? */
static bool iopd_run_goes_on(const struct lpae_geometry *geo,
			     const struct io_pgtable_deferred_run *run,
			     u64 entry)
{
	return lpae_is_valid(entry) &&
	       lpae_attributes(entry) == run->attributes &&
	       lpae_address(geo, entry) == run->paddr + run->pgsize * run->count;
}

/* The leaves of one table that follow each other, from @walk on */
static void iopd_run_fill(struct iopd *iopd, const struct iopd_walk *walk,
			  unsigned long at, struct io_pgtable_deferred_run *run)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	const u64 *slot = walk->slot;
	unsigned int room = iopd_run_length(iopd, at, walk->level, IOPD_LOOKS);

	run->pgsize = lpae_leaf_size(geo, walk->level);
	run->iova = iopd->base + (at & ~(run->pgsize - 1));
	run->paddr = lpae_address(geo, walk->entry);
	run->attributes = lpae_attributes(walk->entry);
	run->level = walk->level;
	run->count = 1;
	while (run->count < room &&
	       iopd_run_goes_on(geo, run, READ_ONCE(slot[run->count])))
		run->count++;
}

/* Where to look after an entry at @level that maps nothing; 0 past the end */
static unsigned long iopd_skip(struct iopd *iopd, unsigned long at, int level)
{
	unsigned long last = at | (lpae_leaf_size(&iopd->tree.geo, level) - 1);

	return last < iopd->last ? last + 1 : 0;
}

bool io_pgtable_deferred_next_run(struct io_pgtable_ops *ops,
				  unsigned long *iova,
				  struct io_pgtable_deferred_run *run)
{
	struct iopd *iopd = iopd_from_ops(ops);
	unsigned long at = *iova > iopd->base ? *iova - iopd->base : 0;
	unsigned int looks = IOPD_LOOKS;
	struct iopd_walk walk;

	run->count = 0;
	if (at > iopd->last)
		return false;

	/* A table that is met in here is not freed before we are out. */
	rcu_read_lock();
	do {
		iopd_descend(iopd, at, LPAE_LAST_LEVEL, &walk);
		if (lpae_is_valid(walk.entry)) {
			iopd_run_fill(iopd, &walk, at, run);
			at = iopd_skip(iopd, at + run->pgsize * (run->count - 1),
				       walk.level);
			break;
		}
		at = iopd_skip(iopd, at, walk.level);
	} while (at && --looks);
	rcu_read_unlock();

	*iova = at ? iopd->base + at : ULONG_MAX;
	return true;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_next_run);
