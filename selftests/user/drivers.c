// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers other than the project's own: what they rely on in the kernel's
 * library holds here, and what they do wrong is told.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/device.h>
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/kernel.h>
#include <linux/sizes.h>

#include <compat/io-pgtable.h>
#include "hardware.h"
#include "options.h"
#include "shim.h"

#define IOVA		SZ_1G
#define BLOCK		SZ_2M
#define PAGE		SZ_4K
#define PAGES		(BLOCK / PAGE)
#define PA		(2ul * SZ_1G)

/* How a driver goes about a whole flush */
enum manner {
	PROPER,		/* io_pgtable_deferred_flush() */
	LATE,		/* the same, the hardware is never done */
	BARE,		/* without telling the library */
};

/*
 * struct driver - one that flushes leaves by their addresses
 * @manner: how it flushes everything
 * @all: calls of tlb_flush_all
 * @walks: calls of tlb_flush_walk
 * @flushes: whole flushes by the driver itself, not counting these
 */
struct driver {
	struct device dev;
	struct io_pgtable_cfg cfg;
	struct io_pgtable_ops *ops;
	struct hw *hw;
	enum manner manner;
	unsigned int all;
	unsigned int walks;
	unsigned int flushes;
};

static struct choice choice;
static const char *doing = "";

static void say_where(void)
{
	fprintf(stderr, "# %s\n", doing);
}

/* --- a driver ------------------------------------------------------------- */

static int flush_hardware(void *cookie)
{
	struct driver *drv = cookie;

	if (drv->manner == LATE)
		return -ETIMEDOUT;
	hw_forget(drv->hw);
	return 0;
}

static void flush_whole(struct driver *drv)
{
	int ret;

	if (drv->manner == BARE) {
		flush_hardware(drv);
		return;
	}
	ret = io_pgtable_deferred_flush(drv->ops, flush_hardware, drv);
	if (ret != (drv->manner == LATE ? -ETIMEDOUT : 0))
		shim_panic("a flush returns %d", ret);
}

static void tlb_flush_all(void *cookie)
{
	struct driver *drv = cookie;

	drv->all++;
	flush_whole(drv);
}

static void tlb_flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	struct driver *drv = cookie;

	drv->walks++;
	flush_whole(drv);
}

/* What is gathered, leaf by leaf, until the flush of it */
static struct leaf {
	u64 iova;
	u64 size;
} gathered[2 * PAGES];
static unsigned int nr_gathered;

static void tlb_add_page(struct iommu_iotlb_gather *gather, unsigned long iova,
			 size_t granule, void *cookie)
{
	if (nr_gathered == ARRAY_SIZE(gathered))
		shim_panic("more than %u leaves are gathered", nr_gathered);
	gathered[nr_gathered++] = (struct leaf) { iova, granule };
}

static const struct iommu_flush_ops by_address = {
	.tlb_flush_all = tlb_flush_all,
	.tlb_flush_walk = tlb_flush_walk,
	.tlb_add_page = tlb_add_page,
};

/*
 * One that keeps no account of addresses: it says in the gather that it flushes
 * all.
 */
static const struct iommu_flush_ops as_a_whole = {
	.tlb_flush_all = tlb_flush_all,
	.tlb_flush_walk = tlb_flush_walk,
};

/* One that is not told where the hardware may know a table */
static const struct iommu_flush_ops without_walks = {
	.tlb_flush_all = tlb_flush_all,
	.tlb_add_page = tlb_add_page,
};

static void make_of(struct driver *drv, struct hw *hw, const struct iommu_flush_ops *tlb,
		    unsigned long quirks)
{
	*drv = (struct driver) {
		.dev.name = "driver", .hw = hw,
		.cfg = {
			.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G, .ias = 39, .oas = 40,
			.coherent_walk = true, .tlb = tlb, .iommu_dev = &drv->dev,
			.quirks = quirks,
		},
	};
	drv->ops = io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &drv->cfg, drv);
	if (!drv->ops)
		shim_panic("no page table: %s", shim_message);
	if (container_of(drv->ops, struct io_pgtable, ops)->fmt != ARM_64_LPAE_S1)
		shim_panic("it has another format than was asked for");
	hw_init(hw, ARM_64_LPAE_S1, &drv->cfg, &choice);
}

