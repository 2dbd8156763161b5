// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping. Callers on different ranges need no lock among each other; they meet
 * where they need the same new table, and there the first to publish wins.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/sched.h>

#include "pgtable.h"
#include "reclaim.h"

/*
 * Runs, of at most a table each, between two offers to reschedule. A run that
 * makes its table costs some 6,000 instructions, so that 16 of them stay below
 * 100,000, or 100 us on the slowest core of an R-Car Gen3.
 */
#define IOPT_RUNS_PER_SLICE	16

/*
 * struct iopt_map - a mapping under way
 * @iova: the next address to map
 * @leaf: the entry to put there
 * @pgsize: bytes of a leaf
 * @level: of the tables that hold such leaves
 * @left: leaves to map
 * @done: leaves mapped
 */
struct iopt_map {
	struct iopt *iopt;
	unsigned long iova;
	u64 leaf;
	size_t pgsize;
	int level;
	gfp_t gfp;
	size_t left;
	size_t done;
};

/* Leave the map ready for what comes after the @nr leaves put into @entry */
static void iopt_map_fill(struct iopt_map *map, u64 *entry, unsigned int nr)
{
	const u64 *end = entry + nr;
	u64 leaf = map->leaf;

	for (; entry < end; entry++) {
		WRITE_ONCE(*entry, leaf);
		leaf += map->pgsize;
	}
}

static void iopt_map_advance(struct iopt_map *map, unsigned int nr)
{
	map->iova += nr * map->pgsize;
	map->leaf += nr * map->pgsize;
	map->left -= nr;
	map->done += nr;
}

/*
 * Clean the entries on the way down. Somebody else published one of them a
 * moment ago and may not have cleaned it yet; our caller's device must not
 * depend on when he does.
 */
static void iopt_walk_clean(struct iopt *iopt, const struct iopt_walk *walk,
			    unsigned long iova)
{
	int level;

	for (level = iopt->tree.geo.start; level < walk->level; level++)
		iopt_sync_entries(&iopt->tree,
				  &walk->table[level][lpae_index(iova, level)],
				  1);
}

/*
 * iopt_publish() - let a walker find @table, and all that was built under it
 * @walk: the way to @slot
 * @table: filled and cleaned
 * @old: what the slot must hold, zero or the block that @table stands in for
 *
 * Everything in @table was ordered before this by iopt_table_publishable().
 *
 * Return: 0, or -EAGAIN when somebody else was there first.
 */
int iopt_publish(struct iopt *iopt, const struct iopt_walk *walk, u64 *slot,
		 u64 *table, u64 old)
{
	unsigned long nr = iopt_page_below(iopt_table_page(table)) + 1;
	u64 entry = lpae_table_entry(virt_to_phys(table), iopt->ns);

	if (cmpxchg64_relaxed(slot, old, entry) != old)
		return -EAGAIN;

	iopt_walk_add_below(iopt, walk, walk->level, nr);
	if (!iopt->tree.coherent) {
		iopt_sync_entries(&iopt->tree, slot, 1);
		/* For software only, so it may reach memory when it likes. */
		WRITE_ONCE(*slot, entry | LPAE_SW_CLEAN);
	}
	return 0;
}

static void iopt_discard(struct iopt *iopt, u64 **built, int level, int last)
{
	for (; level <= last; level++) {
		iopt_table_unmap(&iopt->tree, built[level]);
		iopt_table_free_unpublished(&iopt->tree, built[level]);
	}
}

/* The table of @level on the way to the run, with the one below in it */
static u64 *iopt_build_one(struct iopt_map *map, int level, u64 *child,
			   unsigned int nr)
{
	struct iopt *iopt = map->iopt;
	u64 *table;

	/* A table that is filled from end to end needs no zeroes before. */
	table = iopt_table_alloc(&iopt->tree, level,
				 map->gfp | (nr < LPAE_ENTRIES ? __GFP_ZERO : 0));
	if (!table)
		return NULL;

	if (child)
		table[lpae_index(map->iova, level)] =
			lpae_table_entry(virt_to_phys(child), iopt->ns) |
			LPAE_SW_CLEAN;
	else
		iopt_map_fill(map, &table[lpae_index(map->iova, level)], nr);
	iopt_page_add_below(iopt_table_page(table), map->level - level);

	if (iopt_table_publishable(&iopt->tree, table)) {
		iopt_table_free_unpublished(&iopt->tree, table);
		return NULL;
	}
	return table;
}

/*
 * No table where the walk ended: build what is missing from the leaves up, as
 * much of the run in it as one table holds, and publish it with one entry.
 */
static int iopt_map_build(struct iopt_map *map, const struct iopt_walk *walk)
{
	unsigned int nr = iopt_run_length(map->iopt, map->iova, map->level,
					  map->left);
	u64 *built[LPAE_LEVELS];
	u64 *child = NULL;
	int level, ret;

	for (level = map->level; level > walk->level; level--) {
		child = iopt_build_one(map, level, child, child ? 0 : nr);
		if (!child) {
			iopt_discard(map->iopt, built, level + 1, map->level);
			return -ENOMEM;
		}
		built[level] = child;
	}

	ret = iopt_publish(map->iopt, walk, iopt_walk_slot(walk, map->iova),
			   child, 0);
	if (ret) {
		/* Never visible to anybody; the next walk finds the other's. */
		iopt_discard(map->iopt, built, level + 1, map->level);
		return ret == -EAGAIN ? 0 : ret;
	}

	iopt_map_advance(map, nr);
	return 0;
}

