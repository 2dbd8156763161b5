// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much is done at a time, by which caller, and what is counted: batches,
 * the limit, the shrinker, parameters, statistics, and how the library is
 * loaded and unloaded.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/shrinker.h>

#include "batch.h"
#include "hist.h"
#include "owner.h"
#include "pages.h"
#include "pgtable.h"
#include "reclaim-parts.h"
#include "sweep.h"

/* One microsecond a look at the clock, as shim/kernel.c has it */
#define LOOK_NS		1000

/* --- where tables are ----------------------------------------------------- */

static gfp_t zone_for(unsigned int oas, u64 limit)
{
	static struct owner o;
	gfp_t zone;

	make(&o);
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	o.cfg.oas = oas;
	o.cfg.coherent_walk = !limit;
	o.dev.bus_dma_limit = limit;
	o.ops = io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &o.cfg, &o);
	if (!o.ops)
		shim_panic("no page table: %s", shim_message);
	zone = iopd_from_ops(o.ops)->tree.zone;
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	return zone;
}

/* A zone is not asked for pages where a larger one has none out of reach. */
static void the_zone_is_as_large_as_can_be(void)
{
	shim_narrow = true;
	expect("the zone for 32 bits", zone_for(32, 0), __GFP_DMA32);
	expect("the zone for 36 bits", zone_for(36, 0), 0);
	expect("the zone for a bus of 32 bits", zone_for(40, DMA_BIT_MASK(32)), __GFP_DMA32);
	expect("the zone for a bus of 31 bits", zone_for(40, DMA_BIT_MASK(31)), __GFP_DMA);
	shim_narrow = false;
}

/* --- batches -------------------------------------------------------------- */

/* The last page that the walker reaches, and the first that it does not */
static void tables_are_reached_to_the_last(void)
{
	static struct owner o;
	struct iopd *iopd;
	phys_addr_t reach;

	make(&o);
	iopd = iopd_from_ops(o.ops);
	reach = iopd->tree.reach;
	iopd->tree.reach = virt_to_phys(iopd->root) + PAGE_SIZE - 1;
	expect("the last table", iopd_table_publishable(&iopd->tree, iopd->root), 0);
	iopd->tree.reach -= PAGE_SIZE;
	expect("a table behind it", iopd_table_publishable(&iopd->tree, iopd->root), -EFAULT);
	iopd->tree.reach = reach;
	io_pgtable_deferred_free(o.ops);
}

/* All batches but the last are as long as the parameter says. */
static void batches_are_so_long(const char *said, long length)
{
	long all, left, batches = shim_stat("batches");
	static struct owner o;

	set("batch", said);
	make(&o);
	all = map_spans(&o, 100);
	io_pgtable_deferred_free(o.ops);
	for (left = all; left; left -= min(left, length))
		expect("tables of a batch", batch_of_worker(), min(left, length));
	expect("batches", shim_stat("batches") - batches, DIV_ROUND_UP(all, length));
	expect("the longest", shim_stat("longest_batch"), length);
}

/* Less than is given back at once, and more, but no multiple of that */
static void batches_are_as_long_as_said(void)
{
	batches_are_so_long("7", 7);
	batches_are_so_long("20", 20);
}

/*
 * Where something else wants the CPU a batch ends after what is given back at
 * once.
 */
static void batches_give_way(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 100);
	io_pgtable_deferred_free(o.ops);
	shim_pass_time();
	shim_resched = 1;
	expect("tables of a batch that gives way", batch_of_worker(),
	       IOPD_RECLAIM_PAGES);
	expect("tables of the next batch", batch_of_worker(), 64);
}

/*
 * A table with one under it, which is led to by its last entry: as many of them
 * are read in a batch as are 8 tables from end to end, so that it is short
 * where all is sparse.
 */
static void batches_read_so_much(void)
{
	const unsigned int nr = 64;
	unsigned int i;
	static struct owner o;

	make_of(&o, ARM_64_LPAE_S1, SZ_4K, 48);
	for (i = 0; i < nr; i++)
		map_page(&o, (u64)i * SZ_1G + SZ_1G - SPAN, SZ_4K);
	io_pgtable_deferred_free(o.ops);
	/* Of a table, and of the one under it that is led to */
	expect_within("tables of a sparse batch", batch_of_worker(), 8, 18);
	expect_within("tables of a sparse batch", batch_of_worker(), 8, 18);
}

/*
 * A sweep that finds only the last entry of each table in use reads no more of
 * them in a batch, in the pass that looks at tables.
 */
static void sweeps_read_so_much(void)
{
	const unsigned int nr = 64;
	static struct owner o;
	unsigned int i;
	long batches;

	make(&o);
	map_spans(&o, nr);
	for (i = 0; i < nr; i++)
		map_page(&o, (u64)(i + 1) * SPAN - SZ_4K, SZ_4K);
	unmap_spans(&o, 0, nr);
	batches = shim_traced("batch_begin");
	shim_run_all();
	expect_within("batches of a sweep", shim_traced("batch_begin") - batches,
		      nr / 8 + 1, nr / 8 + 4);
	expect_within("entries that its last batch has read",
		      shim_traced_arg("batch_end", 2), SPANS, 9 * SPANS);
	expect("tables", shim_stat("live"), 2 + nr);
	io_pgtable_deferred_free(o.ops);
}

/* An entry of a table counts for one, read or led to. */
static void a_pass_counts_what_it_reads(void)
{
	static struct owner o;
	unsigned long pos = 0;
	unsigned int scan = 600;

	make(&o);
	map_spans(&o, 1);
	expect("how far it comes", iopd_sweep(&iopd_from_ops(o.ops)->tree, &pos, false, &scan),
	       IOPD_SWEPT_ALL);
	expect("entries that it may still read", scan, 600 - SPANS);
	io_pgtable_deferred_free(o.ops);
}

/*
 * Single pages that are given back fill a list of the CPU's, and a page is
 * taken from that and put back after each batch with some; chunks do not.
 */
static void the_allocator_is_calmed(void)
{
	static const long calls[] = { 1, 0, 0, 1 };
	static struct owner o;
	unsigned int i;

	make(&o);
	/* Those of the first 16 are single ones. */
	map_spans(&o, 16 + 3 * 64);
	io_pgtable_deferred_free(o.ops);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		shim_fail.calls = 0;
		batch_of_worker();
		expect("pages that a batch asks for", shim_fail.calls, calls[i]);
	}
}

/*
 * While interrupts are off no more than so many tables are cut off, however
 * many go.
 */
static long longest_detach(unsigned int nr)
{
	static struct owner o;

	make(&o);
	map_spans(&o, nr);
	shim_longest_off = 0;
	unmap_tables(&o, 0, nr);
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	return shim_longest_off;
}

static void detaches_are_short(void)
{
	long few, many, most;

	few = longest_detach(64);
	many = longest_detach(128);
	most = longest_detach(SPANS);
	if (many <= few)
		shim_panic("the detach of 128 tables takes %ld accesses, of 64 %ld", many, few);
	expect_within("accesses with interrupts off, of 512", most, few, many);
}

/* Of a tree that is closed those go first that came first. */
static phys_addr_t freed_pages[16];
static unsigned int nr_freed_pages;

static void note_free(phys_addr_t pa, size_t size)
{
	if (nr_freed_pages < ARRAY_SIZE(freed_pages))
		freed_pages[nr_freed_pages++] = pa;
}

static phys_addr_t table_of(struct owner *o, unsigned int nr)
{
	const struct iopd *iopd = iopd_from_ops(o->ops);
	const u64 *middle = iopd_table_of(&iopd->tree.geo, iopd->root[0]);

	return lpae_address(&iopd->tree.geo, middle[nr]);
}

