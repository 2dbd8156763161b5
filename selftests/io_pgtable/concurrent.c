// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that map, unmap and look up neighbouring ranges of one page table,
 * with others that flush and look up all the time. Each knows what its own
 * range must hold; at the end all of it is compared, table for table.
 *
 *	concurrent [--seed=N] [--ops=N]	or IOPD_SEED and IOPD_OPS
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
#include "model.h"

#define THREADS		4
#define IAS		39
#define PA		SZ_4G
#define RW		(IOPD_READ | IOPD_WRITE)
#define OPS_DEFAULT	5000		/* of a thread */
#define RACE_ROUNDS	600
#define SCAN_ROOM	16384
#define PLACES		24		/* tables that die and come back */
#define ROUND		5		/* one more than fit, parents too */

static __u64 seed;
static __u64 ops;
static bool may_split;

/* What goes on beside the lanes */
enum flushes {
	NO_FLUSHES,
	FLUSHES,
	LATE_FLUSHES,		/* some of them do not complete */
};

struct game;

struct lane {
	pthread_t thread;
	struct model model;
	struct rng rng;
	const char *bad;
	char text[256];
	unsigned int number;
	unsigned int step;
	const struct game *game;
	enum flushes flushes;
	int fd;
};

static struct iopd_leaf scanned[SCAN_ROOM];
static bool stop;

/* --- flushing meanwhile --------------------------------------------------- */

struct flusher {
	pthread_t thread;
	enum flushes flushes;
	int fd;
};

static void *flush_all_the_time(void *arg)
{
	const struct flusher *flusher = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		bool late = flusher->flushes == LATE_FLUSHES && i % 16 == 0;

		iopd_flush(flusher->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END |
			   (late ? IOPD_FLUSH_TIMED_OUT : 0));
		if (i % 64 == 0)
			usleep(100);
	}
	return NULL;
}

/* --- looking meanwhile ---------------------------------------------------- */

struct stranger {
	pthread_t thread;
	const char *bad;
	char text[128];
	int fd;
};

static void stranger_checks(struct stranger *stranger, const char *how,
			    __u64 iova, __u64 paddr)
{
	if (paddr == PA + iova)
		return;
	snprintf(stranger->text, sizeof(stranger->text),
		 "a stranger's %s finds 0x%llx at 0x%llx", how, paddr, iova);
	stranger->bad = stranger->text;
}

/*
 * Tables that are there, down to the leaf: a way that a walker could have taken
 */
static void stranger_walks(struct stranger *stranger, __u64 iova)
{
	struct iopd_path path = { .iova = iova };
	__u64 size = SZ_1G, paddr = 0;
	int level = 1;

	if (iopd_path(stranger->fd, &path) || path.result)
		return;
	for (; level < 3 && (path.entries[level] & 3) == 3; level++)
		size /= 512;
	if (path.entries[level] & 1)
		paddr = (path.entries[level] & 0xfffffffff000ull & -size) |
			(iova & (size - 1));
	stranger_checks(stranger, "walk", iova, paddr);
}

static void stranger_looks_up(struct stranger *stranger, struct rng *rng)
{
	__u64 iova = SZ_1G + rng_below(rng, 26 * SZ_2M), paddr;

	if (rng_below(rng, 2))
		iova = rng_below(rng, PLACES) * SZ_1G +
		       rng_below(rng, 16 * SZ_4K);
	paddr = iopd_lookup(stranger->fd, iova);
	if (paddr)
		stranger_checks(stranger, "lookup", iova, paddr);
	stranger_walks(stranger, iova);
}

/* Where corner_op() is at work */
static void *walk_all_the_time(void *arg)
{
	struct stranger *stranger = arg;
	struct rng rng;

	rng_seed(&rng, seed);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !stranger->bad)
		stranger_walks(stranger, SZ_1G + rng_below(&rng, THREADS) * SZ_2M);
	return NULL;
}

