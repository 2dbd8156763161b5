// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapper comes to a slot while a sweep is cutting its table off: after each
 * access of the sweep's with the detach lock held, in turn. It has to wait
 * until the table is in limbo, or the flush that it asks for would not cover
 * it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sched.h>

#include <linux/io-pgtable-arm-deferred.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/sizes.h>

#include "shim.h"

/*
 * Turns that the sweep lets go by; a mapper that does not wait is done in
 * fewer.
 */
#define TURNS		400

/* Accesses of a sweep with the lock held, at most */
#define ACCESSES_MAX	200

static struct device device = { .name = "detach" };
static struct io_pgtable_ops *ops;

enum phase { SWEEPS, STANDS, MAPPED };

static enum phase phase;
static long access_nr, stand_after;
static __thread bool sweeps;
static unsigned long flushes;

static void say_where(void)
{
	fprintf(stderr, "# after access %ld of the sweep's\n", stand_after);
}

static enum phase phase_now(void)
{
	return __atomic_load_n(&phase, __ATOMIC_ACQUIRE);
}

static void set_phase(enum phase next)
{
	__atomic_store_n(&phase, next, __ATOMIC_RELEASE);
}

/* With the lock held, at the access whose turn it is: the mapper may come. */
static void stand_still(bool locked)
{
	unsigned int turns;

	if (!sweeps)
		return;
	shim_steps = 0;
	if (!locked || access_nr++ != stand_after)
		return;
	set_phase(STANDS);
	for (turns = 0; turns < TURNS && phase_now() == STANDS; turns++)
		sched_yield();
}

static int forget(void *cookie)
{
	__atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
	return 0;
}

static void flush(void *cookie)
{
	io_pgtable_deferred_flush(ops, forget, NULL);
}

static void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	flush(cookie);
}

static const struct iommu_flush_ops flush_ops = {
	.tlb_flush_all = flush,
	.tlb_flush_walk = flush_walk,
};

static void map_page(u64 iova)
{
	size_t mapped = 0;
	int ret = ops->map_pages(ops, iova, SZ_1G + iova, SZ_4K, 1, IOMMU_READ, GFP_KERNEL,
				 &mapped);

	if (ret || mapped != SZ_4K)
		shim_panic("map 0x%llx: %d", iova, ret);
}

static void unmap_page(u64 iova)
{
	if (ops->unmap_pages(ops, iova, SZ_4K, 1, NULL) != SZ_4K)
		shim_panic("unmap 0x%llx", iova);
}

static void *mapper(void *unused)
{
	struct shim_cpu cpu;

	shim_cpu_enter(&cpu);
	shim_steps = SHIM_NO_STEPS;
	while (phase_now() == SWEEPS)
		sched_yield();
	map_page(SZ_4K);
	set_phase(MAPPED);
	shim_cpu_leave(&cpu);
	return NULL;
}

static void begin(void)
{
	static struct io_pgtable_cfg cfg;

	cfg = (struct io_pgtable_cfg) {
		.pgsize_bitmap = SZ_4K | SZ_2M, .ias = 39, .oas = 40, .tlb = &flush_ops,
		.coherent_walk = true, .iommu_dev = &device,
	};
	ops = io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &cfg, NULL);
	if (!ops)
		shim_panic("no page table: %s", shim_message);
	/*
	 * Nothing but what is cut off is to make the library look for a flush.
	 */
	io_pgtable_deferred_allow_flush(ops, false);
	map_page(0);
	unmap_page(0);
}

static void end(void)
{
	u64 pa = ops->iova_to_phys(ops, SZ_4K);

	if (pa != SZ_1G + SZ_4K)
		shim_panic("a page leads to 0x%llx", pa);
	io_pgtable_deferred_free(ops);
	shim_run_all();
	if (shim_stat("live") || atomic_read(&device.references))
		shim_panic("%ld tables are left", shim_stat("live"));
}

/* Return: has the sweep made as many accesses? */
static bool play(void)
{
	pthread_t thread;
	bool stood;

	begin();
	set_phase(SWEEPS);
	access_nr = 0;
	if (pthread_create(&thread, NULL, mapper, NULL))
		shim_panic("no thread");
	sweeps = true;
	shim_steps = 0;
	shim_run_all();
	sweeps = false;
	shim_steps = SHIM_NO_STEPS;
	stood = phase_now() != SWEEPS;
	if (!stood)
		set_phase(STANDS);
	pthread_join(thread, NULL);
	end();
	return stood;
}

int main(void)
{
	shim_context = say_where;
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	shim_hook = stand_still;
	while (play() && stand_after < ACCESSES_MAX)
		stand_after++;
	shim_hook = NULL;
	printf("# the mapper has met %ld accesses of a sweep's, and asked for %lu flushes\n",
	       stand_after, flushes);
	shim_module_exit();
	return stand_after < 5;
}