static void the_first_go_first(void)
{
	static struct owner o;
	phys_addr_t wanted[4];
	unsigned int i;

	make(&o);
	map_spans(&o, 8);
	for (i = 0; i < 4; i++)
		wanted[i] = table_of(&o, 1 + i);
	unmap_tables(&o, 1, 2);
	flush_all(&o);
	/* Those are in a grace period, and these wait for the next. */
	unmap_tables(&o, 3, 2);
	flush_all(&o);
	io_pgtable_deferred_free(o.ops);
	nr_freed_pages = 0;
	shim_on_free = note_free;
	shim_run_all();
	shim_on_free = NULL;
	for (i = 0; i < 4; i++)
		expect("which table is freed", freed_pages[i] == wanted[i], true);
}

/* --- callers that help ---------------------------------------------------- */

/*
 * Above the limit, a caller that hands over frees as many pages, and no more.
 */
static void callers_share_above_the_limit(void)
{
	static struct owner first, second;
	long before, handed;

	set("batch", "4");
	make(&first);
	before = map_spans(&first, 98);
	make(&second);
	handed = map_spans(&second, 18);
	io_pgtable_deferred_free(first.ops);
	set_number("limit", 50);
	io_pgtable_deferred_free(second.ops);
	expect("pending after a caller's share", shim_stat("pending"), before);
	expect("helps", shim_stat("helps"), handed / 4);
}

/*
 * At the limit it does nothing; one page above it, a batch of at least one
 * page.
 */
static void callers_leave_alone_what_is_within(void)
{
	long helps = shim_stat("helps");
	static struct owner o, next, last;
	long all;

	set("batch", "4");
	make(&o);
	all = map_spans(&o, 40);
	set_number("limit", all);
	io_pgtable_deferred_free(o.ops);
	expect("helps at the limit", shim_stat("helps"), helps);
	make(&next);
	expect("helps of one that makes a page table", shim_stat("helps"), helps);
	io_pgtable_deferred_free(next.ops);
	expect("helps above the limit", shim_stat("helps"), helps + 1);
	set_number("limit", all - 10);
	make(&last);
	expect("helps of one that makes a page table", shim_stat("helps"), helps + 2);
	io_pgtable_deferred_free(last.ops);
}

/*
 * With deferred=0 all that a caller hands over is free when it returns, and no
 * more.
 */
static void callers_free_their_own(void)
{
	static struct owner other, own;
	long left;

	make(&other);
	left = map_spans(&other, 100);
	io_pgtable_deferred_free(other.ops);
	set("deferred", "0");
	make(&own);
	map_spans(&own, 50);
	io_pgtable_deferred_free(own.ops);
	expect("pending after the caller has freed its own", shim_stat("pending"), left);
	expect("references", atomic_read(&own.dev.references), 0);
}

static void drains_are_counted(void)
{
	long drains = shim_stat("drains"), helps = shim_stat("helps");
	static struct owner o;
	long all;

	make(&o);
	all = map_spans(&o, 200);
	io_pgtable_deferred_free(o.ops);
	expect("drain", io_pgtable_deferred_drain(), 0);
	expect("drains", shim_stat("drains"), drains + 1);
	expect("helps", shim_stat("helps"), helps + DIV_ROUND_UP(all, 64));
	expect("pending", shim_stat("pending"), 0);
}

/* --- memory is short ------------------------------------------------------ */

static unsigned long count_objects(void)
{
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL };

	return iopd_reclaimer.shrinker->count_objects(iopd_reclaimer.shrinker,
						      &sc);
}

static unsigned long scan_objects(unsigned long nr)
{
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nr_to_scan = nr };
	unsigned long freed;

	shim_cpu->reclaims = true;
	freed = iopd_reclaimer.shrinker->scan_objects(iopd_reclaimer.shrinker,
						      &sc);
	shim_cpu->reclaims = false;
	return freed;
}

/*
 * It frees what it is told to, at most a batch more, and tells how much that
 * was.
 */
static void the_shrinker_frees_what_it_is_told(void)
{
	unsigned long before = shim_reclaimed, all;
	long shrinks = shim_stat("shrinks");
	static struct owner o;

	set("batch", "4");
	expect("objects where there is nothing", count_objects(), SHRINK_EMPTY);
	expect("a scan where there is nothing", scan_objects(10), SHRINK_STOP);
	make(&o);
	all = map_spans(&o, 96);
	io_pgtable_deferred_free(o.ops);
	expect("objects", count_objects(), all);
	expect("a scan of 10", scan_objects(10), 12);
	expect("a scan of 12", scan_objects(12), 12);
	expect("objects after two scans", count_objects(), all - 24);
	expect("a scan of none", scan_objects(0), SHRINK_STOP);
	expect("a scan of all", scan_objects(1000), all - 24);
	expect("shrinks", shim_stat("shrinks") - shrinks, 5);
	expect("pages that the allocator was told of", shim_reclaimed - before, all);
}

/*
 * What waits for a flush, or a grace period, or the rest of a chunk, is there
 * as well.
 */
static void the_shrinker_counts_what_waits(void)
{
	static struct owner o;
	long held;

	make(&o);
	map_spans(&o, 64);
	unmap_tables(&o, 1, 50);
	expect("in limbo", shim_stat("limbo"), 50);
	expect("objects in limbo", count_objects(), 50);
	flush_all(&o);
	expect("in limbo", shim_stat("limbo"), 0);
	expect("pending", shim_stat("pending"), 50);
	expect("objects in a grace period", count_objects(), 50);
	while (shim_run_rcu() || (shim_stat("pending") && shim_run_work()))
		;
	held = shim_stat("held");
	if (!held)
		shim_panic("no page waits for the others of its chunks");
	expect("objects that are held", count_objects(), held);
	expect("a scan of those", scan_objects(1000), held);
	expect("held", shim_stat("held"), 0);
	io_pgtable_deferred_free(o.ops);
}

/*
 * With a granule of 64 KiB: what it may hope for are pages, and a table has 16.
 */
static void the_shrinker_counts_pages(void)
{
	static struct owner o;
	const size_t span = SZ_512M;
	unsigned int i;

	make_of(&o, ARM_64_LPAE_S1, SZ_64K, 42);
	for (i = 0; i < 5; i++)
		map_page(&o, i * span, SZ_64K);
	unmap_tables_of(&o, span, 1, 3);
	expect("in limbo", shim_stat("limbo"), 3);
	expect("objects in limbo", count_objects(), 3 * 16);
	flush_all(&o);
	expect("in limbo", shim_stat("limbo"), 0);
	expect("pending pages", shim_stat("pending_pages"), 3 * 16);
	expect("objects in a grace period", count_objects(), 3 * 16);
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	expect("objects when all is free", count_objects(), SHRINK_EMPTY);
}

/* Tables that are empty are looked for at once. */
static void the_shrinker_has_sweeps_begin(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 4);
	unmap_spans(&o, 0, 2);
	expect("sweeps before their time", shim_stat("sweeps"), 0);
	scan_objects(1);
	expect("sweeps when memory is short", shim_stat("sweeps"), 1);
	while (shim_run_rcu() || shim_run_work())
		;
	expect("tables", shim_stat("live"), 4);
	io_pgtable_deferred_free(o.ops);
}

/* --- what is counted ------------------------------------------------------ */

/* Of tables of so many pages, and a root of so many */
static void pages_are_counted(enum io_pgtable_fmt fmt, unsigned int granule, unsigned int ias,
			      long a_table, long a_root)
{
	long freed = shim_stat("freed"), pages = shim_stat("freed_pages");
	long done = shim_stat("trees_done"), tables, live;
	static struct owner o;
	unsigned int i;

	make_of(&o, fmt, granule, ias);
	for (i = 0; i < 5; i++)
		map_page(&o, (u64)i << 33, granule);
	live = shim_stat("live");
	tables = (live - 1) * a_table + a_root;
	if (live < 6)
		shim_panic("%ld tables, where 5 and a root are needed", live);
	io_pgtable_deferred_free(o.ops);
	expect("pending", shim_stat("pending"), live);
	expect("pending pages", shim_stat("pending_pages"), tables);
	expect("trees", shim_stat("trees"), 1);
	shim_run_all();
	expect("freed", shim_stat("freed") - freed, live);
	expect("freed pages", shim_stat("freed_pages") - pages, tables);
	expect("trees done", shim_stat("trees_done") - done, 1);
}

