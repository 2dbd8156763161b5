// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the emulated host: does what the arguments say, one after the other,
 * while a task of real-time priority measures how late it wakes up, and marks
 * the moment whenever it was never that late before. For each argument a line
 *
 *	late WHAT WORST WAKE-UPS
 *
 * with the worst delay, in instructions under -icount.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/user/bench.h"
#include "marks.h"

static uint64_t worst, wake_ups;

/* Of one task, for there is one CPU */
static void watch(uint64_t delay)
{
	wake_ups++;
	if (delay <= worst)
		return;
	worst = delay;
	mark_late();
}

static void begin(void)
{
	wake_begin();
	worst = 0;
	wake_ups = 0;
	mark_begin();
	wake_watch = watch;
}

static void end(void)
{
	wait_trimmed();
	wake_watch = NULL;
	mark_end();
	wake_end();
}

static void idle(uint64_t ms)
{
	begin();
	pause_ns(ms * 1000000);
	end();
}

static void free_domain(uint64_t gib)
{
	int fd = device_filled(gib * GIB);

	begin();
	device_free(fd);
	end();
	close(fd);
}

static int attached(void)
{
	int fd = device_open();

	device_attach(fd);
	return fd;
}

static void finish(int fd)
{
	device_detach(fd);
	device_free(fd);
	wait_reclaimed();
	close(fd);
}

static void map(uint64_t gib)
{
	int fd = attached();

	begin();
	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, gib * GIB, gib * GIB);
	end();
	finish(fd);
}

static void map_by_table(uint64_t gib)
{
	int fd = attached();

	begin();
	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, gib * GIB, 2 * MIB);
	end();
	finish(fd);
}

static void unmap(uint64_t gib)
{
	int fd = attached();

	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, gib * GIB, 2 * MIB);
	begin();
	device_range(fd, IPMMU_BENCH_UNMAP, 0, gib * GIB, gib * GIB);
	end();
	finish(fd);
}

static void unmap_in_steps(uint64_t size, uint64_t step)
{
	int fd = attached();
	uint64_t iova;

	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, size, 2 * MIB);
	begin();
	/* A call into the kernel for each: no task waits for more than one. */
	for (iova = 0; iova < size; iova += step)
		device_range(fd, IPMMU_BENCH_UNMAP, iova, step, step);
	end();
	finish(fd);
}

static void unmap_by_page(uint64_t mib)
{
	unmap_in_steps(mib * MIB, PAGE);
}

static void unmap_by_table(uint64_t gib)
{
	unmap_in_steps(gib * GIB, 2 * MIB);
}

/* Blocks in the place of full trees: these are cut off by the map. */
static void replace(uint64_t gib)
{
	int fd = attached();

	device_range(fd, IPMMU_BENCH_MAP_PAGES, 0, gib * GIB, 2 * MIB);
	begin();
	device_range(fd, IPMMU_BENCH_MAP_BLOCKS, 0, gib * GIB, GIB);
	end();
	finish(fd);
}

/* The page allocator alone, with a chance for others after each page */
static void pages(uint64_t count)
{
	struct ipmmu_bench_pages arg = { .count = count, .polite = 1 };
	int fd = device_open();

	begin();
	device_pages(fd, &arg);
	end();
	close(fd);
}

static const struct activity {
	const char *name;
	const char *unit;
	void (*run)(uint64_t number);
} activities[] = {
	{ "idle", "MS", idle },
	{ "free", "GIB", free_domain },
	{ "map", "GIB", map },
	{ "map-by-table", "GIB", map_by_table },
	{ "unmap", "GIB", unmap },
	{ "unmap-by-page", "MIB", unmap_by_page },
	{ "unmap-by-table", "GIB", unmap_by_table },
	{ "replace", "GIB", replace },
	{ "pages", "COUNT", pages },
};

static void explain(void)
{
	size_t i;

	fprintf(stderr, "usage: delays WHAT:NUMBER...\n");
	for (i = 0; i < ARRAY_SIZE(activities); i++)
		fprintf(stderr, "\t%s:%s\n", activities[i].name,
			activities[i].unit);
	exit(2);
}

static void run(const char *what)
{
	const char *colon = strchr(what, ':');
	uint64_t number = colon ? strtoull(colon + 1, NULL, 10) : 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(activities) && number; i++) {
		if (strlen(activities[i].name) != (size_t)(colon - what) ||
		    strncmp(activities[i].name, what, colon - what))
			continue;
		activities[i].run(number);
		printf("late %s %llu %llu\n", what, (unsigned long long)worst,
		       (unsigned long long)wake_ups);
		fflush(stdout);
		return;
	}
	explain();
}

int main(int argc, char **argv)
{
	int i;

	options.variant = "delays";
	pin(0);
	if (argc < 2)
		explain();
	for (i = 1; i < argc; i++)
		run(argv[i]);
	return 0;
}
