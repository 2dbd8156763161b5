// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which thread maps and unmaps what.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/sizes.h>

#include "shim.h"
#include "smp.h"

#define PAGES		512	/* of 4 KiB in 2 MiB */
#define RUN		16	/* pages of a call that maps some */
#define RING		1000	/* pages that a ring has mapped at a time */
#define TO		SZ_1G	/* where it all leads */

/* Tables of a page table that is torn down */
#define TORN		64

/* Pages that the unmapper may be behind, and that are handed over at a time */
#define BEHIND		256
#define HANDED		32

bool smp_round_over;

static unsigned long random_below(struct smp_thread *thread, unsigned int limit)
{
	thread->random = thread->random * 6364136223846793005ull + 1442695040888963407ull;
	return (thread->random >> 33) % limit;
}

static __always_inline void map(struct smp_domain *domain, unsigned long iova,
				size_t size, size_t count)
{
	size_t mapped = 0;
	int ret = domain->ops->map_pages(domain->ops, iova, TO + (iova & (SZ_1G - 1)),
					 size, count, IOMMU_READ | IOMMU_WRITE,
					 GFP_KERNEL, &mapped);

	if (unlikely(ret))
		shim_panic("%s: map 0x%lx: %d", domain->library->name, iova, ret);
}

static __always_inline void unmap(struct smp_domain *domain, unsigned long iova,
				  size_t size, size_t count)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	if (unlikely(domain->ops->unmap_pages(domain->ops, iova, size, count, &gather) !=
		     size * count))
		shim_panic("%s: unmap 0x%lx", domain->library->name, iova);
	domain->library->sync(domain);
}

static __always_inline void pair(struct smp_thread *thread, unsigned long iova,
				 size_t size, size_t count)
{
	map(thread->domain, iova, size, count);
	unmap(thread->domain, iova, size, count);
}

/* --- pages ---------------------------------------------------------------- */

static void run_own(struct smp_thread *thread, const struct smp_pattern *pattern,
		    unsigned long pairs)
{
	unsigned long iova = thread->number * SZ_2M;

	while (pairs--)
		pair(thread, iova, SZ_4K, 1);
}

static void run_adjacent(struct smp_thread *thread, const struct smp_pattern *pattern,
			 unsigned long pairs)
{
	unsigned long iova = thread->number * SZ_4K;

	while (pairs--)
		pair(thread, iova, SZ_4K, 1);
}

static void run_random(struct smp_thread *thread, const struct smp_pattern *pattern,
		       unsigned long pairs)
{
	unsigned int mine = PAGES / thread->threads;

	while (pairs--) {
		unsigned long page = random_below(thread, mine) * thread->threads;

		pair(thread, (page + thread->number) * SZ_4K, SZ_4K, 1);
	}
}

static void run_sixteen(struct smp_thread *thread, const struct smp_pattern *pattern,
			unsigned long pairs)
{
	unsigned int mine = PAGES / RUN / thread->threads;

	while (pairs--) {
		unsigned long run = random_below(thread, mine) * thread->threads;

		pair(thread, (run + thread->number) * RUN * SZ_4K, SZ_4K, RUN);
	}
}

static unsigned long ring_iova(const struct smp_thread *thread, unsigned long slot)
{
	return (slot * thread->threads + thread->number) * SZ_4K;
}

static void begin_ring(struct smp_thread *thread)
{
	unsigned long slot;

	for (slot = 0; slot < RING; slot++)
		map(thread->domain, ring_iova(thread, slot), SZ_4K, 1);
}

static void end_ring(struct smp_thread *thread)
{
	unsigned long slot;

	for (slot = 0; slot < RING; slot++)
		unmap(thread->domain, ring_iova(thread, slot), SZ_4K, 1);
}

static void run_ring(struct smp_thread *thread, const struct smp_pattern *pattern,
		     unsigned long pairs)
{
	while (pairs--) {
		unsigned long iova = ring_iova(thread, thread->step);

		unmap(thread->domain, iova, SZ_4K, 1);
		map(thread->domain, iova, SZ_4K, 1);
		if (++thread->step == RING)
			thread->step = 0;
	}
}

static void run_regions(struct smp_thread *thread, const struct smp_pattern *pattern,
			unsigned long pairs)
{
	unsigned long first = thread->number * pattern->regions;

	while (pairs--) {
		pair(thread, (first + thread->step) * SZ_2M, SZ_4K, 1);
		if (++thread->step == pattern->regions)
			thread->step = 0;
	}
}

/* --- tables and blocks ---------------------------------------------------- */

static void run_table(struct smp_thread *thread, const struct smp_pattern *pattern,
		      unsigned long pairs)
{
	unsigned long iova = thread->number * SZ_2M;

	while (pairs--) {
		map(thread->domain, iova, SZ_4K, PAGES);
		unmap(thread->domain, iova, SZ_2M, 1);
	}
}