static void all_pages_are_counted(void)
{
	pages_are_counted(ARM_64_LPAE_S1, SZ_4K, 39, 1, 1);
	/* Two tables, one behind the other, are the root of stage 2. */
	pages_are_counted(ARM_64_LPAE_S2, SZ_4K, 40, 1, 2);
	pages_are_counted(ARM_64_LPAE_S1, SZ_64K, 42, 16, 16);
}

/* A part of a tree that lives is no tree that is done. */
static void parts_are_not_whole(void)
{
	long done = shim_stat("trees_done"), freed = shim_stat("freed");
	static struct owner o;

	make(&o);
	map_spans(&o, 20);
	unmap_tables(&o, 1, 10);
	flush_all(&o);
	shim_run_all();
	expect("freed of a part", shim_stat("freed") - freed, 10);
	expect("trees done", shim_stat("trees_done"), done);
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	expect("trees done", shim_stat("trees_done"), done + 1);
}

/*
 * A sweep counts from its begin to its end, and the tables that it has cut off.
 * Those wait for the flush that the driver is asked for.
 */
static void sweeps_are_counted(void)
{
	long swept = shim_stat("swept"), live;
	static struct owner o;

	make(&o);
	map_spans(&o, 20);
	live = shim_stat("live");
	unmap_spans(&o, 5, 10);
	expect("sweeps before their time", shim_stat("sweeps"), 0);
	shim_pass_time();
	while (!shim_stat("sweeps"))
		if (!shim_run_work())
			shim_panic("no sweep begins");
	shim_run_all();
	expect("sweeps that have come to their end", shim_stat("sweeps"), 0);
	expect("swept", shim_stat("swept") - swept, 10);
	expect("tables of those that are left", shim_stat("live"), live - 10);
	io_pgtable_deferred_free(o.ops);
}

/*
 * A driver that is not to be asked for flushes: a sweep leaves tables alone
 * where too many wait, and goes on after its next flush.
 */
static void sweeps_leave_room(void)
{
	static struct owner o;
	long waiting;

	make(&o);
	io_pgtable_deferred_allow_flush(o.ops, false);
	map_spans(&o, 1100);
	unmap_spans(&o, 0, 1100);
	shim_run_all();
	waiting = shim_stat("limbo");
	/*
	 * A batch looks at 8 tables from end to end, and then whether there is
	 * room.
	 */
	expect_within("tables of a sweep in limbo", waiting, 1024, 1024 + 8);
	expect("sweeps that wait for a flush", shim_stat("sweeps"), 0);
	flush_all(&o);
	shim_run_all();
	/* And three of the level above */
	expect("tables of the next sweep in limbo", shim_stat("limbo"), 1103 - waiting);
	flush_all(&o);
	shim_run_all();
	expect("tables", shim_stat("live"), 1);
	io_pgtable_deferred_free(o.ops);
}

/*
 * As many tables as there is room for, and no more: the sweep leaves all alone,
 * and the flush of those has it made again.
 */
static void limbo_may_be_just_full(void)
{
	static struct owner o;

	make(&o);
	io_pgtable_deferred_allow_flush(o.ops, false);
	map_spans(&o, 1100);
	unmap_spans(&o, 1030, 20);
	unmap_tables(&o, 0, 512);
	unmap_tables(&o, 512, 512);
	shim_run_all();
	expect("in limbo", shim_stat("limbo"), 1024);
	flush_all(&o);
	shim_run_all();
	if (shim_stat("limbo") < 20)
		shim_panic("%ld tables in limbo, and 20 were empty", shim_stat("limbo"));
	flush_all(&o);
	io_pgtable_deferred_free(o.ops);
}

/* --- a sweep and another call that meet ----------------------------------- */

/*
 * struct met - what comes in the middle of a call
 * @call: that, with
 * @o: the page table
 * @came: it has come
 */
static struct met {
	void (*call)(struct owner *o);
	struct owner *o;
	bool came;
} met;

/* Not while a lock is held: then at the next access. */
static void come(bool locked)
{
	struct shim_cpu cpu;

	if (locked) {
		shim_steps = 0;
		return;
	}
	met.came = true;
	shim_cpu_enter(&cpu);
	met.call(met.o);
	shim_cpu_leave(&cpu);
	shim_steps = SHIM_NO_STEPS;
}

/* Return: false if @outer makes fewer accesses than @after. */
static bool meet(struct owner *o, void (*outer)(struct owner *o),
		 void (*call)(struct owner *o), long after)
{
	void (*hook)(bool locked) = shim_hook;

	met = (struct met) { .call = call, .o = o };
	shim_hook = come;
	shim_steps = after;
	outer(o);
	shim_steps = SHIM_NO_STEPS;
	shim_hook = hook;
	return met.came;
}

static void run_all(struct owner *o)
{
	shim_run_all();
}

static void map_the_next(struct owner *o)
{
	map_page(o, SZ_4K, SZ_4K);
}

/* A table that a mapper takes in the last moment is none that was swept. */
static void sweeps_count_what_they_cut_off(void)
{
	static struct owner o;
	long swept, freed, after;
	bool came = true;

	for (after = 0; came; after++) {
		make(&o);
		swept = shim_stat("swept");
		freed = shim_stat("freed");
		map_page(&o, 0, SZ_4K);
		unmap_spans(&o, 0, 1);
		came = meet(&o, run_all, map_the_next, after);
		flush_all(&o);
		shim_run_all();
		expect("freed, and swept", shim_stat("freed") - freed, shim_stat("swept") - swept);
		io_pgtable_deferred_free(o.ops);
		shim_run_all();
	}
}

static void map_the_first(struct owner *o)
{
	map_page(o, 0, SZ_4K);
}

static void unmap_the_last_and_sweep(struct owner *o)
{
	if (o->ops->unmap_pages(o->ops, 2 * SZ_4K, SZ_4K, 1, NULL) != SZ_4K)
		shim_panic("the last page is not unmapped");
	shim_run_all();
}

/* The second pass of a sweep may begin, and has not. */
static void sweep_up_to_the_cuts(struct owner *o)
{
	shim_pass_time();
	while (iopd_from_ops(o->ops)->tree.sweep != IOPD_SWEEP_CUTS)
		if (!shim_run_rcu() && !shim_run_work())
			shim_panic("no sweep comes to its second pass");
}

/*
 * A mapper takes the mark of the sweep away, and meanwhile an unmapper puts one
 * there, and the sweep goes on.
 */
static void a_mapper_keeps_its_table(void)
{
	static struct owner o;
	bool came = true;
	long after;

	for (after = 0; came; after++) {
		make(&o);
		map_page(&o, SZ_4K, SZ_4K);
		map_page(&o, 2 * SZ_4K, SZ_4K);
		if (o.ops->unmap_pages(o.ops, SZ_4K, SZ_4K, 1, NULL) != SZ_4K)
			shim_panic("a page is not unmapped");
		sweep_up_to_the_cuts(&o);
		came = meet(&o, map_the_first, unmap_the_last_and_sweep, after);
		flush_all(&o);
		shim_run_all();
		expect("where a page leads to", o.ops->iova_to_phys(o.ops, 0), SZ_1G);
		io_pgtable_deferred_free(o.ops);
		shim_run_all();
	}
}

/*
 * The last table of the middle is empty. A sweep cuts it off and a mapper makes
 * a table below it, one in the middle of the other, both ways.
 */
static void a_table_is_made_below_one_that_goes(void)
{
	static void (*const calls[])(struct owner *o) = { map_the_first, run_all };
	static struct owner o;
	unsigned int outer;
	bool came;
	long after;

	for (outer = 0; outer < 2; outer++) {
		came = true;
		for (after = 0; came; after++) {
			make(&o);
			map_spans(&o, 2);
			unmap_tables(&o, 0, 2);
			flush_all(&o);
			sweep_up_to_the_cuts(&o);
			came = meet(&o, calls[outer], calls[!outer], after);
			if (!came)
				calls[!outer](&o);
			flush_all(&o);
			shim_run_all();
			expect("where a page leads to", o.ops->iova_to_phys(o.ops, 0), SZ_1G);
			expect("tables", shim_stat("live"), 3);
			io_pgtable_deferred_free(o.ops);
			shim_run_all();
		}
	}
}