static void stranger_dumps(struct stranger *stranger)
{
	struct iopd_next_run run = {};

	while (iopd_next_run(stranger->fd, &run))
		if (run.count)
			stranger_checks(stranger, "dump", run.start, run.paddr);
}

/*
 * Looks at what others map and unmap. Whenever it looks, there is nothing, or
 * the one address that this place is ever mapped to.
 */
static void *look_all_the_time(void *arg)
{
	struct stranger *stranger = arg;
	struct rng rng;

	rng_seed(&rng, seed);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !stranger->bad) {
		if (rng_below(&rng, 500))
			stranger_looks_up(stranger, &rng);
		else
			stranger_dumps(stranger);
	}
	return NULL;
}

/* --- what a lane does to a slot of its own -------------------------------- */

/*
 * The text lives with the lane, for its thread ends before it is read. What
 * comes after the first is of no interest.
 */
static void lane_says(struct lane *lane, const char *what, __u64 iova,
		      __u64 got, __u64 wanted)
{
	if (lane->bad)
		return;
	snprintf(lane->text, sizeof(lane->text),
		 "thread %u: %s 0x%llx: 0x%llx, expected 0x%llx", lane->number,
		 what, iova, got, wanted);
	lane->bad = lane->text;
}

/*
 * A flush of another thread that timed out may stand in the way: not for long
 */
static int map_in_the_end(struct lane *lane, __u64 iova, __u64 size,
			  __u64 count, __u64 *mapped)
{
	__u64 part;
	int ret;

	*mapped = 0;
	do {
		/* Each place has its own address, to tell neighbours apart */
		ret = iopd_map(lane->fd, iova + *mapped, PA + iova + *mapped,
			       size, count - *mapped / size, RW, &part);
		*mapped += part;
	} while (ret == -EIO && lane->flushes == LATE_FLUSHES);
	return ret;
}

static void lane_map(struct lane *lane, __u64 iova, __u64 size,
		     __u64 count)
{
	__u64 wanted = model_map(&lane->model, iova, PA + iova, size, count,
				    RW);
	__u64 mapped;
	int ret = map_in_the_end(lane, iova, size, count, &mapped);

	if (ret != (wanted == size * count ? 0 : -EEXIST))
		lane_says(lane, "error of map at", iova, -ret,
			  wanted == size * count ? 0 : EEXIST);
	if (mapped != wanted)
		lane_says(lane, "mapped at", iova, mapped, wanted);
}

static void lane_unmap(struct lane *lane, __u64 iova, __u64 size, __u64 count)
{
	__u64 done;

	if (!may_split && model_has_larger(&lane->model, iova, size, count))
		return;
	done = iopd_unmap(lane->fd, iova, size, count);
	if (!model_unmap(&lane->model, iova, size, count, done))
		lane_says(lane, "unmapped at", iova, done, size * count);
}

static void lane_lookup(struct lane *lane, __u64 iova)
{
	__u64 wanted = model_lookup(&lane->model, iova);
	__u64 paddr = iopd_lookup(lane->fd, iova);

	if (paddr != wanted)
		lane_says(lane, "lookup", iova, paddr, wanted);
}

/*
 * One page of every four in the same tables: all entries of the others between
 */
static void page_op(struct lane *lane)
{
	__u64 slot = rng_below(&lane->rng, 2 * 512 / THREADS);
	__u64 iova = SZ_1G + (slot * THREADS + lane->number) * SZ_4K;
	__u64 dice = rng_below(&lane->rng, 100);

	if (dice < 40)
		lane_map(lane, iova, SZ_4K, 1);
	else if (dice < 75)
		lane_unmap(lane, iova, SZ_4K, 1);
	else
		lane_lookup(lane, iova + 123);
}

/*
 * One region of 2 MiB of every four in the same 1 GiB, and in there whatever
 * makes tables come and go: blocks put over tables and tables over blocks.
 */
