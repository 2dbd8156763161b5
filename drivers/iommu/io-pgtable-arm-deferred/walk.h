/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk from the root towards an address, which all operations on a live
 * page table begin with, and what mappers and unmappers do about the marks that
 * it has met.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_WALK_H
#define _IOPD_WALK_H

#include <linux/rcupdate.h>

#include "pgtable.h"

/**
 * struct iopd_walk - the tables on the way to an address
 * @table: by level, from the root's to @level
 * @slot: where the walk ended, in the last of them
 * @entry: the entry there, as read
 * @above: the entry that led to that table; for the root one that says the same
 *	   as one that needs no mark
 * @common: the bits that all entries above it have in common
 * @level: of the table that @slot is in
 */
struct iopd_walk {
	u64 *table[LPAE_LEVELS];
	u64 *slot;
	u64 entry;
	u64 above;
	u64 common;
	int level;
};

/*
 * A table that another task cuts off is freed a grace period later: what looks
 * at tables does so in an RCU read-side section, or with the detach lock.
 */
static inline void iopd_walk_assert(void)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_any_held(),
			 "tables are looked at that may be freed");
}

/*
 * iopd_descend() - go down towards @at
 * @last: do not go below this level
 *
 * Ends at @last, or above at an entry that leads to no table.
 */
static __always_inline void iopd_descend(struct iopd *iopd, unsigned long at,
					 int last, struct iopd_walk *walk)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	unsigned int bits = geo->bits;
	int level = geo->start;
	unsigned int shift = geo->root_shift;
	u64 *table = iopd->root;
	/* The root has an entry for every offset within the input size. */
	u64 *slot = &table[at >> shift];
	u64 above = LPAE_SW_TOUCHED;
	u64 common = ~0ULL;
	u64 entry;

	iopd_walk_assert();
	for (;;) {
		entry = READ_ONCE(*slot);
		walk->table[level] = table;
		if (level == last || !lpae_leads_on(entry))
			break;
		above = entry;
		common &= entry;
		table = iopd_table_of(geo, entry);
		shift -= bits;
		level++;
		slot = &table[(at >> shift) & (BIT(bits) - 1)];
	}
	walk->slot = slot;
	walk->entry = entry;
	walk->above = above;
	walk->common = common;
	walk->level = level;
}

/* @nr tables more, or less, under the table at @level of @walk and all above */
static inline void iopd_walk_add_below(struct iopd *iopd,
				       const struct iopd_walk *walk, int level,
				       long nr)
{
	for (; level >= iopd->tree.geo.start; level--)
		iopd_page_add_below(iopd_table_page(walk->table[level]), nr);
}

/*
 * Clean the entries on the way down. Another mapper published one of them a
 * moment ago and may not have cleaned it yet: what is mapped or unmapped below
 * must not depend on when it does.
 */
static inline void iopd_walk_clean(struct iopd *iopd,
				   const struct iopd_walk *walk,
				   unsigned long at)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	int level;

	if (iopd->tree.coherent || likely(walk->common & LPAE_SW_CLEAN))
		return;

	for (level = geo->start; level < walk->level; level++)
		iopd_sync_entry(&iopd->tree,
				&walk->table[level][lpae_index(geo, at, level)]);
}

bool iopd_touch(struct iopd *iopd, const struct iopd_walk *walk,
		unsigned long at, bool stays);

/*
 * Entries of the last table of @walk have been cleared: the next sweep is to
 * look whether any is left. Mostly that is known already. Called in the RCU
 * read-side section of the walk.
 */
static inline void iopd_mark_touched(struct iopd *iopd,
				     const struct iopd_walk *walk,
				     unsigned long at)
{
	if (unlikely(!(walk->above & LPAE_SW_TOUCHED)))
		iopd_touch(iopd, walk, at, false);
}

/*
 * Something is to be put into the last table of @walk. Return: false if that
 * was about to be cut off, and has been. Called in the RCU read-side section of
 * the walk, which must not end before that something is there: M1 in sweep.c.
 */
static inline bool iopd_hold(struct iopd *iopd, const struct iopd_walk *walk,
			     unsigned long at)
{
	return likely(!(walk->above & LPAE_SW_CLOSING)) ||
	       iopd_touch(iopd, walk, at, true);
}

#endif /* _IOPD_WALK_H */
