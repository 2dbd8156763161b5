// SPDX-License-Identifier: GPL-2.0-only
/*
 * What single operations cost: time, register accesses, cleaned bytes.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>

#include "bench.h"

/* The best of so many: what comes in between, such as a tick, drops out */
#define ROUNDS	12

/*
 * struct shape - an operation in a size
 * @name: in the names of its rows
 * @op: how to map
 * @step: bytes a call
 * @calls: calls a round, few enough that rounds without a tick exist
 */
struct shape {
	const char *name;
	enum ipmmu_bench_op op;
	uint64_t step;
	unsigned int calls;
};

/* At multiples of 1 GiB, where nothing of a round before has left a table */
#define IOVA	GIB

static const struct shape shapes[] = {
	{ "1", IPMMU_BENCH_MAP_PAGES, PAGE, 64 },
	{ "16", IPMMU_BENCH_MAP_PAGES, 16 * PAGE, 32 },
	{ "512", IPMMU_BENCH_MAP_PAGES, 512 * PAGE, 8 },
	{ "2m", IPMMU_BENCH_MAP_BLOCKS, 2 * MIB, 64 },
	{ "1g", IPMMU_BENCH_MAP_BLOCKS, GIB, 2 },
};

static void report_for(const char *what, const char *shape, double value)
{
	char row[64];

	snprintf(row, sizeof(row), "%s_%s", what, shape);
	report(row, value);
}

static double best(double a, uint64_t b)
{
	return a < b ? a : b;
}

/* What a loop of so many calls costs that does nothing in them */
static double empty(int fd, uint64_t size, uint64_t step)
{
	double least = 1e18;
	int i;

	for (i = 0; i < ROUNDS; i++)
		least = best(least, device_range(fd, IPMMU_BENCH_NOTHING, IOVA,
						 size, step));
	return least;
}

static void count(int fd, const struct shape *shape, const char *what,
		  enum ipmmu_bench_op op, uint64_t size)
{
	struct ipmmu_bench_range range = {
		.op = op,
		.count = 1,
		.iova = IOVA,
		.size = size,
		.step = shape->step,
	};
	char row[64];

	device_run(fd, &range);
	snprintf(row, sizeof(row), "%s_%s_mmio", what, shape->name);
	report(row, (double)(range.mmio_reads + range.mmio_writes) / shape->calls);
	snprintf(row, sizeof(row), "%s_%s_cleaned", what, shape->name);
	report(row, (double)range.cleaned / shape->calls);
}

static void measure_shape(int fd, const struct shape *shape)
{
	uint64_t size = shape->step * shape->calls;
	double nothing = empty(fd, size, shape->step);
	double map = 1e18, unmap = 1e18;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		map = best(map, device_range(fd, shape->op, IOVA, size,
					     shape->step));
		unmap = best(unmap, device_range(fd, IPMMU_BENCH_UNMAP, IOVA,
						 size, shape->step));
		wait_reclaimed();
	}
	report_for("map", shape->name, (map - nothing) / shape->calls);
	report_for("unmap", shape->name, (unmap - nothing) / shape->calls);
	count(fd, shape, "map", shape->op, size);
	count(fd, shape, "unmap", IPMMU_BENCH_UNMAP, size);
	wait_reclaimed();
}

static void measure_lookup(int fd)
{
	uint64_t size = 2 * MIB;
	double nothing = empty(fd, size, PAGE), least = 1e18;
	int i;

	device_range(fd, IPMMU_BENCH_MAP_PAGES, IOVA, size, size);
	for (i = 0; i < ROUNDS; i++)
		least = best(least, device_range(fd, IPMMU_BENCH_LOOKUP, IOVA,
						 size, PAGE));
	report("iova_to_phys", (least - nothing) / (size / PAGE));
	device_range(fd, IPMMU_BENCH_UNMAP, IOVA, size, size);
}

/* In which tables that are empty have to be found */
#define LATER	2000000000ull

/*
 * Mapped in bulk, given back in single pages: does the sweep free the tables,
 * and when?
 */
static void measure_page_by_page(int fd)
{
	uint64_t size = 64 * MIB, before = device_tables(fd);
	double nothing = empty(fd, size, PAGE), least = 1e18;
	int i;

	for (i = 0; i < ROUNDS / 4; i++) {
		device_range(fd, IPMMU_BENCH_MAP_PAGES, IOVA, size, 2 * MIB);
		least = best(least, device_range(fd, IPMMU_BENCH_UNMAP, IOVA,
						 size, PAGE));
		wait_reclaimed();
	}
	report("unmap_pagewise", (least - nothing) / (size / PAGE));
	pause_ns(LATER);
	wait_reclaimed();
	report("tables_left", (double)device_tables(fd) - before);
}

static void measure_bulk_unmap(int fd)
{
	double least = 1e18;
	int i;

	for (i = 0; i < 3; i++) {
		device_range(fd, IPMMU_BENCH_MAP_PAGES, IOVA, GIB, 2 * MIB);
		least = best(least, device_range(fd, IPMMU_BENCH_UNMAP, IOVA,
						 GIB, GIB));
		wait_reclaimed();
	}
	report("unmap_1g_pages", least);
}

static void measure_bulk_unmap_wake(int fd)
{
	uint64_t from, to;

	device_range(fd, IPMMU_BENCH_MAP_PAGES, IOVA, GIB, 2 * MIB);
	wake_begin();
	from = now();
	device_range(fd, IPMMU_BENCH_UNMAP, IOVA, GIB, GIB);
	wait_reclaimed();
	to = now();
	wake_end();
	report("unmap_1g_pages_wake", wake_worst(from, to));
}

void measure_operations(void)
{
	int fd = device_open();
	size_t i;

	tell("map, unmap, iova_to_phys");
	device_attach(fd);
	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		measure_shape(fd, &shapes[i]);
	measure_lookup(fd);
	measure_bulk_unmap(fd);
	measure_bulk_unmap_wake(fd);
	measure_page_by_page(fd);
	device_detach(fd);
	device_free(fd);
	wait_reclaimed();
}
