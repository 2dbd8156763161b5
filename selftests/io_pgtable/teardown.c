// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of all sizes and states are freed: every page comes back, in
 * batches that keep to their bounds, by the task that the parameters name.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"

#define THREADS		4

/* ias 32, every page mapped: a root, 4 tables of 1 GiB, 2,048 of 2 MiB */
#define FULL_4G		(1 + 4 + 2048)

static const char * const parameters[] = { "deferred", "batch", "limit",
					     "workers" };

/* Pages that a page table may have beside its tables: all but one of a chunk */
#define SPARES		15

/* What is counted: tables, and the pages that they are in */
struct counts {
	long live;
	long pages;
	long pending;
	long freed;
	long trees_done;
	long secondary;		/* -1 where the kernel does not count it */
	long iommu;
};

static struct counts count_now(void)
{
	struct counts now = {
		.live		= iopd_stat("live"),
		.pages		= iopd_stat("pages"),
		.pending	= iopd_stat("pending"),
		.freed		= iopd_stat("freed"),
		.trees_done	= iopd_stat("trees_done"),
		.secondary	= iopd_vmstat("nr_sec_page_table_pages"),
		.iommu		= iopd_vmstat("nr_iommu_pages"),
	};

	return now;
}

static struct counts count_drained(void)
{
	iopd_drain();
	return count_now();
}

/* The kernel counts the pages that the library says it has */
static const char *check_accounting(const struct counts *before,
				    const struct counts *now)
{
	long pages = now->pages - before->pages;

	if (before->secondary >= 0 && now->secondary - before->secondary != pages)
		return complain("nr_sec_page_table_pages grew by %ld, expected %ld",
				now->secondary - before->secondary, pages);
	if (before->iommu >= 0 && now->iommu - before->iommu != pages)
		return complain("nr_iommu_pages grew by %ld, expected %ld",
				now->iommu - before->iommu, pages);
	return NULL;
}

/*
 * The tables of a tree while it is there, and few pages more; none without it
 */
static const char *check_growth(const struct counts *before, long tables)
{
	struct counts now = count_now();
	long spares = now.pages - before->pages - tables;

	if (now.live - before->live != tables)
		return complain("%ld tables live, expected %ld",
				now.live - before->live, tables);
	if (spares < 0 || spares > (tables ? SPARES : 0))
		return complain("%ld pages beside %ld tables", spares, tables);
	return check_accounting(before, &now);
}

/* After a drain: all as it was, and so many tables and trees freed meanwhile */
static const char *check_back(const struct counts *before, long tables, long trees)
{
	struct counts now = count_drained();

	if (now.pending)
		return complain("%ld tables pending after a drain",
				now.pending);
	if (now.freed - before->freed != tables)
		return complain("%ld tables freed, expected %ld",
				now.freed - before->freed, tables);
	if (now.trees_done - before->trees_done != trees)
		return complain("%ld trees done, expected %ld",
				now.trees_done - before->trees_done, trees);
	return check_growth(before, 0);
}

static bool fill_4g(int fd)
{
	return iopd_fill(fd, 0, SZ_2M, 2048, SZ_4K, 512);
}

/* So many tables of 2 MiB, in the space of 39 bits, with a page in each */
static int make_sparse(__u64 regions, unsigned int flags)
{
	int fd = iopd_new(39, flags);

	if (!iopd_fill(fd, 0, SZ_2M, regions, SZ_4K, 1))
		abort();
	return fd;
}

/* So many, or as many as have 1 GiB of tables where a table is a larger page */
static __u64 at_most(__u64 regions)
{
	__u64 most = SZ_1G / getpagesize();

	return regions < most ? regions : most;
}

static long sparse_tables(__u64 regions)
{
	return 1 + (regions + 511) / 512 + regions;
}

/*
 * As many regions of 2 MiB as a third of the free memory has tables for, a
 * thirtieth on a kernel that checks each access and is slow therefore
 */
static __u64 regions_that_fit(void)
{
	__u64 regions = sysconf(_SC_AVPHYS_PAGES) /
			(iopd_kernel_is_checked() ? 30 : 3);

	return regions < 262144 ? regions : 262144;
}

/* --- one tree ------------------------------------------------------------- */

FIXTURE(tree)
{
	struct counts before;
	char saved[4][32];
};

