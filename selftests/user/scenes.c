// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scenes that chance seldom comes to, each with all page tables: flushes that
 * end in another order than they began in or fail, tables of different age in
 * one call, and what sweeps leave alone.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>
#include <linux/sizes.h>

#include "options.h"
#include "pgtable.h"
#include "shim.h"
#include "world.h"

static const char *doing = "";
static struct domain *d;
static u64 seed;

static void say_where(void)
{
	fprintf(stderr, "# %s: %s; again with --seed=%llu\n", doing,
		d ? d->shape->name : "no page table", seed);
}

static void expect(const char *what, long seen, long wanted)
{
	if (seen != wanted)
		shim_panic("%s: %ld, not %ld", what, seen, wanted);
}

/*
 * Leaves of a level, from the nth of them on, which lead to others with each
 * @turn
 */
static struct call leaves(unsigned int level, u64 nth, u64 count, unsigned int turn)
{
	u64 size = domain_leaf_size(d, level), block = domain_leaf_size(d, 1);

	/* With one level there are pages alone. */
	block = block ? block : size * 512;
	return (struct call) {
		.iova = nth * size, .size = size, .count = count,
		.paddr = block * (1 + turn * 4) + nth * size % (2 * block),
		.prot = IOMMU_READ | IOMMU_WRITE, .gfp = GFP_KERNEL,
	};
}

static int map(unsigned int level, u64 nth, u64 count, unsigned int turn)
{
	struct call call = leaves(level, nth, count, turn);

	return do_map(d, &call);
}

static void must_map(unsigned int level, u64 nth, u64 count, unsigned int turn)
{
	expect("map", map(level, nth, count, turn), 0);
}

static void must_unmap(unsigned int level, u64 nth, u64 count)
{
	struct call call = leaves(level, nth, count, 0);

	/* The flush is for later. */
	call.prot = 0;
	expect("unmapped", do_unmap(d, &call), (long)(call.size * call.count));
}

/*
 * What must be there for a map, without a flush of the library's asking: none
 * is answered.
 */
static void must_map_without_a_flush(unsigned int level, u64 nth, u64 count, unsigned int turn)
{
	unsigned long asked = d->flushes + d->failed;

	d->fails = true;
	must_map(level, nth, count, turn);
	d->fails = false;
	expect("flushes that were asked for", d->flushes + d->failed, asked);
}

/* No flush is answered, and so nothing may be mapped; with one it is. */
static void must_flush_to_map(unsigned int level, u64 nth, u64 count, unsigned int turn)
{
	d->fails = true;
	expect("a map that needs a flush", map(level, nth, count, turn), -EIO);
	d->fails = false;
	must_map(level, nth, count, turn);
}

static u64 entries(void)
{
	return 1ull << d->hw.bits;
}

/*
 * A table that waits for a flush, so that the next flush has something to
 * release
 */
static void lose_a_table(u64 nth)
{
	must_map(0, nth * entries(), 1, 0);
	must_unmap(1, nth, 1);
}

/* --- flushes that overlap, or fail ---------------------------------------- */

/*
 * What was unmapped between the two begins is known to the hardware still: the
 * second flush alone covers it, and that one fails. Which of the two ends first
 * does not matter.
 */
static void one_that_began_before_makes_nothing_good(bool first_ends_first)
{
	struct bracket *first = &d->brackets[0], *second = &d->brackets[1];

	must_map(0, 0, 2, 0);
	must_unmap(0, 0, 1);
	lose_a_table(1);
	bracket_begin(d, first);
	bracket_forget(d, first);
	must_unmap(0, 1, 1);
	bracket_begin(d, second);
	if (first_ends_first)
		bracket_end(d, first, true);
	bracket_end(d, second, false);
	if (!first_ends_first)
		bracket_end(d, first, true);
	must_flush_to_map(0, 0, 2, 1);
}

static void the_first_ends_first(void)
{
	one_that_began_before_makes_nothing_good(true);
}

static void the_first_ends_last(void)
{
	one_that_began_before_makes_nothing_good(false);
}

/* One that was late makes nothing bad that another has made good. */
static void one_that_ends_late_takes_nothing_back(void)
{
	struct bracket *late = &d->brackets[0];

	must_map(0, 0, 1, 0);
	must_unmap(0, 0, 1);
	lose_a_table(1);
	bracket_begin(d, late);
	domain_flush(d, false);
	domain_flush(d, true);
	bracket_end(d, late, true);
	must_map_without_a_flush(0, 0, 1, 1);
}

