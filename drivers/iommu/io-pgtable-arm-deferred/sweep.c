// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that have become empty page by page.
 *
 * Callers count nothing: a mapper writes its leaves, an unmapper clears them,
 * each with plain stores and without a lock. Empty tables are found by a sweep,
 * which the reclaimer's worker makes some time after the last unmap, in two
 * passes with an RCU grace period between them. Two marks lead it, which are
 * software's bits in the entry that leads to a table, so that a walk sees them
 * by the way.
 *
 * M1 A mapper walks, and writes its leaves, or publishes a table that it has
 *    built before, in one RCU read-side section. If the table to write to is
 *    marked "closing" the mapper takes the mark away first, by a cmpxchg. If
 *    that finds that the table has been cut off, the mapper walks again.
 * M2 Into a slot that has lost a table the mapper puts something only after a
 *    flush that started after the detach is complete: the slot carries the
 *    number of the limbo (LPAE_SW_STAMP), and flushed_gen tells.
 * U1 An unmapper walks, clears its entries, makes that visible, and sees to the
 *    mark "touched" of the table and of those above it, in one RCU read-side
 *    section. It writes a mark only where there is none, from below, and stops
 *    at the first that is there: the unmapper that put it there goes on.
 * S1 The first pass goes down where there are marks, from above, and makes
 *    "closing" of "touched".
 * S2 A grace period. Mappers that had not seen "closing" have written by then,
 *    and unmappers that had seen "touched" have cleared.
 * S3 The second pass goes down where it finds "closing". It looks at the
 *    tables, those that have others under them last. One that has an entry is
 *    left alone, without the mark. An empty one is cut off by one cmpxchg of
 *    its slot, from the entry with the mark to a stamp: a mapper's M1 either
 *    precedes that, and then it fails, or follows, and then the mapper finds
 *    the stamp.
 * S4 That is done under the detach lock, the table is in limbo before the lock
 *    is given up, and counts above it are lowered, in the order of detach.h. An
 *    unmapper of a whole table holds the lock, too. So a table is cut off once.
 * F1 A flush takes limbo, runs, and when complete moves flushed_gen and hands
 *    over.
 * R1 The reclaimer frees a table a grace period after that, so that mappers,
 *    unmappers and lookups that have walked to it before S3 may still look at
 *    its entries.
 *
 * The order of U1 and S1 matters, for the marks are in different words: an
 * unmapper marks below, then looks above; the sweep takes the mark away above,
 * then looks below. Each of the four is ordered by a full barrier, so one sees
 * the other.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/export.h>
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/sched.h>

#include "detach.h"
#include "reclaim.h"
#include "sweep.h"

/*
 * Mark the table that @slot leads to. Return: 1 if that was done, 0 if it was
 * marked, -ENOENT if it is not there any more.
 */
static int iopd_touch_one(struct iopd *iopd, u64 *slot, const u64 *table,
			  bool stays)
{
	u64 entry = READ_ONCE(*slot), old, new;

	for (;;) {
		if (!lpae_leads_on(entry) ||
		    iopd_table_of(&iopd->tree.geo, entry) != table)
			return -ENOENT;
		new = entry | LPAE_SW_TOUCHED;
		if (stays)
			new &= ~LPAE_SW_CLOSING;
		if (new == entry)
			return 0;
		/* A full barrier before the look at what is above: U1 */
		old = cmpxchg64(slot, entry, new);
		if (old == entry)
			return 1;
		entry = old;
	}
}

/**
 * iopd_touch() - have the next sweep look at the last table of a walk
 * @iopd: the page table
 * @walk: the walk
 * @at: where it led to
 * @stays: and have the sweep that is under way leave that table alone
 *
 * Context: the RCU read-side section of the walk.
 * Return: false if the table has been cut off.
 */
bool iopd_touch(struct iopd *iopd, const struct iopd_walk *walk,
		unsigned long at, bool stays)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	int level, ret;

	iopd_walk_assert();
	for (level = walk->level; level > geo->start; level--) {
		u64 *above = walk->table[level - 1];

		ret = iopd_touch_one(iopd, &above[lpae_index(geo, at, level - 1)],
				     walk->table[level], stays);
		if (ret <= 0)
			return level < walk->level || !ret;
		/* The table below it keeps it. */
		stays = false;
	}
	iopd_reclaim_touched(&iopd->tree);
	return true;
}