/*
 * A block is to go where a table is. The walk caches of the hardware may know
 * the table, so the slot stays empty until a flush that started after the
 * detach is complete (Arm ARM D8.17.1, break before make).
 */
static int iopt_map_replace(struct iopt_map *map, const struct iopt_walk *walk,
			    u64 *slot)
{
	struct iopt *iopt = map->iopt;
	const struct iommu_flush_ops *tlb = iopt->iop.cfg.tlb;
	unsigned long count;
	LIST_HEAD(tables);

	if (!tlb || !tlb->tlb_flush_walk)
		return -EEXIST;

	count = iopt_detach(slot, walk->entry, &tables);
	iopt_walk_add_below(iopt, walk, walk->level, -(long)count);
	iopt_sync_entries(&iopt->tree, slot, 1);
	iopt_limbo_add(iopt, &tables, count);

	tlb->tlb_flush_walk(map->iova, map->pgsize, LPAE_TABLE_SIZE,
			    iopt->iop.cookie);
	return READ_ONCE(iopt->flush_failed) ? -EIO : 0;
}

/* The table is there: put as much of the run into it as finds empty entries. */
static int iopt_map_run(struct iopt_map *map, const struct iopt_walk *walk)
{
	u64 *slot = iopt_walk_slot(walk, map->iova);
	unsigned int nr, room;

	if (lpae_is_table(walk->entry, walk->level))
		return iopt_map_replace(map, walk, slot);

	room = iopt_run_length(map->iopt, map->iova, map->level, map->left);
	for (nr = 0; nr < room; nr++)
		if (READ_ONCE(slot[nr]))
			break;
	if (!nr)
		return -EEXIST;

	iopt_map_fill(map, slot, nr);
	iopt_sync_entries(&map->iopt->tree, slot, nr);
	iopt_map_advance(map, nr);
	return 0;
}

static int iopt_map_step(struct iopt_map *map)
{
	struct iopt *iopt = map->iopt;
	struct iopt_walk walk;

	iopt_descend(iopt, map->iova, map->level, &walk);
	if (!iopt->tree.coherent && unlikely(!(walk.common & LPAE_SW_CLEAN)))
		iopt_walk_clean(iopt, &walk, map->iova);

	if (walk.level == map->level)
		return iopt_map_run(map, &walk);
	if (walk.entry)
		return -EEXIST;
	return iopt_map_build(map, &walk);
}

static int iopt_map_all(struct iopt_map *map)
{
	unsigned int runs = 0;
	int ret;

	while (map->left) {
		ret = iopt_map_step(map);
		if (ret)
			return ret;
		if (++runs % IOPT_RUNS_PER_SLICE == 0 &&
		    gfpflags_allow_blocking(map->gfp)) {
			reclaim_throttle();
			cond_resched();
		}
	}
	return 0;
}

/*
 * The hardware did not confirm the last flush, so it may know tables that are no
 * longer there. Nothing is mapped in their place until it has forgotten them.
 */
static int iopt_map_recover(struct iopt *iopt)
{
	io_pgtable_tlb_flush_all(&iopt->iop);
	return READ_ONCE(iopt->flush_failed) ? -EIO : 0;
}

static int iopt_map_check(struct iopt *iopt, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot)
{
	phys_addr_t last = paddr + pgsize * pgcount - 1;
	int ret;

	ret = iopt_check_range(iopt, iova, pgsize, pgcount);
	if (ret)
		return ret;
	if (!(prot & (IOMMU_READ | IOMMU_WRITE)) || !IS_ALIGNED(paddr, pgsize))
		return -EINVAL;
	if (last < paddr || last >> iopt->iop.cfg.oas)
		return -ERANGE;
	if (WARN_ONCE(READ_ONCE(iopt->tree.closed),
		      "map of a page table that has been freed\n"))
		return -ENODEV;
	if (unlikely(READ_ONCE(iopt->flush_failed)))
		return iopt_map_recover(iopt);
	return 0;
}

int iopt_map_pages(struct io_pgtable_ops *ops, unsigned long iova,
		   phys_addr_t paddr, size_t pgsize, size_t pgcount, int prot,
		   gfp_t gfp, size_t *mapped)
{
	struct iopt *iopt = iopt_from_ops(ops);
	struct iopt_map map = {
		.iopt = iopt,
		.iova = iova,
		.pgsize = pgsize,
		.gfp = gfp,
		.left = pgcount,
	};
	int ret;

	ret = iopt_map_check(iopt, iova, paddr, pgsize, pgcount, prot);
	if (ret)
		return ret;

	map.level = lpae_leaf_level(pgsize);
	map.leaf = paddr | lpae_leaf_attrs(prot, iopt->ns) |
		   lpae_leaf_type(map.level);
	ret = iopt_map_all(&map);

	if (iopt->tree.coherent) {
		/* Entries before whatever tells a device to use them */
		wmb();
	}
	if (mapped)
		*mapped += map.done * pgsize;
	return ret;
}
