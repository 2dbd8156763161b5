// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of a call fails in turn, from many states.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>
#include <linux/sizes.h>

#include "options.h"
#include "shim.h"
#include "world.h"

/* Operations that make a state; a shape is tried from some states. */
#define OPS_A_STATE	60

/* A call has some allocations for each table, and covers a few tables. */
#define NTH_MAX		2000

static u64 seed, states;
static const char *doing = "";
static unsigned long long failures, calls;

static void say_where(void)
{
	fprintf(stderr, "# %s, allocation %lu of it; again with --seed=%llu\n", doing,
		shim_fail.calls, seed);
}

static void fail_nth(long nth)
{
	shim_fail.failed = 0;
	shim_fail.calls = 0;
	shim_fail.every = 0;
	shim_fail.after = nth;
}

static void fail_none(void)
{
	failures += shim_fail.failed;
	shim_fail.failed = 0;
	shim_fail.after = LONG_MAX;
}

/*
 * The same map until nothing fails; each time it goes on from where it came to.
 */
static void try_map(struct domain *d, struct call call)
{
	struct call undo = call;
	unsigned long failed;
	long nth = 0;

	doing = "map";
	calls++;
	do {
		if (nth == NTH_MAX)
			shim_panic("a map that never comes to an end");
		fail_nth(nth++);
		do_map(d, &call);
		failed = shim_fail.failed;
		fail_none();
		world_look();
		/*
		 * Back to before, so that the next allocation is the first to
		 * fail
		 */
		if (failed)
			do_unmap(d, &undo);
		domain_flush(d, true);
		world_run_all();
		world_look();
	} while (failed);
}

static void try_unmap(struct domain *d, struct call call)
{
	unsigned long failed;
	long nth = 0;

	doing = "unmap";
	calls++;
	do {
		if (nth == NTH_MAX)
			shim_panic("an unmap that never comes to an end");
		fail_nth(nth++);
		do_unmap(d, &call);
		failed = shim_fail.failed;
		fail_none();
		world_look();
	} while (failed);
}

static void try_new(const struct shape *shape)
{
	struct domain *d;
	long nth = 0;

	doing = "making a page table";
	calls++;
	do {
		fail_nth(nth++);
		d = domain_new(shape, &world.choice);
		if (!d && !shim_fail.failed)
			shim_panic("no page table, and nothing has failed");
		fail_none();
		if (!d)
			world_look();
	} while (!d);
	domain_free(d);
	world_run_all();
	domain_bury();
}

/* Freeing must not need memory, and comes to its end without. */
static void try_free(const struct shape *shape)
{
	struct domain *d = domain_new(shape, &world.choice);
	struct call call = {
		.size = shape->granule, .count = 20, .paddr = SZ_1G,
		.prot = IOMMU_READ, .gfp = GFP_KERNEL,
	};

	doing = "freeing";
	calls++;
	do_map(d, &call);
	shim_fail.every = 1;
	domain_free(d);
	world_run_all();
	shim_fail.every = 0;
	domain_bury();
}

static struct call random_call(const struct domain *d, unsigned int level, u64 count)
{
	u64 size = domain_leaf_size(d, level);
	struct call call = {
		.size = size ? size : domain_leaf_size(d, 0), .count = count,
		.prot = IOMMU_READ | IOMMU_WRITE,
		.gfp = choose(&world.choice, 2) ? GFP_KERNEL : GFP_ATOMIC,
	};
	u64 leaves = domain_space(d) / call.size;

	call.count = min(call.count, min(leaves, (1ull << d->shape->oas) / call.size - 1));
	call.iova = choose(&world.choice, leaves - call.count + 1) * call.size;
	call.paddr = call.size;
	return call;
}

/* A block, so that there is something to split; and over it pages and tables */
static void try_block(struct domain *d)
{
	unsigned int top = domain_leaf_size(d, 2) ? 2 : 1;
	struct call block = random_call(d, top, 1), part = block;

	if (block.size == domain_leaf_size(d, 0))
		return;
	try_map(d, block);
	part.size = domain_leaf_size(d, 0);
	part.iova += choose(&world.choice, block.size / part.size) * part.size;
	try_unmap(d, part);
	try_map(d, part);
	try_map(d, block);
}

static void try_state(unsigned int shape, unsigned int state)
{
	struct domain *d;
	unsigned int i;

	choice_by_seed(&world.choice, seed * 1000003 + shape * states + state);
	world.shape = shape;
	world.alone = true;
	world.steady = true;
	world.sparse = state % 2;
	world_begin();
	for (i = 0; i < OPS_A_STATE; i++)
		world_step();
	while (!world.domains[0])
		world_step();
	d = world.domains[0];
	shim_fail.every = 0;
	try_map(d, random_call(d, 0, 1));
	try_map(d, random_call(d, 0, 3 << d->hw.bits));
	try_map(d, random_call(d, 1, 4));
	try_block(d);
	try_unmap(d, random_call(d, 0, 100));
	try_unmap(d, random_call(d, 1, 10));
	try_new(&shapes[shape]);
	try_free(&shapes[shape]);
	world_end();
}

int main(int argc, char **argv)
{
	unsigned int shape, state;

	seed = option(&argc, argv, "seed", 1);
	states = option(&argc, argv, "states", 12);
	shim_context = say_where;
	world_load();
	for (shape = 0; shape < nr_shapes; shape++)
		for (state = 0; state < states; state++)
			try_state(shape, state);
	world_unload();
	printf("# seed %llu: %llu calls, %llu failures\n", seed, calls, failures);
	return !failures;
}
