// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of tables, case by case: when its stores leave the CPU, what
 * becomes of pages that the IOMMU does not reach, which group pays, and which
 * caller clears chunks.
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

static void say_where(void)
{
	fprintf(stderr, "# %s: %s\n", doing, d ? d->shape->name : "no page table");
}

static struct call call_at(u64 iova, unsigned int level, u64 count)
{
	u64 size = domain_leaf_size(d, level);

	return (struct call) {
		.iova = iova, .size = size, .count = count, .paddr = size,
		.prot = IOMMU_READ | IOMMU_WRITE, .gfp = GFP_KERNEL,
	};
}

static void begin(const struct shape *shape)
{
	world_begin();
	choice_by_seed(&world.choice, 1);
	world.alone = true;
	world.steady = true;
	d = domain_new(shape, &world.choice);
	world.domains[0] = d;
}

static void end(void)
{
	world_end();
	d = NULL;
	shim_reach = 0;
	shim_reach_moves = false;
	shim_reach_is_told = false;
}

/* --- barriers ------------------------------------------------------------- */

static void expect_none_buffered(const char *after)
{
	if (shim_buffered())
		shim_panic("%u stores still wait for a barrier after %s",
			   shim_buffered(), after);
}

/*
 * The DMA API cleans nothing for an IOMMU that is coherent, though the driver
 * has not said that its walker snoops. A map ends with a barrier all the same,
 * and a table is in limbo only after one.
 */
static void stores_leave_before_the_end(const struct shape *shape)
{
	struct call run = call_at(0, 0, 2), table = call_at(0, 1, 1);

	if (!(shape->flags & SHAPE_SNOOPS) || !table.size)
		return;
	do_map(d, &run);
	expect_none_buffered("a map that made a table");
	run.iova += run.count * run.size;
	do_map(d, &run);
	expect_none_buffered("a map of a run");
	/* By itself: what the tests do after an unmap has a barrier. */
	if (d->ops->unmap_pages(d->ops, d->base, table.size, 1, NULL) != table.size)
		shim_panic("a table has not been unmapped");
	expect_none_buffered("a table was cut off");
	model_clear(&d->model, 0, table.size);
	domain_unflushed(d, 0, table.size);
}

/* --- pages that the IOMMU does not reach ---------------------------------- */

/* Of the last chunk of a page table */
#define SPARES		15

/*
 * Enough tables for chunks to be asked for, and not too many leaves to look at
 */
#define SPREAD		40

/*
 * A page in each of so many tables, fewer where a table has several pages.
 * Return: what the last map said.
 */
static int map_spread(unsigned int nr)
{
	u64 span = domain_leaf_size(d, 1);
	struct call call = call_at(0, 0, 1);
	int ret = 0;

	nr = max(nr >> iopd_from_ops(d->ops)->tree.table_order, 1u);
	for (; nr && !ret && call.iova < domain_space(d); nr--) {
		ret = do_map(d, &call);
		/* With one level there is the root alone. */
		call.iova += span ? span : domain_space(d);
	}
	return ret;
}

/*
 * What the page allocator has not got back is a table, or a spare of a chunk.
 */
static void expect_few_spares(void)
{
	const struct iopd_tree *tree = &iopd_from_ops(d->ops)->tree;
	long tables = shim_stat("live");
	long pages = ((tables - 1) << tree->table_order) + (1l << tree->root_order);

	if (shim_pages > pages + SPARES)
		shim_panic("%ld pages for %ld tables", shim_pages, tables);
}

/*
 * Only the lowest zone is within reach, as the DMA API finds out, or as the DMA
 * mask tells: then it need not be asked for a page beyond. The root is one such
 * table.
 */
static void another_page_is_tried(const struct shape *shape)
{
	unsigned int how;

	if (shape->flags & SHAPE_COHERENT)
		return;
	for (how = 0; how < 3; how++) {
		end();
		shim_reach = shim_low_end();
		shim_reach_moves = how == 0;
		shim_reach_is_told = how == 2;
		begin(shape);
		if (!d)
			shim_panic("no page table: %s", shim_message);
		if (map_spread(SPREAD))
			shim_panic("a table within reach is not found");
		world_look();
		expect_few_spares();
	}
}

/*
 * Nothing is within reach: a map fails, after a few tries, and keeps none of
 * them.
 */