static void make(struct driver *drv, struct hw *hw, const struct iommu_flush_ops *tlb)
{
	make_of(drv, hw, tlb, 0);
}

/*
 * The hardware lets go, as a driver sees to before it frees, and everything
 * goes.
 */
static void unmake(struct driver *drv)
{
	hw_forget(drv->hw);
	io_pgtable_deferred_free(drv->ops);
	shim_run_all();
	if (shim_stat("live") || atomic_read(&drv->dev.references))
		shim_panic("%ld tables are left, %d references", shim_stat("live"),
			   atomic_read(&drv->dev.references));
}

static void map_at(struct driver *drv, u64 iova, u64 pa, size_t size, size_t count, int wanted)
{
	size_t mapped = 0;
	int ret = drv->ops->map_pages(drv->ops, iova, pa, size, count,
				      IOMMU_READ | IOMMU_WRITE, GFP_KERNEL, &mapped);

	if (ret != wanted)
		shim_panic("map 0x%llx: %d, not %d", iova, ret, wanted);
}

/* As iommu_unmap() does: unmap, and have the driver flush what was gathered */
static void unmap_at(struct driver *drv, u64 iova, size_t size, size_t count, bool queued)
{
	struct iommu_iotlb_gather gather;

	nr_gathered = 0;
	iommu_iotlb_gather_init(&gather);
	gather.queued = queued;
	if (!drv->cfg.tlb->tlb_add_page) {
		gather.start = 0;
		gather.end = ULONG_MAX;
	}
	if (drv->ops->unmap_pages(drv->ops, iova, size, count, &gather) != size * count)
		shim_panic("unmap 0x%llx does not unmap all", iova);
	if (queued)
		return;
	if (!drv->cfg.tlb->tlb_add_page) {
		drv->flushes++;
		flush_whole(drv);
	}
	while (nr_gathered) {
		struct leaf *leaf = &gathered[--nr_gathered];

		hw_forget_page(drv->hw, leaf->iova, leaf->size);
	}
}

/* A device accesses iova. Return: where that leads to, 0 for a fault. */
static u64 access(struct hw *hw, u64 iova)
{
	const struct hw_tlb *known = hw_find(hw, iova);
	struct hw_leaf leaf;

	if (known)
		return known->leaf.pa + (iova - known->leaf.iova);
	if (!hw_walk(hw, iova, &leaf))
		return 0;
	hw_remember(hw, &leaf);
	return leaf.pa + (iova - leaf.iova);
}

static void expect(struct hw *hw, u64 iova, u64 wanted)
{
	u64 pa = access(hw, iova);

	if (pa != wanted)
		shim_panic("a device at 0x%llx comes to 0x%llx, not 0x%llx", iova, pa,
			   wanted);
}

static struct hw hardware;
static struct driver driver;

/* --- what drivers rely on ------------------------------------------------- */

/*
 * A table is cut off: its leaves, and the way to it, are not to be used any
 * more.
 */
static void cut_table(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	expect(&hardware, IOVA + 7 * PAGE, PA + 7 * PAGE);
	unmap_at(&driver, IOVA, BLOCK, 1, false);
	expect(&hardware, IOVA + 7 * PAGE, 0);
	expect(&hardware, IOVA + 8 * PAGE, 0);
	unmake(&driver);
}

/* The same for tables with tables in them */
static void cut_tables(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, 3 * PAGES, 0);
	expect(&hardware, IOVA + BLOCK, PA + BLOCK);
	unmap_at(&driver, IOVA, BLOCK, 3, false);
	expect(&hardware, IOVA + BLOCK, 0);
	expect(&hardware, IOVA + BLOCK + PAGE, 0);
	unmake(&driver);
}