FIXTURE_VARIANT(tree)
{
	const char *deferred;
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(tree, by_worker)
{
	.deferred = "1",
};

FIXTURE_VARIANT_ADD(tree, by_worker_coherent)
{
	.deferred = "1", .flags = IOPD_COHERENT,
};

FIXTURE_VARIANT_ADD(tree, by_caller)
{
	.deferred = "0",
};

FIXTURE_VARIANT_ADD(tree, by_caller_coherent)
{
	.deferred = "0", .flags = IOPD_COHERENT,
};

static void save_parameters(char saved[4][32])
{
	int i;

	for (i = 0; i < 4; i++)
		snprintf(saved[i], sizeof(saved[i]), "%ld",
			 iopd_param(parameters[i]));
}

static void restore_parameters(char saved[4][32])
{
	int i;

	for (i = 0; i < 4; i++)
		iopd_set_param(parameters[i], saved[i]);
}

FIXTURE_SETUP(tree)
{
	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	save_parameters(self->saved);
	ASSERT_EQ(0, iopd_set_param("deferred", variant->deferred));
	self->before = count_drained();
}

FIXTURE_TEARDOWN(tree)
{
	restore_parameters(self->saved);
}

#define ASSERT_FINE(check) do {						\
	const char *_bad = (check);						\
	ASSERT_EQ(NULL, _bad)						\
		TH_LOG("%s", _bad);					\
} while (0)

/* Free it, and see that the task that is to do the work does it */
static const char *free_by(const char *deferred, int fd)
{
	long helps = iopd_stat("helps"), shrinks = iopd_stat("shrinks");

	iopd_free(fd);
	if (deferred[0] == '0') {
		if (iopd_stat("pending"))
			return complain("tables are pending after a free by the caller");
		return NULL;
	}
	/* Short of memory, another task may have been made to help */
	if (iopd_stat("helps") != helps && iopd_stat("shrinks") == shrinks)
		return complain("the caller helped, and was not to");
	return NULL;
}

TEST_F(tree, empty)
{
	int fd = iopd_new(39, variant->flags);

	ASSERT_FINE(check_growth(&self->before, 1));
	ASSERT_FINE(free_by(variant->deferred, fd));
	ASSERT_FINE(check_back(&self->before, 1, 1));
	close(fd);
}

TEST_F(tree, emptied)
{
	int fd = make_sparse(1000, variant->flags);

	ASSERT_TRUE(iopd_strip(fd, 0, SZ_2M, 1000, SZ_4K, 1));
	ASSERT_FINE(check_growth(&self->before, sparse_tables(1000)));
	iopd_free(fd);
	ASSERT_FINE(check_back(&self->before, sparse_tables(1000), 1));
	close(fd);
}

TEST_F(tree, sparse)
{
	int fd = iopd_new(48, variant->flags);

	/* Four levels: each of 300 pages has all of its tables for itself */
	ASSERT_TRUE(iopd_fill(fd, 0, SZ_512G, 300, SZ_4K, 1));
	ASSERT_FINE(check_growth(&self->before, 1 + 3 * 300));
	iopd_free(fd);
	ASSERT_FINE(check_back(&self->before, 1 + 3 * 300, 1));
	close(fd);
}

TEST_F(tree, only_blocks)
{
	int fd = iopd_new(39, variant->flags);

	ASSERT_TRUE(iopd_fill(fd, 0, SZ_2M, 2048, SZ_2M, 1));
	ASSERT_TRUE(iopd_fill(fd, SZ_512G / 2, SZ_1G, 256, SZ_1G, 1));
	ASSERT_FINE(check_growth(&self->before, 5));
	iopd_free(fd);
	ASSERT_FINE(check_back(&self->before, 5, 1));
	close(fd);
}

TEST_F(tree, full_4g)
{
	int fd = iopd_new(32, variant->flags);

	ASSERT_TRUE(fill_4g(fd));
	ASSERT_FINE(check_growth(&self->before, FULL_4G));
	ASSERT_FINE(free_by(variant->deferred, fd));
	ASSERT_FINE(check_back(&self->before, FULL_4G, 1));
	close(fd);
}

TEST_F(tree, closed_file)
{
	int fd = iopd_new(32, variant->flags);

	ASSERT_TRUE(fill_4g(fd));
	close(fd);
	ASSERT_FINE(check_back(&self->before, FULL_4G, 1));
}

TEST_F_TIMEOUT(tree, as_big_as_memory_allows, 300)
{
	__u64 regions = regions_that_fit();
	long tables = sparse_tables(regions);
	int fd = make_sparse(regions, variant->flags);

	TH_LOG("%ld tables", tables);
	ASSERT_FINE(check_growth(&self->before, tables));
	ASSERT_FINE(free_by(variant->deferred, fd));
	ASSERT_FINE(check_back(&self->before, tables, 1));
	close(fd);
}

