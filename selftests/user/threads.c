// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real threads: neighbours in one page table, a device, a flusher, drainers,
 * and the reclaimer. For a detector of races, or of accesses to what has been
 * freed.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sched.h>

#include <linux/io-pgtable-arm-deferred.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "domain.h"
#include "options.h"
#include "shim.h"

/*
 * Mappers, which also unmap; each has every third page, and every third table
 */
#define MAPPERS		3

/* Tables of shared pages: so many that a sweep finds some of them empty */
#define SHARED		64
#define PAGES		512

/* Tables that are one mapper's, which unmaps them as a whole */
#define OWN		2

/* The root, and two on the way to what may be left of the block */
#define TABLES_LEFT	4

/* One table in so many is refused while others wait to be freed */
#define HURRIED		16

/* Accesses to memory until another thread runs, at most */
#define STEPS		40

/* Between them lies the block that all take apart together. */
#define OWN_AT		((u64)SHARED * SZ_2M)
#define BLOCK_AT	(OWN_AT + (u64)MAPPERS * OWN * SZ_2M)

/* Where it leads: one of two places, so that old and new are not the same */
#define TO		SZ_1G

static struct device device = { .name = "threads" };
static struct io_pgtable_ops *ops;
static struct io_pgtable_cfg cfg;
static enum io_pgtable_fmt fmt;

/* A device is in a walk, or the hardware forgets; it does not keep anything. */
static pthread_rwlock_t walking = PTHREAD_RWLOCK_INITIALIZER;

static u64 seed, rounds;
static bool stop, stop_draining;
static unsigned long flushes, walks, drains;

static __thread struct choice choice;

static u64 pick(u64 limit)
{
	return choose_freely(&choice, limit);
}

static void say_where(void)
{
	fprintf(stderr, "# again with --seed=%llu --rounds=%llu, perhaps\n", seed, rounds);
}

/*
 * Turns of others that one lets go by now and then: a table may be freed
 * meanwhile
 */
#define LONG_AWAY	60

/* Let another thread run, in the middle of anything. */
static void let_go(bool locked)
{
	unsigned int turns = pick(16) ? 1 : pick(LONG_AWAY);

	for (; turns; turns--)
		sched_yield();
	shim_steps = pick(STEPS);
}

/* --- the driver ----------------------------------------------------------- */

static void flush(void *cookie)
{
	struct io_pgtable_deferred_limbo limbo;

	io_pgtable_deferred_flush_begin(ops, &limbo);
	/* Walks that have begun come to their end. */
	pthread_rwlock_wrlock(&walking);
	pthread_rwlock_unlock(&walking);
	io_pgtable_deferred_flush_end(ops, &limbo, true);
	__atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
}

static void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	flush(cookie);
}

static const struct iommu_flush_ops flush_ops = {
	.tlb_flush_all = flush,
	.tlb_flush_walk = flush_walk,
};

static bool walk(u64 iova, u64 *pa)
{
	struct hw hw;
	struct hw_leaf leaf;
	bool found;

	hw_init(&hw, fmt, &cfg, &choice);
	pthread_rwlock_rdlock(&walking);
	found = hw_walk(&hw, iova, &leaf);
	pthread_rwlock_unlock(&walking);
	if (found)
		*pa = leaf.pa + (iova - leaf.iova);
	__atomic_fetch_add(&walks, 1, __ATOMIC_RELAXED);
	return found;
}

/* --- mappers -------------------------------------------------------------- */

struct mapper {
	pthread_t thread;
	unsigned int number;
	/* Which of the two places a page of mine leads to; 0 for none */
	u8 shared[SHARED * PAGES];
	u8 own[OWN];
};

static u64 place(u64 iova, unsigned int which)
{
	return which * TO + iova;
}

/* What is mine is for me as if I were alone. */
static void expect_at(u64 iova, unsigned int which)
{
	u64 wanted = which ? place(iova, which) : 0, pa = 0, seen;
	bool found;

	seen = ops->iova_to_phys(ops, iova);
	if (seen != wanted)
		shim_panic("lookup 0x%llx: 0x%llx; expected 0x%llx", iova, seen, wanted);
	found = walk(iova, &pa);
	if (found != !!which || pa != wanted)
		shim_panic("a walk to 0x%llx finds 0x%llx; expected 0x%llx", iova, pa,
			   wanted);
}

