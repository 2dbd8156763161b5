// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the reclaimer asks of others, and what not: with the worker held back,
 * all tables are freed by helpers, the tasks that make and free page tables.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"
#include "worker.h"

#define BATCH		64	/* the default */
#define LIMIT		1000
#define NO_LIMIT	"1000000000"

/* Runs of a map, a table each, between two batches by the mapper */
#define RUNS_A_BATCH	16

static long sparse_tables(__u64 regions)
{
	return 1 + (regions + 511) / 512 + regions;
}

/*
 * So many tables of 2 MiB, with a page in each, and freed: all of it is pending
 */
static long free_sparse(__u64 regions)
{
	int fd = iopd_new(39, 0);
	bool filled = iopd_fill(fd, 0, SZ_2M, regions, SZ_4K, 1);

	iopd_free(fd);
	close(fd);
	return filled ? sparse_tables(regions) : 0;
}

FIXTURE(held)
{
	char limit[32];
	long live;
};

FIXTURE_SETUP(held)
{
	const char *bad;

	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	snprintf(self->limit, sizeof(self->limit), "%ld", iopd_param("limit"));
	iopd_set_param("limit", NO_LIMIT);
	bad = worker_hold();
	ASSERT_EQ(NULL, bad)
		TH_LOG("%s", bad);
	self->live = iopd_stat("live");
	iopd_reset_longest();
}

FIXTURE_TEARDOWN(held)
{
	worker_let_go();
	iopd_set_param("limit", self->limit);
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	EXPECT_EQ(self->live, iopd_stat("live"));
	EXPECT_GE(BATCH, iopd_stat("longest_batch"));
}

static void set_limit(long limit)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", limit);
	iopd_set_param("limit", text);
}

/* --- helpers -------------------------------------------------------------- */

/* With room for all, only the worker is there to free: this is what is held */
TEST_F(held, below_the_limit_nobody_helps)
{
	long helps = iopd_stat("helps"), freed = iopd_stat("freed");
	long tables = 0;
	int i;

	for (i = 0; i < 20; i++)
		tables += free_sparse(500);
	EXPECT_EQ(tables, iopd_stat("pending"));
	EXPECT_EQ(helps, iopd_stat("helps"));
	EXPECT_EQ(freed, iopd_stat("freed"));
}

/* A task that frees goes on until the limit is kept, and not a batch longer */
TEST_F(held, free_keeps_the_limit)
{
	long tables = 0, pending, before;
	int i;

	set_limit(LIMIT);
	for (i = 0; i < 30; i++) {
		before = iopd_stat("helps");
		tables = free_sparse(500);
		pending = iopd_stat("pending");
		ASSERT_GE(LIMIT, pending);
		if (i < 3)
			continue;
		ASSERT_LT(LIMIT - BATCH, pending);
		/*
		 * As many batches as it takes; a small tree may have a short
		 * one
		 */
		ASSERT_GE(2 * tables / BATCH + 2, iopd_stat("helps") - before);
	}
}

/*
 * A map gives back as much as it makes, in single batches between its runs.
 * Where the limit is reached again it stops.
 */
TEST_F(held, map_gives_back_what_it_makes)
{
	const long made = 400, extra = 10000;
	long helps, freed;
	int fd;

	ASSERT_EQ(sparse_tables(extra), free_sparse(extra));
	fd = iopd_new(39, 0);
	set_limit(LIMIT);
	helps = iopd_stat("helps");
	freed = iopd_stat("freed");
	ASSERT_EQ(0, iopd_map(fd, 0, SZ_1G, SZ_4K, made * 512,
			      IOPD_READ | IOPD_WRITE, NULL));
	EXPECT_LE(made, iopd_stat("freed") - freed);
	EXPECT_GE(made / RUNS_A_BATCH + 1, iopd_stat("helps") - helps);

	ASSERT_TRUE(iopd_fill(fd, SZ_1G, SZ_1G, 10, SZ_4K, made * 512));
	EXPECT_GE(LIMIT, iopd_stat("pending"));
	EXPECT_LT(LIMIT - 2 * BATCH, iopd_stat("pending"));
	close(fd);
}

