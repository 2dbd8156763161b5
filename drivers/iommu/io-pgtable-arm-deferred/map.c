// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping. Callers on different ranges need no lock among each other; they meet
 * where they need the same new table, and there the first to publish wins.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/sched.h>

#include <compat/io-pgtable.h>
#include "pages.h"
#include "pgtable.h"
#include "reclaim.h"

/*
 * Runs, of at most a table each, between two looks whether too much is pending:
 * whoever helps frees a batch, which is several times as many tables.
 */
#define IOPT_RUNS_PER_HELP	16

/*
 * struct iopt_map - a mapping under way
 * @at: the next address to map
 * @paddr: where that leads to
 * @attrs: all of the entry but @paddr
 * @pgsize: bytes of a leaf
 * @level: of the tables that hold such leaves
 * @left: leaves to map
 * @done: leaves mapped
 * @made: tables have been made
 * @ticket: how long to wait for memory, 0 when there was no need to
 */
struct iopt_map {
	struct iopt *iopt;
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
};

static void iopt_map_fill(struct iopt_map *map, u64 *entry, unsigned int nr)
{
	lpae_fill(&map->iopt->tree.geo, entry, nr, map->attrs, map->paddr,
		  map->pgsize);
}

static void iopt_map_advance(struct iopt_map *map, unsigned int nr)
{
	size_t size = nr * map->pgsize;

	map->at += size;
	map->paddr += size;
	map->left -= nr;
	map->done += nr;
}

u64 iopt_table_entry(const struct iopt *iopt, const u64 *table)
{
	return lpae_pack(&iopt->tree.geo, virt_to_phys(table)) |
	       iopt->table_attrs;
}

/*
 * iopt_publish() - let a walker find @table, and all that was built under it
 * @walk: the way to the slot
 * @table: filled and cleaned
 * @old: what the slot must hold, zero or the block that @table stands in for
 *
 * The caller has reserved the slot, or the block in it has. For the walker
 * everything in @table was ordered before this by iopt_table_publishable(); the
 * release does the same for lookups of ours.
 *
 * Return: 0, or -EAGAIN when somebody else was there first.
 */
int iopt_publish(struct iopt *iopt, const struct iopt_walk *walk, u64 *table,
		 u64 old)
{
	unsigned long nr = iopt_page_below(iopt_table_page(table)) + 1;
	u64 entry = iopt_table_entry(iopt, table);

	if (cmpxchg64_release(walk->slot, old, entry) != old)
		return -EAGAIN;

	iopt_walk_add_below(iopt, walk, walk->level, nr);
	if (!iopt->tree.coherent) {
		iopt_sync_entry(&iopt->tree, walk->slot);
		/*
		 * For software only, so it may reach memory when it likes. A
		 * table that stands in for a block holds nothing of its
		 * maker's, and may have been emptied and cut off already.
		 */
		cmpxchg64_relaxed(walk->slot, entry, entry | LPAE_SW_CLEAN);
	}
	return 0;
}

static void iopt_discard(struct iopt *iopt, u64 **built, int level, int last)
{
	for (; level <= last; level++) {
		iopt_table_unmap(&iopt->tree, iopt_table_page(built[level]));
		iopt_table_free_unpublished(&iopt->tree, built[level]);
	}
}

/*
 * Wait for whoever is cutting tables off. With PREEMPT_RT he may have been
 * preempted in there: waiting for the lock lends him the caller's priority, and
 * walking again and again would not.
 */
static void iopt_await_detach(struct iopt *iopt)
{
	unsigned long flags;

	spin_lock_irqsave(&iopt->tree.detach_lock, flags);
	spin_unlock_irqrestore(&iopt->tree.detach_lock, flags);
}

/*
 * The flush that has to be complete before anything valid goes into a slot that
 * has lost a table: M3 in empty.c. Mostly it has been, long ago.
 */
static int iopt_map_settle(struct iopt_map *map, u64 stamped)
{
	struct iopt *iopt = map->iopt;
	unsigned long gen = FIELD_GET(LPAE_SW_STAMP, stamped);

	if (likely(!stamped) || gen <= READ_ONCE(iopt->tree.flushed_gen))
		return 0;

	/*
	 * The stamp is written before the table is in limbo, under the lock.
	 * Wait for that: a flush that began in between would not cover it.
	 */
	iopt_await_detach(iopt);

	return iopt_flush_walk(iopt, gen, map->at, map->pgsize) ? 0 : -EIO;
}

/*
 * What is pending may be all that a memory control group is allowed, and no shrinker
 * is asked when a group is at its limit. So no task is refused memory, or killed
 * for it, before what was pending when its map was refused for the first time has
 * been freed. What is handed over later is not waited for: then the map fails, or
 * meets the group's OOM killer, as if nothing were deferred.
 */