/*
 * struct iopd_sweep - a pass under way
 * @at: the next address to look at
 * @cuts: it is the second
 * @scan: how many entries may still be looked at
 * @cut: how many tables have been cut off
 * @table: on the way to @at, by level
 * @level: of the last of them
 */
struct iopd_sweep {
	struct iopd *iopd;
	unsigned long at;
	bool cuts;
	unsigned int scan;
	unsigned int cut;
	u64 *table[LPAE_LEVELS];
	int level;
};

static void iopd_sweep_count(struct iopd_sweep *sweep, unsigned int entries)
{
	sweep->scan -= min(sweep->scan, entries);
}

static u64 *iopd_sweep_slot(struct iopd_sweep *sweep, unsigned long at, int level)
{
	return &sweep->table[level][lpae_index(&sweep->iopd->tree.geo, at, level)];
}

/*
 * S1 for the table that @slot leads to, when the first pass comes to its first
 * address. Return: the entry if the pass is to go into that table, or 0.
 */
static u64 iopd_sweep_enter(struct iopd_sweep *sweep, u64 *slot)
{
	const u64 marks = LPAE_SW_TOUCHED | LPAE_SW_CLOSING;
	size_t size = lpae_leaf_size(&sweep->iopd->tree.geo, sweep->level);
	u64 entry = READ_ONCE(*slot), old, new;

	if (sweep->cuts || (sweep->at & (size - 1)))
		return lpae_leads_on(entry) && (entry & LPAE_SW_CLOSING) ?
		       entry : 0;

	while (lpae_leads_on(entry) && (entry & marks)) {
		new = (entry & ~LPAE_SW_TOUCHED) | LPAE_SW_CLOSING;
		/* A full barrier before the look at what is below: S1 */
		old = cmpxchg64(slot, entry, new);
		if (old == entry)
			return new;
		entry = old;
	}
	return 0;
}

static bool iopd_sweep_is_empty(struct iopd_sweep *sweep, const u64 *table,
				int level)
{
	unsigned int entries = lpae_entries(&sweep->iopd->tree.geo, level);
	unsigned int i;

	for (i = 0; i < entries; i++)
		if (lpae_is_valid(READ_ONCE(table[i])))
			break;
	iopd_sweep_count(sweep, i);
	return i == entries;
}

/* It is in use: no mapper is to meet the mark. */
static void iopd_sweep_leave(u64 *slot, u64 entry)
{
	u64 old;

	while (lpae_leads_on(entry) && (entry & LPAE_SW_CLOSING)) {
		old = cmpxchg64_relaxed(slot, entry, entry & ~LPAE_SW_CLOSING);
		if (old == entry)
			break;
		entry = old;
	}
}

/* The way there is walked anew: a table on it may have been cut off. */
static void iopd_sweep_cut_locked(struct iopd_sweep *sweep, unsigned long at,
				  int level)
{
	struct iopd *iopd = sweep->iopd;
	struct iopd_walk walk;

	if (iopd->limbo.ended)
		return;
	iopd_descend(iopd, at, level, &walk);
	if (walk.level == level && walk.slot == iopd_sweep_slot(sweep, at, level))
		sweep->cut += iopd_detach_empty(iopd, &walk, LPAE_SW_CLOSING);
}

/*
 * The second pass has been through the table that the slot at @at of a table of
 * @level leads to, and all under it.
 */
static void iopd_sweep_close(struct iopd_sweep *sweep, unsigned long at, int level)
{
	u64 *slot = iopd_sweep_slot(sweep, at, level);
	struct iopd *iopd = sweep->iopd;
	u64 entry = READ_ONCE(*slot);
	unsigned long flags;
	u64 *table;

	if (!lpae_leads_on(entry) || !(entry & LPAE_SW_CLOSING))
		return;
	table = iopd_table_of(&iopd->tree.geo, entry);
	if (!iopd_sweep_is_empty(sweep, table, level + 1)) {
		iopd_sweep_leave(slot, entry);
		return;
	}
	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	iopd_sweep_cut_locked(sweep, at, level);
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);
}

