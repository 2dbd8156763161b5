// SPDX-License-Identifier: GPL-2.0-only
/*
 * Publishing a table, and detaching an empty one, see detach.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "detach.h"

/*
 * Others may mark the entry meanwhile, for the sweep; and the table may have
 * been emptied and cut off already, if it stands in for a block, for then it
 * holds nothing of its maker's. It is for software only, so it may reach memory
 * when it likes.
 */
static void iopd_note_clean(u64 *slot, u64 entry)
{
	const u64 marks = LPAE_SW_TOUCHED | LPAE_SW_CLOSING;
	u64 seen = entry, old;

	while (!((seen ^ entry) & ~marks)) {
		old = cmpxchg64_relaxed(slot, seen, seen | LPAE_SW_CLEAN);
		if (old == seen)
			break;
		seen = old;
	}
}

/**
 * iopd_publish() - let a walker find a table, and all that was built under it
 * @iopd: the page table
 * @walk: the way to the slot
 * @table: filled and cleaned
 * @old: what the slot must hold, zero or the block that @table stands in for
 *
 * For the walker everything in @table was ordered before this by
 * iopd_table_publishable(); the release does the same for lookups of ours.
 *
 * Context: the RCU read-side section of the walk, in which the caller has seen
 * to it that the table with the slot stays, by iopd_hold() or by a block in the
 * slot.
 * Return: 0, or -EAGAIN when another was there first.
 */
int iopd_publish(struct iopd *iopd, const struct iopd_walk *walk, u64 *table,
		 u64 old)
{
	unsigned long nr = iopd_page_below(iopd_table_page(table)) + 1;
	u64 entry = iopd_table_entry(iopd, table);

	if (cmpxchg64_release(walk->slot, old, entry) != old)
		return -EAGAIN;

	iopd_walk_add_below(iopd, walk, walk->level, nr);
	if (!iopd->tree.coherent) {
		iopd_sync_entry(&iopd->tree, walk->slot);
		iopd_note_clean(walk->slot, entry);
	}
	return 0;
}

/*
 * D1 for one slot. Mappers, unmappers and the sweep change the marks of the
 * entry meanwhile; where it leads to changes only the holder of the lock.
 * Return: the table, or NULL if the entry does not have all of @marks any more.
 */
static u64 *iopd_stamp_one(const struct iopd *iopd, u64 *slot, u64 entry,
			   u64 marks)
{
	const u64 stamp = iopd_stamp(iopd);
	u64 old;

	while (lpae_leads_on(entry) && (entry & marks) == marks) {
		old = cmpxchg64(slot, entry, stamp);
		if (old == entry)
			return iopd_table_of(&iopd->tree.geo, entry);
		entry = old;
	}
	return NULL;
}

/**
 * iopd_detach_empty() - cut off a table that has no entry: S4 in sweep.c
 * @iopd: the page table
 * @walk: where it hangs
 * @marks: only if the entry that leads to it has all of these
 *
 * The table counts for one, for it has no other under it. Its own count of them
 * says so, too, but is not read. One caller that unmaps a part of a block may
 * have put a table in here, and not counted it yet, when the caller that unmaps
 * the other parts has emptied that table: cut off now, it would leave the count
 * here below zero until the first caller goes on. It does not come to that: the
 * grace period of a sweep (S2) waits for the first caller, and a mapper of a
 * block has all of its range to itself. Debug builds look whether that holds.
 *
 * Context: the detach lock is held, and has been since the walk.
 * Return: false if it is in use after all.
 */
bool iopd_detach_empty(struct iopd *iopd, const struct iopd_walk *walk,
		       u64 marks)
{
	LIST_HEAD(tables);
	u64 *table;

	lockdep_assert_held(&iopd->limbo.detach_lock);
	table = iopd_stamp_one(iopd, walk->slot, walk->entry, marks);
	if (!table)
		return false;
	WARN_ONCE(__is_defined(IOPD_DEBUG) &&
		  iopd_page_below(iopd_table_page(table)),
		  "%s: a table without entries counts tables under it\n",
		  dev_name(iopd->tree.dev));
	list_add(&iopd_table_page(table)->lru, &tables);
	iopd_detach_rest(iopd, walk, 1, &tables, 1);
	return true;
}