static void region_op(struct lane *lane)
{
	__u64 slot = rng_below(&lane->rng, 6);
	__u64 iova = SZ_1G + (slot * THREADS + lane->number) * SZ_2M;
	__u64 page = rng_below(&lane->rng, 500) * SZ_4K;
	__u64 dice = rng_below(&lane->rng, 100);

	if (dice < 25)
		lane_map(lane, iova + page, SZ_4K,
			 1 + rng_below(&lane->rng, 12));
	else if (dice < 40)
		lane_map(lane, iova, SZ_2M, 1);
	else if (dice < 55)
		lane_unmap(lane, iova, SZ_2M, 1);
	else if (dice < 75)
		lane_unmap(lane, iova + page, SZ_4K,
			   1 + rng_below(&lane->rng, 12));
	else
		lane_lookup(lane, iova + page + 77);
}

/*
 * A page of each lane in a few tables, some of them alone in a table of the
 * level above: tables die and come back all the time, under the feet of the
 * neighbours.
 */
static void dying_op(struct lane *lane)
{
	__u64 place = rng_below(&lane->rng, PLACES);
	__u64 iova = place < PLACES / 2 ? place * SZ_2M : place * SZ_1G;
	__u64 dice = rng_below(&lane->rng, 100);

	iova += SZ_1G + lane->number * SZ_4K;
	if (dice < 25)
		lane_map(lane, iova, SZ_4K, 1);
	else if (dice < 80)
		lane_unmap(lane, iova, SZ_4K, 1);
	else
		lane_lookup(lane, iova + 99);
}

/*
 * Round and round a few places: each table is empty when a sweep comes by, and
 * one of the lanes is about to map something in it.
 */
static void round_op(struct lane *lane)
{
	__u64 place = lane->step++ % ROUND;
	__u64 iova = SZ_1G + place * SZ_2M + lane->number * SZ_4K;

	lane_map(lane, iova, SZ_4K, 1);
	if (!rng_below(&lane->rng, 8))
		lane_lookup(lane, iova);
	lane_unmap(lane, iova, SZ_4K, 1);
	/* Out of step with the others, now and then */
	if (!rng_below(&lane->rng, 64))
		lane->step++;
}

/*
 * A page, and a block, at one and the same place, and the table cut off between
 */
static void corner_op(struct lane *lane)
{
	__u64 iova = SZ_1G + lane->number * SZ_2M;

	lane_map(lane, iova, SZ_4K, 1);
	lane_unmap(lane, iova, SZ_2M, 1);
	lane_map(lane, iova, SZ_2M, 1);
	lane_unmap(lane, iova, SZ_2M, 1);
}

/* --- all want the same new table at once ---------------------------------- */

static pthread_barrier_t barrier;

static __u64 race_place(unsigned int round)
{
	/* At times the table above is new, too */
	return (round / 3) * SZ_1G % (1ull << IAS) + (round % 3) * SZ_2M;
}

/*
 * A lane that has failed goes on to the barrier: the others wait for it there
 */
static void race(struct lane *lane)
{
	unsigned int round;

	for (round = 0; round < RACE_ROUNDS; round++) {
		__u64 iova = race_place(round) + lane->number * 3 * SZ_4K;

		pthread_barrier_wait(&barrier);
		if (lane->bad)
			continue;
		lane_map(lane, iova, SZ_4K, 3);
		lane_lookup(lane, iova + 2 * SZ_4K);
	}
}

/* --- what the lanes play -------------------------------------------------- */

enum {
	PAGES,
	REGIONS,
	DYING,
	ROUNDS,
	CORNERS,
	RACE,
};

struct game {
	void (*op)(struct lane *lane);
	unsigned int share;	/* turns are ops / share; 0: one turn */
};