/*
 * The caller of a free hands the tree over and runs no batch of it, however
 * big.
 */
TEST_F_TIMEOUT(tree, caller_frees_nothing, 300)
{
	long helps, tries;

	if (variant->deferred[0] == '0')
		SKIP(return, "the caller frees");
	for (tries = 0; tries < 5; tries++) {
		int fd = make_sparse(5000, variant->flags);

		helps = iopd_stat("helps");
		iopd_free(fd);
		ASSERT_EQ(helps, iopd_stat("helps"));
		close(fd);
		iopd_drain();
	}
}

/*
 * In one tree at once: live tables, empty ones, some in limbo, some that a
 * flush that timed out put back, and some pending.
 */
TEST_F(tree, half_torn)
{
	int fd = iopd_new(32, variant->flags);

	ASSERT_TRUE(fill_4g(fd));
	ASSERT_TRUE(iopd_strip(fd, 0, SZ_2M, 300, SZ_2M, 1));
	ASSERT_EQ(300, iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	ASSERT_TRUE(iopd_strip(fd, SZ_1G, 2 * SZ_2M, 100, SZ_2M, 1));
	ASSERT_EQ(100, iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END |
				      IOPD_FLUSH_TIMED_OUT));
	ASSERT_TRUE(iopd_strip(fd, SZ_1G + SZ_2M, 2 * SZ_2M, 100, SZ_4K, 512));
	ASSERT_TRUE(iopd_strip(fd, 2 * SZ_1G, SZ_1G, 1, SZ_1G, 1));
	ASSERT_TRUE(iopd_strip(fd, 3 * SZ_1G, SZ_2M, 7, SZ_4K, 100));
	iopd_free(fd);
	ASSERT_FINE(check_back(&self->before, FULL_4G, 1));
	close(fd);
}

/* --- several -------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	unsigned int flags;
	unsigned int rounds;
	long tables;		/* freed by all of its trees */
	bool failed;
};

static void *make_and_free(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		__u64 regions = 200 + 173 * i;
		int fd = iopd_new(39, worker->flags);

		worker->failed |= !iopd_fill(fd, i * SZ_1G, SZ_2M, regions,
					     SZ_4K, 1);
		/* The first GiB it touches is cut off beforehand, at times */
		if (i % 2) {
			worker->failed |= iopd_unmap(fd, i * SZ_1G, SZ_1G,
						     1) != SZ_1G;
			iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
		}
		worker->tables += sparse_tables(regions);
		iopd_free(fd);
		close(fd);
	}
	return NULL;
}

/* In THREADS threads; how many tables all of them have freed, or -1 */
static long make_and_free_all(unsigned int flags, unsigned int rounds)
{
	struct worker workers[THREADS] = {};
	bool failed = false;
	long tables = 0;
	int i, started;

	for (i = 0; i < THREADS; i++) {
		workers[i].flags = flags;
		workers[i].rounds = rounds;
		if (pthread_create(&workers[i].thread, NULL, make_and_free,
				   &workers[i]))
			break;
	}
	started = i;
	for (i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		failed |= workers[i].failed;
		tables += workers[i].tables;
	}
	return failed || started < THREADS ? -1 : tables;
}

#define ROUNDS		8

TEST_F_TIMEOUT(tree, several_at_once, 120)
{
	long tables = make_and_free_all(variant->flags, ROUNDS);

	ASSERT_LT(0, tables);
	ASSERT_FINE(check_back(&self->before, tables, THREADS * ROUNDS));
}

/*
 * No task helps, and nothing new comes in to start a worker. It may be slow,
 * but not rest.
 */
static bool all_is_freed(void)
{
	long freed, last = -1;
	int ms;

	for (ms = 0; ms < 10000 && iopd_stat("pending"); ms++) {
		freed = iopd_stat("freed");
		if (freed != last)
			ms = 0;
		last = freed;
		usleep(1000);
	}
	return !iopd_stat("pending");
}

#define FEWER_ROUNDS	20
/* And no more once so many have passed: with KASAN a round takes 15 of them. */
#define FEWER_SECONDS	(iopd_kernel_is_checked() ? 20 : 60)

struct changer {
	pthread_t thread;
	bool stop;
};

static void *change_workers(void *arg)
{
	struct changer *changer = arg;
	struct rng rng;
	char text[16];

	rng_seed(&rng, 1);
	while (!__atomic_load_n(&changer->stop, __ATOMIC_RELAXED)) {
		snprintf(text, sizeof(text), "%llu", 1 + rng_below(&rng, 8));
		iopd_set_param("workers", text);
		usleep(100);
	}
	return NULL;
}