static u64 *iopt_map_alloc(struct iopt_map *map, int level, gfp_t gfp)
{
	struct iopt_tree *tree = &map->iopt->tree;

	while (gfpflags_allow_blocking(gfp) && reclaim_has_pending()) {
		u64 *table = iopt_table_alloc(tree, level, gfp | __GFP_NORETRY |
					      __GFP_NOWARN);

		if (table)
			return table;
		if (!reclaim_make_room(&map->ticket))
			break;
	}
	return iopt_table_alloc(tree, level, gfp);
}

/* What the table of @level on the way to the run has in it */
static void iopt_build_fill(struct iopt_map *map, u64 *table, int level,
			    u64 *child, unsigned int nr)
{
	struct iopt *iopt = map->iopt;
	unsigned int index = lpae_index(&iopt->tree.geo, map->at, level);

	if (child)
		table[index] = iopt_table_entry(iopt, child) | LPAE_SW_CLEAN;
	else
		iopt_map_fill(map, &table[index], nr);
	iopt_page_init(iopt_table_page(table), level, child ? 1 : nr,
		       map->level - level);
}

/* The table of @level on the way to the run, with the one below in it */
static u64 *iopt_build_one(struct iopt_map *map, int level, u64 *child,
			   unsigned int nr)
{
	struct iopt_tree *tree = &map->iopt->tree;
	gfp_t gfp = map->gfp;
	u64 *table;
	int ret;

	/* A table that is filled from end to end needs no zeroes before. */
	if (nr < BIT(tree->geo.bits))
		gfp |= __GFP_ZERO;
	do {
		table = iopt_map_alloc(map, level, gfp);
		if (!table)
			return NULL;
		iopt_build_fill(map, table, level, child, nr);
		ret = iopt_table_publishable(tree, table);
		if (!ret)
			return table;
	} while (iopt_table_reject(tree, table, ret, &gfp));
	return NULL;
}

static int iopt_build_all(struct iopt_map *map, const struct iopt_walk *walk,
			  u64 **built, unsigned int nr)
{
	u64 *child = NULL;
	int level;

	for (level = map->level; level > walk->level; level--) {
		child = iopt_build_one(map, level, child, child ? 0 : nr);
		if (!child) {
			iopt_discard(map->iopt, built, level + 1, map->level);
			return -ENOMEM;
		}
		built[level] = child;
	}
	return 0;
}

/*
 * No table where the walk ended, and a reservation there: build what is missing
 * from the leaves up, as much of the run in it as one table holds, and publish
 * it with one entry.
 */
static int iopt_map_build(struct iopt_map *map, const struct iopt_walk *walk)
{
	struct iopt *iopt = map->iopt;
	unsigned int nr = iopt_run_length(iopt, map->at, map->level, map->left);
	u64 *built[LPAE_LEVELS];
	int ret;

	ret = iopt_build_all(map, walk, built, nr);
	if (ret)
		return ret;

	ret = iopt_map_settle(map, walk->entry) ?:
	      iopt_publish(iopt, walk, built[walk->level + 1], walk->entry);
	if (ret) {
		iopt_discard(iopt, built, walk->level + 1, map->level);
		return ret;
	}

	iopt_map_advance(map, nr);
	map->made = true;
	return 0;
}

/*
 * A block is to go where a table is: only if that maps nothing. Return: -EAGAIN to
 * walk again, or -EEXIST, also where the driver could not be asked for the flush.
 */
static int iopt_map_replace(struct iopt_map *map)
{
	const struct iommu_flush_ops *tlb = map->iopt->iop.cfg.tlb;

	if (!tlb || !tlb->tlb_flush_walk)
		return -EEXIST;
	return iopt_make_way(map->iopt, map->at, map->level);
}

/*
 * How much of the run finds empty entries; @stamped gets the youngest stamp among
 * them, for they need a flush only where blocks follow tables.
 */