static const struct game games[] = {
	[PAGES] = { page_op, 1 },
	[REGIONS] = { region_op, 1 },
	[DYING] = { dying_op, 1 },
	[ROUNDS] = { round_op, 1 },
	/* Four calls each, two of which make a table */
	[CORNERS] = { corner_op, 2 },
	[RACE] = { race, 0 },
};

static void *play(void *arg)
{
	struct lane *lane = arg;
	const struct game *game = lane->game;
	__u64 i, turns = game->share ? ops / game->share : 1;

	for (i = 0; i < turns && !lane->bad; i++)
		game->op(lane);
	return NULL;
}

/* --- the end -------------------------------------------------------------- */

static const char *check_leaves(const struct model *all, int fd, __u64 *tables)
{
	struct iopd_scan scan = {
		.last = ~0ull, .capacity = SCAN_ROOM,
		.buffer = (uintptr_t)scanned,
	};
	__u64 i;

	iopd_scan(fd, &scan);
	*tables = scan.tables;
	if (scan.leaves != model_leaves(all) || scan.leaves > SCAN_ROOM)
		return complain("%llu leaves, expected %llu", scan.leaves,
				model_leaves(all));
	for (i = 0; i < scan.leaves; i++) {
		const struct iopd_leaf *leaf = &scanned[i];
		const struct run *run = model_find(all, leaf->iova);
		__u64 paddr = leaf->descriptor & 0xfffffffff000ull;

		if (!run || run->leaf != SZ_4K << 9 * (3 - leaf->level) ||
		    paddr != run->paddr + (leaf->iova - run->start))
			return complain("leaf 0x%llx is 0x%llx at level %llu",
					leaf->iova, leaf->descriptor,
					leaf->level);
	}
	return NULL;
}

/* All that lost a race, and all that was detached, has gone after a flush */
static const char *check_tables(const struct model *all, int fd, long before,
				__u64 tables)
{
	__u64 needed = model_tables(all);
	long live;

	if (tables < needed)
		return complain("%llu tables, %llu of them needed", tables,
				needed);
	iopd_sweep(fd);
	tables = iopd_tables(fd);
	if (tables != needed)
		return complain("%llu tables after a sweep, %llu of them needed",
				tables, needed);
	live = iopd_stat("live") - before;
	if (iopd_alone() && live != (long)tables)
		return complain("%ld tables live, expected %llu", live, tables);
	return NULL;
}

static const char *check_all(const struct lane *lanes, int fd, long before)
{
	struct model all;
	const char *bad;
	__u64 tables;
	int i;

	model_init(&all, IAS);
	for (i = 0; i < THREADS; i++) {
		if (lanes[i].bad)
			return lanes[i].bad;
		model_merge(&all, &lanes[i].model);
	}
	bad = check_leaves(&all, fd, &tables);
	if (!bad)
		bad = check_tables(&all, fd, before, tables);
	model_destroy(&all);
	return bad;
}

FIXTURE(lanes)
{
	struct lane lanes[THREADS];
	long live;
	int fd;
};

FIXTURE_VARIANT(lanes)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(lanes, non_coherent)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(lanes, coherent)
{
	.flags = IOPD_COHERENT,
};

FIXTURE_SETUP(lanes)
{
	int i;

	iopd_drain();
	memset(self, 0, sizeof(*self));
	self->live = iopd_stat("live");
	self->fd = iopd_new(IAS, variant->flags);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		struct lane *lane = &self->lanes[i];

		lane->number = i;
		lane->fd = self->fd;
		model_init(&lane->model, IAS);
		rng_seed(&lane->rng, seed * (i + 1) + variant->flags);
	}
}

FIXTURE_TEARDOWN(lanes)
{
	int i;

	close(self->fd);
	for (i = 0; i < THREADS; i++)
		model_destroy(&self->lanes[i].model);
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	if (iopd_alone())
		EXPECT_EQ(self->live, iopd_stat("live"));
}

