// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping. Callers on different ranges need no lock among each other; they meet
 * where they need the same new table, and there the first to publish wins.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/sched.h>

#include "detach.h"
#include "pages.h"
#include "reclaim.h"

/*
 * Runs, of at most a table each, between two looks whether too much is pending:
 * a mapper that helps frees a batch, which is several times as many tables.
 */
#define IOPD_RUNS_PER_HELP	16

/*
 * struct iopd_map - a mapping under way
 * @at: the next address to map
 * @paddr: where that leads to
 * @attrs: all of the entry but @paddr
 * @pgsize: bytes of a leaf
 * @level: of the tables that hold such leaves
 * @left: leaves to map
 * @done: leaves mapped
 * @made: tables have been made
 * @ticket: how long to wait for memory, 0 when there was no need to
 * @built: tables for the next run that no other has seen, by level, each with
 *	   the one below it in it, and the last with the first leaves of the run
 * @top: level of the first of them; below @level there is none
 * @filled: leaves in the last of them
 */
struct iopd_map {
	struct iopd *iopd;
	unsigned long at;
	phys_addr_t paddr;
	u64 attrs;
	size_t pgsize;
	int level;
	gfp_t gfp;
	size_t left;
	size_t done;
	bool made;
	unsigned long ticket;
	u64 *built[LPAE_LEVELS];
	int top;
	unsigned int filled;
};

static void iopd_map_fill(struct iopd_map *map, u64 *entry, unsigned int nr)
{
	lpae_fill(&map->iopd->tree.geo, entry, nr, map->attrs, map->paddr,
		  map->pgsize);
}

static void iopd_map_advance(struct iopd_map *map, unsigned int nr)
{
	size_t size = nr * map->pgsize;

	map->at += size;
	map->paddr += size;
	map->left -= nr;
	map->done += nr;
}

/* Of the tables that have been built those above @level are not needed. */
static void iopd_map_discard(struct iopd_map *map, int level)
{
	for (; map->top < level; map->top++)
		iopd_table_free_unpublished(&map->iopd->tree,
					    map->built[map->top]);
}

/*
 * Wait for the unmapper, or the sweep, that is cutting tables off. With
 * PREEMPT_RT that task may have been preempted with the lock held: waiting for
 * the lock lends it the mapper's priority, and walking again and again would
 * not.
 */
static void iopd_await_detach(struct iopd *iopd)
{
	unsigned long flags;

	spin_lock_irqsave(&iopd->limbo.detach_lock, flags);
	spin_unlock_irqrestore(&iopd->limbo.detach_lock, flags);
}

/*
 * The flush that has to be complete before anything valid goes into a slot that
 * has lost a table: M2 in sweep.c. Mostly it has been, long ago.
 */
static int iopd_map_await_flush(struct iopd_map *map, u64 stamped)
{
	struct iopd *iopd = map->iopd;
	unsigned long gen = FIELD_GET(LPAE_SW_STAMP, stamped);

	if (likely(!stamped) || gen <= READ_ONCE(iopd->flushed_gen))
		return 0;

	/*
	 * The stamp is written before the table is in limbo, under the lock.
	 * Wait for that: a flush that began in between would not cover it.
	 */
	iopd_await_detach(iopd);

	return iopd_flush_walk(iopd, gen, map->at, map->pgsize) ? 0 : -EIO;
}

/*
 * What is pending may be all that a memory control group is allowed, and no
 * shrinker is asked when a group is at its limit. So no task is refused memory,
 * or killed for it, before what was pending when its map was refused for the
 * first time has been freed. What is handed over later is not waited for: then
 * the map fails, or meets the group's OOM killer, as if nothing were deferred.
 */
static u64 *iopd_map_alloc(struct iopd_map *map, int level, gfp_t gfp)
{
	struct iopd_tree *tree = &map->iopd->tree;
	unsigned int below = map->level - level;

	while (gfpflags_allow_blocking(gfp) && iopd_reclaim_has_pending()) {
		u64 *table = iopd_table_alloc(tree, level, below,
					      gfp | __GFP_NORETRY | __GFP_NOWARN);

		if (table)
			return table;
		if (!iopd_reclaim_make_room(&map->ticket))
			break;
	}
	return iopd_table_alloc(tree, level, below, gfp);
}