static void map_at(u64 iova, size_t size, size_t count, unsigned int which)
{
	size_t mapped = 0;
	int ret = ops->map_pages(ops, iova, place(iova, which), size, count,
				 IOMMU_READ | IOMMU_WRITE,
				 pick(2) ? GFP_KERNEL : GFP_ATOMIC, &mapped);

	if (ret || mapped != size * count)
		shim_panic("map 0x%llx: %d, 0x%zx of 0x%zx", iova, ret, mapped,
			   size * count);
}

static void unmap_at(u64 iova, size_t size, size_t count)
{
	size_t done = ops->unmap_pages(ops, iova, size, count, NULL);

	if (done != size * count)
		shim_panic("unmap 0x%llx: 0x%zx of 0x%zx", iova, done, size * count);
}

/* A page between those of others; the tables are for all. */
static void turn_shared(struct mapper *m)
{
	/* Mostly no page, or one each, so that many tables are empty */
	unsigned int table = pick(SHARED), turn = pick(8) ? 0 : pick(4);
	unsigned int slot = turn * MAPPERS + m->number;
	u8 *which = &m->shared[table * PAGES + slot];
	u64 iova = table * (u64)SZ_2M + slot * (u64)SZ_4K;

	if (*which) {
		unmap_at(iova, SZ_4K, 1);
		flush(NULL);
		*which = 0;
	} else if (!pick(4)) {
		*which = 1 + pick(2);
		map_at(iova, SZ_4K, 1, *which);
	}
	expect_at(iova, *which);
}

/* A whole table, or a block in its place */
static void turn_own(struct mapper *m)
{
	unsigned int table = pick(OWN);
	u64 iova = OWN_AT + (m->number * OWN + table) * (u64)SZ_2M;
	u8 *which = &m->own[table];

	if (*which) {
		unmap_at(iova, SZ_2M, 1);
		flush(NULL);
		*which = 0;
	} else {
		*which = 1 + pick(2);
		if (pick(2))
			map_at(iova, SZ_4K, PAGES, *which);
		else
			map_at(iova, SZ_2M, 1, *which);
	}
	expect_at(iova + pick(PAGES) * SZ_4K, *which);
}

/*
 * All take a part of the block away; the last one maps it again. The turn of
 * the block is even while it is whole: parts are taken, then given by the last.
 */
static unsigned long block_turn;
static unsigned int block_left;
static unsigned int block_which;

static void turn_block(struct mapper *m, unsigned long *mine)
{
	unsigned long turn = __atomic_load_n(&block_turn, __ATOMIC_ACQUIRE);
	size_t count = PAGES / MAPPERS + (m->number == 0 ? PAGES % MAPPERS : 0);
	u64 at = BLOCK_AT;

	if (turn == *mine)
		return;
	*mine = turn;
	if (m->number)
		at += (PAGES % MAPPERS + m->number * (PAGES / MAPPERS)) * (u64)SZ_4K;
	expect_at(at, block_which);
	unmap_at(at, SZ_4K, count);
	flush(NULL);
	expect_at(at + pick(count) * SZ_4K, 0);
	if (__atomic_sub_fetch(&block_left, 1, __ATOMIC_ACQ_REL))
		return;
	block_which = 3 - block_which;
	map_at(BLOCK_AT, SZ_2M, 1, block_which);
	__atomic_store_n(&block_left, MAPPERS, __ATOMIC_RELAXED);
	__atomic_store_n(&block_turn, turn + 1, __ATOMIC_RELEASE);
}

static void take_all(struct mapper *m)
{
	unsigned int i;

	for (i = 0; i < SHARED * PAGES; i++)
		if (m->shared[i])
			unmap_at(i * (u64)SZ_4K, SZ_4K, 1);
	for (i = 0; i < OWN; i++)
		if (m->own[i])
			unmap_at(OWN_AT + (m->number * OWN + i) * (u64)SZ_2M, SZ_2M, 1);
	memset(m->shared, 0, sizeof(m->shared));
	memset(m->own, 0, sizeof(m->own));
	flush(NULL);
}

static void begin_thread(struct shim_cpu *cpu, unsigned int number)
{
	shim_cpu_enter(cpu);
	choice_by_seed(&choice, seed * 1000003 + number);
	shim_steps = pick(STEPS);
}

static void end_thread(struct shim_cpu *cpu)
{
	shim_steps = SHIM_NO_STEPS;
	shim_cpu_leave(cpu);
}