static void free_flushed(struct owner *o)
{
	io_pgtable_deferred_free_flushed(o->ops);
	o->ops = NULL;
}

/* Nothing is cut off of a page table that has been given back. */
static void sweeps_end_with_the_page_table(void)
{
	static struct owner o;
	long after, swept;
	bool came = true;

	for (after = 0; came; after++) {
		make(&o);
		io_pgtable_deferred_allow_flush(o.ops, false);
		map_spans(&o, 3);
		unmap_spans(&o, 0, 3);
		flush_all(&o);
		came = meet(&o, run_all, free_flushed, after);
		if (o.ops)
			io_pgtable_deferred_free(o.ops);
		swept = shim_stat("swept");
		shim_run_all();
		expect("in limbo", shim_stat("limbo"), 0);
		expect("tables", shim_stat("live"), 0);
		expect("swept after the end", shim_stat("swept"), swept);
	}
}

/*
 * Tables that wait for a flush: a caller that flushes no more than its leaves
 * has the driver asked for one if they are more than 64, and one that flushes
 * everything, soon, if they are more than 4096.
 */
static void limbo_has_bounds(void)
{
	long asked = shim_stat("limbo_flushes");
	static struct owner o;

	make(&o);
	map_spans(&o, 4200);
	unmap_tables(&o, 0, 64);
	unmap_spans(&o, 4180, 1);
	expect("in limbo", shim_stat("limbo"), 64);
	unmap_tables(&o, 64, 1);
	expect("in limbo, with a flush to come", shim_stat("limbo"), 65);
	expect("flushes that were asked for", shim_stat("limbo_flushes"), asked);
	unmap_spans(&o, 4181, 1);
	expect("in limbo", shim_stat("limbo"), 0);
	expect("flushes that were asked for", shim_stat("limbo_flushes"), asked + 1);
	unmap_tables(&o, 65, 447);
	unmap_tables(&o, 512, 7 * 512);
	unmap_tables(&o, 4096, 65);
	expect("in limbo, with a flush to come", shim_stat("limbo"), 4096);
	unmap_tables(&o, 4161, 1);
	expect("in limbo", shim_stat("limbo"), 0);
	expect("flushes that were asked for", shim_stat("limbo_flushes"), asked + 2);
	io_pgtable_deferred_free(o.ops);
}

/* One after the other, with what each tells those who trace */
static struct owner told, told_above, told_last;

static void close_told(void)
{
	make(&told);
	map_spans(&told, 20);
	io_pgtable_deferred_free(told.ops);
}

static void free_a_batch(void)
{
	expect("tables that are queued", shim_traced_arg("tree_queued", 1), 22);
	batch_of_worker();
	expect("a batch by a helper", shim_traced_arg("batch_begin", 1), false);
	expect("tables of a batch", shim_traced_arg("batch_end", 1), 22);
	/* One of the root, and those of the table below it */
	expect("entries that it has read", shim_traced_arg("batch_end", 2), 21);
	expect("why it ends", shim_traced_arg("batch_end", 3), IOPD_RECLAIM_EMPTY);
	expect("how long it has taken", shim_traced_arg("batch_end", 4), LOOK_NS);
}

static void close_above_the_limit(void)
{
	set_number("limit", 50);
	io_pgtable_deferred_free(told_above.ops);
	expect("pending, when it helps", shim_traced_arg("help", 0), 102);
	expect("the limit", shim_traced_arg("help", 1), 50);
	expect("a batch by a helper", shim_traced_arg("batch_begin", 1), true);
	expect("why it ends", shim_traced_arg("batch_end", 3), IOPD_RECLAIM_FULL);
}

static void make_above_the_limit(void)
{
	set_number("limit", 10);
	make(&told_last);
	set_number("limit", totalram_pages());
}

static void close_last(void)
{
	map_spans(&told_last, 98);
	io_pgtable_deferred_free(told_last.ops);
}

static void scan_all(void)
{
	scan_objects(1000);
	expect("pages that were asked for", shim_traced_arg("shrink", 0), 1000);
	expect("pages that were freed", shim_traced_arg("shrink", 1), 100);
	expect("pending, when it helps last", shim_traced_arg("help", 0), 0);
}

static void events_are_told(void)
{
	static const char * const names[] = {
		"tree_queued", "batch_begin", "batch_end", "tree_done", "help", "shrink",
	};
	static const struct {
		void (*step)(void);
		long told[ARRAY_SIZE(names)];
	} steps[] = {
		{ close_told,			{ 1, 0, 0, 0, 0, 0 } },
		{ free_a_batch,			{ 0, 1, 1, 1, 0, 0 } },
		{ close_above_the_limit,	{ 1, 1, 1, 0, 1, 0 } },
		{ make_above_the_limit,		{ 0, 1, 1, 1, 1, 0 } },
		{ close_last,			{ 1, 0, 0, 0, 0, 0 } },
		{ scan_all,			{ 0, 2, 2, 1, 3, 1 } },
	};
	long before[ARRAY_SIZE(names)];
	unsigned int step, i;

	make(&told_above);
	map_spans(&told_above, 100);
	for (step = 0; step < ARRAY_SIZE(steps); step++) {
		for (i = 0; i < ARRAY_SIZE(names); i++)
			before[i] = shim_traced(names[i]);
		steps[step].step();
		for (i = 0; i < ARRAY_SIZE(names); i++)
			expect(names[i], shim_traced(names[i]) - before[i],
			       steps[step].told[i]);
	}
}

/* --- offers to reschedule ------------------------------------------------- */

static unsigned long offers_before;
static long helps_before;

static void begin_to_count(void)
{
	offers_before = shim_offers;
	helps_before = shim_stat("helps");
}

/* One between any two batches */
static void expect_an_offer_each(const char *what, long helps)
{
	expect(what, shim_stat("helps") - helps_before, helps);
	expect(what, shim_offers - offers_before, helps);
}

static void helpers_give_way(void)
{
	static struct owner o, own;

	set("batch", "4");
	make(&o);
	map_spans(&o, 98);
	io_pgtable_deferred_free(o.ops);
	begin_to_count();
	scan_objects(20);
	expect_an_offer_each("a task that reclaims", 5);
	set_number("limit", 60);
	begin_to_count();
	make(&own);
	expect_an_offer_each("one that makes a page table", 1);
	/* Makes 12 tables, and helps until 60 are pending. */
	map_spans(&own, 10);
	begin_to_count();
	io_pgtable_deferred_free(own.ops);
	expect_an_offer_each("one that shares", 12 / 4);
	begin_to_count();
	io_pgtable_deferred_drain();
	expect_an_offer_each("a drain", 60 / 4);
}

static void callers_give_way(void)
{
	static struct owner o;
	size_t mapped = 0;

	make(&o);
	begin_to_count();
	if (o.ops->map_pages(o.ops, 0, SZ_1G, SZ_4K, 3 * SPANS, IOMMU_READ, GFP_KERNEL,
			     &mapped))
		shim_panic("a map of three tables fails");
	expect("offers of a map of three tables", shim_offers - offers_before, 2);
	set("batch", "1");
	set("deferred", "0");
	begin_to_count();
	io_pgtable_deferred_free(o.ops);
	expect_an_offer_each("one that frees its own", 5);
}

/* A map of 48 tables, in one call: once for each 16, and at its end */
static void mappers_help_now_and_then(void)
{
	static struct owner o, other;
	size_t mapped = 0;

	make(&o);
	make(&other);
	map_spans(&other, 98);
	io_pgtable_deferred_free(other.ops);
	set("batch", "1");
	set("limit", "10");
	begin_to_count();
	if (o.ops->map_pages(o.ops, 0, SZ_1G, SZ_4K, 48 * SPANS, IOMMU_READ, GFP_KERNEL,
			     &mapped))
		shim_panic("a map of 48 tables fails");
	expect("helps of a map of 48 tables", shim_stat("helps") - helps_before, 3 + 1);
	io_pgtable_deferred_free(o.ops);
}

