// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of tables, case by case: when its stores leave the CPU.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>
#include <linux/sizes.h>

#include "options.h"
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
}

/* --- barriers ---------------------------------------------------------------------- */

static void expect_none_buffered(const char *after)
{
	if (shim_buffered())
		shim_panic("%u stores still wait for a barrier after %s",
			   shim_buffered(), after);
}

/*
 * The DMA API cleans nothing for an IOMMU that is coherent, though the driver has not
 * said that its walker snoops. A map ends with a barrier all the same, and a table
 * is in limbo only after one.
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

/* --- all of it ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(const struct shape *shape);
} cases[] = {
	{ "stores leave before the end", stores_leave_before_the_end },
};

int main(int argc, char **argv)
{
	unsigned int i, shape;

	shim_context = say_where;
	world_load();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
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