static void *mapper(void *data)
{
	struct mapper *m = data;
	unsigned long mine = 0;
	struct shim_cpu cpu;
	u64 i;

	begin_thread(&cpu, m->number);
	for (i = 0; i < rounds; i++) {
		switch (pick(8)) {
		case 0:
			turn_own(m);
			break;
		case 1:
			turn_block(m, &mine);
			break;
		default:
			turn_shared(m);
		}
	}
	take_all(m);
	end_thread(&cpu);
	return NULL;
}

/* --- the others ----------------------------------------------------------- */

static bool going_on(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

/* Wherever it finds anything, it is one of the two places that belong there. */
static void *look(void *unused)
{
	struct shim_cpu cpu;

	begin_thread(&cpu, 100);
	while (going_on()) {
		u64 iova = pick(BLOCK_AT / SZ_4K + PAGES) * SZ_4K, pa = 0;

		if (walk(iova, &pa) && pa != place(iova, 1) && pa != place(iova, 2))
			shim_panic("a walk to 0x%llx finds 0x%llx", iova, pa);
		pa = ops->iova_to_phys(ops, iova);
		if (pa && pa != place(iova, 1) && pa != place(iova, 2))
			shim_panic("lookup 0x%llx: 0x%llx", iova, pa);
		sched_yield();
	}
	end_thread(&cpu);
	return NULL;
}

static void *flush_often(void *unused)
{
	struct shim_cpu cpu;

	begin_thread(&cpu, 101);
	while (going_on()) {
		flush(NULL);
		if (!pick(20))
			shim_shrink(1 + pick(50));
		sched_yield();
	}
	end_thread(&cpu);
	return NULL;
}

static void *softirqs(void *unused)
{
	struct shim_cpu cpu;

	begin_thread(&cpu, 102);
	while (going_on()) {
		shim_run_rcu();
		sched_yield();
	}
	end_thread(&cpu);
	return NULL;
}

static void *workers(void *unused)
{
	struct shim_cpu cpu;

	begin_thread(&cpu, 103);
	while (going_on()) {
		shim_run_work();
		if (!pick(4))
			shim_pass_time();
		sched_yield();
	}
	end_thread(&cpu);
	return NULL;
}

/* More than there are waits that the library tells apart */
#define DRAINERS	9

/*
 * All that was handed over before is free after a drain, whatever comes and
 * goes meanwhile, unless the task that waits is killed. What is free is read
 * first: so no table counts as both.
 */
static void *drain_often(void *number)
{
	struct shim_cpu cpu;

	begin_thread(&cpu, 200 + (unsigned long)number);
	while (!__atomic_load_n(&stop_draining, __ATOMIC_ACQUIRE)) {
		long before = shim_stat("freed") + shim_stat("pending");
		int ret;

		cpu.task.prio = pick(2) ? 1 : MAX_RT_PRIO;
		cpu.killed = !pick(8);
		ret = io_pgtable_deferred_drain();
		if (ret ? !cpu.killed : shim_stat("freed") < before)
			shim_panic("drain: %d, %ld of %ld freed", ret,
				   shim_stat("freed"), before);
		__atomic_fetch_add(&drains, 1, __ATOMIC_RELAXED);
		while (pick(200))
			sched_yield();
	}
	cpu.killed = false;
	end_thread(&cpu);
	return NULL;
}

/* Other page tables come and go, and are freed as a whole. */
static void *elsewhere(void *unused)
{
	struct shim_cpu cpu;

	begin_thread(&cpu, 104);
	while (going_on()) {
		struct io_pgtable_cfg their_cfg = cfg;
		struct io_pgtable_ops *theirs;
		size_t mapped = 0;

		their_cfg.pgsize_bitmap = SZ_4K | SZ_2M;
		their_cfg.tlb = NULL;
		theirs = io_pgtable_deferred_alloc(fmt, &their_cfg, NULL);
		if (!theirs || theirs->map_pages(theirs, 0, TO, SZ_4K, 1 + pick(2000),
						 IOMMU_READ, GFP_KERNEL, &mapped))
			shim_panic("no other page table");
		if (!pick(8))
			shim_param_set("deferred", pick(2) ? "1" : "0");
		if (!pick(8))
			shim_param_set("limit", pick(2) ? "1000000" : "8");
		cpu.killed = !pick(8);
		io_pgtable_deferred_free(theirs);
		cpu.killed = false;
		sched_yield();
	}
	end_thread(&cpu);
	return NULL;
}

/* --- all together --------------------------------------------------------- */

static void *(* const others[])(void *unused) = {
	look, flush_often, softirqs, workers, elsewhere,
};

static void make_table(const struct shape *shape)
{
	fmt = shape->fmt;
	device.ops = shape->flags & SHAPE_UNMAPS ? "yes" : NULL;
	cfg = (struct io_pgtable_cfg) {
		.quirks = shape->quirks, .pgsize_bitmap = SZ_4K | SZ_2M,
		.ias = shape->ias, .oas = shape->oas, .tlb = &flush_ops,
		.coherent_walk = shape->flags & SHAPE_COHERENT, .iommu_dev = &device,
	};
	ops = io_pgtable_deferred_alloc(fmt, &cfg, NULL);
	if (!ops)
		shim_panic("no page table: %s", shim_message);
	if (pick(2))
		io_pgtable_deferred_allow_flush(ops, false);
	block_turn = 1;
	block_left = MAPPERS;
	block_which = 1;
	map_at(BLOCK_AT, SZ_2M, 1, block_which);
}

static void run_threads(void)
{
	static struct mapper mappers[MAPPERS];
	pthread_t threads[ARRAY_SIZE(others)], drainers[DRAINERS];
	unsigned long i;

	stop = false;
	stop_draining = false;
	for (i = 0; i < DRAINERS; i++)
		if (pthread_create(&drainers[i], NULL, drain_often, (void *)i))
			shim_panic("no thread");
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (pthread_create(&threads[i], NULL, others[i], NULL))
			shim_panic("no thread");
	for (i = 0; i < MAPPERS; i++) {
		mappers[i].number = i;
		if (pthread_create(&mappers[i].thread, NULL, mapper, &mappers[i]))
			shim_panic("no thread");
	}
	for (i = 0; i < MAPPERS; i++)
		pthread_join(mappers[i].thread, NULL);
	/* What they wait for is done by the others. */
	__atomic_store_n(&stop_draining, true, __ATOMIC_RELEASE);
	for (i = 0; i < DRAINERS; i++)
		pthread_join(drainers[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		pthread_join(threads[i], NULL);
}

/* The block that all take apart is there; nothing else is mapped. */
static void check_swept(void)
{
	shim_run_all();
	flush(NULL);
	shim_run_all();
	if (shim_stat("live") > TABLES_LEFT)
		shim_panic("%ld tables are left of an empty page table, %ld were swept",
			   shim_stat("live"), shim_stat("swept"));
}

static void end_table(void)
{
	check_swept();
	io_pgtable_deferred_free(ops);
	shim_run_all();
	if (shim_pages || shim_stat("live") || shim_stat("pending") ||
	    atomic_read(&device.references))
		shim_panic("left: pages %ld tables %ld pending %ld", shim_pages,
			   shim_stat("live"), shim_stat("pending"));
}

/*
 * Walkers that snoop, that do not, and those whose mappings have to be undone
 */
static bool is_for(const struct shape *shape)
{
	return shape->granule == SZ_4K && shape->ias > 36 && shape->oas >= 36 &&
	       !(shape->quirks & (IO_PGTABLE_QUIRK_ARM_TTBR1 | IO_PGTABLE_QUIRK_ARM_HD)) &&
	       !(shape->flags & (SHAPE_NO_TLB | SHAPE_GATHERS | SHAPE_SNOOPS));
}

int main(int argc, char **argv)
{
	unsigned int i, tables = 0;

	seed = option(&argc, argv, "seed", 1);
	rounds = option(&argc, argv, "rounds", 200);
	shim_context = say_where;
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	choice_by_seed(&choice, seed);
	shim_hook = let_go;
	shim_group = 1;
	shim_fail.hurried = HURRIED;
	for (i = 0; i < nr_shapes; i++) {
		if (!is_for(&shapes[i]))
			continue;
		make_table(&shapes[i]);
		run_threads();
		end_table();
		tables++;
	}
	printf("# seed %llu: %u page tables, %lu flushes, %lu walks, ",
	       seed, tables, flushes, walks);
	printf("%lu drains, %ld freed, %ld swept\n",
	       drains, shim_stat("freed"), shim_stat("swept"));
	shim_module_exit();
	return !tables;
}
