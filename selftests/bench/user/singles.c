// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single calls by those who may not block: the middle, and the slowest.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

/* As many tables as fit into the 4 GiB of the in-tree driver */
#define CALLS	1024

/* At a multiple of 1 GiB that no other measurement uses a table of before */
#define IOVA	GIB

/* Tables that are there before */
#define IN_USE	64

static uint32_t ns[CALLS];

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

static void report_value(const char *what, const char *which, double value)
{
	char row[64];

	snprintf(row, sizeof(row), "%s_%s", what, which);
	report(row, value);
}

/* What a call takes that does nothing is taken off. */
static void report_calls(const char *what, uint32_t nothing)
{
	double sum = 0;
	unsigned int i;

	for (i = 0; i < CALLS; i++)
		sum += ns[i];
	report_value(what, "mean", sum / CALLS - nothing);
	report_value(what, "p50", (double)ns[CALLS / 2] - nothing);
	report_value(what, "p95", (double)ns[CALLS * 95 / 100] - nothing);
	report_value(what, "p99", (double)ns[CALLS * 99 / 100] - nothing);
	report_value(what, "worst", (double)ns[CALLS - 1] - nothing);
}

static void unmap_all(int fd)
{
	device_range(fd, IPMMU_BENCH_UNMAP, IOVA, CALLS * 2 * MIB, CALLS * 2 * MIB);
	wait_reclaimed();
}

/*
 * In a page table that is in use: the first tables of one are single pages, and few
 * are ever as small as that. As many are made and freed before, so that with either
 * driver pages come from lists that tables have gone to.
 */
static void measure_tables(int fd, const char *what, int burst, uint32_t nothing)
{
	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, IN_USE * 2 * MIB, IN_USE * 2 * MIB);
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, 2 * MIB, burst);
	unmap_all(fd);
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, 2 * MIB, burst);
	report_calls(what, nothing);
	unmap_all(fd);
	device_range(fd, IPMMU_BENCH_UNMAP, 0, IN_USE * 2 * MIB, IN_USE * 2 * MIB);
	wait_reclaimed();
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
	/* Neither driver frees the last tables that are unmapped page by page. */
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, PAGE, 0);
	sort_calls(fd, IPMMU_BENCH_UNMAP, PAGE, 0);
	sort_calls(fd, IPMMU_BENCH_MAP_PAGES, PAGE, 0);
	report_calls("single_map", nothing);
	sort_calls(fd, IPMMU_BENCH_UNMAP, PAGE, 0);
	report_calls("single_unmap", nothing);
	device_detach(fd);
	device_free(fd);
	wait_reclaimed();
}
