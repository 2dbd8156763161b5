// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an IOVA translates to.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "walk.h"

/**
 * iopd_iova_to_phys() - what an IOVA translates to
 * @ops: the page table
 * @iova: the IOVA, in bytes
 *
 * The answer is that of the moment: mappers and unmappers may be at work.
 *
 * Context: any; takes no lock.
 * Return: the physical address, or 0 where nothing is mapped.
 */
phys_addr_t iopd_iova_to_phys(struct io_pgtable_ops *ops, unsigned long iova)
{
	struct iopd *iopd = iopd_from_ops(ops);
	const struct lpae_geometry *geo = &iopd->tree.geo;
	struct iopd_walk walk __uninitialized;
	unsigned long at = iova - iopd->base;

	if (at > iopd->last)
		return 0;

	/*
	 * A neighbour's table on the way may be cut off, and not freed before.
	 */
	rcu_read_lock();
	iopd_descend(iopd, at, LPAE_LAST_LEVEL, &walk);
	rcu_read_unlock();
	if (!lpae_is_leaf(walk.entry, walk.level))
		return 0;
	return lpae_address(geo, walk.entry) |
	       (at & (lpae_leaf_size(geo, walk.level) - 1));
}
