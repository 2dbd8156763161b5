// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page in each of N regions in turn: what becomes of tables that are empty
 * for a moment.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>

#include "bench.h"

/* The best of so many: what comes in between, such as a tick, drops out */
#define ROUNDS	8

/* A multiple of the flush queue, and of all numbers of regions */
#define PAIRS	1280

static void measure_some(int fd, unsigned int regions, bool queued)
{
	struct ipmmu_bench_regions best = { .ns = ~0ull };
	const char *how = queued ? "queued" : "strict";
	char row[64];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		struct ipmmu_bench_regions arg = {
			.regions = regions,
			.queued = queued,
			.pairs = PAIRS,
			.iova = GIB,
		};

		device_regions(fd, &arg);
		if (arg.ns < best.ns)
			best = arg;
	}
	snprintf(row, sizeof(row), "regions_%u_%s", regions, how);
	report(row, (double)best.ns / PAIRS);
	snprintf(row, sizeof(row), "regions_%u_%s_flushes", regions, how);
	report(row, (double)best.flushes / PAIRS);
	snprintf(row, sizeof(row), "regions_%u_%s_map_flushes", regions, how);
	report(row, (double)best.map_flushes / PAIRS);
}

void measure_regions(void)
{
	static const unsigned int numbers[] = { 1, 2, 4, 5, 8, 64 };
	int fd = device_open();
	size_t i;

	tell("regions in turn");
	device_attach(fd);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		measure_some(fd, numbers[i], false);
		measure_some(fd, numbers[i], true);
	}
	device_detach(fd);
	device_free(fd);
	wait_reclaimed();
}