static void tries_come_to_an_end(const struct shape *shape)
{
	unsigned long calls;
	struct call call;
	size_t mapped = 0;
	long pages;
	int ret;

	if (shape->flags & SHAPE_COHERENT || !domain_leaf_size(d, 1))
		return;
	/* There is an end, and it is not told: each table is tried. */
	end();
	shim_reach = BIT_ULL(48);
	begin(shape);
	call = call_at(domain_space(d) / 2, 0, 1);
	map_spread(1);
	shim_reach = 1;
	shim_fail.calls = 0;
	pages = shim_pages;
	ret = d->ops->map_pages(d->ops, d->base + call.iova, call.paddr, call.size, 1,
				call.prot, call.gfp, &mapped);
	calls = shim_fail.calls;
	if (ret != -ENOMEM || mapped)
		shim_panic("a map without a table within reach: %d", ret);
	if (calls > 8)
		shim_panic("%lu allocations and mappings for a table that cannot be had",
			   calls);
	if (shim_pages != pages)
		shim_panic("%ld pages are kept that are of no use", shim_pages - pages);
	/* What is within reach again is found. */
	shim_reach = 0;
	do_map(d, &call);
}

/* --- tables at high addresses --------------------------------------------- */

/* Memory that only FEAT_LPA has addresses for */
#define HIGH		(BIT_ULL(49) | BIT_ULL(50))

/* So that any zone may be asked, and all that is there is within reach */
#define ALL		BIT_ULL(60)

/*
 * The page table of @shape, where memory begins at @base; d is NULL for none.
 */
static void begin_at(const struct shape *shape, phys_addr_t base)
{
	end();
	shim_phys_base = base;
	shim_reach = ALL;
	shim_message[0] = '\0';
	begin(shape);
	if (d && map_spread(SPREAD))
		shim_panic("a table is not made, with memory from 0x%llx on", base);
	if (d)
		world_look();
}

/* Where it begins for the other cases */
static phys_addr_t low;

static void begin_as_before(const struct shape *shape)
{
	end();
	shim_phys_base = low;
	begin(shape);
}

/*
 * Tables are above 48 bits: the walker gets all bits of their addresses, which
 * the largest granule has room for. Where the output size ends before, there is
 * no page table, and the log says why.
 */
static void tables_are_above_48_bits(const struct shape *shape)
{
	bool fits = shape->oas > 48;

	begin_at(shape, HIGH);
	if (!d == fits)
		shim_panic("a page table of %u bits with tables above 48: %s", shape->oas,
			   d ? "made" : "refused");
	if (!d && !strstr(shim_message, "physical address"))
		shim_panic("a page table is refused, and \"%s\" is said", shim_message);
	begin_as_before(shape);
}

/*
 * The output size ends where the lowest zone does: the tables are all in there,
 * though the IOMMU snoops, and the DMA API is not asked for any of them.
 */
static void tables_are_within_the_output_size(const struct shape *shape)
{
	begin_at(shape, BIT_ULL(shape->oas) - (shim_low_end() - shim_phys_base));
	if (!d)
		shim_panic("no page table, where there is memory within %u bits", shape->oas);
	begin_as_before(shape);
}

/* --- which group pays, and which caller clears ---------------------------- */

#define MANY		600

/* The tables that a task of each group has made, the first for none */
static long made[SHIM_GROUPS];

/*
 * A page at the start of table @nr, by a task of @group: one table, or with it
 * the one above
 */
static void map_as(unsigned int group, unsigned int nr, gfp_t gfp)
{
	struct call call = call_at(nr * domain_leaf_size(d, 1), 0, 1);
	long before = shim_stat("live");

	call.gfp = gfp;
	shim_group = group;
	if (do_map(d, &call))
		shim_panic("table %u is not made", nr);
	made[gfp & __GFP_ACCOUNT ? group : 0] += shim_stat("live") - before;
}

static bool has_room_for(unsigned int tables)
{
	return domain_leaf_size(d, 1) &&
	       domain_space(d) / domain_leaf_size(d, 1) >= tables &&
	       !iopd_from_ops(d->ops)->tree.table_order;
}

static void expect_charged(unsigned int nr)
{
	unsigned int group;

	for (group = 1; group < SHIM_GROUPS; group++) {
		long charged = shim_charged(group);

		if (charged < made[group] || charged > made[group] + SPARES)
			shim_panic("group %u pays for %ld pages, having made %ld tables of %u",
				   group, charged, made[group], nr + 1);
	}
}

/*
 * Tasks of two control groups and callers that no group pays for make tables in
 * turn, and some more often than others, so that what one has left over would
 * serve the next. Each group pays for its own.
 */