/* What the table of @level on the way to the run has in it */
static void iopd_build_fill(struct iopd_map *map, u64 *table, int level,
			    u64 *child, unsigned int nr)
{
	struct iopd *iopd = map->iopd;
	unsigned int index = lpae_index(&iopd->tree.geo, map->at, level);

	if (child)
		table[index] = iopd_table_entry(iopd, child) | LPAE_SW_CLEAN;
	else
		iopd_map_fill(map, &table[index], nr);
}

/* The table of @level on the way to the run, with the one below in it */
static u64 *iopd_build_one(struct iopd_map *map, int level, u64 *child,
			   unsigned int nr)
{
	struct iopd_tree *tree = &map->iopd->tree;
	gfp_t gfp = map->gfp;
	u64 *table;
	int ret;

	/* A table that is filled from end to end needs no zeroes before. */
	if (nr < BIT(tree->geo.bits))
		gfp |= __GFP_ZERO;
	do {
		table = iopd_map_alloc(map, level, gfp);
		if (!table)
			return NULL;
		iopd_build_fill(map, table, level, child, nr);
		ret = iopd_table_publishable(tree, table);
		if (!ret)
			return table;
	} while (iopd_table_reject(tree, table, ret, &gfp));
	return NULL;
}

/*
 * Build what is missing below @level from the leaves up, as much of the run in
 * it as one table holds. It is published by the next walk, with one entry.
 */
static int iopd_map_build(struct iopd_map *map, int level)
{
	unsigned int nr = iopd_run_length(map->iopd, map->at, map->level,
					  map->left);

	while (map->top > level + 1) {
		int next = map->top - 1;
		u64 *child = next < map->level ? map->built[map->top] : NULL;
		u64 *table = iopd_build_one(map, next, child, child ? 0 : nr);

		if (!table)
			return -ENOMEM;
		if (!child)
			map->filled = nr;
		map->built[next] = table;
		map->top = next;
	}
	return -EAGAIN;
}

/*
 * A block is to go where a table is: only if that maps nothing. Return: -EAGAIN
 * to walk again, or -EEXIST, also where the driver could not be asked for the
 * flush.
 */
static int iopd_map_replace(struct iopd_map *map)
{
	const struct iommu_flush_ops *tlb = map->iopd->iop.cfg.tlb;

	if (!tlb || !tlb->tlb_flush_walk)
		return -EEXIST;
	return iopd_make_way(map->iopd, map->at, map->level);
}

/*
 * How much of the run finds empty entries; @stamped gets the youngest stamp
 * among them, for they need a flush only where blocks follow tables.
 */
static unsigned int iopd_map_room(struct iopd_map *map, const u64 *slot,
				  u64 *stamped)
{
	unsigned int room = iopd_run_length(map->iopd, map->at, map->level,
					    map->left);
	unsigned int nr;

	*stamped = 0;
	for (nr = 0; nr < room; nr++) {
		u64 entry = READ_ONCE(slot[nr]);

		if (lpae_is_valid(entry))
			break;
		if (unlikely(entry > *stamped))
			*stamped = entry;
	}
	return nr;
}

/* Has the slot lost a table that no completed flush covers? */
static bool iopd_map_must_flush(const struct iopd_map *map, u64 entry)
{
	return unlikely(!lpae_is_valid(entry) && entry) &&
	       FIELD_GET(LPAE_SW_STAMP, entry) >
	       READ_ONCE(map->iopd->flushed_gen);
}

/*
 * The table is there, and the walk has ended in it: write as much as it has
 * room for.
 */
static int iopd_map_run(struct iopd_map *map, const struct iopd_walk *walk,
			u64 *stamped)
{
	struct iopd *iopd = map->iopd;
	unsigned int nr;

	if (lpae_is_table(walk->entry, walk->level))
		return iopd_map_replace(map);
	nr = iopd_map_room(map, walk->slot, stamped);
	if (!nr)
		return -EEXIST;
	if (iopd_map_must_flush(map, *stamped) ||
	    !iopd_hold(iopd, walk, map->at))
		return -EAGAIN;

	iopd_walk_clean(iopd, walk, map->at);
	iopd_map_fill(map, walk->slot, nr);
	iopd_sync_entries(&iopd->tree, walk->slot, nr);
	iopd_map_advance(map, nr);
	return 0;
}