/*
 * A block is taken apart: it is known by its own size, not by that of its
 * parts.
 */
static void split_block(void)
{
	if (!COMPAT_SPLIT_BLOCKS)
		return;
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, BLOCK, 2, 0);
	expect(&hardware, IOVA + 7 * PAGE, PA + 7 * PAGE);
	unmap_at(&driver, IOVA + 7 * PAGE, PAGE, 1, false);
	expect(&hardware, IOVA + 7 * PAGE, 0);
	expect(&hardware, IOVA + 8 * PAGE, PA + 8 * PAGE);
	expect(&hardware, IOVA + BLOCK, PA + BLOCK);
	unmap_at(&driver, IOVA + BLOCK, PAGE, PAGES, false);
	expect(&hardware, IOVA + BLOCK + PAGE, 0);
	unmake(&driver);
}

/*
 * All pages of a table, as pages: each is gathered, once, and no table is cut
 * off.
 */
static void gather_pages(void)
{
	struct iommu_iotlb_gather gather;
	unsigned int i;

	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	iommu_iotlb_gather_init(&gather);
	nr_gathered = 0;
	if (driver.ops->unmap_pages(driver.ops, IOVA, PAGE, PAGES, &gather) != BLOCK)
		shim_panic("not all pages are unmapped");
	if (nr_gathered != PAGES || driver.walks || driver.all)
		shim_panic("%u leaves are gathered, %u flushes made", nr_gathered,
			   driver.walks + driver.all);
	for (i = 0; i < PAGES; i++)
		if (gathered[i].iova != IOVA + i * PAGE || gathered[i].size != PAGE)
			shim_panic("leaf %u is gathered as 0x%llx at 0x%llx", i,
				   gathered[i].size, gathered[i].iova);
	unmake(&driver);
}

static void expect_run(u64 *iova, u64 first, u64 pa, unsigned int count, u64 next)
{
	struct io_pgtable_deferred_run run;
	unsigned long at = *iova;

	if (!io_pgtable_deferred_next_run(driver.ops, &at, &run))
		shim_panic("a dump ends at 0x%llx", *iova);
	if (run.count != count || at != next)
		shim_panic("a dump at 0x%llx: %u leaves, not %u; on at 0x%lx, not 0x%llx",
			   *iova, run.count, count, at, next);
	if (count && (run.iova != first || run.paddr != pa || run.pgsize != PAGE ||
		      run.level != 3 || !run.attributes))
		shim_panic("a dump at 0x%llx: 0x%llx from 0x%lx on, level %d", *iova,
			   run.paddr, run.iova, run.level);
	*iova = at;
}

/*
 * A run ends with its table, and a look after 512 entries, whatever they are.
 */
static void look_at_runs(void)
{
	struct io_pgtable_deferred_run run;
	unsigned long end = ULONG_MAX;
	u64 at = 0;

	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES + 188, 0);
	map_at(&driver, IOVA + BLOCK + 188 * PAGE, PA, PAGE, 1, 0);
	expect_run(&at, IOVA, PA, PAGES, IOVA + BLOCK);
	expect_run(&at, IOVA + BLOCK, PA + BLOCK, 188, IOVA + BLOCK + 188 * PAGE);
	/* That goes elsewhere, so it is no part of the run before. */
	expect_run(&at, IOVA + BLOCK + 188 * PAGE, PA, 1, IOVA + BLOCK + 189 * PAGE);
	/*
	 * What is left of the table, and as many entries of the one above as
	 * make 512
	 */
	expect_run(&at, 0, 0, 0, IOVA + (2 + 189) * BLOCK);
	/*
	 * The rest of that table, the 510 that the root has after it, and the
	 * end
	 */
	expect_run(&at, 0, 0, 0, IOVA + (1 + 512 - (512 - 191)) * (u64)SZ_1G);
	expect_run(&at, 0, 0, 0, ULONG_MAX);
	if (io_pgtable_deferred_next_run(driver.ops, &end, &run))
		shim_panic("a dump goes on past the end");
	unmake(&driver);
}