/* The same for the tables that the later flush has covered */
static void one_that_ends_late_covers_no_less(void)
{
	struct bracket *late = &d->brackets[0];

	must_map(0, 0, 1, 0);
	must_map(0, entries(), 1, 0);
	must_unmap(1, 0, 1);
	bracket_begin(d, late);
	must_unmap(1, 1, 1);
	domain_flush(d, true);
	bracket_end(d, late, true);
	must_map_without_a_flush(1, 0, 2, 1);
}

/*
 * A driver that had nothing to release has not told of its flush, and that
 * fails.
 */
static void a_flush_without_brackets_fails(void)
{
	must_map(0, 0, 2, 0);
	domain_flush(d, true);
	must_unmap(0, 0, 1);
	expect("is there nothing to release", io_pgtable_deferred_is_settled(d->ops), 1);
	domain_flush_settled(d, false);
	expect("is there nothing to release", io_pgtable_deferred_is_settled(d->ops), 0);
	must_flush_to_map(0, 0, 1, 1);
	expect("is there nothing to release", io_pgtable_deferred_is_settled(d->ops), 1);
	must_map_without_a_flush(0, 2, 1, 1);
}

/* What the flush had taken is in limbo again, and waits for the next. */
static void what_a_failed_flush_has_taken_comes_back(void)
{
	long live;

	must_map(0, 0, 1, 0);
	must_map(0, entries(), 1, 0);
	live = shim_stat("live");
	must_unmap(1, 0, 2);
	expect("in limbo", shim_stat("limbo"), 2);
	d->fails = true;
	domain_flush(d, false);
	expect("in limbo", shim_stat("limbo"), 2);
	world_run_all();
	expect("live", shim_stat("live"), live);
	d->fails = false;
	domain_flush(d, true);
	expect("in limbo", shim_stat("limbo"), 0);
	world_run_all();
	if (shim_stat("live") > live - 2)
		shim_panic("%ld tables of %ld live after a flush", shim_stat("live"), live);
}

/* --- tables of different age ---------------------------------------------- */

/* Two slots that have lost a table, of which one has been flushed since */
static void lose_two_tables(u64 old, u64 young)
{
	must_map(0, old * entries(), 1, 0);
	must_map(0, young * entries(), 1, 0);
	domain_access(d, old * domain_leaf_size(d, 1), false);
	domain_access(d, young * domain_leaf_size(d, 1), false);
	must_unmap(1, old, 1);
	bracket_begin(d, &d->brackets[0]);
	must_unmap(1, young, 1);
	bracket_end(d, &d->brackets[0], true);
}

/*
 * The run ends before the young one, or waits for it: the oldest is not enough.
 */
static void map_over_two_ages(u64 old, u64 young)
{
	u64 at = young * domain_leaf_size(d, 1);

	lose_two_tables(old, young);
	d->fails = true;
	expect("a map over both", map(1, 0, 2, 1), -EIO);
	d->fails = false;
	if (model_find(&d->model, at))
		shim_panic("a block is mapped where a table has not been flushed");
	domain_flush(d, true);
	if (!model_find(&d->model, 0))
		must_map(1, 0, 1, 1);
	must_map(1, 1, 1, 1);
}

static void the_old_one_comes_first(void)
{
	map_over_two_ages(0, 1);
}

static void the_young_one_comes_first(void)
{
	map_over_two_ages(1, 0);
}

/* With pages, so that each slot gets a table */
static void pages_over_two_ages(void)
{
	lose_two_tables(0, 1);
	d->fails = true;
	expect("a map over both", map(0, 0, entries() + 1, 1), -EIO);
	d->fails = false;
	expect("mapped", model_leaves(&d->model), entries());
	must_map(0, entries(), 1, 1);
}

/* --- what a sweep leaves -------------------------------------------------- */

/* In the middle and at both ends, so that the tables between are others'. */
static u64 far(unsigned int nr)
{
	u64 tables = domain_space(d) / domain_leaf_size(d, 1);
	const u64 at[] = { 0, 1, tables / 2, tables - 1 };

	return at[nr] * entries();
}

#define FAR	4

static void sweep(void)
{
	do_sweep();
	domain_flush(d, true);
	world_run_all();
}

static void expect_root_alone(void)
{
	expect("tables where nothing is mapped", shim_stat("live"), 1);
}

