// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the emulated host: the operations that are profiled, each many times
 * between two marks. For each measurement, in their order, a line
 *
 *	round NAME OPERATIONS CLOCK
 *
 * where CLOCK is what the clock says, which counts instructions as well (under
 * -icount), or 0 where time is spent asleep. The names are those of the file
 * "sections".
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../bench/kmod/ipmmu_bench.h"
#include "marks.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define PAGE	4096ull
#define MIB	(1ull << 20)
#define GIB	(1ull << 30)

#define PENDING	"/sys/kernel/debug/io-pgtable-arm-deferred/pending"

/*
 * A page here stays mapped: the tables above those that are measured stay, too
 */
#define ANCHOR	(2 * GIB - 2 * MIB)
#define IOVA	GIB

/*
 * Calls a measurement: few enough that most see no tick, which comes every four
 * million instructions, and of the rounds the one that took least is reported.
 * Pages: all but one of a table, so that the table stays.
 */
#define ROUNDS	3
#define PAGES	511u
#define CALLS	64u

/*
 * Calls that make a table each: as many as are single pages for a caller that
 * may not block, and those after that
 */
#define YOUNG	28u
#define SINGLES	(YOUNG + 256u)

/*
 * Tables of 4 GiB in pages of 4 KiB: one root, 4 below it, and 512 below each
 */
#define FULL		(4 * GIB)
#define FULL_TABLES	(1 + 4 + 4 * 512u)

/*
 * Time for all of them to be freed, several times what it takes: a task that
 * looked every now and then would be part of the figure.
 */
#define RECLAIM_NS	20000000

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void tell(const char *name, unsigned int operations, uint64_t clock)
{
	printf("round %s %u %llu\n", name, operations,
	       (unsigned long long)clock);
}

static int device_open(void)
{
	int fd = open("/dev/" IPMMU_BENCH_NODE, O_RDWR);

	if (fd < 0)
		fail("/dev/" IPMMU_BENCH_NODE);
	if (ioctl(fd, IPMMU_BENCH_ATTACH))
		fail("attach");
	return fd;
}

static void run(int fd, enum ipmmu_bench_op op, uint64_t iova, uint64_t size,
		uint64_t step)
{
	struct ipmmu_bench_range range = {
		.op = op,
		.iova = iova,
		.size = size,
		.step = step,
	};

	if (ioctl(fd, IPMMU_BENCH_RANGE, &range))
		fail("map, unmap or iova_to_phys");
}

static void measure(int fd, const char *name, enum ipmmu_bench_op op,
		    uint64_t iova, unsigned int calls, uint64_t step)
{
	uint64_t from = now();

	mark_begin();
	run(fd, op, iova, calls * step, step);
	mark_end();
	tell(name, calls, now() - from);
}