static void groups_pay_for_their_own(const struct shape *shape)
{
	unsigned int nr;

	if (!has_room_for(MANY))
		return;
	memset(made, 0, sizeof(made));
	for (nr = 0; nr < MANY; nr++) {
		/* The first of 16, so that it would have paid for all. */
		unsigned int group = nr < MANY / 2 ? 1 + !!(nr % 16) : 1 + nr / 8 % 2;
		bool atomic = nr % 5 == 3;

		map_as(group, nr, (atomic ? GFP_ATOMIC : GFP_KERNEL) |
		       (nr % 7 == 6 ? 0 : __GFP_ACCOUNT));
		if (nr % 11 == 10)
			world_run_all();
		expect_charged(nr);
	}
}

/* A group that has a page table to itself gets its tables in chunks. */
static void charged_tables_come_in_chunks(const struct shape *shape)
{
	unsigned long calls;
	unsigned int nr;

	if (!has_room_for(MANY) || PAGE_SHIFT != 12)
		return;
	memset(made, 0, sizeof(made));
	shim_fail.calls = 0;
	for (nr = 0; nr < MANY; nr++)
		map_as(1, nr, GFP_KERNEL_ACCOUNT);
	calls = shim_fail.calls;
	if ((shape->flags & SHAPE_UNMAPS) && !(shape->flags & SHAPE_COHERENT))
		calls -= MANY;	/* mappings for DMA */
	if (calls > MANY / 16 * 2 + 40)
		shim_panic("%lu allocations for %u tables", calls, MANY);
}

/*
 * Of a caller that may not block none pays for more than a table, and where the
 * worker gets to it in between its tables are those of chunks.
 */
static void atomic_maps_clear_one_table(const struct shape *shape)
{
	unsigned int nr, singles = 0;
	long before;

	if (!has_room_for(MANY) || PAGE_SHIFT != 12)
		return;
	for (nr = 0; nr < MANY; nr++) {
		bool runs = nr >= MANY / 2;

		before = shim_pages;
		map_as(1, nr, GFP_ATOMIC);
		/* That table, and those above it */
		if (shim_pages > before + LPAE_LEVELS)
			shim_panic("a map that may not block takes %ld pages",
				   shim_pages - before);
		singles += runs && shim_pages > before;
		if (runs)
			world_run_all();
	}
	if (singles > MANY / 16)
		shim_panic("%u of %u tables are single pages", singles, MANY / 2);
}

/* Of the next map, which makes one table. Return: how many pages it asks for */
static unsigned long asks_for(unsigned int *nr)
{
	shim_fail.calls = 0;
	map_as(1, (*nr)++, GFP_KERNEL);
	return shim_fail.calls;
}

static void expect_asks(unsigned int *nr, unsigned int maps, unsigned long wanted)
{
	unsigned long asked;

	while (maps--) {
		asked = asks_for(nr);
		if (asked != wanted)
			shim_panic("the map of table %u asks for %lu pages, not %lu",
				   *nr - 1, asked, wanted);
	}
}

/*
 * A chunk that there is not: 16 single pages are taken before the next is asked
 * for, the one in its place included.
 */
static void a_chunk_that_fails_is_asked_for_later(const struct shape *shape)
{
	unsigned int nr = 0;

	/* What is mapped for DMA counts, too. */
	if (!has_room_for(128) || PAGE_SHIFT != 12 || !(shape->flags & SHAPE_COHERENT))
		return;
	/* With those above it */
	asks_for(&nr);
	/* Single ones, until there are as many tables as a chunk has */
	while (shim_stat("live") < 2 + SPARES)
		expect_asks(&nr, 1, 1);
	expect_asks(&nr, 1, 1);
	expect_asks(&nr, SPARES, 0);
	shim_fail.after = 0;
	expect_asks(&nr, 1, 2);
	expect_asks(&nr, SPARES, 1);
	/* That is a chunk. */
	expect_asks(&nr, 1, 1);
	expect_asks(&nr, SPARES, 0);
}

/* The page table goes while a chunk is asked for, and while it is allocated. */
static bool goes;
/* For how long a drain has waited for that, in us */
static unsigned long waited;

/* Looks of a drain at what makes a chunk, and how far they are apart */
#define LOOKS_US	(100 * 50)

static void free_it(void)
{
	if (!goes)
		return;
	goes = false;
	world.domains[0] = NULL;
	domain_free(d);
	/* All but what is in the middle of it */
	while (shim_run_rcu() || shim_run_work())
		;
	d = NULL;
	waited = shim_slept;
	io_pgtable_deferred_drain();
	waited = shim_slept - waited;
	if (waited && waited != LOOKS_US)
		shim_panic("a drain waits %lu us for a chunk", waited);
}