static void expect_leaves(u64 iova, const struct io_pgtable_deferred_run *wanted, u64 next)
{
	struct io_pgtable_deferred_run run;
	unsigned long at = iova;

	if (!io_pgtable_deferred_next_run(driver.ops, &at, &run))
		shim_panic("a dump ends at 0x%llx", iova);
	if (at != next)
		shim_panic("a dump at 0x%llx goes on at 0x%lx, not 0x%llx", iova, at, next);
	if (run.iova != wanted->iova || run.paddr != wanted->paddr ||
	    run.pgsize != wanted->pgsize || run.count != wanted->count ||
	    run.level != wanted->level || run.attributes != wanted->attributes)
		shim_panic("a dump at 0x%llx: %u of 0x%zx at 0x%lx, 0x%llx, level %d, 0x%llx",
			   iova, run.count, run.pgsize, run.iova, run.paddr, run.level,
			   run.attributes);
}

/* nG, AF, SH outer, AP unprivileged, and what makes it a page, or a block */
#define RW_PAGE		0xe43
#define RW_BLOCK	0xe41
#define READ_ONLY	0x80

/* Leaves that lead on are no run if they are not alike, or not of one size. */
static void look_at_leaves(void)
{
	static const struct io_pgtable_deferred_run
	pages = { IOVA, PA, PAGE, 2, RW_PAGE, 3 },
	other = { IOVA + 2 * PAGE, PA + 2 * PAGE, PAGE, 1, RW_PAGE | READ_ONLY, 3 },
	blocks = { IOVA + 2 * BLOCK, PA, BLOCK, 3, RW_BLOCK, 2 };
	size_t mapped = 0;

	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, 2, 0);
	driver.ops->map_pages(driver.ops, IOVA + 2 * PAGE, PA + 2 * PAGE, PAGE, 1,
			      IOMMU_READ, GFP_KERNEL, &mapped);
	map_at(&driver, IOVA + 2 * BLOCK, PA, BLOCK, 3, 0);
	expect_leaves(IOVA, &pages, IOVA + 2 * PAGE);
	expect_leaves(IOVA + 2 * PAGE, &other, IOVA + 3 * PAGE);
	expect_leaves(IOVA + 2 * BLOCK, &blocks, IOVA + 5 * BLOCK);
	/* In the middle of a leaf: all of it, and those after it */
	expect_leaves(IOVA + 2 * BLOCK + 5 * PAGE + 1, &blocks, IOVA + 5 * BLOCK);
	unmake(&driver);
}

/*
 * The upper half begins where the input size has it, and ends with all
 * addresses.
 */
static void look_at_the_upper_half(void)
{
	const u64 base = ~0ull << 39, last = base + (1ull << 39) - PAGE;
	const struct io_pgtable_deferred_run
	first_page = { base, PA, PAGE, 1, RW_PAGE, 3 },
	last_page = { last, PA, PAGE, 1, RW_PAGE, 3 };

	make_of(&driver, &hardware, &by_address, IO_PGTABLE_QUIRK_ARM_TTBR1);
	map_at(&driver, base, PA, PAGE, 1, 0);
	map_at(&driver, last, PA, PAGE, 1, 0);
	/* Below it there is nothing to skip. */
	expect_leaves(0, &first_page, base + PAGE);
	expect_leaves(base - 1, &first_page, base + PAGE);
	expect_leaves(base, &first_page, base + PAGE);
	expect_leaves(last, &last_page, ULONG_MAX);
	unmake(&driver);
}

