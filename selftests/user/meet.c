// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two callers meet: in the middle of one call another CPU makes others, after
 * each of its accesses to memory in turn.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>

#include "options.h"
#include "shim.h"
#include "world.h"

/*
 * What a call does, in leaves of one of the sizes, counted from the start of
 * the block that all is about
 */
enum what {
	NOTHING,
	/* to the first of two places, or with elsewhere to the other */
	MAP,
	UNMAP,
	FLUSH,
	RUN_ALL,		/* all callbacks and all work that can run */
	/* time passes, and tables that are empty are looked for */
	SWEEP,
	LOOK,		/* devices and lookups, at the ends and in the middle */
	WRITE,		/* devices that write, where the hardware tells */
	DIRTY,		/* what has been written to is made clean */
};

struct act {
	enum what what;
	unsigned int leaf;
	unsigned int first;
	unsigned int count;
	bool elsewhere;
};

/* From the end of the block, and up to there */
#define LAST	(~0u)
#define REST	(~0u)

struct scene {
	const char *name;
	/* its size, as a number of domain_leaf_size() */
	unsigned int block;
	struct act before[4];
	struct act outer;
	struct act inner[6];
};

static const struct scene scenes[] = {
	{ "two parts of a block", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { UNMAP, 0, LAST, 1 } } },
	{ "two parts of a block, and both are flushed", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { UNMAP, 0, LAST, 1 }, { FLUSH }, { LOOK } } },
	{ "a part of a block, and all others", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { UNMAP, 0, 1, REST }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "all but one, and the one", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 1, REST }, { { UNMAP, 0, 0, 1 }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a part of a block comes again", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 0, 1 },
	  { { UNMAP, 0, LAST, 1 }, { FLUSH }, { RUN_ALL }, { MAP, 0, LAST, 1, true },
	    { LOOK } } },
	{ "a device looks at a block", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 3, 1 }, { { LOOK } } },
	{ "a large block, parts of one table", 2, { { MAP, 2, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { UNMAP, 0, 1, 1 }, { LOOK } } },
	{ "a large block, a page and a smaller block", 2, { { MAP, 2, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { UNMAP, 1, LAST, 1 }, { FLUSH }, { LOOK } } },
	{ "a large block, a smaller block and all others", 2, { { MAP, 2, 0, 1 } },
	  { UNMAP, 1, 0, 1 }, { { UNMAP, 1, 1, REST }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a large block, a page of what is a smaller one", 2, { { MAP, 2, 0, 1 } },
	  { UNMAP, 1, 0, 1 }, { { UNMAP, 0, LAST, 1 }, { FLUSH }, { LOOK } } },

	{ "two pages of a new table", 1, { },
	  { MAP, 0, 0, 1 }, { { MAP, 0, 1, 1 }, { LOOK } } },
	{ "a page comes and goes in a new table", 1, { },
	  { MAP, 0, 0, 1 }, { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 }, { FLUSH }, { RUN_ALL } } },
	{ "a new table comes and goes", 1, { },
	  { MAP, 0, 0, 1 },
	  { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a new table comes, goes and comes", 1, { },
	  { MAP, 0, 0, 1 },
	  { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 }, { SWEEP }, { FLUSH }, { MAP, 0, 1, 1, true } } },
	{ "an empty table that is kept", 1, { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 } },
	  { MAP, 0, 0, 1 }, { { SWEEP }, { FLUSH }, { RUN_ALL }, { MAP, 0, 1, 1, true } } },
	{ "the last page but one", 1, { { MAP, 0, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { MAP, 0, 1, 1 }, { LOOK } } },
	{ "the last page, and its table", 1, { { MAP, 0, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "the last two pages", 1, { { MAP, 0, 0, 2 } },
	  { UNMAP, 0, 0, 1 }, { { UNMAP, 0, 1, 1 }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a table is cut off, and another", 1, { { MAP, 0, 0, 2 } },
	  { UNMAP, 1, 0, 1 }, { { MAP, 1, 1, 1 }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a block over an empty table", 1, { { MAP, 0, 0, 2 }, { UNMAP, 0, 0, 2 } },
	  { MAP, 1, 0, 1, true },
	  { { MAP, 1, 1, 1 }, { SWEEP }, { FLUSH }, { RUN_ALL }, { LOOK } } },
	{ "a block over a table with one page", 1, { { MAP, 0, LAST, 1 } },
	  { MAP, 1, 0, 1, true }, { { SWEEP }, { FLUSH }, { RUN_ALL }, { LOOK } } },
	{ "a large block over empty tables", 2,
	  { { MAP, 0, 0, 1 }, { UNMAP, 0, 0, 1 }, { MAP, 0, LAST, 1 }, { UNMAP, 0, LAST, 1 } },
	  { MAP, 2, 0, 1, true },
	  { { MAP, 2, 1, 1 }, { SWEEP }, { FLUSH }, { RUN_ALL }, { LOOK } } },
	{ "a large block over an empty table and a page", 2,
	  { { MAP, 0, 0, 1 }, { UNMAP, 0, 0, 1 }, { MAP, 0, LAST, 1 } },
	  { MAP, 2, 0, 1, true }, { { SWEEP }, { FLUSH }, { RUN_ALL }, { LOOK } } },
	{ "a block over a table", 1, { { MAP, 0, 0, 2 } },
	  { MAP, 1, 0, 1, true }, { { MAP, 1, 1, 1 }, { FLUSH }, { RUN_ALL }, { LOOK } } },
	{ "a block over a table, and the next goes", 1,
	  { { MAP, 0, 0, 2 }, { MAP, 1, 1, 1 } },
	  { MAP, 1, 0, 1, true }, { { UNMAP, 1, 1, 1 }, { SWEEP }, { RUN_ALL }, { LOOK } } },
	{ "a table where one was a flush ago", 1,
	  { { MAP, 0, 0, 2 }, { UNMAP, 1, 0, 1 } },
	  { MAP, 0, 0, 1, true }, { { MAP, 0, 1, 1, true }, { FLUSH }, { RUN_ALL } } },

	{ "a sweep, and a page of the empty table", 1,
	  { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 } },
	  { SWEEP }, { { MAP, 0, 0, 1 }, { LOOK } } },
	{ "a sweep, and a page that comes and goes", 1,
	  { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 } },
	  { SWEEP }, { { MAP, 0, 0, 1 }, { UNMAP, 0, 0, 1 } } },
	{ "a sweep, and the last page", 1, { { MAP, 0, 0, 2 }, { UNMAP, 0, 0, 1 } },
	  { SWEEP }, { { UNMAP, 0, 1, 1 } } },
	{ "a sweep, the last page, and another", 1, { { MAP, 0, 0, 2 }, { UNMAP, 0, 0, 1 } },
	  { SWEEP }, { { UNMAP, 0, 1, 1 }, { FLUSH }, { MAP, 0, 7, 1, true }, { LOOK } } },
	{ "a sweep, and a block where it looks", 1,
	  { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 } },
	  { SWEEP }, { { MAP, 1, 0, 1, true }, { LOOK } } },
	{ "a sweep, and a table that goes as a whole", 1,
	  { { MAP, 0, 0, 2 }, { MAP, 1, 1, 1 }, { UNMAP, 0, 0, 1 } },
	  { SWEEP }, { { UNMAP, 1, 0, 1 }, { FLUSH }, { MAP, 0, 0, 1, true } } },
	{ "a sweep of two levels, and a page", 2,
	  { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 } },
	  { SWEEP }, { { MAP, 0, LAST, 1 }, { LOOK } } },
	{ "a sweep of two levels, and a page that goes", 2,
	  { { MAP, 0, 1, 1 }, { MAP, 0, LAST, 1 }, { UNMAP, 0, 1, 1 } },
	  { SWEEP }, { { UNMAP, 0, LAST, 1 }, { FLUSH }, { MAP, 0, 1, 1, true } } },
	{ "a sweep in the middle of a map", 1, { { MAP, 0, 1, 1 }, { UNMAP, 0, 1, 1 } },
	  { MAP, 0, 0, 1 }, { { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a sweep in the middle of an unmap", 2,
	  { { MAP, 0, 0, 1 }, { MAP, 0, LAST, 1 } },
	  { UNMAP, 0, 0, 1 }, { { SWEEP }, { UNMAP, 0, LAST, 1 }, { SWEEP } } },

	{ "a device writes to what is made clean", 1, { { MAP, 0, 0, 9 } },
	  { DIRTY, 0, 0, 9 }, { { WRITE } } },
	{ "a device writes to what is clean", 1, { { MAP, 0, 0, 9 }, { DIRTY, 0, 0, 9 } },
	  { DIRTY, 0, 0, 9 }, { { WRITE } } },
	{ "a device writes to a block that is taken apart", 1,
	  { { MAP, 1, 0, 1 }, { DIRTY, 1, 0, 1 } },
	  { UNMAP, 0, 5, 1 }, { { WRITE } } },
	{ "a block is made clean and taken apart", 1, { { MAP, 1, 0, 1 } },
	  { UNMAP, 0, 0, 1 }, { { DIRTY, 1, 0, 1 } } },
	{ "a block is taken apart and made clean", 1, { { MAP, 1, 0, 1 } },
	  { DIRTY, 1, 0, 1 }, { { UNMAP, 0, 0, 1 }, { FLUSH }, { WRITE } } },
	{ "a page is unmapped where all are made clean", 1, { { MAP, 0, 0, 9 } },
	  { DIRTY, 0, 0, 9 },
	  { { UNMAP, 0, 1, 1 }, { FLUSH }, { RUN_ALL }, { MAP, 0, 1, 1, true }, { WRITE } } },
	{ "a table goes where all is made clean", 1, { { MAP, 0, 0, 9 } },
	  { DIRTY, 0, 0, 9 },
	  { { UNMAP, 0, 0, 9 }, { SWEEP }, { FLUSH }, { RUN_ALL } } },
	{ "a block comes where all is made clean", 1, { { MAP, 0, 0, 9 } },
	  { DIRTY, 0, 0, 9 }, { { MAP, 1, 0, 1, true }, { WRITE } } },
};

/* What has fewer accesses than this is met after each of them. */
#define DENSE		128

/*
 * In the middle of long calls, which write table after table, only now and then
 */
#define STRIDE		251

static struct domain *d;
static const struct scene *scene;
static bool met;
static u64 seed, every;
static struct choice where;
static unsigned long long meetings;

static void say_where(void)
{
	fprintf(stderr, "# %s: %s, after %ld accesses; again with --seed=%llu\n",
		scene->name, d->shape->name, world.meet_after, seed);
}

static u64 block_size(void)
{
	return domain_leaf_size(d, scene->block);
}

static struct call call_of(const struct act *act)
{
	u64 size = domain_leaf_size(d, act->leaf), leaves = block_size() / size;
	u64 first = act->first == LAST ? leaves - 1 : act->first;
	u64 count = act->count == REST ? leaves - first : act->count;
	u64 at = first * size;

	return (struct call) {
		.iova = at, .size = size, .count = count,
		.paddr = block_size() * (act->elsewhere ? 2 : 1) + at % block_size(),
		.prot = IOMMU_READ | IOMMU_WRITE, .gfp = GFP_KERNEL,
	};
}

static void look(bool writes)
{
	u64 page = domain_leaf_size(d, 0), end = block_size();
	const u64 at[] = { 0, page, 3 * page, end / 2, end - page, end };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		domain_access(d, at[i], writes);
		do_lookup(d, at[i]);
	}
}

static void do_act(const struct act *act)
{
	struct call call = call_of(act);

	switch (act->what) {
	case MAP:
		do_map(d, &call);
		break;
	case UNMAP:
		do_unmap(d, &call);
		break;
	case FLUSH:
		do_flush(d, true);
		break;
	case RUN_ALL:
		world_run_all();
		break;
	case SWEEP:
		do_sweep();
		break;
	case LOOK:
	case WRITE:
		look(act->what == WRITE);
		break;
	case DIRTY:
		do_dirty(d, &call, true);
		break;
	default:
		break;
	}
}

static void do_acts(const struct act *acts, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		do_act(&acts[i]);
}

static void meet(void)
{
	met = true;
	meetings++;
	do_acts(scene->inner, ARRAY_SIZE(scene->inner));
}

/* Return: how many accesses the outer call makes */
static long play(const struct shape *shape, long after)
{
	long took;

	world_begin();
	choice_by_seed(&world.choice, seed * 1000003 + after);
	world.alone = true;
	world.steady = true;
	d = domain_new(shape, &world.choice);
	world.domains[0] = d;
	/*
	 * The same in all plays of a scene, or a sweep would take more accesses
	 * in some.
	 */
	io_pgtable_deferred_allow_flush(d->ops, seed % 2);
	do_acts(scene->before, ARRAY_SIZE(scene->before));
	met = false;
	world.meet = meet;
	world.meet_after = after;
	do_act(&scene->outer);
	took = world.took;
	world.meet = NULL;
	world_look();
	look(false);
	domain_flush(d, true);
	look(false);
	world_run_all();
	/* That looks once more. */
	world_end();
	return took;
}

/* Does the shape have the sizes, and room for the scene? */
static bool is_for(const struct shape *shape)
{
	bool looks = scene->outer.what == DIRTY || scene->inner[0].what == DIRTY ||
		     scene->inner[0].what == WRITE;
	bool yes;

	if (looks && !(shape->quirks & IO_PGTABLE_QUIRK_ARM_HD))
		return false;

	world_begin();
	d = domain_new(shape, &world.choice);
	yes = block_size() && domain_space(d) >= 2 * block_size() &&
	      (1ull << shape->oas) >= 4 * block_size();
	domain_free(d);
	world_run_all();
	domain_bury();
	return yes;
}

/* After each access, or after one in so many: others for each shape */
static void meet_everywhere(const struct shape *shape)
{
	long all = play(shape, SHIM_NO_STEPS - 1), after;

	for (after = 0; after < all; after++) {
		if (after > DENSE && after + DENSE < all)
			after += min(STRIDE, all - DENSE - after) - 1;
		if (choose_freely(&where, every))
			continue;
		play(shape, after);
		if (!met)
			shim_panic("no two threads have met");
	}
}

int main(int argc, char **argv)
{
	unsigned int i, shape;

	seed = option(&argc, argv, "seed", 1);
	every = option(&argc, argv, "every", 1);
	choice_by_seed(&where, seed);
	world_load();
	for (shape = 0; shape < nr_shapes; shape++) {
		for (i = 0; i < ARRAY_SIZE(scenes); i++) {
			scene = &scenes[i];
			shim_context = NULL;
			if (!is_for(&shapes[shape]))
				continue;
			shim_context = say_where;
			meet_everywhere(&shapes[shape]);
		}
	}
	world_unload();
	printf("# seed %llu: %zu scenes, %llu meetings\n", seed, ARRAY_SIZE(scenes), meetings);
	return !meetings;
}