static const char *run_lanes(struct lane *lanes, const struct game *game,
			     int fd, long live, enum flushes flushes,
			     void *(*look)(void *))
{
	struct stranger stranger = { .fd = fd };
	struct flusher flusher = { .fd = fd, .flushes = flushes };
	int i;

	stop = false;
	if (flushes != NO_FLUSHES)
		pthread_create(&flusher.thread, NULL, flush_all_the_time,
			       &flusher);
	pthread_create(&stranger.thread, NULL, look, &stranger);
	for (i = 0; i < THREADS; i++) {
		lanes[i].game = game;
		lanes[i].flushes = flushes;
		pthread_create(&lanes[i].thread, NULL, play, &lanes[i]);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(lanes[i].thread, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	if (flushes != NO_FLUSHES)
		pthread_join(flusher.thread, NULL);
	pthread_join(stranger.thread, NULL);
	if (stranger.bad)
		return complain("%s", stranger.bad);
	return check_all(lanes, fd, live);
}

#define ASSERT_LANES_BESIDE(game, flushes, look) do {			\
	const char *_bad = run_lanes(self->lanes, &games[game],		\
				     self->fd, self->live, flushes,	\
				     look);				\
	ASSERT_EQ(NULL, _bad)						\
		TH_LOG("seed %llu: %s", seed, _bad);			\
} while (0)

#define ASSERT_LANES(game, flushes)					\
	ASSERT_LANES_BESIDE(game, flushes, look_all_the_time)

TEST_F_TIMEOUT(lanes, pages_of_one_table, 300)
{
	ASSERT_LANES(PAGES, NO_FLUSHES);
}

TEST_F_TIMEOUT(lanes, pages_and_late_flushes, 300)
{
	ASSERT_LANES(PAGES, LATE_FLUSHES);
}

TEST_F_TIMEOUT(lanes, regions_of_one_table, 300)
{
	ASSERT_LANES(REGIONS, NO_FLUSHES);
}

TEST_F_TIMEOUT(lanes, regions_and_flushes, 300)
{
	ASSERT_LANES(REGIONS, FLUSHES);
}

TEST_F_TIMEOUT(lanes, regions_and_late_flushes, 300)
{
	ASSERT_LANES(REGIONS, LATE_FLUSHES);
}

TEST_F_TIMEOUT(lanes, tables_that_die, 300)
{
	ASSERT_LANES(DYING, NO_FLUSHES);
}

TEST_F_TIMEOUT(lanes, tables_that_die_and_flushes, 300)
{
	ASSERT_LANES(DYING, FLUSHES);
}

TEST_F_TIMEOUT(lanes, tables_that_die_and_late_flushes, 300)
{
	ASSERT_LANES(DYING, LATE_FLUSHES);
}

TEST_F_TIMEOUT(lanes, tables_driven_out, 300)
{
	ASSERT_LANES(ROUNDS, FLUSHES);
}

TEST_F_TIMEOUT(lanes, new_tables_for_all, 300)
{
	ASSERT_LANES(RACE, FLUSHES);
}

TEST_F_TIMEOUT(lanes, corners_that_are_walked_to, 300)
{
	struct iopd_path path = { .iova = SZ_1G };

	if (iopd_path(self->fd, &path) == -EOPNOTSUPP)
		SKIP(return, "this kernel does not walk to a leaf");
	ASSERT_LANES_BESIDE(CORNERS, FLUSHES, walk_all_the_time);
}

int main(int argc, char **argv)
{
	seed = iopd_option(&argc, argv, "seed", "IOPD_SEED", time(NULL));
	ops = iopd_option(&argc, argv, "ops", "IOPD_OPS", OPS_DEFAULT);
	iopd_require();
	may_split = kernel_splits_blocks();
	printf("# seed %llu, %llu operations a thread; again with --seed=%llu --ops=%llu\n",
	       seed, ops, seed, ops);
	fflush(stdout);
	return test_harness_run(argc, argv);
}