/* What waits in a queue for its flush is not flushed before. */
static void cut_queued(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	unmap_at(&driver, IOVA, BLOCK, 1, true);
	if (driver.walks || driver.all)
		shim_panic("what waits in a queue has been flushed");
	driver.flushes++;
	flush_whole(&driver);
	shim_run_all();
	if (shim_stat("live") != 1)
		shim_panic("%ld tables are left", shim_stat("live"));
	unmake(&driver);
}

/* A driver that flushes everything after each unmap is not asked for more. */
static void cut_as_a_whole(void)
{
	make(&driver, &hardware, &as_a_whole);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	expect(&hardware, IOVA + 7 * PAGE, PA + 7 * PAGE);
	unmap_at(&driver, IOVA, BLOCK, 1, false);
	expect(&hardware, IOVA + 7 * PAGE, 0);
	if (driver.walks || driver.all)
		shim_panic("%u flushes more than the driver makes anyway",
			   driver.walks + driver.all);
	unmake(&driver);
}

/*
 * Two page tables, one after the other, that the hardware knows by the same
 * number
 */
static void same_asid(void)
{
	static struct driver next;

	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, 1, 0);
	expect(&hardware, IOVA, PA);
	/* As the kernel's drivers do: the flush is the library's to ask for. */
	io_pgtable_deferred_free(driver.ops);
	next = (struct driver) { .dev.name = "next", .hw = &hardware };
	next.cfg = driver.cfg;
	next.cfg.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	next.cfg.iommu_dev = &next.dev;
	next.ops = io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &next.cfg, &next);
	hardware.root = next.cfg.arm_lpae_s1_cfg.ttbr;
	map_at(&next, IOVA, PA + PAGE, PAGE, 1, 0);
	expect(&hardware, IOVA, PA + PAGE);
	shim_run_all();
	unmake(&next);
}

/*
 * The library asks for the flush that it needs for what the driver never
 * flushes.
 */
static void leaf_by_leaf(void)
{
	const u64 tables = 1000;
	u64 i;

	make(&driver, &hardware, &by_address);
	for (i = 0; i < tables; i++)
		map_at(&driver, IOVA + i * BLOCK, PA, PAGE, 1, 0);
	for (i = 0; i < tables; i++)
		unmap_at(&driver, IOVA + i * BLOCK, PAGE, 1, false);
	shim_run_all();
	/* The root */
	if (shim_stat("live") > 1)
		shim_panic("%ld tables live, where nothing is mapped", shim_stat("live"));
	if (driver.all > tables / 32)
		shim_panic("%u whole flushes for %llu tables", driver.all, tables);
	unmake(&driver);
}

/* A driver that has flushed says so, and may be gone. */
static void flushed_before(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	hw_forget(&hardware);
	io_pgtable_deferred_free_flushed(driver.ops);
	if (driver.all || driver.walks)
		shim_panic("a driver that has flushed is asked for a flush");
	shim_run_all();
	if (shim_stat("live"))
		shim_panic("%ld tables are left", shim_stat("live"));
}

#define RW		(IOMMU_READ | IOMMU_WRITE)
#define END		BIT_ULL(39)
#define PA_END		BIT_ULL(40)

