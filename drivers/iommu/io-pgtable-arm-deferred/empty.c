// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that have become empty page by page.
 *
 * A few of them are kept, the latest first, so that mapping and unmapping one
 * page over and over allocates nothing; one that is pushed out of that list and
 * is still empty is cut off, and what is above it if that was the last in there.
 *
 * The protocol, which has to hold without a lock on the way of those who map and
 * unmap neighbouring pages:
 *
 * M1 A mapper walks, and reserves its entries in the table that it has found, in
 *    one RCU read-side section. If the table is dead it walks again.
 * M2 With the reservation it writes its entries. The table cannot die.
 * M3 Into a slot that has lost a table the mapper puts something only after a
 *    flush that started after the detach is complete: the slot carries the
 *    number of the limbo (LPAE_SW_STAMP), and flushed_gen tells.
 * U1 An unmapper clears its entries, makes that visible, and gives the
 *    reservations back. Whoever gives back the last one notes the table here.
 * E1 Under the detach lock: a table with no reservation is marked dead, by one
 *    cmpxchg that a mapper's M1 either precedes, and then it fails, or follows,
 *    and then the mapper sees it.
 * E2 Its slot is stamped and cleaned, its table is in limbo, and the slot's
 *    reservation in the table above is given back, all under the lock that those
 *    who unmap a whole table hold, too. So a table is cut off once.
 * B1 A mapper of a block, where a table is, cuts off tables without reservations, by
 *    E1 and E2, until it finds its slot empty or a table that is held: a leaf is in
 *    there, or is about to be.
 * F1 A flush takes limbo, runs, and when complete moves flushed_gen and hands over.
 * R1 The reclaimer frees a table a grace period after that, so that those who
 *    have walked to it before E2 may still look at its state and its entries.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "pgtable.h"

/*
 * What the list remembers: the address of the first entry of the table, its level in
 * the bits below, and a bit that tells it from nothing. It is no pointer, so that
 * a table may go without being looked for in here.
 */
#define IOPT_KEPT_LEVEL		GENMASK(1, 0)
#define IOPT_KEPT_SET		BIT(2)

static unsigned long iopt_kept_key(const struct lpae_geometry *geo,
				   unsigned long at, int level)
{
	unsigned long mask = lpae_leaf_size(geo, level - 1) - 1;

	return (at & ~mask) | IOPT_KEPT_SET | level;
}

/* No mapper has it, and none will: E1 */
static bool iopt_kill(struct page *page)
{
	atomic_long_t *state = iopt_page_state(page);
	long old = atomic_long_read(state);

	do {
		if (old & (IOPT_PAGE_ENTRIES | IOPT_PAGE_DEAD))
			return false;
	} while (!atomic_long_try_cmpxchg(state, &old, old | IOPT_PAGE_DEAD));
	return true;
}

/*
 * Cut the table off that @walk, ending one level above it, leads to, and those
 * above it that have nothing else, up to the one that an entry of a table of level
 * @top leads to. Called with the detach lock held: E1 and E2.
 *
 * Return: true when that one has been cut off, too. The entry that led to it still
 * holds the table where @walk ends now: that reservation is the caller's to
 * give back.
 */
static bool iopt_cut_empty(struct iopt *iopt, struct iopt_walk *walk,
			   unsigned long at, int top)
{
	const struct lpae_geometry *geo = &iopt->tree.geo;
	struct iopt_cut cut;

	while (lpae_is_table(walk->entry, walk->level)) {
		struct page *above = iopt_table_page(walk->table[walk->level]);
		struct page *page =
			iopt_table_page(iopt_table_of(geo, walk->entry));

		if (!iopt_kill(page))
			return false;

		iopt_detach(iopt, walk, 1, &cut);
		iopt_sync_entry(&iopt->tree, walk->slot);
		iopt_walk_add_below(iopt, walk, walk->level, -1);
		iopt_limbo_add(iopt, &cut.tables, 1);
		if (walk->level == top)
			return true;

		iopt_page_release(above, 1);
		walk->level--;
		walk->slot = &walk->table[walk->level]
					 [lpae_index(geo, at, walk->level)];
		walk->entry = READ_ONCE(*walk->slot);
	}
	return false;
}

/*
 * Have @walk, which ends at an entry that leads to a table, end at one that leads to
 * a table without entries, there or below. Called with the detach lock held, so
 * that none of the tables goes. Return: false where there is a leaf on the way, or
 * one that a mapper is about to write, for which it holds the table.
 */