/*
 * Go on behind the entry of the last table, and up at its end. Return: is there
 * more?
 */
static bool iopd_sweep_advance(struct iopd_sweep *sweep)
{
	const struct lpae_geometry *geo = &sweep->iopd->tree.geo;
	unsigned long at = sweep->at |
			   (lpae_leaf_size(geo, sweep->level) - 1);

	sweep->at = at + 1;
	while (sweep->level > geo->start &&
	       !lpae_index(geo, sweep->at, sweep->level)) {
		sweep->level--;
		if (sweep->cuts)
			iopd_sweep_close(sweep, at, sweep->level);
	}
	return at < sweep->iopd->last;
}

/*
 * Look at the entry at @at, and go down if it leads to where the pass has to
 * go.
 */
static bool iopd_sweep_step(struct iopd_sweep *sweep)
{
	u64 *slot = iopd_sweep_slot(sweep, sweep->at, sweep->level);
	u64 entry = iopd_sweep_enter(sweep, slot);

	iopd_walk_assert();
	iopd_sweep_count(sweep, 1);
	if (entry && sweep->level < LPAE_LAST_LEVEL - 1) {
		sweep->table[++sweep->level] =
			iopd_table_of(&sweep->iopd->tree.geo, entry);
		return true;
	}
	if (entry && sweep->cuts)
		iopd_sweep_close(sweep, sweep->at, sweep->level);
	return iopd_sweep_advance(sweep);
}

/*
 * May the driver be asked for a flush? iopd_sweep_flush() looks again, locked.
 */
static bool iopd_sweep_may_flush(const struct iopd *iopd)
{
	return READ_ONCE(iopd->worker_flushes);
}

/* Is there room for more in limbo? Takes no lock. */
static bool iopd_sweep_has_room(const struct iopd *iopd)
{
	return READ_ONCE(iopd->limbo.count) <
	       (iopd_sweep_may_flush(iopd) ? IOPD_SWEEP_LIMBO :
					     IOPD_SWEEP_LIMBO_MAX);
}

/* How a pass ends that has looked at all */
static enum iopd_swept iopd_sweep_all(const struct iopd *iopd)
{
	return READ_ONCE(iopd->limbo.count) && iopd_sweep_may_flush(iopd) ?
	       IOPD_SWEPT_LIMBO : IOPD_SWEPT_ALL;
}

/*
 * Where limbo is full the second pass waits for the flush of that. So does the
 * first, if the driver is not to be asked: a flush that it makes by itself has
 * another sweep made. Return: IOPD_SWEPT_PART where there is no such reason.
 */
static enum iopd_swept iopd_sweep_stops(const struct iopd *iopd, bool cuts)
{
	if (iopd_sweep_has_room(iopd))
		return IOPD_SWEPT_PART;
	if (!iopd_sweep_may_flush(iopd))
		return IOPD_SWEPT_OVER;
	return cuts ? IOPD_SWEPT_FULL : IOPD_SWEPT_PART;
}

/**
 * iopd_sweep() - go on with a pass over a page table
 * @tree: a tree that is busy for the caller
 * @pos: where, from 0; on return where to go on
 * @cuts: the second pass, a grace period after the first
 * @scan: how many entries may be looked at; counted down
 *
 * Context: the worker or helper that has the tree in hand, so that no table
 * that the root leads to is freed meanwhile, and no other task makes the same
 * pass.
 * Return: how far the pass has come.
 */