static const struct {
	u64 iova, pa, size, count;
	int prot, wanted;
} requests[] = {
	{ IOVA, PA, SZ_8K, 1, RW, -EINVAL },
	{ IOVA, PA, PAGE, 0, RW, -EINVAL },
	{ IOVA + 1, PA, PAGE, 1, RW, -EINVAL },
	{ IOVA, PA + 1, PAGE, 1, RW, -EINVAL },
	{ IOVA + PAGE, PA, BLOCK, 1, RW, -EINVAL },
	{ IOVA, PA + PAGE, BLOCK, 1, RW, -EINVAL },
	{ IOVA, PA, PAGE, 1, IOMMU_CACHE, -EINVAL },
	{ END, PA, PAGE, 1, RW, -ERANGE },
	{ END - PAGE, PA, PAGE, 2, RW, -ERANGE },
	{ ~0ull - PAGE + 1, PA, PAGE, 1, RW, -ERANGE },
	{ IOVA, PA_END, PAGE, 1, RW, -ERANGE },
	{ IOVA, PA_END - PAGE, PAGE, 2, RW, -ERANGE },
	{ IOVA, ~0ull - PAGE + 1, PAGE, 2, RW, -ERANGE },
	/* And what is just within */
	{ 0, 0, PAGE, 1, RW, 0 },
	{ END - PAGE, PA_END - PAGE, PAGE, 1, RW, 0 },
	{ IOVA, PA, PAGE, 1, IOMMU_READ, 0 },
	{ IOVA, PA, PAGE, 1, RW, -EEXIST },
	{ IOVA, PA, BLOCK, 1, RW, -EEXIST },
	{ IOVA + BLOCK, PA, BLOCK, 1, IOMMU_WRITE, 0 },
	{ IOVA + BLOCK + PAGE, PA, PAGE, 1, RW, -EEXIST },
	{ IOVA + BLOCK, PA, BLOCK, 1, RW, -EEXIST },
};

/* What is refused has an error of its own, and changes nothing. */
static void requests_are_looked_at(void)
{
	size_t mapped;
	unsigned int i;
	long live;
	int ret;

	make(&driver, &hardware, &by_address);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		mapped = 7;
		live = shim_stat("live");
		ret = driver.ops->map_pages(driver.ops, requests[i].iova, requests[i].pa,
					    requests[i].size, requests[i].count,
					    requests[i].prot, GFP_KERNEL, &mapped);
		if (ret != requests[i].wanted || mapped != 7 + (ret ? 0 : requests[i].size))
			shim_panic("request %u: %d and %zu", i, ret, mapped);
		if (ret && shim_stat("live") != live)
			shim_panic("request %u leaves %ld tables", i, shim_stat("live") - live);
	}
	/* A caller need not ask how much. */
	if (driver.ops->map_pages(driver.ops, IOVA + 4 * BLOCK, PA, PAGE, 2, RW, GFP_KERNEL,
				  NULL))
		shim_panic("a map that does not ask how much fails");
	unmake(&driver);
}

static void unmaps_are_looked_at(void)
{
	unsigned int i;
	size_t size;

	make(&driver, &hardware, &by_address);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i].prot != RW || requests[i].pa != PA ||
		    requests[i].wanted == -EEXIST)
			continue;
		size = driver.ops->unmap_pages(driver.ops, requests[i].iova,
					       requests[i].size, requests[i].count, NULL);
		if (size)
			shim_panic("request %u: 0x%zx bytes are unmapped", i, size);
	}
	unmake(&driver);
}

/*
 * A driver that cannot be asked to flush the way to a table: none makes way for
 * a block.
 */
static void no_table_makes_way(void)
{
	long live;

	make(&driver, &hardware, &without_walks);
	map_at(&driver, IOVA, PA, PAGE, 2, 0);
	unmap_at(&driver, IOVA, PAGE, 2, false);
	live = shim_stat("live");
	map_at(&driver, IOVA, PA, BLOCK, 1, -EEXIST);
	if (shim_stat("live") != live || shim_stat("limbo"))
		shim_panic("a table makes way, and will not be flushed");
	map_at(&driver, IOVA, PA, PAGE, 1, 0);
	expect(&hardware, IOVA, PA);
	unmake(&driver);
}

/* What an error path gives back may never have been made. */
static void give_back_nothing(void)
{
	long references = atomic_long_read(&shim_module_refs);

	io_pgtable_deferred_free(NULL);
	io_pgtable_deferred_free_flushed(NULL);
	if (atomic_long_read(&shim_module_refs) != references || shim_stat("pending"))
		shim_panic("something has been given back of nothing");
}

/* --- what drivers do wrong ------------------------------------------------ */