static void free_in_the_middle(bool locked)
{
	struct shim_cpu cpu;

	if (locked) {
		shim_steps = 0;
		return;
	}
	shim_cpu_enter(&cpu);
	free_it();
	shim_cpu_leave(&cpu);
	shim_steps = SHIM_NO_STEPS;
}

/* The page table goes after so many accesses of what makes a chunk for it. */
static void go_after(unsigned int accesses)
{
	void (*hook)(bool locked) = shim_hook;
	unsigned int nr;
	long objects;

	for (nr = 0; nr < 40; nr++)
		map_as(1, nr, GFP_ATOMIC);
	objects = shim_objects;
	goes = true;
	shim_hook = free_in_the_middle;
	shim_steps = accesses;
	/* The worker, as the first of all work */
	shim_run_work();
	shim_steps = SHIM_NO_STEPS;
	shim_hook = hook;
	free_it();
	/* What makes the chunk may have been the last to know of it. */
	io_pgtable_deferred_drain();
	if (shim_objects != objects - 1)
		shim_panic("the page table is still there after a drain");
}

static void page_table_goes_while_a_chunk_comes(const struct shape *shape)
{
	unsigned int after, waits = 0;

	if (!has_room_for(64) || PAGE_SHIFT != 12)
		return;
	for (after = 0; after < 60; after++) {
		go_after(after);
		waits += waited > 0;
		end();
		begin(shape);
	}
	if (!waits)
		shim_panic("no drain has waited for a chunk that was made");
}

/* Where one is ready no other is allocated. */
static void one_chunk_is_ready(const struct shape *shape)
{
	struct iopd_tree *tree = &iopd_from_ops(d->ops)->tree;

	tree->ops->make_ready(tree);
	if (!atomic_long_read(&tree->ready))
		return;
	shim_fail.calls = 0;
	tree->ops->make_ready(tree);
	if (shim_fail.calls)
		shim_panic("a chunk is ready, and another is allocated");
}

/* --- what waits for the others of its chunks ------------------------------ */

/* So many tables in chunks, of each of which a part goes, and a part stays */
#define IN_CHUNKS	64
#define STEP		2

/*
 * A drain trims a tree of which the worker has begun a sweep, and has not had
 * the CPU for long enough to go on with it.
 */
static void drains_trim_what_is_swept(const struct shape *shape)
{
	unsigned int nr;

	if (!has_room_for(IN_CHUNKS) || PAGE_SHIFT != 12)
		return;
	for (nr = 0; nr < IN_CHUNKS; nr++)
		map_as(1, nr, GFP_KERNEL);
	for (nr = 0; nr < IN_CHUNKS; nr += STEP) {
		struct call call = call_at(nr * domain_leaf_size(d, 1), 1, 1);

		do_unmap(d, &call);
		/* Begins a sweep, of which no batch is made. */
		if (!nr)
			io_pgtable_deferred_drain();
	}
	do_flush(d, true);
	while (shim_run_rcu())
		;
	shim_resched = UINT_MAX;
	io_pgtable_deferred_drain();
	shim_resched = 0;
	expect_few_spares();
}

/* --- all of it ------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(const struct shape *shape);
} cases[] = {
	{ "stores leave before the end", stores_leave_before_the_end },
	{ "another page is tried", another_page_is_tried },
	{ "tries come to an end", tries_come_to_an_end },
	{ "tables are above 48 bits", tables_are_above_48_bits },
	{ "tables are within the output size", tables_are_within_the_output_size },
	{ "groups pay for their own", groups_pay_for_their_own },
	{ "charged tables come in chunks", charged_tables_come_in_chunks },
	{ "atomic maps clear one table", atomic_maps_clear_one_table },
	{ "a chunk that fails is asked for later", a_chunk_that_fails_is_asked_for_later },
	{ "a page table goes while a chunk comes", page_table_goes_while_a_chunk_comes },
	{ "one chunk is ready", one_chunk_is_ready },
	{ "drains trim what is swept", drains_trim_what_is_swept },
};

int main(int argc, char **argv)
{
	unsigned int i, shape, only;

	/* By its number, from 1 */
	only = option(&argc, argv, "case", 0);
	shim_context = say_where;
	low = shim_phys_base;
	world_load();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (only && i + 1 != only)
			continue;
		doing = cases[i].name;
		for (shape = 0; shape < nr_shapes; shape++) {
			begin(&shapes[shape]);
			cases[i].run(&shapes[shape]);
			end();
		}
	}
	world_unload();
	printf("# %zu cases, %u shapes\n", ARRAY_SIZE(cases), nr_shapes);
	return 0;
}
