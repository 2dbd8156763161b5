/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page table and its driver, for tests of what is done how much and by which
 * caller: each of its tables of the last level holds one page.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_OWNER_H
#define USER_OWNER_H

#include <linux/device.h>
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/kernel.h>
#include <linux/sizes.h>

#include "shim.h"

/* One page each, one table of the last level each */
#define SPAN		SZ_2M
/* All of them have their entries in one table of the level above. */
#define SPANS		512

struct owner {
	struct device dev;
	struct io_pgtable_cfg cfg;
	struct io_pgtable_ops *ops;
};

static inline void expect(const char *what, long seen, long wanted)
{
	if (seen != wanted)
		shim_panic("%s: %ld, not %ld", what, seen, wanted);
}

static inline void expect_within(const char *what, long seen, long least, long most)
{
	if (seen < least || seen > most)
		shim_panic("%s: %ld, not %ld to %ld", what, seen, least, most);
}

/* --- a page table, and its driver ----------------------------------------- */

static inline int nothing_to_forget(void *cookie)
{
	return 0;
}

static inline void flush_all(void *cookie)
{
	struct owner *o = cookie;

	io_pgtable_deferred_flush(o->ops, nothing_to_forget, NULL);
}

static inline void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	flush_all(cookie);
}

static const struct iommu_flush_ops tlb = {
	.tlb_flush_all = flush_all,
	.tlb_flush_walk = flush_walk,
};

static inline void make_of(struct owner *o, enum io_pgtable_fmt fmt,
			   unsigned int granule, unsigned int ias)
{
	*o = (struct owner) {
		.dev.name = "owner",
		.cfg = {
			.pgsize_bitmap = granule | (granule == SZ_4K ? SPAN : SZ_512M),
			.ias = ias, .oas = 40,
			.coherent_walk = true, .tlb = &tlb, .iommu_dev = &o->dev,
		},
	};
	o->ops = io_pgtable_deferred_alloc(fmt, &o->cfg, o);
	if (!o->ops)
		shim_panic("no page table: %s", shim_message);
}

static inline void make(struct owner *o)
{
	make_of(o, ARM_64_LPAE_S1, SZ_4K, 39);
}

static inline void map_page(struct owner *o, u64 iova, size_t page)
{
	size_t mapped = 0;

	if (o->ops->map_pages(o->ops, iova, SZ_1G, page, 1, IOMMU_READ, GFP_KERNEL, &mapped))
		shim_panic("map 0x%llx fails", iova);
}

/* Return: how many tables there are, with the root and one between */
static inline long map_spans(struct owner *o, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		map_page(o, (u64)i * SPAN, SZ_4K);
	return 2 + nr;
}

static inline void unmap_spans(struct owner *o, unsigned int first, unsigned int nr)
{
	size_t bytes;

	for (bytes = 0; bytes < (size_t)nr * SPAN; bytes += SZ_4K * SPANS)
		if (o->ops->unmap_pages(o->ops, (u64)first * SPAN + bytes, SZ_4K, 1, NULL) !=
		    SZ_4K)
			shim_panic("the page at 0x%zx is not unmapped", bytes);
}

/*
 * By their tables, of @span each; the flush is for later, as with a queue of
 * flushes.
 */
static inline void unmap_tables_of(struct owner *o, size_t span,
				   unsigned int first, unsigned int nr)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	if (o->ops->unmap_pages(o->ops, first * span, span, nr, &gather) != nr * span)
		shim_panic("%u tables from %u on are not unmapped", nr, first);
}

static inline void unmap_tables(struct owner *o, unsigned int first, unsigned int nr)
{
	unmap_tables_of(o, SPAN, first, nr);
}

static inline void expect_nothing_left(void)
{
	shim_run_all();
	expect("tables", shim_stat("live"), 0);
	expect("pending", shim_stat("pending"), 0);
	expect("pending pages", shim_stat("pending_pages"), 0);
	expect("trees", shim_stat("trees"), 0);
	expect("held", shim_stat("held"), 0);
	expect("pages of the library", shim_stat("pages"), 0);
	expect("in limbo", shim_stat("limbo"), 0);
	expect("pages", shim_pages, 0);
}

static inline void set(const char *name, const char *value)
{
	expect(name, shim_param_set(name, value), 0);
}

static inline void set_number(const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	set(name, text);
}

static inline void as_loaded(void)
{
	set("deferred", "1");
	set("batch", "64");
	set("workers", "1");
	set("sweep_ms", "250");
	set_number("limit", totalram_pages() / 2);
	shim_resched = 0;
	shim_debugfs_write("reset", 1);
}

/*
 * One item of work at a time, up to one that frees anything. Return: how many
 * tables.
 */
static inline long batch_of_worker(void)
{
	long freed = shim_stat("freed");

	while (shim_stat("pending") && shim_stat("freed") == freed)
		if (!shim_run_work() && !shim_pass_time())
			shim_panic("%ld are pending, and no work is queued",
				   shim_stat("pending"));
	return shim_stat("freed") - freed;
}

/* --- the tests of a program ----------------------------------------------- */

struct owner_test {
	const char *name;
	void (*test)(void);
};

static const char *doing = "";

static inline void say_where(void)
{
	fprintf(stderr, "# %s\n", doing);
}

static inline void load_library(void)
{
	shim_context = say_where;
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	shim_group = 1;
}

/* Each leaves nothing behind; the library is unloaded after the last. */
static inline void run_tests(const struct owner_test *tests, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		doing = tests[i].name;
		tests[i].test();
		as_loaded();
		expect_nothing_left();
	}
	shim_module_exit();
	doing = "the end";
	printf("# %u cases\n", nr);
}

#endif /* USER_OWNER_H */
