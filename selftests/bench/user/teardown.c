// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to free a domain: the caller, all others on the same CPU,
 * and in all.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"

/* Four masters of a SoC that go at the same time, as when a VM ends */
#define DOMAINS		4

/*
 * struct extent - how much of its space a domain maps, see device_fill()
 * @name: in the names of its rows, or NULL if it is only a point of the plot
 * @size: bytes
 * @rounds: how often; what takes long varies little
 * @alone: compare with the page allocator
 * @samples: print each wake-up delay
 */
struct extent {
	const char *name;
	uint64_t size;
	int rounds;
	bool alone;
	bool samples;
};

static const struct extent extents[] = {
	{ NULL, 2 * MIB, 5, false, false },
	{ NULL, 64 * MIB, 5, false, false },
	{ NULL, GIB, 3, false, false },
	{ "4g", 4 * GIB, 3, true, true },
	{ NULL, 16 * GIB, 1, false, false },
	{ "64g", 64 * GIB, 1, false, false },
	{ "512g", 512 * GIB, 1, true, false },
};

/* struct cost - what a teardown took */
struct cost {
	uint64_t caller;
	uint64_t all;
	uint64_t tables;
};

static void report_for(const char *what, const struct extent *extent,
		       double value)
{
	char row[64];

	snprintf(row, sizeof(row), "%s_%s", what, extent->name);
	report(row, value);
}

/* Attached while the tables are counted: only then does hardware reach them. */
static int filled_and_counted(uint64_t size, uint64_t *tables)
{
	int fd = device_open();
	uint64_t before;

	device_attach(fd);
	before = device_tables(fd);
	device_fill(fd, size);
	/* The root was there before */
	*tables = device_tables(fd) - before + 1;
	device_detach(fd);
	return fd;
}

static struct cost free_once(uint64_t size)
{
	struct cost cost;
	uint64_t workers;
	int fd = filled_and_counted(size, &cost.tables);

	wait_reclaimed();
	workers = workers_time();
	cost.caller = device_free(fd);
	wait_reclaimed();
	cost.all = cost.caller + workers_time() - workers;
	close(fd);
	return cost;
}

static struct cost measure_cost(const struct extent *extent)
{
	struct cost least = free_once(extent->size), cost;
	int i;

	for (i = 1; i < extent->rounds; i++) {
		cost = free_once(extent->size);
		if (cost.caller < least.caller)
			least.caller = cost.caller;
		if (cost.all < least.all)
			least.all = cost.all;
	}
	printf("size %s %llu %llu\n", options.variant,
	       (unsigned long long)extent->size,
	       (unsigned long long)least.caller);
	return least;
}

static void measure_alone(const struct extent *extent, uint64_t tables)
{
	struct ipmmu_bench_pages pages = { .count = tables }, least;
	int fd = device_open(), i;

	device_pages(fd, &pages);
	least = pages;
	for (i = 1; i < extent->rounds; i++) {
		device_pages(fd, &pages);
		if (pages.free_ns < least.free_ns)
			least = pages;
	}
	close(fd);
	report_for("alone", extent, least.free_ns);
}

static void measure_wake(const struct extent *extent)
{
	uint64_t from, to, worst = 0, samples = 0, wake;
	int i, fd;

	for (i = 0; i < extent->rounds; i++) {
		fd = device_filled(extent->size);
		wake_begin();
		from = now();
		device_free(fd);
		wait_reclaimed();
		to = now();
		wake_end();
		close(fd);
		wake = wake_worst(from, to);
		samples += wake_samples(from, to);
		if (wake > worst)
			worst = wake;
		if (extent->samples)
			wake_print(from, to);
	}
	report_for("wake", extent, worst);
	report_for("wake_samples", extent, samples);
}

static void measure_extent(const struct extent *extent)
{
	char words[64];
	struct cost cost;

	snprintf(words, sizeof(words), "free of %llu MiB",
		 (unsigned long long)(extent->size / MIB));
	tell(words);
	cost = measure_cost(extent);
	if (!extent->name)
		return;
	report_for("tables", extent, cost.tables);
	report_for("free", extent, cost.caller);
	report_for("total", extent, cost.all);
	if (extent->alone)
		measure_alone(extent, cost.tables);
	measure_wake(extent);
}

static void measure_idle(void)
{
	uint64_t from, to;

	wake_begin();
	from = now();
	pause_ns(20000000);
	to = now();
	wake_end();
	report("wake_idle", wake_worst(from, to));
}

/*
 * By the clock, not by the thread's CPU time: of a stretch without a scheduling
 * point the kernel counts only what came before the first wake-up in it.
 */
static void *free_in_thread(void *arg)
{
	int *fd = arg;

	return (void *)(uintptr_t)device_free(*fd);
}

static uint64_t free_together(int *fds)
{
	pthread_t threads[DOMAINS];
	uintptr_t worst = 0;
	void *took;
	int i;

	for (i = 0; i < DOMAINS; i++) {
		errno = pthread_create(&threads[i], NULL, free_in_thread, &fds[i]);
		if (errno)
			fail("thread");
	}
	for (i = 0; i < DOMAINS; i++) {
		pthread_join(threads[i], &took);
		if ((uintptr_t)took > worst)
			worst = (uintptr_t)took;
	}
	return worst;
}

static void measure_four(void)
{
	uint64_t from, caller, callers, to;
	int fds[DOMAINS], i;

	tell("free of four domains of 4096 MiB at once");
	for (i = 0; i < DOMAINS; i++)
		fds[i] = device_filled(4 * GIB);
	wake_begin();
	from = now();
	caller = free_together(fds);
	callers = now();
	wait_reclaimed();
	to = now();
	wake_end();
	for (i = 0; i < DOMAINS; i++)
		close(fds[i]);
	report("four_caller", caller);
	report("four_callers", callers - from);
	report("four_wake", wake_worst(from, to));
}

void measure_teardown(void)
{
	size_t i;

	measure_idle();
	for (i = 0; i < ARRAY_SIZE(extents); i++)
		if (extents[i].size <= options.space &&
		    extents[i].size <= options.largest)
			measure_extent(&extents[i]);
	measure_four();
}