/* The library goes while a page table has asked for chunks to be had at hand. */
static void an_unload_waits_for_chunks(void)
{
	static struct owner o;
	size_t mapped = 0;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		make(&o);
		shim_irqs_wait = i;
		if (o.ops->map_pages(o.ops, 0, SZ_1G, SZ_4K, 20 * SPANS, IOMMU_READ, GFP_ATOMIC,
				     &mapped))
			shim_panic("a map of 20 tables fails");
		io_pgtable_deferred_free(o.ops);
		shim_module_exit();
		shim_irqs_wait = false;
		expect("a load", shim_module_init(), 0);
	}
}

/* The library goes, with four batches to free. */
static void an_unload_gives_way(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 200);
	io_pgtable_deferred_free(o.ops);
	begin_to_count();
	shim_module_exit();
	expect("offers of an unload", shim_offers - offers_before, 4);
	expect("a load", shim_module_init(), 0);
}

/* After so many leaves or holes, see IOPD_DIRTY_SLICE */
static void a_look_for_dirty_leaves_gives_way(void)
{
	struct iommu_iotlb_gather gather;
	struct iommu_dirty_bitmap dirty = { .gather = &gather };
	static struct owner o;

	make(&o);
	io_pgtable_deferred_free(o.ops);
	o.cfg.quirks = IO_PGTABLE_QUIRK_ARM_HD;
	o.ops = io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &o.cfg, &o);
	if (!o.ops)
		shim_panic("no page table: %s", shim_message);
	map_spans(&o, 3);
	iommu_iotlb_gather_init(&gather);
	begin_to_count();
	expect("a look", o.ops->read_and_clear_dirty(o.ops, 0, 3 * SPAN, 0, &dirty), 0);
	expect("offers of a look at three tables", shim_offers - offers_before, 3);
	io_pgtable_deferred_free(o.ops);
}

/*
 * Bucket b has what is at least 2^b and below 2^(b + 1); the last has all
 * above, too.
 */
static void buckets_are_powers_of_two(void)
{
	static struct iopd_hist hist;
	unsigned int b;

	for (b = 0; b < IOPD_HIST_BUCKETS; b++) {
		iopd_hist_add(&hist, b ? 1ull << b : 0);
		expect("the least of a bucket", hist.count[b], 1);
		iopd_hist_add(&hist, (2ull << b) - 1);
		expect("the most of a bucket", hist.count[b], 2);
	}
	iopd_hist_add(&hist, 1ull << IOPD_HIST_BUCKETS);
	iopd_hist_add(&hist, ~0ull);
	expect("what is more than all", hist.count[IOPD_HIST_BUCKETS - 1], 4);
	iopd_hist_reset(&hist);
	for (b = 0; b < IOPD_HIST_BUCKETS; b++)
		expect("a bucket after a reset", hist.count[b], 0);
}

/*
 * The line of a histogram that @ns belongs in. Return: its count, 0 for no such
 * line.
 */
static long bucket_of(const char *name, unsigned long ns)
{
	unsigned long long first, end;
	static char text[4096];
	const char *line = text;
	long count;

	text[0] = '\0';
	if (shim_debugfs_read(name, text, sizeof(text)) < 0)
		shim_panic("no file %s", name);
	for (; sscanf(line, "%llu %llu %ld\n", &first, &end, &count) == 3;
	     line = strchr(line, '\n') + 1)
		if (ns >= first && ns < end)
			return count;
	return 0;
}

/*
 * By the clock of the shim's a batch takes one look, and a tree as many as
 * there are.
 */
static void times_are_counted(void)
{
	unsigned int i;
	static struct owner o;
	ktime_t since;
	long batches;

	make(&o);
	batches = DIV_ROUND_UP(map_spans(&o, 200), 64);
	io_pgtable_deferred_free(o.ops);
	since = ktime_get();
	for (i = 0; i < 5000; i++)
		ktime_get();
	while (shim_stat("pending"))
		batch_of_worker();
	expect("batches in the bucket of one look", bucket_of("batch_hist", LOOK_NS), batches);
	expect("the longest batch", shim_stat("longest_batch_ns"), LOOK_NS);
	expect("trees in their bucket",
	       bucket_of("queue_hist", ktime_to_ns(ktime_sub(ktime_get(), since))), 1);
	expect("a reset", shim_debugfs_write("reset", 1), 0);
	expect("after a reset, batches", bucket_of("batch_hist", LOOK_NS), 0);
	expect("the longest batch", shim_stat("longest_batch_ns"), 0);
	expect("the longest batch", shim_stat("longest_batch"), 0);
	expect("trees", bucket_of("queue_hist", 5000 * LOOK_NS), 0);
}

/* The first 32 trees a line each, then how many more there are */
static void trees_are_listed(void)
{
	static struct owner owners[40];
	static char text[8192];
	unsigned int i, lines = 0;
	const char *line;

	for (i = 0; i < ARRAY_SIZE(owners); i++)
		make(&owners[i]);
	for (i = 0; i < ARRAY_SIZE(owners); i++)
		io_pgtable_deferred_free(owners[i].ops);
	expect("trees", shim_stat("trees"), ARRAY_SIZE(owners));
	shim_debugfs_read("trees_list", text, sizeof(text));
	for (line = text; !strncmp(line, "owner whole pending 1 freed 0 age_ms 0\n", 39);
	     line += 39)
		lines++;
	expect("lines of trees", lines, 32);
	if (strcmp(line, "and 8 more\n"))
		shim_panic("after those of the trees comes \"%s\"", line);
	for (i = 0; i < 8; i++)
		batch_of_worker();
	shim_debugfs_read("trees_list", text, sizeof(text));
	if (strstr(text, "more"))
		shim_panic("more than 32 of 32 trees: %s", text);
}

static void a_tree_is_described(void)
{
	static char text[256];
	unsigned int i;
	static struct owner o;

	set("batch", "4");
	make(&o);
	map_spans(&o, 20);
	unmap_tables(&o, 1, 10);
	flush_all(&o);
	while (shim_run_rcu())
		;
	batch_of_worker();
	for (i = 0; i < 3200; i++)
		ktime_get();
	shim_debugfs_read("trees_list", text, sizeof(text));
	if (strcmp(text, "owner parts pending 6 freed 4 age_ms 3\n"))
		shim_panic("a tree of which 4 of 10 are free: %s", text);
	io_pgtable_deferred_free(o.ops);
}

/* --- what is put off ------------------------------------------------------ */

/* How long after a free its first batch is made */
#define MOMENT		(1 + DIV_ROUND_UP(HZ, 500))

/* Nothing is to be done before so much time has passed, and then there is. */
static void expect_work_after(unsigned long nr)
{
	expect("work before its time", shim_pass_jiffies(nr - 1) || shim_run_work(), false);
	expect("work at its time", shim_pass_jiffies(1), true);
}

static void run_what_can_run(void)
{
	while (shim_run_rcu() || shim_run_work())
		;
}

static void a_free_is_a_moment_before_its_batch(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 10);
	io_pgtable_deferred_free(o.ops);
	expect_work_after(MOMENT);
	run_what_can_run();
	expect("pending", shim_stat("pending"), 0);
}

/* Two tables each, one of which is empty; the next one's a while later */
static void two_to_be_swept(struct owner *first, struct owner *next)
{
	set("sweep_ms", "1000");
	make(first);
	map_spans(first, 2);
	make(next);
	map_spans(next, 2);
	unmap_spans(first, 0, 1);
	shim_pass_jiffies(100);
	unmap_spans(next, 0, 1);
}

/*
 * The first to be due goes first; the next one's time is from its own unmap on.
 */
