// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shrinker: a system that is short of memory has what is pending, and what
 * waits for the others of its chunks.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include <compat/shrinker.h>
#include "counter.h"
#include "limbo.h"
#include "reclaim-parts.h"
#include "trace.h"

/* Pages of tables that wait for a flush */
static unsigned long iopd_reclaim_limbo_pages(void)
{
	long pages = iopd_counter_sum(&iopd_limbo_tables) +
		     iopd_counter_sum(&iopd_limbo_further);

	return max(pages, 0L);
}

static unsigned long iopd_reclaim_shrink_count(struct shrinker *shrinker,
					       struct shrink_control *sc)
{
	unsigned long pages = READ_ONCE(iopd_reclaim_stats.pending_pages) +
			      READ_ONCE(iopd_reclaim_stats.held) +
			      iopd_reclaim_limbo_pages();

	return pages ?: SHRINK_EMPTY;
}

/*
 * Memory is short: the task that asks for it frees what is pending, in the same
 * batches as the worker, and as many pages as it is told to. Freeing a table
 * takes nothing that an allocation could be holding: the reclaimer's hands are
 * tried for and never waited for, and the raw spinlock is held for moments.
 */
static unsigned long iopd_reclaim_shrink_scan(struct shrinker *shrinker,
					      struct shrink_control *sc)
{
	unsigned long freed = 0;

	iopd_reclaim_sweep_now();
	while (freed < sc->nr_to_scan) {
		long pages;

		trace_help(READ_ONCE(iopd_reclaim_stats.pending_pages),
			   READ_ONCE(iopd_reclaim_params.limit));
		pages = iopd_reclaim_help(IOPD_RECLAIM_ANY);

		if (pages < 0)
			pages = iopd_reclaim_trim(true);
		if (pages < 0)
			break;
		freed += pages;
		cond_resched();
	}

	iopd_reclaim_note(&iopd_reclaim_stats.shrinks, 1);
	trace_shrink(sc->nr_to_scan, freed);
	/*
	 * The pages may lie in this CPU's own list, or in another's: only after
	 * progress does the allocator look there before it kills a task.
	 */
	mm_account_reclaimed_pages(freed);
	return freed ?: SHRINK_STOP;
}

/**
 * iopd_reclaim_init_shrinker() - be asked when memory is short
 *
 * Context: may sleep.
 * Return: 0, or an error with nothing left behind.
 */
int iopd_reclaim_init_shrinker(void)
{
	struct shrinker *shrinker = shrinker_alloc(0, "io-pgtable-deferred");
	int ret;

	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = iopd_reclaim_shrink_count;
	shrinker->scan_objects = iopd_reclaim_shrink_scan;
	shrinker->seeks = DEFAULT_SEEKS;
	ret = compat_shrinker_register(shrinker, "io-pgtable-deferred");
	if (!ret)
		iopd_reclaimer.shrinker = shrinker;
	return ret;
}

/**
 * iopd_reclaim_exit_shrinker() - be asked no more
 *
 * Context: may sleep, until a call that is under way has come to its end.
 */
void iopd_reclaim_exit_shrinker(void)
{
	shrinker_free(iopd_reclaimer.shrinker);
}