static void run_block_own(struct smp_thread *thread, const struct smp_pattern *pattern,
			  unsigned long pairs)
{
	unsigned long iova = thread->number * SZ_1G;

	while (pairs--)
		pair(thread, iova, SZ_2M, 1);
}

static void run_block(struct smp_thread *thread, const struct smp_pattern *pattern,
		      unsigned long pairs)
{
	unsigned long iova = thread->number * SZ_2M;

	while (pairs--)
		pair(thread, iova, SZ_2M, 1);
}

static void run_large(struct smp_thread *thread, const struct smp_pattern *pattern,
		      unsigned long pairs)
{
	unsigned long iova = thread->number * SZ_1G;

	while (pairs--)
		pair(thread, iova, SZ_1G, 1);
}

/* --- threads that do different things ------------------------------------- */

/* One page table, filled and given back, to the last of its tables */
static void tear_down(const struct smp_library *library)
{
	struct smp_domain domain = { .library = library };
	unsigned long table;

	library->open(&domain);
	for (table = 0; table < TORN; table++)
		map(&domain, table * SZ_2M, SZ_4K, 1);
	library->close(&domain);
	while (library->work())
		;
}

static void run_teardown(struct smp_thread *thread, const struct smp_pattern *pattern,
			 unsigned long pairs)
{
	if (thread->number) {
		run_own(thread, pattern, pairs);
		return;
	}
	while (!READ_ONCE(smp_round_over))
		tear_down(thread->domain->library);
}

static void begin_teardown(struct smp_thread *thread)
{
	thread->silent = !thread->number;
}

static unsigned long await(const unsigned long *done, unsigned long least)
{
	unsigned long now;

	/*
	 * Pairs with run_behind(): what is known to be mapped is seen, and so
	 * on.
	 */
	while ((now = smp_load_acquire(done)) < least)
		__builtin_ia32_pause();
	return now;
}

/* With an odd number of threads the last has none to hand pages to. */
static void begin_behind(struct smp_thread *thread)
{
	thread->silent = (thread->number ^ 1) >= thread->threads;
}

/* Pairs of threads: the first maps, the second unmaps the pages behind it. */
static void run_behind(struct smp_thread *thread, const struct smp_pattern *pattern,
		       unsigned long pairs)
{
	struct smp_thread *other = &thread->all[thread->number ^ 1];
	unsigned long first = (thread->number & ~1ul) * BEHIND, page, known = 0;
	bool maps = !(thread->number & 1);

	if (thread->silent)
		return;
	for (page = 0; page < pairs; page++) {
		unsigned long iova = (first + page % (BEHIND * 2)) * SZ_4K;

		if (maps) {
			if (page >= known + BEHIND)
				known = await(&other->done, page - BEHIND + 1);
			map(thread->domain, iova, SZ_4K, 1);
		} else {
			if (page >= known)
				known = await(&other->done,
					      min(pairs, page + HANDED));
			unmap(thread->domain, iova, SZ_4K, 1);
		}
		if ((page + 1) % HANDED == 0 || page + 1 == pairs)
			/* pairs with await() */
			smp_store_release(&thread->done, page + 1);
	}
}

#define REGIONS(n, which)						\
{									\
	.name = "one page in each of " which " in turn",		\
	.run = run_regions,						\
	.regions = (n),							\
	.least = 1,							\
}

const struct smp_pattern smp_patterns[] = {
	{ "one page, own 2 MiB", run_own, .least = 1 },
	{ "one page, same 2 MiB, adjacent", run_adjacent, .least = 2 },
	{ "one page, same 2 MiB, random", run_random, .least = 1 },
	{ "16 pages, same 2 MiB", run_sixteen, .least = 1 },
	{ "ring of 1,000 pages, interleaved", run_ring, begin_ring, end_ring, .least = 1 },
	REGIONS(2, "2 regions"),
	REGIONS(4, "4 regions"),
	REGIONS(5, "5 regions"),
	REGIONS(8, "8 regions"),
	REGIONS(64, "64 regions"),
	{ "512 pages with their table", run_table, .least = 1 },
	{ "block of 2 MiB, own 1 GiB", run_block_own, .least = 1 },
	{ "block of 2 MiB, same 1 GiB", run_block, .least = 2 },
	{ "block of 1 GiB", run_large, .least = 1 },
	{ "mapped by one, unmapped by another", run_behind, begin_behind, .least = 2 },
	{ "one page, teardown next to it", run_teardown, begin_teardown, .least = 2 },
};

const unsigned int smp_nr_patterns = ARRAY_SIZE(smp_patterns);