/* Trees come while the number of workers changes, and all of them are freed. */
TEST_F_TIMEOUT(tree, number_of_workers_changes, 120)
{
	struct changer changer = {};
	long tables;

	ASSERT_EQ(0, pthread_create(&changer.thread, NULL, change_workers,
				    &changer));
	tables = make_and_free_all(variant->flags, ROUNDS);
	EXPECT_LT(0, tables);
	EXPECT_TRUE(all_is_freed());
	__atomic_store_n(&changer.stop, true, __ATOMIC_RELAXED);
	pthread_join(changer.thread, NULL);
	ASSERT_FINE(check_back(&self->before, tables, THREADS * ROUNDS));
}

/*
 * What the second of two has in hand while there are to be fewer is not
 * forgotten.
 */
TEST_F_TIMEOUT(tree, fewer_workers_go_on, 120)
{
	const long small = 2000, large = 20000;
	const time_t end = time(NULL) + FEWER_SECONDS;
	int i, fds[2];

	if (variant->deferred[0] == '0')
		SKIP(return, "the caller frees");
	/*
	 * Longer in hand than it takes to find out that the other one is done
	 */
	iopd_set_param("batch", "4096");
	for (i = 0; i < FEWER_ROUNDS && (!i || time(NULL) < end); i++) {
		fds[0] = make_sparse(small, variant->flags);
		fds[1] = make_sparse(large, variant->flags);
		iopd_set_param("workers", "2");
		iopd_free(fds[0]);
		iopd_free(fds[1]);
		while (iopd_stat("trees") > 1)
			;
		iopd_set_param("workers", "1");
		EXPECT_TRUE(all_is_freed())
			TH_LOG("%ld pending, round %d", iopd_stat("pending"),
			       i);
		close(fds[0]);
		close(fds[1]);
	}
	ASSERT_FINE(check_back(&self->before,
			       i * (sparse_tables(small) + sparse_tables(large)),
			       i * 2));
}

static void *drain_and_look(void *arg)
{
	long *pending = arg;

	iopd_drain();
	*pending = iopd_stat("pending");
	return NULL;
}

/* Nothing new comes in meanwhile, so after any of the drains nothing is left */
TEST_F_TIMEOUT(tree, drained_by_several, 120)
{
	pthread_t threads[THREADS];
	long pending[THREADS];
	int i, fd[THREADS];

	for (i = 0; i < THREADS; i++)
		fd[i] = make_sparse(2000, variant->flags);
	for (i = 0; i < THREADS; i++)
		iopd_free(fd[i]);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, drain_and_look,
					    &pending[i]));
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, pending[i]);
		close(fd[i]);
	}
	ASSERT_FINE(check_back(&self->before, THREADS * sparse_tables(2000),
			       THREADS));
}

/* --- bounds --------------------------------------------------------------- */

TEST_F_TIMEOUT(tree, batches_keep_to_their_size, 120)
{
	static const long sizes[] = { 1, 7, 64, 4096 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char text[16];
		long batches;
		int fd;

		snprintf(text, sizeof(text), "%ld", sizes[i]);
		ASSERT_EQ(0, iopd_set_param("batch", text));
		ASSERT_EQ(sizes[i], iopd_param("batch"));
		self->before = count_drained();
		fd = iopd_new(32, variant->flags);
		ASSERT_TRUE(fill_4g(fd));
		iopd_reset_longest();
		batches = iopd_stat("batches");
		iopd_free(fd);
		ASSERT_FINE(check_back(&self->before, FULL_4G, 1));
		ASSERT_LT(0, iopd_stat("longest_batch"));
		ASSERT_GE(sizes[i], iopd_stat("longest_batch"));
		ASSERT_LE(FULL_4G / sizes[i], iopd_stat("batches") - batches);
		close(fd);
	}
}

/*
 * Chances to be quicker than the worker: it may have it all in its hands first
 */
#define CHANCES		20

/*
 * Two trees, for the worker can have one in hand at a time. The caller frees as
 * many tables as it hands over, if the limit is not kept before.
 */
static bool free_above_limit(unsigned int flags)
{
	const __u64 regions = at_most(20000) / 2;
	int first = make_sparse(2 * regions, flags);
	int second = make_sparse(regions, flags);
	long helps = iopd_stat("helps"), freed;
	bool kept;

	iopd_go_first(true);
	iopd_free(first);
	if (iopd_set_param("limit", "100"))
		return false;
	freed = iopd_stat("freed");
	iopd_free(second);
	kept = iopd_stat("pending") <= 100 ||
	       iopd_stat("freed") - freed >= sparse_tables(regions);
	iopd_go_first(false);
	iopd_set_param("limit", "1000000");
	close(first);
	close(second);
	iopd_drain();
	return kept && iopd_stat("helps") > helps;
}