/*
 * Tables are missing below where the walk has ended. Return: -ENOENT if they
 * have to be built first, which is not done in a read-side section.
 */
static int iopd_map_publish(struct iopd_map *map, const struct iopd_walk *walk,
			    u64 *stamped)
{
	struct iopd *iopd = map->iopd;
	int level = walk->level + 1, ret;

	if (lpae_is_valid(walk->entry))
		return -EEXIST;
	*stamped = walk->entry;
	if (iopd_map_must_flush(map, walk->entry))
		return -EAGAIN;
	if (map->top > level)
		return -ENOENT;
	if (!iopd_hold(iopd, walk, map->at))
		return -EAGAIN;

	iopd_walk_clean(iopd, walk, map->at);
	ret = iopd_publish(iopd, walk, map->built[level], walk->entry);
	if (ret)
		return ret;
	/*
	 * What is left of what was built are tables that others have published.
	 */
	iopd_map_discard(map, level);
	map->top = map->level + 1;
	iopd_map_advance(map, map->filled);
	map->made = true;
	return 0;
}

/*
 * M1 in sweep.c. Return: 0 when a run is mapped, -EAGAIN to walk again, or an
 * error.
 */
static int iopd_map_step(struct iopd_map *map)
{
	struct iopd_walk walk __uninitialized;
	struct iopd *iopd = map->iopd;
	u64 stamped = 0;
	int ret;

	rcu_read_lock();
	iopd_descend(iopd, map->at, map->level, &walk);
	if (walk.level == map->level)
		ret = iopd_map_run(map, &walk, &stamped);
	else
		ret = iopd_map_publish(map, &walk, &stamped);
	rcu_read_unlock();

	if (ret == -ENOENT)
		return iopd_map_build(map, walk.level);
	/* A table that another has made holds the rest of the run. */
	if (!ret && map->top <= map->level)
		iopd_map_discard(map, map->level + 1);
	if (ret == -EAGAIN && iopd_map_must_flush(map, stamped))
		return iopd_map_await_flush(map, stamped) ?: -EAGAIN;
	return ret;
}

/*
 * Between two runs others may have the CPU. One that makes its table costs some
 * 5,000 instructions, as much as a wake-up does.
 */
static int iopd_map_all(struct iopd_map *map)
{
	bool sleeps = gfpflags_allow_blocking(map->gfp);
	unsigned int runs = 0;
	int ret;

	while (map->left) {
		ret = iopd_map_step(map);
		/* A table was built, or cut off, or another mapper made it. */
		if (ret == -EAGAIN)
			continue;
		if (ret)
			return ret;
		if (!sleeps)
			continue;
		if (++runs % IOPD_RUNS_PER_HELP == 0)
			iopd_reclaim_throttle_caller();
		if (map->left)
			cond_resched();
	}
	/* Mappers of a little at a time make tables, too. */
	if (map->made && sleeps)
		iopd_reclaim_throttle_caller();
	return 0;
}

/*
 * The hardware may know what has been unmapped. Nothing is mapped in its place
 * until it has forgotten.
 */
static int iopd_map_recover(struct iopd *iopd)
{
	return iopd_flush_stale(iopd) ? 0 : -EIO;
}

/* All of a leaf but its address */
static u64 iopd_map_attrs(const struct iopd *iopd, int prot, int level)
{
	return iopd->attrs[prot & (ARRAY_SIZE(iopd->attrs) - 1)] |
	       lpae_leaf_type(level);
}

static int iopd_map_check(struct iopd *iopd, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot, unsigned long *at)
{
	phys_addr_t last = paddr + pgsize * pgcount - 1;
	int ret;

	ret = iopd_check_range(iopd, iova, pgsize, pgcount, at);
	if (ret)
		return ret;
	if (!(prot & (IOMMU_READ | IOMMU_WRITE)) || !IS_ALIGNED(paddr, pgsize))
		return -EINVAL;
	if (last < paddr || last >> iopd->iop.cfg.oas)
		return -ERANGE;
	if (WARN_ONCE(READ_ONCE(iopd->tree.closed),
		      "map of a page table that has been freed\n"))
		return -ENODEV;
	if (unlikely(iopd_is_stale(iopd)))
		return iopd_map_recover(iopd);
	return 0;
}

