// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a live page table maps, run by run, for people who look at it while
 * others map and unmap.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/export.h>
#include <linux/io-pgtable-arm-deferred.h>

#include "pgtable.h"

/* Entries that a call looks at, at most: a table's with the granule of 4 KiB */
#define IOPT_LOOKS		512

/* Does @entry go on where @run has ended? */
static bool iopt_run_goes_on(const struct lpae_geometry *geo,
			     const struct io_pgtable_deferred_run *run,
			     u64 entry)
{
	return lpae_is_valid(entry) &&
	       lpae_attributes(entry) == run->attributes &&
	       lpae_address(geo, entry) == run->paddr + run->pgsize * run->count;
}

/* The leaves of one table that follow each other, from @walk on */
static void iopt_run_fill(struct iopt *iopt, const struct iopt_walk *walk,
			  unsigned long at, struct io_pgtable_deferred_run *run)
{
	const struct lpae_geometry *geo = &iopt->tree.geo;
	const u64 *slot = walk->slot;
	unsigned int room = iopt_run_length(iopt, at, walk->level, IOPT_LOOKS);

	run->pgsize = lpae_leaf_size(geo, walk->level);
	run->iova = iopt->base + (at & ~(run->pgsize - 1));
	run->paddr = lpae_address(geo, walk->entry);
	run->attributes = lpae_attributes(walk->entry);
	run->level = walk->level;
	run->count = 1;
	while (run->count < room &&
	       iopt_run_goes_on(geo, run, READ_ONCE(slot[run->count])))
		run->count++;
}

/* Where to look after an entry at @level that maps nothing; 0 past the end */
static unsigned long iopt_skip(struct iopt *iopt, unsigned long at, int level)
{
	unsigned long last = at | (lpae_leaf_size(&iopt->tree.geo, level) - 1);

	return last < iopt->last ? last + 1 : 0;
}

bool io_pgtable_deferred_next_run(struct io_pgtable_ops *ops,
				  unsigned long *iova,
				  struct io_pgtable_deferred_run *run)
{
	struct iopt *iopt = iopt_from_ops(ops);
	unsigned long at = *iova > iopt->base ? *iova - iopt->base : 0;
	unsigned int looks = IOPT_LOOKS;
	struct iopt_walk walk;

	run->count = 0;
	if (at > iopt->last)
		return false;

	/* A table that is met in here is not freed before we are out. */
	rcu_read_lock();
	do {
		iopt_descend(iopt, at, LPAE_LAST_LEVEL, &walk);
		if (lpae_is_valid(walk.entry)) {
			iopt_run_fill(iopt, &walk, at, run);
			at = iopt_skip(iopt, at + run->pgsize * (run->count - 1),
				       walk.level);
			break;
		}
		at = iopt_skip(iopt, at, walk.level);
	} while (at && --looks);
	rcu_read_unlock();

	*iova = at ? iopt->base + at : ULONG_MAX;
	return true;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_next_run);