static bool iopt_find_empty(struct iopt *iopt, struct iopt_walk *walk,
			    unsigned long *at)
{
	const struct lpae_geometry *geo = &iopt->tree.geo;

	while (lpae_is_table(walk->entry, walk->level)) {
		u64 *table = iopt_table_of(geo, walk->entry);
		int level = walk->level + 1;
		unsigned int index = 0;

		if (!(iopt_page_word(iopt_table_page(table)) & IOPT_PAGE_ENTRIES))
			return true;
		while (index < BIT(geo->bits) - 1 &&
		       !lpae_is_valid(READ_ONCE(table[index])))
			index++;
		*at += (unsigned long)index << lpae_shift(geo, level);
		walk->table[level] = table;
		walk->level = level;
		walk->slot = &table[index];
		walk->entry = READ_ONCE(*walk->slot);
	}
	return false;
}

/*
 * iopt_make_way() - a block is to go where a table is
 * @level: of the table that the block's entry is in
 *
 * The block may only take the place of tables that map nothing. One such table is
 * cut off, and those above it that have nothing else: the walks that follow find
 * the next, or a leaf. Its slot is stamped, so that the walk which finds that
 * empty waits for the flush (Arm ARM D8.17.1, break before make).
 *
 * The caller is in the RCU read-side section of its walk. Return: -EAGAIN to walk
 * again, or -EEXIST when something is mapped there, of which nothing has changed.
 */
int iopt_make_way(struct iopt *iopt, unsigned long at, int level)
{
	unsigned long flags, first = at;
	struct iopt_walk walk;
	bool cut = false;
	int ret = -EAGAIN;

	spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	iopt_descend(iopt, at, level, &walk);
	if (walk.level == level && lpae_is_table(walk.entry, level)) {
		if (iopt_find_empty(iopt, &walk, &first))
			cut = iopt_cut_empty(iopt, &walk, first, level);
		else
			ret = -EEXIST;
	}
	spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);

	if (cut)
		iopt_walk_release(iopt, &walk, at, 1);
	return ret;
}

static void iopt_evict(struct iopt *iopt, unsigned long key)
{
	int level = key & IOPT_KEPT_LEVEL;
	struct iopt_walk walk;
	unsigned long flags;

	key &= ~(IOPT_KEPT_LEVEL | IOPT_KEPT_SET);
	spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	iopt_descend(iopt, key, level - 1, &walk);
	if (walk.level == level - 1 && lpae_is_table(walk.entry, walk.level)) {
		u64 *table = iopt_table_of(&iopt->tree.geo, walk.entry);

		/* Whatever is there now, it is not in the list any more. */
		atomic_long_andnot(IOPT_PAGE_KEPT,
				   iopt_page_state(iopt_table_page(table)));
		if (iopt_cut_empty(iopt, &walk, key, iopt->tree.geo.start))
			iopt_page_release(iopt->tree.root, 1);
	}
	spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);
}

/* Each of the kept may have all levels between the root and itself to itself. */
static unsigned int iopt_kept_max(const struct lpae_geometry *geo)
{
	return IOPT_KEPT_TABLES / max(LPAE_LAST_LEVEL - geo->start, 1);
}

/* Into the list, if it is still empty and nobody else has put it there */
static bool iopt_mark_kept(struct page *page)
{
	atomic_long_t *state = iopt_page_state(page);
	long old = atomic_long_read(state);

	do {
		if (old & (IOPT_PAGE_ENTRIES | IOPT_PAGE_DEAD | IOPT_PAGE_KEPT))
			return false;
	} while (!atomic_long_try_cmpxchg_relaxed(state, &old,
						  old | IOPT_PAGE_KEPT));
	return true;
}

/*
 * The table of @level at @at has no entry left: keep it, and let go of
 * the one that has been kept for longest. The caller is in the RCU read-side
 * section in which it has walked to it, for it may be cut off at once.
 */
void iopt_note_empty(struct iopt *iopt, struct page *page, unsigned long at,
		     int level)
{
	unsigned int pos;
	unsigned long key;

	if (level == iopt->tree.geo.start || !iopt_mark_kept(page))
		return;

	pos = atomic_inc_return(&iopt->kept_pos);
	key = xchg(&iopt->kept[pos % iopt_kept_max(&iopt->tree.geo)],
		   iopt_kept_key(&iopt->tree.geo, at, level));
	if (key)
		iopt_evict(iopt, key);
}