static void sweeps_have_their_time(void)
{
	long swept = shim_stat("swept");
	static struct owner first, next;

	two_to_be_swept(&first, &next);
	/* That has begun already, and is not put off. */
	unmap_spans(&first, 1, 1);
	expect_work_after(HZ - 100);
	run_what_can_run();
	expect("swept of the first", shim_stat("swept") - swept, 3);
	expect_work_after(100);
	run_what_can_run();
	expect("swept of both", shim_stat("swept") - swept, 4);
	io_pgtable_deferred_free(first.ops);
	io_pgtable_deferred_free(next.ops);
}

/* The first is gone when its time comes: there is nothing to do but to wait on. */
static void sweeps_wait_for_the_next(void)
{
	long swept = shim_stat("swept");
	static struct owner first, next;

	two_to_be_swept(&first, &next);
	io_pgtable_deferred_free(first.ops);
	shim_pass_jiffies(MOMENT);
	run_what_can_run();
	expect("tables, with those of the first gone", shim_stat("live"), 4);
	shim_pass_jiffies(HZ - 100 - MOMENT);
	run_what_can_run();
	expect("swept at the time of the first", shim_stat("swept") - swept, 0);
	shim_pass_jiffies(100);
	run_what_can_run();
	expect("swept at the time of the next", shim_stat("swept") - swept, 1);
	io_pgtable_deferred_free(next.ops);
}

static void sweeps_may_have_no_time(void)
{
	static struct owner o;

	set("sweep_ms", "0");
	make(&o);
	map_spans(&o, 2);
	unmap_spans(&o, 0, 1);
	expect("a sweep that has no time", shim_pass_time() || shim_run_work(), false);
	io_pgtable_deferred_drain();
	expect("a sweep that a drain begins", shim_stat("sweeps"), 1);
	run_what_can_run();
	expect("tables", shim_stat("live"), 3);
	io_pgtable_deferred_free(o.ops);
}

/*
 * It was due when sweeps had no time, and they have one again: at the end of
 * the next batch it is seen to be late, and begins at once.
 */
static void late_sweeps_begin_at_once(void)
{
	long swept = shim_stat("swept");
	static struct owner o, other;

	set("sweep_ms", "0");
	make(&o);
	map_spans(&o, 2);
	unmap_spans(&o, 0, 1);
	shim_pass_jiffies(10);
	set("sweep_ms", "250");
	make(&other);
	io_pgtable_deferred_free(other.ops);
	shim_pass_jiffies(MOMENT);
	run_what_can_run();
	expect("swept before the work for that", shim_stat("swept") - swept, 0);
	expect("work for a sweep that is late", shim_pass_jiffies(0), true);
	run_what_can_run();
	expect("swept", shim_stat("swept") - swept, 1);
	io_pgtable_deferred_free(o.ops);
}

/* The task that asks drivers for flushes offers to reschedule after each. */
static void asking_gives_way(void)
{
	static struct owner owners[3];
	unsigned long offers;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(owners); i++) {
		make(&owners[i]);
		map_spans(&owners[i], 2);
		unmap_spans(&owners[i], 0, 1);
	}
	offers = shim_offers;
	shim_run_all();
	expect("offers of sweeps", shim_offers - offers, ARRAY_SIZE(owners));
	for (i = 0; i < ARRAY_SIZE(owners); i++)
		io_pgtable_deferred_free(owners[i].ops);
}

/* Pages of it wait for the others of their chunks. Return: how many */
static long have_held(struct owner *o)
{
	long held = shim_stat("held");

	make(o);
	map_spans(o, 64);
	unmap_tables(o, 1, 50);
	flush_all(o);
	run_what_can_run();
	return shim_stat("held") - held;
}

/* A drain offers to reschedule after a chunk that it trims, and after a tree. */
static void trims_give_way(void)
{
	static struct owner o;

	set("sweep_ms", "0");
	have_held(&o);
	begin_to_count();
	io_pgtable_deferred_drain();
	expect("offers of a drain that trims", shim_offers - offers_before, 2);
	io_pgtable_deferred_free(o.ops);
}

/* One that comes late in the time of another has to wait for the next. */
static void rests_have_their_time(void)
{
	static struct owner first, late;
	char text[256];
	long held;

	set("sweep_ms", "0");
	if (!have_held(&first))
		shim_panic("no page waits for the others of its chunks");
	shim_pass_jiffies(100);
	held = have_held(&late);
	expect_work_after(HZ - 100);
	run_what_can_run();
	expect("held after the time of the first", shim_stat("held"), held);
	expect_work_after(HZ);
	run_what_can_run();
	expect("held after the next", shim_stat("held"), 0);
	expect("characters of a list of no trees",
	       shim_debugfs_read("trees_list", text, sizeof(text)), 0);
	io_pgtable_deferred_free(first.ops);
	io_pgtable_deferred_free(late.ops);
}

/* --- flushes -------------------------------------------------------------- */

static unsigned long barriers;

static int look_for_a_barrier(void *cookie)
{
	barriers = shim_barriers - barriers;
	return 0;
}

/*
 * What a flush covers is read before the first register is written, which a
 * lock that is given back does not see to.
 */
static void a_flush_begins_with_a_barrier(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 2);
	unmap_tables(&o, 0, 1);
	barriers = shim_barriers;
	io_pgtable_deferred_flush(o.ops, look_for_a_barrier, NULL);
	expect_within("full barriers of a flush before its registers", barriers, 1, 2);
	io_pgtable_deferred_free(o.ops);
}

/* --- chunks that are made ready ------------------------------------------- */

static unsigned long slept;

static void drain_meanwhile(struct owner *o)
{
	slept = shim_slept;
	expect("a drain", io_pgtable_deferred_drain(), 0);
	slept = shim_slept - slept;
}

/* Of the first tables none asks for a chunk. */
static void ask_for_a_chunk(struct owner *o)
{
	size_t mapped = 0;
	unsigned int i;

	for (i = 0; i < 70; i++)
		if (o->ops->map_pages(o->ops, (u64)i * SPAN, SZ_1G, SZ_4K, 1, IOMMU_READ,
				      GFP_ATOMIC, &mapped))
			shim_panic("a map that may not block fails");
}

static void run_work(struct owner *o)
{
	while (shim_run_work())
		;
}

/* A drain waits for the tasklet, and not for ever: 100 times 50 us. */
static void drains_wait_for_the_tasklet(void)
{
	static struct owner o;
	unsigned long most = 0;
	bool came = true;
	long after;

	for (after = 0; came; after++) {
		make(&o);
		ask_for_a_chunk(&o);
		slept = 0;
		came = meet(&o, run_work, drain_meanwhile, after);
		most = max(most, slept);
		io_pgtable_deferred_free(o.ops);
		shim_run_all();
	}
	expect("the longest wait of a drain", most, 100 * 50);
}

static void map_the_hundredth(struct owner *o)
{
	map_page(o, 100ull * SPAN, SZ_4K);
}

static void map_the_one_after(struct owner *o)
{
	map_page(o, 101ull * SPAN, SZ_4K);
}

static bool has_spares(const struct iopd_tree *tree)
{
	return atomic_long_read(&tree->spare[0]) || atomic_long_read(&tree->spare[1]);
}

/* Two mappers allocate a chunk, and one of these is needed. */
static void two_chunks_are_one_too_many(void)
{
	static struct owner o;
	bool came = true;
	long after, pages;
	unsigned int i;

	for (after = 0; came; after++) {
		make(&o);
		for (i = 0; i < 20 || has_spares(&iopd_from_ops(o.ops)->tree); i++)
			map_page(&o, (u64)i * SPAN, SZ_4K);
		pages = shim_stat("pages");
		came = meet(&o, map_the_hundredth, map_the_one_after, after);
		expect_within("pages of a chunk", shim_stat("pages") - pages, 1, 17);
		io_pgtable_deferred_free(o.ops);
		shim_run_all();
		expect("pages", shim_pages, 0);
	}
}

static void map_with(struct owner *o, unsigned int span, gfp_t gfp)
{
	size_t mapped = 0;

	if (o->ops->map_pages(o->ops, (u64)span * SPAN, SZ_1G, SZ_4K, 1, IOMMU_READ, gfp,
			      &mapped))
		shim_panic("map %u fails", span);
}