enum iopd_swept iopd_sweep(struct iopd_tree *tree, unsigned long *pos, bool cuts,
			   unsigned int *scan)
{
	struct iopd_sweep sweep = {
		.iopd = container_of(tree, struct iopd, tree),
		.at = *pos, .cuts = cuts, .scan = *scan,
		.level = tree->geo.start,
	};
	bool more = tree->geo.start < LPAE_LAST_LEVEL;
	enum iopd_swept stops;

	/*
	 * A batch cuts off no more than a few, so this is looked at but once.
	 */
	stops = iopd_sweep_stops(sweep.iopd, cuts);
	if (stops != IOPD_SWEPT_PART)
		return stops;
	sweep.table[tree->geo.start] = sweep.iopd->root;
	rcu_read_lock();
	while (more && sweep.scan && !need_resched())
		more = iopd_sweep_step(&sweep);
	rcu_read_unlock();

	*pos = sweep.at;
	*scan = sweep.scan;
	if (sweep.cut)
		iopd_reclaim_note(&iopd_reclaim_stats.swept, sweep.cut);
	return more ? IOPD_SWEPT_PART : iopd_sweep_all(sweep.iopd);
}

/**
 * iopd_sweep_flush() - ask the driver for the flush of what has been cut off
 * @tree: the tree
 *
 * Context: may sleep; not the worker that frees, which touches no hardware.
 * Return: is there room now for more tables that wait for a flush?
 */
bool iopd_sweep_flush(struct iopd_tree *tree)
{
	struct iopd *iopd = container_of(tree, struct iopd, tree);

	mutex_lock(&iopd->flush_lock);
	if (iopd->worker_flushes)
		iopd_ask_flush_all(iopd);
	mutex_unlock(&iopd->flush_lock);
	return iopd_sweep_has_room(iopd);
}

void io_pgtable_deferred_allow_flush(struct io_pgtable_ops *ops, bool allow)
{
	struct iopd *iopd = iopd_from_ops(ops);

	might_sleep();
	mutex_lock(&iopd->flush_lock);
	WRITE_ONCE(iopd->worker_flushes, allow);
	mutex_unlock(&iopd->flush_lock);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_allow_flush);

/* --- a block where a table is --------------------------------------------- */

/*
 * Have @walk, which ends at an entry that leads to a table, end at one that
 * leads to a table without entries, there or below. Called with the detach lock
 * held, so that none of the tables goes. Return: false where there is a leaf on
 * the way.
 */
static bool iopd_find_empty(struct iopd *iopd, struct iopd_walk *walk,
			    unsigned long *at)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;

	while (lpae_is_table(walk->entry, walk->level)) {
		u64 *table = iopd_table_of(geo, walk->entry);
		int level = walk->level + 1;
		unsigned int index = 0;

		while (index < BIT(geo->bits) &&
		       !lpae_is_valid(READ_ONCE(table[index])))
			index++;
		if (index == BIT(geo->bits))
			return true;
		*at += (unsigned long)index << lpae_shift(geo, level);
		walk->table[level] = table;
		walk->level = level;
		walk->slot = &table[index];
		walk->entry = READ_ONCE(*walk->slot);
	}
	return false;
}

/**
 * iopd_make_way() - a block is to go where a table is
 * @iopd: the page table
 * @at: where
 * @level: of the table that the block's entry is in
 *
 * The block may only take the place of tables that map nothing. One such table
 * is cut off: the walks that follow find the next, or a leaf. Its slot is
 * stamped, so that the walk which finds that empty waits for the flush (Arm ARM
 * D8.17.1, break before make). All of the range is the caller's, so that there
 * is no mapper of a page to wait for; one that maps in there all the same, at
 * the same time, writes to a table that is not freed before it is done, and
 * that leads nowhere.
 *
 * Context: the RCU read-side section of the caller's walk; takes the detach
 * lock.
 * Return: -EAGAIN to walk again, or -EEXIST when something is mapped there, of
 * which nothing has changed.
 */
int iopd_make_way(struct iopd *iopd, unsigned long at, int level)
{
	unsigned long flags, first = at;
	struct iopd_walk walk;
	int ret = -EAGAIN;
	bool cut = false;

	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	iopd_descend(iopd, at, level, &walk);
	if (walk.level == level && lpae_is_table(walk.entry, level)) {
		if (iopd_find_empty(iopd, &walk, &first))
			cut = iopd_detach_empty(iopd, &walk, 0);
		else
			ret = -EEXIST;
	}
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);

	/* If the map fails now, what is above may be empty. */
	if (cut)
		iopd_touch(iopd, &walk, first, false);
	return ret;
}
