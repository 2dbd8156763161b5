// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single calls by callers that may not block: the median, and the slowest.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

/* As many tables as fit into the 4 GiB of the in-tree driver */
#define CALLS	1024

/* At a multiple of 1 GiB that no other measurement uses a table of before */
#define IOVA	GIB

/* Tables that are there before */
#define IN_USE	64

/*
 * Page tables, and in each of them calls that make a table, of which it has no
 * more than 32 then: the root, one below, and one that is there before
 */
#define YOUNG		36
#define YOUNG_CALLS	28

static uint32_t ns[CALLS];
static_assert(YOUNG * YOUNG_CALLS <= CALLS, "room for all of them");

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_calls(int fd, enum ipmmu_bench_op op, uint64_t step, int burst)
{
	struct ipmmu_bench_singles singles = {
		.op = op, .burst = burst, .calls = CALLS,
		.iova = IOVA, .step = step, .ns = (uintptr_t)ns,
	};

	device_singles(fd, &singles);
	qsort(ns, CALLS, sizeof(ns[0]), compare);
}

/* The calls of the page table with that number, which is new */
static void call_young(unsigned int number)
{
	struct ipmmu_bench_singles singles = {
		.op = IPMMU_BENCH_MAP_PAGES, .calls = YOUNG_CALLS,
		.iova = IOVA + 2 * MIB, .step = 2 * MIB,
		.ns = (uintptr_t)&ns[number * YOUNG_CALLS],
	};
	int fd = device_open();

	device_attach(fd);
	device_range(fd, IPMMU_BENCH_MAP_PAGES, IOVA, PAGE, PAGE);
	device_singles(fd, &singles);
	device_detach(fd);
	device_free(fd);
	close(fd);
	wait_reclaimed();
}

static void report_value(const char *what, const char *which, double value)
{
	char row[64];

	snprintf(row, sizeof(row), "%s_%s", what, which);
	report(row, value);
}

/* Of @nr calls; what a call takes that does nothing is taken off. */
static void report_calls(const char *what, unsigned int nr, uint32_t nothing)
{
	double sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		sum += ns[i];
	report_value(what, "mean", sum / nr - nothing);
	report_value(what, "p50", (double)ns[nr / 2] - nothing);
	report_value(what, "p95", (double)ns[nr * 95 / 100] - nothing);
	report_value(what, "p99", (double)ns[nr * 99 / 100] - nothing);
	report_value(what, "worst", (double)ns[nr - 1] - nothing);
}

static void unmap_all(int fd)
{
	device_range(fd, IPMMU_BENCH_UNMAP, IOVA, CALLS * 2 * MIB, CALLS * 2 * MIB);
	wait_reclaimed();
}

/*
 * In a page table that is in use: the first tables of one are single pages, and
 * few are ever as small as that. As many are made and freed before, so that
 * with either driver pages come from lists that tables have gone to.
 */
static void measure_tables(int fd, const char *what, int burst, uint32_t nothing)
{
	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, IN_USE * 2 * MIB, IN_USE * 2 * MIB);
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, 2 * MIB, burst);
	unmap_all(fd);
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, 2 * MIB, burst);
	report_calls(what, CALLS, nothing);
	unmap_all(fd);
	device_range(fd, IPMMU_BENCH_UNMAP, 0, IN_USE * 2 * MIB, IN_USE * 2 * MIB);
	wait_reclaimed();
}

/*
 * The first tables of a page table: this library takes them one by one from the
 * page allocator. The first round is there for the allocator's lists.
 */
static void measure_young(uint32_t nothing)
{
	const unsigned int calls = YOUNG * YOUNG_CALLS;
	unsigned int round, i;

	for (round = 0; round < 2; round++)
		for (i = 0; i < YOUNG; i++)
			call_young(i);
	qsort(ns, calls, sizeof(ns[0]), compare);
	report_calls("single_young", calls, nothing);
}

void measure_singles(void)
{
	int fd = device_open();
	uint32_t nothing;

	tell("single calls");
	device_attach(fd);
	sort_calls(fd, IPMMU_BENCH_NOTHING, PAGE, 0);
	nothing = ns[CALLS / 2];
	measure_tables(fd, "single_table", 0, nothing);
	measure_tables(fd, "single_table_burst", 1, nothing);
	/*
	 * Neither driver frees the last tables that are unmapped page by page.
	 */
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, PAGE, 0);
	sort_calls(fd, IPMMU_BENCH_UNMAP, PAGE, 0);
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, PAGE, 0);
	report_calls("single_map", CALLS, nothing);
	sort_calls(fd, IPMMU_BENCH_UNMAP, PAGE, 0);
	report_calls("single_unmap", CALLS, nothing);
	device_detach(fd);
	device_free(fd);
	wait_reclaimed();
	measure_young(nothing);
}