/*
 * Mappers that may not block take spares where there are some, of either kind.
 * The page table is small: none asks for another chunk.
 */
static void small_page_tables_have_spares(void)
{
	static const gfp_t accounts[IOPD_SPARES] = { 0, __GFP_ACCOUNT };
	static struct owner o;
	unsigned int kind, i, end;
	long pages;

	for (kind = 0; kind < IOPD_SPARES; kind++) {
		make(&o);
		for (i = 0; !has_spares(&iopd_from_ops(o.ops)->tree); i++)
			map_with(&o, i, GFP_KERNEL | accounts[kind]);
		pages = shim_stat("pages");
		for (end = i + 10; i < end; i++)
			map_with(&o, i, GFP_ATOMIC | accounts[kind]);
		while (shim_run_work())
			;
		expect("pages after maps that take spares", shim_stat("pages"), pages);
		io_pgtable_deferred_free(o.ops);
		shim_run_all();
	}
}

/* With 32 tables below the root, and not before */
static void a_chunk_is_asked_for_in_time(void)
{
	static struct owner o;
	unsigned int i;

	make(&o);
	for (i = 0; i < 32; i++) {
		while (shim_run_work())
			;
		expect("pages", shim_stat("pages"), i ? 2 + i : 1);
		map_with(&o, i, GFP_ATOMIC);
	}
	while (shim_run_work())
		;
	expect("pages, with a chunk", shim_stat("pages"), 2 + i + 16);
	io_pgtable_deferred_free(o.ops);
}

/*
 * Of eight chunks a table each is freed, then all of one of them: that one is
 * waited for no more, and the seven others are.
 */
static void eight_chunks_are_waited_for(void)
{
	static struct owner o;
	struct iopd_tree *tree;
	unsigned int first, i;

	set("sweep_ms", "0");
	make(&o);
	tree = &iopd_from_ops(o.ops)->tree;
	for (first = 0; !has_spares(tree); first++)
		map_page(&o, (u64)first * SPAN, SZ_4K);
	/* The table before this one was the first of a chunk. */
	first--;
	for (i = 1; i < (IOPD_PARTIALS + 1) * 16; i++)
		map_page(&o, (u64)(first + i) * SPAN, SZ_4K);
	for (i = 0; i < IOPD_PARTIALS; i++)
		unmap_tables(&o, first + 16 * i, 1);
	flush_all(&o);
	run_what_can_run();
	expect("held of eight chunks", shim_stat("held"), IOPD_PARTIALS);
	unmap_tables(&o, first + 1, 15);
	flush_all(&o);
	run_what_can_run();
	expect("held of seven chunks", shim_stat("held"), IOPD_PARTIALS - 1);
	io_pgtable_deferred_free(o.ops);
}

/* --- what is damaged ------------------------------------------------------ */

/*
 * A table of the middle says that there is one more below it than there is, and
 * so is one too many for the root: both are told, and all is freed.
 */
static void a_count_that_is_wrong_is_told(void)
{
	static struct owner o;
	u64 *root, *middle;

	make(&o);
	map_spans(&o, 5);
	root = iopd_from_ops(o.ops)->root;
	middle = phys_to_virt(root[0] & GENMASK_ULL(47, 12));
	iopd_page_add_below(virt_to_page(middle), 1);
	io_pgtable_deferred_free(o.ops);
	shim_warnings_expected = 2;
	shim_run_all();
	expect("warnings that did not come", shim_warnings_expected, 0);
	shim_warnings_expected = 0;
	expect("pages", shim_pages, 0);
}

/* --- workers -------------------------------------------------------------- */

/* As many tasks as have one can be lent priority. */
static void there_are_so_many_hands(void)
{
	struct rt_mutex *hands[IOPD_RECLAIM_HANDS];
	unsigned int i, j;

	for (i = 0; i < IOPD_RECLAIM_HANDS; i++) {
		hands[i] = iopd_reclaim_take_hand();
		for (j = 0; j < i; j++)
			expect("is a hand given twice", hands[i] == hands[j], false);
		expect("is there a hand", !!hands[i], true);
	}
	expect("is there one more", !!iopd_reclaim_take_hand(), false);
	for (i = 0; i < IOPD_RECLAIM_HANDS; i++)
		iopd_reclaim_give_hand(hands[i]);
	iopd_reclaim_give_hand(NULL);
}

/* A worker that leaves others waiting wakes the next, if there is to be one. */
static void workers_wake_each_other(unsigned int workers)
{
	static struct owner owners[3];
	unsigned int i;

	set_number("workers", workers);
	expect("works at a time", shim_max_active(iopd_reclaimer.wq), workers);
	for (i = 0; i < ARRAY_SIZE(owners); i++) {
		make(&owners[i]);
		map_spans(&owners[i], 200);
		io_pgtable_deferred_free(owners[i].ops);
	}
	batch_of_worker();
	for (i = 0; i < IOPD_RECLAIM_WORKERS_MAX; i++)
		expect("a worker is queued", iopd_reclaimer.works[i].pending,
		       i == 0 || (i == 1 && workers > 1));
	shim_run_all();
}

static void as_many_workers_as_said(void)
{
	workers_wake_each_other(1);
	workers_wake_each_other(2);
	workers_wake_each_other(8);
}

/* Those above the parameter stop, and the first goes on. */
static void fewer_workers(void)
{
	static struct owner owners[4];
	unsigned int i;

	set("workers", "4");
	for (i = 0; i < ARRAY_SIZE(owners); i++) {
		make(&owners[i]);
		map_spans(&owners[i], 300);
		io_pgtable_deferred_free(owners[i].ops);
	}
	for (i = 0; i < 3; i++)
		batch_of_worker();
	set("workers", "1");
	for (i = 0; i < 6; i++)
		batch_of_worker();
	for (i = 1; i < IOPD_RECLAIM_WORKERS_MAX; i++)
		expect("a worker too many is queued",
		       iopd_reclaimer.works[i].pending, 0);
}

/* --- parameters, loading and unloading ------------------------------------ */

static void refuse(const char *name, const char *value)
{
	long before = shim_param_get(name);

	shim_message[0] = '\0';
	expect(name, shim_param_set(name, value), -EINVAL);
	expect(name, shim_param_get(name), before);
	if (!strstr(shim_message, name) || !strstr(shim_message, value))
		shim_panic("%s of %s is refused, and \"%s\" is said", value, name, shim_message);
}

static void parameters_have_bounds(void)
{
	static const struct {
		const char *name, *below, *least, *most, *above;
	} bounds[] = {
		{ "batch", "0", "1", "4096", "4097" },
		{ "limit", "0", "1", "9223372036854775807", "9223372036854775808" },
		{ "workers", "0", "1", "8", "9" },
		{ "sweep_ms", "-1", "0", "86400000", "86400001" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bounds); i++) {
		refuse(bounds[i].name, bounds[i].below);
		set(bounds[i].name, bounds[i].least);
		expect(bounds[i].name, shim_param_get(bounds[i].name),
		       atol(bounds[i].least));
		set(bounds[i].name, bounds[i].most);
		expect(bounds[i].name, shim_param_get(bounds[i].name),
		       atol(bounds[i].most));
		refuse(bounds[i].name, bounds[i].above);
		refuse(bounds[i].name, "many");
	}
}

/* What an allocation, or a mapping, that fails leaves behind */
static void a_refused_page_table_leaves_nothing(void)
{
	long objects = shim_objects, pages = shim_pages;
	static struct owner o;

	make(&o);
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	objects = shim_objects;
	pages = shim_pages;
	o.cfg.pgsize_bitmap = SZ_8K;
	shim_message[0] = '\0';
	if (io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &o.cfg, &o))
		shim_panic("a page table of pages of 8 KiB is made");
	if (!strstr(shim_message, "page table refused: "))
		shim_panic("a page table is refused, and \"%s\" is said", shim_message);
	expect("objects", shim_objects, objects);
	expect("pages", shim_pages, pages);
	expect("references", atomic_read(&o.dev.references), 0);
	expect("references to the module", atomic_long_read(&shim_module_refs), 0);
}

