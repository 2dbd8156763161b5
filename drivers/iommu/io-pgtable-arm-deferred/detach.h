/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a table comes into a page table, and how it leaves it. Where a walker
 * finds them, no other file writes an entry that leads to a table, or takes one
 * away; others change the marks of such an entry, no more (sweep.c).
 *
 * A mapper publishes what it has built by a cmpxchg of the slot, without a
 * lock: mappers that need the same table meet there, and the first wins.
 *
 * A table is detached, with all that is under it, with the detach lock held:
 *
 * D1 A stamp takes the place of the entry: the number of the limbo that the
 *    table is going into.
 * D2 The slot is cleaned, so that the walker sees that.
 * D3 The table is taken off the counts of those above it.
 * D4 It goes into limbo, after a barrier that orders D1 and D2 before.
 *
 * A flusher takes limbo under the same lock. So the flush of what it finds
 * there starts after D2; and a mapper that has read a stamp, and waits for the
 * lock, finds the table in limbo (iopd_map_await_flush()). Only D1 depends on
 * how the table was found: there are two of it, and one of each other step.
 *
 * Unmaps of whole tables are as frequent as maps that make them, so what they
 * need is inline. The rest is in detach.c.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_DETACH_H
#define _IOPD_DETACH_H

#include <linux/lockdep.h>

#include "walk.h"

/* The entry that leads to a table, without any mark */
static inline u64 iopd_table_entry(const struct iopd *iopd, const u64 *table)
{
	return lpae_pack(&iopd->tree.geo, virt_to_phys(table)) |
	       iopd->table_attrs;
}

/* What a slot holds after a detach. Called with the detach lock held. */
static inline u64 iopd_stamp(const struct iopd *iopd)
{
	return FIELD_PREP(LPAE_SW_STAMP, iopd->limbo.gen);
}

/*
 * D1 for a run of slots, from @slot to before the first that leads to no table.
 * @tables gets the roots of the sub-trees, @count how many tables these have.
 *
 * An unmap of a whole space cuts off a full root, and no other task has the CPU
 * meanwhile. So the roots are linked right here: only this unmapper has the
 * list.
 *
 * Return: how many slots.
 */
static inline unsigned int iopd_stamp_run(const struct iopd *iopd, u64 *slot,
					  unsigned int room,
					  struct list_head *tables,
					  unsigned long *count)
{
	/* A copy, which no store below can change */
	const struct lpae_geometry geo = iopd->tree.geo;
	const u64 stamp = iopd_stamp(iopd);
	struct list_head *last = tables;
	unsigned long below = 0;
	unsigned int nr;

	for (nr = 0; nr < room; nr++) {
		u64 entry = READ_ONCE(slot[nr]);
		struct page *page;

		if (!lpae_leads_on(entry))
			break;
		page = pfn_to_page(PHYS_PFN(lpae_address(&geo, entry)));
		WRITE_ONCE(slot[nr], stamp);
		below += iopd_page_below(page);
		page->lru.prev = last;
		last->next = &page->lru;
		last = &page->lru;
	}
	last->next = tables;
	tables->prev = last;
	*count = below + nr;
	return nr;
}

/* D2 to D4 for @nr slots, from that of @walk on, which led to @count tables */
static inline void iopd_detach_rest(struct iopd *iopd,
				    const struct iopd_walk *walk,
				    unsigned int nr, struct list_head *tables,
				    unsigned long count)
{
	iopd_sync_entries(&iopd->tree, walk->slot, nr);
	iopd_walk_add_below(iopd, walk, walk->level, -(long)count);
	iopd_limbo_add(iopd, tables, count);
}

/**
 * iopd_detach() - cut off tables, whatever is under them
 * @iopd: the page table
 * @walk: where the first of them hangs
 * @room: how many slots to look at; it ends before the first that leads to none
 *
 * They go into the limbo that limbo.gen is the number of.
 *
 * Context: an unmapper of all that the tables are for, so that no other task
 * maps or unmaps under them; a sweep cuts off tables there with the same lock.
 * The detach lock is held.
 * Return: how many slots led to tables.
 */
static inline unsigned int iopd_detach(struct iopd *iopd,
				       const struct iopd_walk *walk,
				       unsigned int room)
{
	struct list_head tables __uninitialized;
	unsigned long count;
	unsigned int nr;

	lockdep_assert_held(&iopd->limbo.detach_lock);
	if (walk->level == LPAE_LAST_LEVEL)
		return 0;
	nr = iopd_stamp_run(iopd, walk->slot, room, &tables, &count);
	if (nr)
		iopd_detach_rest(iopd, walk, nr, &tables, count);
	return nr;
}

int iopd_publish(struct iopd *iopd, const struct iopd_walk *walk, u64 *table,
		 u64 old);
bool iopd_detach_empty(struct iopd *iopd, const struct iopd_walk *walk,
		       u64 marks);

#endif /* _IOPD_DETACH_H */