static long pending(void)
{
	char text[32] = "";
	int fd = open(PENDING, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		fail(PENDING);
	close(fd);
	return atol(text);
}

static void pause_ns(long ns)
{
	struct timespec ts = { .tv_nsec = ns };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static void wait_reclaimed(void)
{
	do
		pause_ns(1000000);
	while (pending());
}

/*
 * What is measured of a kind of mapping; a call is not more than a table's
 * worth.
 */
struct shape {
	const char *empty;
	const char *map;
	const char *unmap;
	enum ipmmu_bench_op op;
	uint64_t iova;
	uint64_t step;
	unsigned int calls;
};

static const struct shape shapes[] = {
	{ "empty_pages", "map_1", "unmap_1", IPMMU_BENCH_MAP_PAGES,
	  IOVA + PAGE, PAGE, PAGES },
	{ "empty_calls", "map_512", "unmap_512", IPMMU_BENCH_MAP_PAGES,
	  IOVA, 2 * MIB, CALLS },
	{ "empty_calls", "map_2m", "unmap_2m", IPMMU_BENCH_MAP_BLOCKS,
	  IOVA, 2 * MIB, CALLS },
};

/*
 * The first round brings everything into the state that the next ones leave it
 * in, and is one more that can be the least.
 */
static void measure_shape(int fd, const struct shape *shape)
{
	int i;

	for (i = 0; i <= ROUNDS; i++) {
		measure(fd, shape->empty, IPMMU_BENCH_NOTHING, shape->iova,
			shape->calls, shape->step);
		measure(fd, shape->map, shape->op, shape->iova, shape->calls,
			shape->step);
		measure(fd, shape->unmap, IPMMU_BENCH_UNMAP, shape->iova,
			shape->calls, shape->step);
		wait_reclaimed();
	}
}

static void measure_lookup(int fd)
{
	int i;

	run(fd, IPMMU_BENCH_MAP_PAGES, IOVA, 2 * MIB, 2 * MIB);
	for (i = 0; i < ROUNDS; i++)
		measure(fd, "lookup", IPMMU_BENCH_LOOKUP, IOVA, PAGES, PAGE);
	run(fd, IPMMU_BENCH_UNMAP, IOVA, 2 * MIB, 2 * MIB);
	wait_reclaimed();
}

/* Calls that may not block, in a page table with so many tables before */
static void measure_singles(int fd, const char *name, enum ipmmu_bench_op op,
			    uint64_t iova, unsigned int calls)
{
	static uint32_t ns[SINGLES];
	struct ipmmu_bench_singles singles = {
		.op = op, .calls = calls, .iova = iova, .step = 2 * MIB,
		.ns = (uintptr_t)ns,
	};
	uint64_t from = now();

	mark_begin();
	if (ioctl(fd, IPMMU_BENCH_SINGLES, &singles))
		fail("single calls");
	mark_end();
	tell(name, calls, now() - from);
}

/* The first tables of a page table, and those of one that is in use */
static void measure_tables(void)
{
	const unsigned int old = SINGLES - YOUNG;
	int fd, i;

	for (i = 0; i <= ROUNDS; i++) {
		fd = device_open();
		run(fd, IPMMU_BENCH_MAP_PAGES, IOVA, PAGE, PAGE);
		measure_singles(fd, "empty_young", IPMMU_BENCH_NOTHING, IOVA, YOUNG);
		measure_singles(fd, "map_young", IPMMU_BENCH_MAP_PAGES,
				IOVA + 2 * MIB, YOUNG);
		run(fd, IPMMU_BENCH_MAP_PAGES, 0, GIB, 2 * MIB);
		measure_singles(fd, "empty_table", IPMMU_BENCH_NOTHING, IOVA, old);
		measure_singles(fd, "map_table", IPMMU_BENCH_MAP_PAGES,
				IOVA + (YOUNG + 1) * 2 * MIB, old);
		close(fd);
		wait_reclaimed();
	}
}

/* 512 tables at once: the page table keeps those above. */
static void measure_large(int fd)
{
	int i;

	for (i = 0; i <= ROUNDS; i++) {
		run(fd, IPMMU_BENCH_MAP_PAGES, 2 * GIB, GIB, 2 * MIB);
		measure(fd, "empty_call", IPMMU_BENCH_NOTHING, 2 * GIB, 1, GIB);
		measure(fd, "unmap_1g", IPMMU_BENCH_UNMAP, 2 * GIB, 1, GIB);
		wait_reclaimed();
	}
}

static void measure_operations(void)
{
	int fd = device_open();
	size_t i;

	run(fd, IPMMU_BENCH_MAP_PAGES, ANCHOR, PAGE, PAGE);
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		/* The page that keeps the table of the others */
		if (shapes[i].step == PAGE)
			run(fd, IPMMU_BENCH_MAP_PAGES, IOVA, PAGE, PAGE);
		measure_shape(fd, &shapes[i]);
		if (shapes[i].step == PAGE)
			run(fd, IPMMU_BENCH_UNMAP, IOVA, PAGE, PAGE);
		wait_reclaimed();
	}
	measure_lookup(fd);
	measure_large(fd);
	close(fd);
	wait_reclaimed();
	measure_tables();
}

/* @refused: the file has no domain, so that all but the work is done */
static void measure_free(int fd, const char *name, int refused)
{
	struct ipmmu_bench_free arg;
	uint64_t from = now();
	int ret;

	mark_begin();
	ret = ioctl(fd, IPMMU_BENCH_FREE, &arg);
	mark_end();
	tell(name, 1, now() - from);
	if (!ret != !refused)
		fail("domain free");
}

static void measure_sleep(const char *name)
{
	mark_begin();
	pause_ns(RECLAIM_NS);
	mark_end();
	tell(name, FULL_TABLES, 0);
	if (pending()) {
		fprintf(stderr, "tables are still pending after %d ns\n",
			RECLAIM_NS);
		exit(1);
	}
}

/*
 * A task of real-time priority is not disturbed by the worker, so the caller's
 * part is over when the worker's begins.
 */
static void measure_teardown(void)
{
	int fd = device_open();

	run(fd, IPMMU_BENCH_MAP_PAGES, 0, FULL, 2 * MIB);
	if (ioctl(fd, IPMMU_BENCH_DETACH))
		fail("detach");
	wait_reclaimed();
	measure_sleep("empty_sleep");
	measure_free(fd, "free", 0);
	measure_sleep("reclaim");
	measure_free(fd, "empty_free", 1);
	close(fd);
}

int main(void)
{
	struct sched_param param = { .sched_priority = 1 };
	int i;

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		fail("SCHED_FIFO");
	measure_operations();
	for (i = 0; i < ROUNDS; i++)
		measure_teardown();
	return 0;
}