static void expect_warnings(unsigned int nr)
{
	shim_warnings_expected = nr;
}

static void expect_no_more(void)
{
	if (shim_warnings_expected)
		shim_panic("%u warnings have not come", shim_warnings_expected);
}

/* tlb_flush_walk() without brackets, when a table is cut off */
static void bare_unmap(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	driver.manner = BARE;
	expect_warnings(1);
	unmap_at(&driver, IOVA, BLOCK, 1, false);
	expect_no_more();
	driver.manner = PROPER;
	unmake(&driver);
}

/* The same, when a block takes the place of a table */
static void bare_map(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, 1, 0);
	unmap_at(&driver, IOVA, PAGE, 1, false);
	driver.manner = BARE;
	expect_warnings(1);
	map_at(&driver, IOVA, PA, BLOCK, 1, -EIO);
	expect_no_more();
	driver.manner = PROPER;
	map_at(&driver, IOVA, PA, BLOCK, 1, 0);
	unmake(&driver);
}

/* tlb_flush_all() without them, when too many tables wait for a flush */
static void bare_limit(void)
{
	const unsigned int tables = 70;
	unsigned int i;

	make(&driver, &hardware, &by_address);
	for (i = 0; i < tables; i++)
		map_at(&driver, IOVA + i * BLOCK, PA, PAGE, 1, 0);
	unmap_at(&driver, IOVA, BLOCK, tables - 1, true);
	driver.manner = BARE;
	expect_warnings(1);
	unmap_at(&driver, IOVA + (tables - 1) * BLOCK, PAGE, 1, false);
	expect_no_more();
	driver.manner = PROPER;
	unmake(&driver);
}

/* The same, when one that has failed is to be made good */
static void bare_recovery(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	driver.manner = LATE;
	unmap_at(&driver, IOVA, BLOCK, 1, false);
	driver.manner = BARE;
	expect_warnings(1);
	map_at(&driver, IOVA + BLOCK, PA, PAGE, 1, -EIO);
	expect_no_more();
	driver.manner = PROPER;
	map_at(&driver, IOVA + BLOCK, PA, PAGE, 1, 0);
	unmake(&driver);
}

/* A flush that does not complete is no mistake of the driver's. */
static void late_unmap(void)
{
	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	driver.manner = LATE;
	unmap_at(&driver, IOVA, BLOCK, 1, false);
	map_at(&driver, IOVA, PA, PAGE, 1, -EIO);
	driver.manner = PROPER;
	map_at(&driver, IOVA, PA, PAGE, 1, 0);
	unmake(&driver);
}

/* A flush that began and never ends has the tables on a stack that is gone. */
static void begin_alone(void)
{
	long live = shim_stat("live"), limbo = shim_stat("limbo");
	struct io_pgtable_deferred_limbo lost;

	make(&driver, &hardware, &as_a_whole);
	map_at(&driver, IOVA, PA, PAGE, 16 * PAGES, 0);
	unmap_at(&driver, IOVA, BLOCK, 16, true);
	io_pgtable_deferred_flush_begin(driver.ops, &lost);
	hw_forget(driver.hw);
	expect_warnings(1);
	io_pgtable_deferred_free(driver.ops);
	expect_no_more();
	shim_run_all();
	if (shim_stat("live") != live + 16 || shim_stat("limbo") != limbo + 16)
		shim_panic("%ld tables are lost, not 16", shim_stat("live") - live);
}

/*
 * The flush at the end does not complete: the hardware may still walk the
 * tables.
 */
static void late_free(void)
{
	long live = shim_stat("live");

	make(&driver, &hardware, &by_address);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	driver.manner = LATE;
	shim_message[0] = '\0';
	io_pgtable_deferred_free(driver.ops);
	shim_run_all();
	if (!shim_message[0] || shim_stat("live") != live + 3)
		shim_panic("%ld tables are left, and \"%s\" is said",
			   shim_stat("live") - live, shim_message);
	expect(&hardware, IOVA, PA);
	/* There is no driver any more that could map. */
	expect_warnings(1);
	map_at(&driver, IOVA + BLOCK, PA, PAGE, 1, -ENODEV);
	expect_no_more();
}