/*
 * The general way: more than a page, tables to make, or something to wait for.
 * @missing is the level below which tables are known to be missing, or @level.
 */
static noinline int iopd_map_many(struct iopd *iopd, unsigned long at,
				  phys_addr_t paddr, int level, int missing,
				  size_t pgcount, int prot, gfp_t gfp,
				  size_t *done)
{
	struct iopd_map map __uninitialized;
	int ret;

	map.iopd = iopd;
	map.at = at;
	map.level = level;
	map.paddr = paddr;
	map.attrs = iopd_map_attrs(iopd, prot, level);
	map.pgsize = lpae_leaf_size(&iopd->tree.geo, level);
	map.gfp = gfp & ~IOPD_GFP_DROPPED;
	map.left = pgcount;
	map.done = 0;
	map.made = false;
	map.ticket = 0;
	map.top = level + 1;
	ret = missing < level ? iopd_map_build(&map, missing) : -EAGAIN;
	if (ret == -EAGAIN)
		ret = iopd_map_all(&map);
	if (unlikely(ret))
		iopd_map_discard(&map, level + 1);
	*done = map.done * map.pgsize;
	return ret;
}

/*
 * A single leaf into a slot that is empty, of a table that is there, needs no
 * waiting for, and has been cleaned on the way to. That is nearly all of them.
 * Return: false if it is not so; then nothing has been done, and @missing may
 * be less than @level: below it there is no table.
 */
static __always_inline bool iopd_map_one(struct iopd *iopd, unsigned long at,
					 phys_addr_t paddr, int level, int prot,
					 int *missing)
{
	struct iopd_walk walk __uninitialized;
	bool fits;

	rcu_read_lock();
	iopd_descend(iopd, at, level, &walk);
	fits = walk.level == level && !walk.entry &&
	       !(walk.above & LPAE_SW_CLOSING) &&
	       (iopd->tree.coherent || (walk.common & LPAE_SW_CLEAN));
	if (likely(fits)) {
		WRITE_ONCE(*walk.slot, lpae_pack(&iopd->tree.geo, paddr) |
			   iopd_map_attrs(iopd, prot, level));
		iopd_sync_entry(&iopd->tree, walk.slot);
	} else if (!lpae_is_valid(walk.entry)) {
		*missing = walk.level;
	}
	rcu_read_unlock();
	return fits;
}

/**
 * iopd_map_range() - map_pages() of a page table
 * @ops: the page table
 * @iova: where to, in bytes
 * @paddr: what, in bytes
 * @pgsize: bytes of a leaf
 * @pgcount: how many leaves
 * @prot: IOMMU_READ and so on
 * @gfp: how memory for tables may be allocated
 * @mapped: incremented by the bytes that have been mapped, unless it is NULL
 *
 * Context and errors: see "What map and unmap may be called with" and "Where
 * map and unmap may be called" in io-pgtable-arm-deferred.h.
 * Return: 0, or an error; what was mapped before that stays.
 */
int iopd_map_range(struct io_pgtable_ops *ops, unsigned long iova,
		   phys_addr_t paddr, size_t pgsize, size_t pgcount, int prot,
		   gfp_t gfp, size_t *mapped)
{
	struct iopd *iopd = iopd_from_ops(ops);
	unsigned int level = iopd_level_of(iopd, pgsize);
	struct iopd_call call;
	size_t done = pgsize;
	int missing = level;
	unsigned long at;
	int ret;

	if (unlikely(level == IOPD_NO_LEVEL))
		return -EINVAL;
	ret = iopd_map_check(iopd, iova, paddr, pgsize, pgcount, prot, &at);
	if (ret)
		return ret;
	iopd_call_enter(iopd, &call, "map", at, pgsize * pgcount);
	if (unlikely(pgcount != 1 ||
		     !iopd_map_one(iopd, at, paddr, level, prot, &missing)))
		ret = iopd_map_many(iopd, at, paddr, level, missing, pgcount,
				    prot, gfp, &done);
	/*
	 * Entries before what tells a device to use them. Cleaning the cache
	 * has had such a barrier in it, but the DMA API cleans nothing for an
	 * IOMMU that is coherent, whatever the driver says of its walker.
	 */
	wmb();
	iopd_call_leave(iopd, &call);
	if (mapped)
		*mapped += done;
	return ret;
}
