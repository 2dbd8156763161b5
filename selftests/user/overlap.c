// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two calls at the same time, which want the same range or do not: is the
 * driver told of those that must not be, and of no others?
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>

#include "shim.h"
#include "world.h"

static struct domain *d;
static const char *doing = "";

/* What happens in the middle of the first call, in pages */
static struct {
	bool maps;
	u64 first;
	u64 count;
} inner;

/* The first two that overlap are in the log. */
static bool told;

static void say_where(void)
{
	fprintf(stderr, "# %s: %s\n", doing, shim_message);
}

static void call(bool maps, u64 first, u64 count)
{
	u64 page = domain_leaf_size(d, 0);
	size_t mapped = 0;

	if (maps)
		d->ops->map_pages(d->ops, first * page, page * (first + 1), page, count,
				  IOMMU_READ, GFP_ATOMIC, &mapped);
	else
		d->ops->unmap_pages(d->ops, first * page, page, count, NULL);
}

static void meet(bool locked)
{
	struct shim_cpu cpu;

	if (locked) {
		shim_steps = 0;
		return;
	}
	shim_cpu_enter(&cpu);
	call(inner.maps, inner.first, inner.count);
	shim_cpu_leave(&cpu);
	shim_steps = SHIM_NO_STEPS;
}

static const struct {
	const char *name;
	bool outer_maps;
	bool inner_maps;
	u64 first;	/* of the inner one; the outer has pages 10 to 19 */
	u64 count;
	bool overlaps;
} cases[] = {
	{ "two maps of neighbours", true, true, 0, 10, false },
	{ "a map and an unmap of neighbours", true, false, 20, 10, false },
	{ "two unmaps of neighbours", false, false, 0, 10, false },
	{ "two maps that share a page", true, true, 19, 1, true },
	{ "a map and an unmap that share the first", true, false, 5, 6, true },
	{ "an unmap and a map in its middle", false, true, 15, 1, true },
	{ "two unmaps that share what is not mapped", false, false, 5, 6, true },
	{ "a map around another", true, true, 0, 100, true },
};

static const char *name_of(bool maps)
{
	return maps ? " map of" : " unmap of";
}

/* Both are named, that which came later first, and where they begin. */
static void check_warning(unsigned int i)
{
	u64 page = domain_leaf_size(d, 0);
	char first[60], second[60];

	snprintf(first, sizeof(first), " overlaps%s 0x%llx by ", name_of(cases[i].outer_maps),
		 10 * page);
	snprintf(second, sizeof(second), ":%s 0x%llx by ", name_of(cases[i].inner_maps),
		 cases[i].first * page);
	if (!strstr(shim_warning, first) || !strstr(shim_warning, second))
		shim_panic("not both are named: %s", shim_warning);
}

/* Of two calls that which came later is the last in the log. */
static void check_message(unsigned int i)
{
	u64 page = domain_leaf_size(d, 0);
	char text[80];

	told = true;
	snprintf(text, sizeof(text), ": second call:%s 0x%llx to 0x%llx by ",
		 name_of(cases[i].inner_maps), cases[i].first * page,
		 (cases[i].first + cases[i].count) * page - 1);
	if (!strstr(shim_message, text))
		shim_panic("the last word of two calls is \"%s\", not \"%s\"", shim_message, text);
}

/*
 * Wherever in the first call the second one comes: some 40 accesses are enough.
 */
static void play(unsigned int i, long after)
{
	void (*hook)(bool locked) = shim_hook;
	u64 page;

	doing = cases[i].name;
	if (!cases[i].outer_maps)
		call(true, 10, 10);
	inner.maps = cases[i].inner_maps;
	inner.first = cases[i].first;
	inner.count = cases[i].count;
	shim_warning[0] = '\0';
	shim_message[0] = '\0';
	shim_warnings_expected = cases[i].overlaps;
	shim_hook = meet;
	shim_steps = after;
	call(cases[i].outer_maps, 10, 10);
	shim_steps = SHIM_NO_STEPS;
	shim_hook = hook;
	if (shim_warnings_expected)
		shim_panic("no word of it after %ld accesses", after);
	if (cases[i].overlaps)
		check_warning(i);
	if (cases[i].overlaps && shim_message[0])
		check_message(i);
	/* One by one, for an unmap ends where nothing is mapped. */
	for (page = 0; page < 100; page++)
		call(false, page, 1);
	domain_flush(d, true);
}

int main(int argc, char **argv)
{
	unsigned int i, shape;
	long after;

	shim_context = say_where;
	world_load();
	for (shape = 0; shape < nr_shapes; shape++) {
		if (shapes[shape].quirks & IO_PGTABLE_QUIRK_ARM_TTBR1)
			continue;
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			world_begin();
			world.alone = true;
			d = domain_new(&shapes[shape], &world.choice);
			/*
			 * The check comes before these, and the call goes on
			 * after.
			 */
			for (after = 8; after < 20; after++)
				play(i, after);
			domain_free(d);
			world_run_all();
			domain_bury();
		}
	}
	world_unload();
	if (!told)
		shim_panic("nothing is in the log of two calls");
	printf("# %zu cases, %u shapes\n", ARRAY_SIZE(cases), nr_shapes);
	return 0;
}