/* And so do mappers */
static bool map_above_limit(unsigned int flags)
{
	int freed = make_sparse(at_most(20000), flags), mapped = iopd_new(39, flags);
	bool filled, helped;
	long helps;

	iopd_go_first(true);
	iopd_free(freed);
	helps = iopd_stat("helps");
	iopd_set_param("limit", "1");
	filled = iopd_fill(mapped, 0, SZ_1G, 1, SZ_4K, 200 * 512);
	iopd_go_first(false);
	helped = iopd_stat("helps") > helps;
	iopd_set_param("limit", "1000000");
	close(freed);
	close(mapped);
	iopd_drain();
	return filled && helped;
}

TEST_F_TIMEOUT(tree, limit_makes_callers_help, 300)
{
	int chances;

	/* So that the worker takes its time */
	ASSERT_EQ(0, iopd_set_param("batch", "1"));
	for (chances = 0; chances < CHANCES; chances++)
		if (free_above_limit(variant->flags))
			break;
	EXPECT_GT(CHANCES, chances);
	for (chances = 0; chances < CHANCES; chances++)
		if (variant->deferred[0] == '0' ||
		    map_above_limit(variant->flags))
			break;
	EXPECT_GT(CHANCES, chances);
	ASSERT_FINE(check_growth(&self->before, 0));
}

/* Is anything of the huge tree left when the small one behind it is done? */
static bool overtakes(unsigned int flags)
{
	int huge = make_sparse(at_most(40000), flags), small = iopd_new(39, flags);
	long done = iopd_stat("trees_done");
	long pending;

	iopd_go_first(true);
	iopd_free(huge);
	iopd_free(small);
	while (iopd_stat("trees_done") == done)
		usleep(10);
	pending = iopd_stat("pending");
	iopd_go_first(false);
	close(huge);
	close(small);
	iopd_drain();
	return pending > 0;
}

/* A small tree behind a huge one does not wait for all of it */
TEST_F_TIMEOUT(tree, small_one_overtakes, 300)
{
	int chances;

	if (variant->deferred[0] == '0')
		SKIP(return, "the caller frees: there is no queue");
	for (chances = 0; chances < CHANCES; chances++)
		if (overtakes(variant->flags))
			break;
	EXPECT_GT(CHANCES, chances);
	ASSERT_FINE(check_growth(&self->before, 0));
}

/* --- parameters ----------------------------------------------------------- */

FIXTURE(parameters)
{
	char saved[4][32];
};

FIXTURE_SETUP(parameters)
{
	save_parameters(self->saved);
}

FIXTURE_TEARDOWN(parameters)
{
	restore_parameters(self->saved);
}

TEST_F(parameters, bad_values_change_nothing)
{
	static const struct {
		const char *name;
		const char *value;
	} bad[] = {
		{ "batch", "0" }, { "batch", "4097" }, { "batch", "-1" },
		{ "batch", "many" }, { "batch", "64 tables" }, { "batch", "\n" },
		{ "batch", "99999999999999999999999" },
		{ "limit", "0" }, { "limit", "-1" }, { "limit", "none" },
		{ "limit", "99999999999999999999999" },
		{ "workers", "0" }, { "workers", "9" }, { "workers", "-1" },
		{ "workers", "all" },
		{ "deferred", "maybe" }, { "deferred", "2" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		long old = iopd_param(bad[i].name);

		EXPECT_EQ(-EINVAL, iopd_set_param(bad[i].name, bad[i].value))
			TH_LOG("%s=%s", bad[i].name, bad[i].value);
		EXPECT_EQ(old, iopd_param(bad[i].name));
	}
}

TEST_F(parameters, good_values_are_taken)
{
	static const struct {
		const char *name;
		const char *value;
		long read;
	} good[] = {
		{ "batch", "1", 1 }, { "batch", "4096", 4096 },
		{ "batch", "0x20\n", 32 }, { "limit", "1", 1 },
		{ "limit", "262144", 262144 }, { "workers", "8", 8 },
		{ "workers", "1", 1 }, { "deferred", "0", 0 },
		{ "deferred", "Y", 1 }, { "deferred", "off", 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, iopd_set_param(good[i].name, good[i].value));
		EXPECT_EQ(good[i].read, iopd_param(good[i].name));
	}
}

int main(int argc, char **argv)
{
	iopd_require();
	return test_harness_run(argc, argv);
}