static void expect_unloaded(void)
{
	expect("pages", shim_pages, 0);
	expect("objects", shim_objects, 0);
	expect("files", shim_debugfs_files(), 0);
	expect("callbacks", shim_rcu_waiting(), 0);
	if (shim_pass_time() || shim_run_work())
		shim_panic("work is left of a library that is not there any more");
}

/*
 * A load that is refused memory says so, and leaves nothing, wherever that is.
 */
static void a_load_may_fail(void)
{
	unsigned int i;
	int ret = -ENOMEM;

	shim_module_exit();
	for (i = 0; ret; i++) {
		shim_fail.after = i;
		shim_fail.calls = 0;
		shim_fail.failed = 0;
		ret = shim_module_init();
		shim_fail.after = LONG_MAX;
		if (!ret && shim_fail.failed)
			shim_panic("the library is loaded without its allocation %u", i);
		if (!ret)
			break;
		expect("a load", ret, -ENOMEM);
		expect_unloaded();
	}
	expect_within("allocations of a load", i, 2, 20);
}

/*
 * Pages that are held by a tree that was taken apart, closed, and the library
 * goes.
 */
static void an_unload_leaves_nothing(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 64);
	unmap_spans(&o, 55, 5);
	unmap_tables(&o, 1, 50);
	flush_all(&o);
	while (shim_run_rcu() || (shim_stat("pending") && shim_run_work()))
		;
	if (!shim_stat("held"))
		shim_panic("no page waits for the others of its chunks");
	io_pgtable_deferred_free(o.ops);
	expect("references to the module", atomic_long_read(&shim_module_refs), 0);
	shim_module_exit();
	expect_unloaded();
	expect("references", atomic_read(&o.dev.references), 0);
	expect("a load", shim_module_init(), 0);
}

/* A table or a page that is not accounted for is told at the unload. */
static void an_unload_looks_at_its_counts(void)
{
	static long *const counts[] = { &iopd_reclaim_live, &iopd_page_count };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		*counts[i] += 1;
		shim_warnings_expected = 1;
		shim_module_exit();
		expect("warnings that did not come", shim_warnings_expected, 0);
		*counts[i] -= 1;
		expect("a load", shim_module_init(), 0);
	}
}

/*
 * A mapper that may not block has asked for a chunk, and the interrupt for that
 * is on its way when the library goes.
 */
static void an_unload_waits_for_interrupts(void)
{
	static struct owner o;
	size_t mapped = 0;
	unsigned int i;

	make(&o);
	shim_irqs_wait = true;
	for (i = 0; i < 64; i++)
		if (o.ops->map_pages(o.ops, (u64)i * SPAN, SZ_1G, SZ_4K, 1, IOMMU_READ,
				     GFP_ATOMIC, &mapped))
			shim_panic("map %u fails", i);
	io_pgtable_deferred_free(o.ops);
	shim_module_exit();
	shim_irqs_wait = false;
	expect_unloaded();
	expect("a load", shim_module_init(), 0);
}

/* Half of the memory, unless something else was said before */
static void the_limit_depends_on_the_memory(void)
{
	expect("the limit", shim_param_get("limit"), totalram_pages() / 2);
	expect("the batch", shim_param_get("batch"), 64);
	expect("workers", shim_param_get("workers"), 1);
	expect("deferred", shim_param_get("deferred"), 1);
	expect("seeks of the shrinker", iopd_reclaimer.shrinker->seeks, DEFAULT_SEEKS);
	expect("flags of the shrinker", iopd_reclaimer.shrinker->flags, 0);
	shim_module_exit();
	set("limit", "7");
	expect("a load", shim_module_init(), 0);
	expect("the limit that was given", shim_param_get("limit"), 7);
}

/*
 * ----------------------------------------------------------------------------
 */

static const struct owner_test tests[] = {
	/* First, for it looks at what there is without a word */
	{ "the limit depends on the memory", the_limit_depends_on_the_memory },
	{ "the zone is as large as can be", the_zone_is_as_large_as_can_be },
	{ "tables are reached to the last", tables_are_reached_to_the_last },
	{ "batches are as long as the parameter says", batches_are_as_long_as_said },
	{ "batches give way", batches_give_way },
	{ "batches read so much", batches_read_so_much },
	{ "sweeps read so much", sweeps_read_so_much },
	{ "a pass counts what it reads", a_pass_counts_what_it_reads },
	{ "the allocator is calmed", the_allocator_is_calmed },
	{ "detaches are short", detaches_are_short },
	{ "the first go first", the_first_go_first },
	{ "callers share above the limit", callers_share_above_the_limit },
	{ "callers leave alone what is within", callers_leave_alone_what_is_within },
	{ "callers free their own", callers_free_their_own },
	{ "drains are counted", drains_are_counted },
	{ "the shrinker frees what it is told", the_shrinker_frees_what_it_is_told },
	{ "the shrinker counts what waits", the_shrinker_counts_what_waits },
	{ "the shrinker has sweeps begin", the_shrinker_has_sweeps_begin },
	{ "the shrinker counts pages", the_shrinker_counts_pages },
	{ "pages are counted", all_pages_are_counted },
	{ "parts are not whole", parts_are_not_whole },
	{ "sweeps are counted", sweeps_are_counted },
	{ "sweeps leave room", sweeps_leave_room },
	{ "limbo may be just full", limbo_may_be_just_full },
	{ "sweeps count what they cut off", sweeps_count_what_they_cut_off },
	{ "a mapper keeps its table", a_mapper_keeps_its_table },
	{ "a table is made below one that goes", a_table_is_made_below_one_that_goes },
	{ "sweeps end with the page table", sweeps_end_with_the_page_table },
	{ "limbo has bounds", limbo_has_bounds },
	{ "events are told", events_are_told },
	{ "helpers give way", helpers_give_way },
	{ "callers give way", callers_give_way },
	{ "mappers help now and then", mappers_help_now_and_then },
	{ "an unload gives way", an_unload_gives_way },
	{ "an unload waits for chunks", an_unload_waits_for_chunks },
	{ "a look for dirty leaves gives way", a_look_for_dirty_leaves_gives_way },
	{ "buckets are powers of two", buckets_are_powers_of_two },
	{ "times are counted", times_are_counted },
	{ "trees are listed", trees_are_listed },
	{ "a tree is described", a_tree_is_described },
	{ "a free is a moment before its batch", a_free_is_a_moment_before_its_batch },
	{ "sweeps have their time", sweeps_have_their_time },
	{ "sweeps wait for the next", sweeps_wait_for_the_next },
	{ "sweeps may have no time", sweeps_may_have_no_time },
	{ "late sweeps begin at once", late_sweeps_begin_at_once },
	{ "asking gives way", asking_gives_way },
	{ "trims give way", trims_give_way },
	{ "rests have their time", rests_have_their_time },
	{ "a flush begins with a barrier", a_flush_begins_with_a_barrier },
	{ "drains wait for the tasklet", drains_wait_for_the_tasklet },
	{ "two chunks are one too many", two_chunks_are_one_too_many },
	{ "small page tables have spares", small_page_tables_have_spares },
	{ "a chunk is asked for in time", a_chunk_is_asked_for_in_time },
	{ "eight chunks are waited for", eight_chunks_are_waited_for },
	{ "a count that is wrong is told", a_count_that_is_wrong_is_told },
	{ "there are so many hands", there_are_so_many_hands },
	{ "as many workers as said", as_many_workers_as_said },
	{ "fewer workers", fewer_workers },
	{ "parameters have bounds", parameters_have_bounds },
	{ "a refused page table leaves nothing", a_refused_page_table_leaves_nothing },
	{ "a load may fail", a_load_may_fail },
	{ "an unload leaves nothing", an_unload_leaves_nothing },
	{ "an unload looks at its counts", an_unload_looks_at_its_counts },
	{ "an unload waits for interrupts", an_unload_waits_for_interrupts },
};

int main(int argc, char **argv)
{
	load_library();
	run_tests(tests, ARRAY_SIZE(tests));
	expect_unloaded();
	return 0;
}