/* The tables above an empty one, which are empty with it */
static void nothing_stays_above(void)
{
	unsigned int i;

	for (i = 0; i < FAR; i++)
		must_map(0, far(i), 1, 0);
	for (i = 0; i < FAR; i++)
		must_unmap(0, far(i), 1);
	sweep();
	expect_root_alone();
}

/* One at a time, each after a sweep that has found the others in use */
static void what_is_in_use_is_looked_at_again(void)
{
	unsigned int i;

	for (i = 0; i < FAR; i++)
		must_map(0, far(i), 2, 0);
	for (i = 0; i < FAR; i++) {
		must_unmap(0, far(i), 1);
		sweep();
		must_unmap(0, far(i) + 1, 1);
		sweep();
	}
	expect_root_alone();
}

/* It comes and goes between two sweeps, and after both */
static void what_was_left_alone_goes_later(void)
{
	must_map(0, 0, 1, 0);
	must_unmap(0, 0, 1);
	must_map(0, 1, 1, 0);
	sweep();
	domain_check_swept(d);
	must_unmap(0, 1, 1);
	must_map(0, 2, 1, 0);
	must_unmap(0, 2, 1);
	sweep();
	expect_root_alone();
}

/* A flush that fails in the middle of it makes it late. */
static void a_sweep_outlives_a_failed_flush(void)
{
	must_map(0, 0, 1, 0);
	must_map(0, entries(), 1, 0);
	must_unmap(0, 0, 1);
	must_unmap(0, entries(), 1);
	d->fails = true;
	do_sweep();
	world_run_all();
	d->fails = false;
	sweep();
	expect_root_alone();
}

/* To a page, a block, a hole in a table, and where a table was */
static void a_walk_tells_the_way(void)
{
	must_map(0, 0, 1, 0);
	must_map(1, 2, 1, 0);
	lose_a_table(1);
	do_walk(d, 0);
	do_walk(d, domain_leaf_size(d, 0));
	do_walk(d, domain_leaf_size(d, 1));
	do_walk(d, 2 * domain_leaf_size(d, 1));
	do_walk(d, 3 * domain_leaf_size(d, 1));
}

/*
 * ----------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	void (*play)(void);
	bool blocks;	/* of the second size, with tables in their place */
} scenes[] = {
	{ "B begins, A begins, B ends, A fails", the_first_ends_first, true },
	{ "B begins, A begins, A fails, B ends", the_first_ends_last, true },
	{ "a flush ends late", one_that_ends_late_takes_nothing_back, true },
	{ "a flush ends late, with tables", one_that_ends_late_covers_no_less, true },
	{ "a flush without brackets fails", a_flush_without_brackets_fails },
	{ "a flush with tables fails", what_a_failed_flush_has_taken_comes_back, true },
	{ "blocks over an old table and a young one", the_old_one_comes_first, true },
	{ "blocks over a young table and an old one", the_young_one_comes_first, true },
	{ "pages over an old table and a young one", pages_over_two_ages, true },
	{ "tables above an empty one", nothing_stays_above, true },
	{ "tables in use, and then not", what_is_in_use_is_looked_at_again, true },
	{ "a table left alone by a sweep", what_was_left_alone_goes_later, true },
	{ "a sweep, and a flush that fails", a_sweep_outlives_a_failed_flush, true },
	{ "a walk tells the way", a_walk_tells_the_way, true },
};

/* Does the driver answer, and has the page table room for all this? */
static bool is_for(const struct shape *shape, bool blocks)
{
	u64 block = domain_leaf_size(d, 1);

	if (shape->flags & SHAPE_NO_TLB)
		return false;
	return !blocks || (block && domain_space(d) >= 4 * block &&
			   (1ull << shape->oas) >= 16 * block);
}

static void play_all(const struct shape *shape)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scenes); i++) {
		doing = scenes[i].name;
		world_begin();
		choice_by_seed(&world.choice, seed * 1000003 + i);
		world.alone = true;
		world.steady = true;
		d = domain_new(shape, &world.choice);
		world.domains[0] = d;
		if (is_for(shape, scenes[i].blocks))
			scenes[i].play();
		world_look();
		world_end();
		d = NULL;
	}
}

int main(int argc, char **argv)
{
	unsigned int shape;

	seed = option(&argc, argv, "seed", 1);
	shim_context = say_where;
	world_load();
	for (shape = 0; shape < nr_shapes; shape++)
		play_all(&shapes[shape]);
	world_unload();
	printf("# seed %llu: %zu scenes, %u shapes\n", seed, ARRAY_SIZE(scenes), nr_shapes);
	return 0;
}