static unsigned int iopt_map_room(struct iopt_map *map, const u64 *slot,
				  u64 *stamped)
{
	unsigned int room = iopt_run_length(map->iopt, map->at, map->level,
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

/* The table is there, with @nr of its entries reserved for the run. */
static int iopt_map_run(struct iopt_map *map, const struct iopt_walk *walk,
			unsigned int nr, u64 stamped)
{
	int ret = iopt_map_settle(map, stamped);

	if (ret)
		return ret;
	iopt_map_fill(map, walk->slot, nr);
	iopt_sync_entries(&map->iopt->tree, walk->slot, nr);
	iopt_map_advance(map, nr);
	return 0;
}

/* What a step of the map is going to do */
struct iopt_map_plan {
	struct iopt_walk walk;
	unsigned int nr;	/* entries to reserve where the walk ended */
	u64 stamped;
};

/*
 * M1 in empty.c: find the table to write to, and reserve what is going to be
 * written. Return: 0, -EAGAIN to walk again, or an error.
 */
static int iopt_map_plan(struct iopt_map *map, struct iopt_map_plan *plan)
{
	struct iopt_walk *walk = &plan->walk;

	iopt_descend(map->iopt, map->at, map->level, walk);
	plan->nr = 1;
	plan->stamped = 0;
	if (walk->level == map->level) {
		if (lpae_is_table(walk->entry, walk->level))
			return iopt_map_replace(map);
		plan->nr = iopt_map_room(map, walk->slot, &plan->stamped);
	} else if (lpae_is_valid(walk->entry)) {
		return -EEXIST;
	}
	if (!plan->nr)
		return -EEXIST;

	if (likely(iopt_page_reserve(iopt_table_page(walk->table[walk->level]),
				     plan->nr)))
		return 0;

	/* Dead: it is not to be found any more once the lock has been given up. */
	iopt_await_detach(map->iopt);
	return -EAGAIN;
}

static int iopt_map_step(struct iopt_map *map)
{
	struct iopt_map_plan plan compat_uninitialized;
	struct iopt *iopt = map->iopt;
	int ret;

	rcu_read_lock();
	ret = iopt_map_plan(map, &plan);
	rcu_read_unlock();
	if (ret)
		return ret;

	iopt_walk_clean(iopt, &plan.walk, map->at);

	if (plan.walk.level == map->level)
		ret = iopt_map_run(map, &plan.walk, plan.nr, plan.stamped);
	else
		ret = iopt_map_build(map, &plan.walk);
	if (!ret)
		return 0;

	rcu_read_lock();
	iopt_walk_release(iopt, &plan.walk, map->at, plan.nr);
	rcu_read_unlock();
	return ret;
}

/*
 * Between two runs others may have the CPU. One that makes its table costs some
 * 5,000 instructions, as much as a wake-up does.
 */
static int iopt_map_all(struct iopt_map *map)
{
	bool sleeps = gfpflags_allow_blocking(map->gfp);
	unsigned int runs = 0;
	int ret;

	while (map->left) {
		ret = iopt_map_step(map);
		if (ret == -EAGAIN) {
			/* A table died, was replaced, or somebody else made it. */
			cpu_relax();
			continue;
		}
		if (ret)
			return ret;
		if (!sleeps)
			continue;
		if (++runs % IOPT_RUNS_PER_HELP == 0)
			reclaim_throttle_caller();
		if (map->left)
			cond_resched();
	}
	/* Those who map a little at a time make tables, too. */
	if (map->made && sleeps)
		reclaim_throttle_caller();
	return 0;
}

/*
 * The hardware may know what has been unmapped. Nothing is mapped in its place
 * until it has forgotten.
 */
static int iopt_map_recover(struct iopt *iopt)
{
	return iopt_flush_stale(iopt) ? 0 : -EIO;
}

static int iopt_map_check(struct iopt *iopt, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot, unsigned long *at)
{
	phys_addr_t last = paddr + pgsize * pgcount - 1;
	int ret;

	ret = iopt_check_range(iopt, iova, pgsize, pgcount, at);
	if (ret)
		return ret;
	if (!(prot & (IOMMU_READ | IOMMU_WRITE)) || !IS_ALIGNED(paddr, pgsize))
		return -EINVAL;
	if (last < paddr || last >> iopt->iop.cfg.oas)
		return -ERANGE;
	if (WARN_ONCE(READ_ONCE(iopt->tree.closed),
		      "map of a page table that has been freed\n"))
		return -ENODEV;
	if (unlikely(iopt_is_stale(iopt)))
		return iopt_map_recover(iopt);
	return 0;
}

int iopt_map_range(struct io_pgtable_ops *ops, unsigned long iova,
		   phys_addr_t paddr, size_t pgsize, size_t pgcount, int prot,
		   gfp_t gfp, size_t *mapped)
{
	struct iopt *iopt = iopt_from_ops(ops);
	struct iopt_map map compat_uninitialized;
	struct iopt_call call;
	int ret;

	ret = iopt_map_check(iopt, iova, paddr, pgsize, pgcount, prot, &map.at);
	if (ret)
		return ret;

	map.iopt = iopt;
	map.level = lpae_leaf_level(&iopt->tree.geo, pgsize);
	map.paddr = paddr;
	map.attrs = iopt->attrs[prot & (ARRAY_SIZE(iopt->attrs) - 1)] |
		    lpae_leaf_type(map.level);
	map.pgsize = pgsize;
	map.gfp = gfp & ~IOPT_GFP_DROPPED;
	map.left = pgcount;
	map.done = 0;
	map.made = false;
	map.ticket = 0;
	iopt_call_enter(iopt, &call, "map", map.at, pgsize * pgcount);
	ret = iopt_map_all(&map);

	/*
	 * Entries before what tells a device to use them. Cleaning the cache has
	 * had such a barrier in it, but the DMA API cleans nothing for an IOMMU
	 * that is coherent, whatever the driver says of its walker.
	 */
	wmb();
	iopt_call_leave(iopt, &call);
	if (mapped)
		*mapped += map.done * pgsize;
	return ret;
}