/*
 * The same when a part of it is on its way to be freed: that goes, and the rest
 * stays.
 */
static void late_free_of_a_part(void)
{
	long live = shim_stat("live");
	static struct driver part;
	static struct hw known;

	make(&part, &known, &as_a_whole);
	map_at(&part, IOVA, PA, PAGE, 3 * PAGES, 0);
	unmap_at(&part, IOVA, BLOCK, 1, true);
	flush_whole(&part);
	part.manner = LATE;
	io_pgtable_deferred_free(part.ops);
	shim_run_all();
	if (shim_stat("live") != live + 4 || shim_stat("pending"))
		shim_panic("%ld tables are left, and %ld pending", shim_stat("live") - live,
			   shim_stat("pending"));
	if (atomic_read(&part.dev.references) != 1)
		shim_panic("%d references to the device of a page table that stays",
			   atomic_read(&part.dev.references));
	expect(&known, IOVA, 0);
	expect(&known, IOVA + BLOCK, PA + BLOCK);
}

/* An end for which there was no begin */
static void end_twice(void)
{
	struct io_pgtable_deferred_limbo limbo;

	make(&driver, &hardware, &as_a_whole);
	map_at(&driver, IOVA, PA, PAGE, PAGES, 0);
	unmap_at(&driver, IOVA, BLOCK, 1, true);
	io_pgtable_deferred_flush_begin(driver.ops, &limbo);
	hw_forget(driver.hw);
	io_pgtable_deferred_flush_end(driver.ops, &limbo, true);
	expect_warnings(1);
	io_pgtable_deferred_flush_end(driver.ops, &limbo, true);
	expect_no_more();
	unmake(&driver);
}

/*
 * ----------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	void (*test)(void);
} tests[] = {
	{ "a table is cut off", cut_table },
	{ "tables are cut off", cut_tables },
	{ "a block is taken apart", split_block },
	{ "pages are gathered", gather_pages },
	{ "a dump", look_at_runs },
	{ "a dump of leaves that differ", look_at_leaves },
	{ "a dump of the upper half", look_at_the_upper_half },
	{ "a table is cut off and waits in a queue", cut_queued },
	{ "a table is cut off by a driver that flushes everything", cut_as_a_whole },
	{ "an ASID is used again", same_asid },
	{ "a driver flushes by address alone", leaf_by_leaf },
	{ "a driver has flushed before it frees", flushed_before },
	{ "requests are looked at", requests_are_looked_at },
	{ "unmaps are looked at", unmaps_are_looked_at },
	{ "no table makes way for a block", no_table_makes_way },
	{ "nothing is given back", give_back_nothing },
	{ "a flush after unmap has no brackets", bare_unmap },
	{ "a flush for map has no brackets", bare_map },
	{ "a flush of too many tables has no brackets", bare_limit },
	{ "a flush that is to make good has no brackets", bare_recovery },
	{ "a flush after unmap does not complete", late_unmap },
	{ "a flush ends twice", end_twice },
	/* Those after which something is left for good */
	{ "a flush does not end", begin_alone },
	{ "a flush at the end does not complete", late_free },
	{ "a flush at the end does not complete, and a part is free", late_free_of_a_part },
};

int main(int argc, char **argv)
{
	u64 only = option(&argc, argv, "only", ARRAY_SIZE(tests));
	unsigned int i;

	shim_context = say_where;
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	choice_by_seed(&choice, 1);
	shim_group = 1;
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (only < ARRAY_SIZE(tests) && only != i)
			continue;
		doing = tests[i].name;
		tests[i].test();
	}
	printf("# %zu cases\n", ARRAY_SIZE(tests));
	return 0;
}
