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

/* Does @entry go on where @run has ended? */
static bool iopt_run_goes_on(const struct io_pgtable_deferred_run *run, u64 entry,
			     u64 first)
{
	return lpae_is_valid(entry) &&
	       lpae_address(entry) == run->paddr + run->pgsize * run->count &&
	       (entry & ~LPAE_ADDRESS) == (first & ~LPAE_ADDRESS);
}

/* The leaves of one table that follow each other, from @walk on */
static void iopt_run_fill(struct iopt *iopt, const struct iopt_walk *walk,
			  unsigned long iova, struct io_pgtable_deferred_run *run)
{
	const u64 *slot = iopt_walk_slot(walk, iova);
	unsigned int room = lpae_entries(&iopt->tree.geo, walk->level) -
			    lpae_index(iova, walk->level);

	run->pgsize = lpae_leaf_size(walk->level);
	run->iova = iova & ~(run->pgsize - 1);
	run->paddr = lpae_address(walk->entry);
	run->attributes = walk->entry & ~LPAE_ADDRESS;
	run->level = walk->level;
	run->count = 1;
	while (run->count < room &&
	       iopt_run_goes_on(run, READ_ONCE(slot[run->count]), walk->entry))
		run->count++;
}

/* Where to look after an entry at @level that maps nothing; 0 past the end */
static unsigned long iopt_skip(struct iopt *iopt, unsigned long iova, int level)
{
	unsigned long next = (iova | (lpae_leaf_size(level) - 1)) + 1;

	return next >> iopt->iop.cfg.ias ? 0 : next;
}

bool io_pgtable_deferred_next_run(struct io_pgtable_ops *ops,
				  unsigned long *iova,
				  struct io_pgtable_deferred_run *run)
{
	struct iopt *iopt = iopt_from_ops(ops);
	unsigned int looks = LPAE_ENTRIES;
	unsigned long at = *iova;
	struct iopt_walk walk;

	run->count = 0;
	if (at >> iopt->iop.cfg.ias)
		return false;

	/* A table that is met in here is not freed before we are out. */
	rcu_read_lock();
	do {
		iopt_descend(iopt, at, LPAE_LAST_LEVEL, &walk);
		if (lpae_is_valid(walk.entry)) {
			iopt_run_fill(iopt, &walk, at, run);
			at = iopt_skip(iopt, run->iova +
				       run->pgsize * (run->count - 1),
				       walk.level);
			break;
		}
		at = iopt_skip(iopt, at, walk.level);
	} while (at && --looks);
	rcu_read_unlock();

	*iova = at ?: ULONG_MAX;
	return true;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_next_run);