/* One table a call, and no call long enough for a second run */
TEST_F(held, small_maps_give_back_too)
{
	long pending, most = 0;
	int i, fd = iopd_new(39, 0);

	set_limit(LIMIT);
	for (i = 0; i < 10 * LIMIT; i++) {
		__u64 iova = i % 1000 * SZ_2M;

		ASSERT_EQ(0, iopd_map(fd, iova, SZ_1G, SZ_4K, 1,
				      IOPD_READ | IOPD_WRITE, NULL));
		ASSERT_EQ(SZ_2M, iopd_unmap(fd, iova, SZ_2M, 1));
		iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
		pending = iopd_stat("pending");
		if (pending > most)
			most = pending;
	}
	TH_LOG("at most %ld pending", most);
	EXPECT_GE(LIMIT + BATCH, most);
	close(fd);
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

TEST_F(held, atomic_maps_neither_help_nor_sleep)
{
	struct iopd_map map = {
		.paddr = SZ_1G, .pgsize = SZ_4K, .pgcount = 300 * 512,
		.prot = IOPD_READ | IOPD_WRITE, .flags = IOPD_ATOMIC,
	};
	long pending, helps, slept;
	int fd = iopd_new(39, 0);

	ASSERT_LT(0, free_sparse(5000));
	set_limit(1);
	pending = iopd_stat("pending");
	helps = iopd_stat("helps");
	slept = switches();
	ASSERT_EQ(0, ioctl(fd, IOPD_IOC_MAP, &map));
	EXPECT_EQ(slept, switches());
	EXPECT_EQ(0, map.result);
	EXPECT_EQ(300 * SZ_2M, map.mapped);
	EXPECT_EQ(helps, iopd_stat("helps"));
	EXPECT_EQ(pending, iopd_stat("pending"));
	close(fd);
}

/* --- making room for others ----------------------------------------------- */

struct waker {
	pthread_t thread;
	long wakes;
	bool stop;
};

/* Every millisecond, before all others */
static void *wake_often(void *arg)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct waker *waker = arg;

	worker_pin(0);
	iopd_go_first(true);
	while (!__atomic_load_n(&waker->stop, __ATOMIC_RELAXED)) {
		nanosleep(&nap, NULL);
		__atomic_add_fetch(&waker->wakes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static long wakes_of(const struct waker *waker)
{
	return __atomic_load_n(&waker->wakes, __ATOMIC_RELAXED);
}

/* A task in user space gives way at once, on a loaded host as on any other. */
static long wakes_in_user_space(const struct waker *waker, __u64 ns)
{
	long wakes = wakes_of(waker);
	__u64 start = iopd_now_ns();

	while (iopd_now_ns() - start < ns)
		;
	return wakes_of(waker) - wakes;
}

/*
 * A kernel that cannot preempt the map lets others on that CPU run where the
 * map offers to: in one call, and often. The time of an emulator says little,
 * so the wakes are compared with those that as much time in user space has room
 * for.
 */
TEST_F(held, long_maps_make_room)
{
	struct iopd_map map = {
		.paddr = SZ_1G, .pgsize = SZ_4K, .pgcount = 4096 * 512,
		.prot = IOPD_READ | IOPD_WRITE,
	};
	struct waker waker = {};
	int fd = iopd_new(39, 0);
	long wakes, usual;

	ASSERT_TRUE(worker_pin(0));
	ASSERT_EQ(0, pthread_create(&waker.thread, NULL, wake_often, &waker));
	while (!wakes_of(&waker))
		usleep(1000);
	wakes = wakes_of(&waker);
	ASSERT_EQ(0, ioctl(fd, IOPD_IOC_MAP, &map));
	wakes = wakes_of(&waker) - wakes;
	usual = wakes_in_user_space(&waker, map.ns);
	__atomic_store_n(&waker.stop, true, __ATOMIC_RELAXED);
	pthread_join(waker.thread, NULL);
	TH_LOG("%ld wakes in %llu us, %ld of user space", wakes, map.ns / 1000,
	       usual);
	EXPECT_EQ(0, map.result);
	EXPECT_LT(2, wakes);
	EXPECT_LE(usual / 8, wakes);
	close(fd);
}

/* --- turns ---------------------------------------------------------------- */

/*
 * Batches by us, one after the other, until a tree is done: far more than it
 * takes
 */
#define STEPS		200

/* Making a page table costs a batch while too much is pending */
static void step_until_done(int *fds)
{
	long done = iopd_stat("trees_done");
	int i;

	set_limit(1);
	for (i = 0; i < STEPS && iopd_stat("trees_done") == done; i++)
		fds[i] = iopd_new(39, 0);
	iopd_set_param("limit", NO_LIMIT);
	while (i--)
		close(fds[i]);
}

/* As many regions of 2 MiB as two thirds of the free memory have tables for */
static __u64 regions_that_fit(void)
{
	__u64 regions = sysconf(_SC_AVPHYS_PAGES) * 2 / 3;

	return regions < 262144 ? regions : 262144;
}

/* Behind a huge tree, a small one is done when both have had a few turns */
TEST_F_TIMEOUT(held, small_tree_waits_for_a_few_batches, 120)
{
	__u64 regions = regions_that_fit();
	long huge, small, batches;
	int fd, fds[STEPS];

	/*
	 * What holds the worker back takes time that an emulator lacks
	 * elsewhere
	 */
	worker_let_go();
	fd = iopd_new(39, 0);
	ASSERT_TRUE(iopd_fill(fd, 0, SZ_2M, regions, SZ_4K, 1));
	ASSERT_EQ(NULL, worker_hold());
	iopd_free(fd);
	close(fd);
	huge = sparse_tables(regions);
	small = free_sparse(3 * BATCH);
	ASSERT_EQ(huge + small, iopd_stat("pending"));
	batches = iopd_stat("batches");
	step_until_done(fds);
	batches = iopd_stat("batches") - batches;
	TH_LOG("behind %ld tables: %ld batches", huge, batches);
	/*
	 * Turn by turn; batches may be short where something else wants the CPU
	 */
	EXPECT_GE(4 * (small / BATCH + 1), batches);
	EXPECT_LE(huge - BATCH * batches, iopd_stat("pending"));
}

int main(int argc, char **argv)
{
	iopd_require();
	worker_require();
	return test_harness_run(argc, argv);
}
