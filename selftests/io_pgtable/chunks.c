// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of tables comes from and goes to: how many pages a page
 * table has beside its tables, and that all of them come back.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"

/* Pages that the library takes at once, for trees that have as many tables */
#define CHUNK		16

/* Pages that are ready where callers may not block */
#define READY		CHUNK

/*
 * Chunks of a live tree that wait for the rest of them, and the time they have
 */
#define HELD_MOST	(8 * (CHUNK - 1))
#define HELD_MS		3000

/* Times that the kernel is asked to shrink its caches, far sooner than that */
#define SHRINKS		20

#define HELD_REGIONS	64

#define IAS		39
#define REGIONS		2000
#define THREADS		4
#define OPS_DEFAULT	3000

/* Left as it is for the kernel while the rest is fragmented */
#define SPARE_MEMORY	(192ull << 20)

/*
 * Of which half is free, two pages in a row: many times what a test needs. One
 * page alone is not enough for the kernel, whose objects of a page take two
 * where they have redzones.
 */
#define FRAGMENTED	(512ull << 20)

#define PAGE		4096ull

static __u64 seed, ops;

FIXTURE(chunks)
{
	int fd;
	long live;
	long pages;
	long secondary;
};

FIXTURE_VARIANT(chunks)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(chunks, non_coherent)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(chunks, coherent)
{
	.flags = IOPD_COHERENT,
};

FIXTURE_SETUP(chunks)
{
	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	iopd_drain();
	self->live = iopd_stat("live");
	self->pages = iopd_stat("pages");
	self->secondary = iopd_vmstat("nr_sec_page_table_pages");
	self->fd = iopd_new(IAS, variant->flags);
}

/* Whatever a test has done, everything is back after it. */
FIXTURE_TEARDOWN(chunks)
{
	close(self->fd);
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	EXPECT_EQ(self->live, iopd_stat("live"));
	EXPECT_EQ(self->pages, iopd_stat("pages"));
	EXPECT_EQ(self->secondary, iopd_vmstat("nr_sec_page_table_pages"));
}

/* Pages that are there and no tables */
#define BESIDE	(iopd_stat("pages") - self->pages -			\
		 (iopd_stat("live") - self->live))

/*
 * A drain begins a sweep. A task that has a batch of one in hand gives the
 * tree's pages back after that batch, which the drain does not wait for: it is
 * over before the second drain.
 */
static void flush_and_drain(int fd)
{
	iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	iopd_sweep_alone();
}

/* A root, one table under it, and those of the regions: not one page more */
TEST_F(chunks, small_trees_have_no_spares)
{
	int regions;

	for (regions = 1; regions < CHUNK - 1; regions++) {
		ASSERT_TRUE(iopd_fill(self->fd, regions * SZ_2M, SZ_2M, 1,
				      SZ_4K, 1));
		EXPECT_EQ(regions + 2, iopd_stat("live") - self->live);
		EXPECT_EQ(0, BESIDE);
	}
}

TEST_F(chunks, spares_are_used_up)
{
	long chunks = 0;
	int i;

	if (getpagesize() != PAGE)
		SKIP(return, "larger pages are taken one by one");
	for (i = 0; i < REGIONS; i++) {
		long before = BESIDE, now;

		ASSERT_TRUE(iopd_fill(self->fd, i * SZ_2M, SZ_2M, 1, SZ_4K, 1));
		now = BESIDE;
		ASSERT_LE(0, now);
		ASSERT_GT(CHUNK, now);
		chunks += now > before;
	}
	TH_LOG("%ld chunks", chunks);
	/* There is memory, so nearly all tables are in chunks. */
	EXPECT_LE(REGIONS / CHUNK / 2, chunks);
}

/* All but every sixteenth table go: nothing waits for those that stay. */
TEST_F(chunks, parts_of_chunks_go_while_the_tree_lives)
{
	__u64 i;

	ASSERT_TRUE(iopd_fill(self->fd, 0, SZ_2M, REGIONS, SZ_4K, 1));
	for (i = 0; i < REGIONS; i++)
		if (i % CHUNK)
			ASSERT_EQ(SZ_2M, iopd_unmap(self->fd, i * SZ_2M,
						    SZ_2M, 1));
	flush_and_drain(self->fd);
	ASSERT_EQ(1 + 4 + REGIONS / CHUNK, iopd_stat("live") - self->live);
	EXPECT_LE(0, BESIDE);
	EXPECT_GT(CHUNK, BESIDE);
}

/*
 * A batch that is full with the last table leaves no more behind than any
 * other.
 */
TEST_F(chunks, nothing_waits_after_a_full_batch)
{
	long batch = iopd_param("batch"), before;
	char text[16];

	if (getpagesize() != PAGE)
		SKIP(return, "larger pages are taken one by one");
	ASSERT_TRUE(iopd_fill(self->fd, 0, SZ_2M, REGIONS, SZ_4K, 1));
	before = BESIDE;
	ASSERT_EQ(0, iopd_set_param("batch", "1"));
	ASSERT_EQ(SZ_2M, iopd_unmap(self->fd, REGIONS / 2 * SZ_2M, SZ_2M, 1));
	flush_and_drain(self->fd);
	snprintf(text, sizeof(text), "%ld", batch);
	ASSERT_EQ(0, iopd_set_param("batch", text));
	EXPECT_EQ(before, BESIDE);
}

/* The worker has freed all that it can, and said what is held. */
static void wait_freed(void)
{
	while (iopd_stat("pending") || iopd_stat("trees"))
		usleep(1000);
}

/* Half of what is in the chunks goes. */
static void free_half(struct __test_metadata *_metadata, int fd)
{
	__u64 i;

	ASSERT_TRUE(iopd_fill(fd, 0, SZ_2M, HELD_REGIONS, SZ_4K, 1));
	for (i = 0; i < HELD_REGIONS / 2; i++)
		ASSERT_EQ(SZ_2M, iopd_unmap(fd, 2 * i * SZ_2M, SZ_2M, 1));
	iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	wait_freed();
}

/* Return: false when they were still held after so many ms */
static bool held_ends(int ms)
{
	while (iopd_stat("held") && ms--)
		usleep(1000);
	return !iopd_stat("held");
}

/* They wait for their neighbours, but not for ever. */
TEST_F(chunks, pages_are_held_for_a_while)
{
	int ms = HELD_MS;
	long held;

	if (getpagesize() != PAGE)
		SKIP(return, "larger pages are taken one by one");
	free_half(_metadata, self->fd);
	held = iopd_stat("held");
	TH_LOG("%ld pages held, %ld beside the tables", held, BESIDE);
	EXPECT_LT(0, held);
	EXPECT_LE(held, HELD_MOST);
	EXPECT_LE(held, BESIDE);
	EXPECT_TRUE(held_ends(HELD_MS));
	/*
	 * They are given back from then on, which takes its time on a busy
	 * machine.
	 */
	while (ms-- && BESIDE > CHUNK - 1)
		usleep(1000);
	EXPECT_LE(0, BESIDE);
	EXPECT_GT(CHUNK, BESIDE);
}

/* The neighbours follow in time: chunks go as a whole, and nothing is held. */
TEST_F(chunks, neighbours_that_follow_are_waited_for)
{
	__u64 i;

	if (getpagesize() != PAGE)
		SKIP(return, "larger pages are taken one by one");
	free_half(_metadata, self->fd);
	EXPECT_LT(0, iopd_stat("held"));
	for (i = 0; i < HELD_REGIONS / 2; i++)
		ASSERT_EQ(SZ_2M, iopd_unmap(self->fd, (2 * i + 1) * SZ_2M,
					    SZ_2M, 1));
	iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	wait_freed();
	/* What is left is one chunk, with the spares. */
	EXPECT_GE(CHUNK, BESIDE);
	flush_and_drain(self->fd);
	EXPECT_EQ(0, iopd_stat("held"));
}

/* A system that is short of memory does not wait. */
TEST_F(chunks, shrinker_takes_what_is_held)
{
	int fd, tries;

	if (getpagesize() != PAGE)
		SKIP(return, "larger pages are taken one by one");
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	ASSERT_LE(0, fd);
	free_half(_metadata, self->fd);
	EXPECT_LT(0, iopd_stat("held"));
	/* The shrinker waits for no worker that has the tree in hand. */
	for (tries = 0; tries < SHRINKS && iopd_stat("held"); tries++)
		EXPECT_EQ(1, write(fd, "2", 1));
	EXPECT_EQ(0, iopd_stat("held"));
	close(fd);
}

/* A tree without tables has no spares either. */
TEST_F(chunks, empty_trees_have_no_spares)
{
	int regions;

	for (regions = 1; regions < 4 * CHUNK; regions++) {
		ASSERT_TRUE(iopd_fill(self->fd, 0, SZ_2M, regions, SZ_4K, 1));
		ASSERT_EQ(regions * SZ_2M,
			  iopd_unmap(self->fd, 0, SZ_2M, regions));
		flush_and_drain(self->fd);
		ASSERT_EQ(0, BESIDE);
	}
}

/* A tree ends while it holds some, which is when it holds them no more. */
TEST_F(chunks, held_when_the_tree_ends)
{
	free_half(_metadata, self->fd);
	close(self->fd);
	self->fd = iopd_new(IAS, variant->flags);
	iopd_drain();
	EXPECT_EQ(0, iopd_stat("held"));
	EXPECT_EQ(1, iopd_stat("live") - self->live);
	EXPECT_EQ(1, iopd_stat("pages") - self->pages);
}

/* And one by one, in an order that no chunk survives */
TEST_F(chunks, tables_go_one_by_one)
{
	__u64 i;

	ASSERT_TRUE(iopd_fill(self->fd, 0, SZ_2M, REGIONS, SZ_4K, 1));
	for (i = 0; i < REGIONS; i++) {
		__u64 region = i * 37 % REGIONS;	/* prime to REGIONS */

		ASSERT_EQ(SZ_2M, iopd_unmap(self->fd, region * SZ_2M,
					    SZ_2M, 1));
		if (i % 50)
			continue;
		flush_and_drain(self->fd);
		ASSERT_EQ(1 + 4 + REGIONS - i - 1,
			  iopd_stat("live") - self->live);
		ASSERT_GT(CHUNK, BESIDE);
	}
}

/* --- at random ------------------------------------------------------------ */

static bool map_one(int fd, __u64 iova, bool atomic)
{
	struct iopd_map arg = {
		.iova = iova, .paddr = SZ_1G, .pgsize = SZ_4K, .pgcount = 1,
		.prot = IOPD_READ | IOPD_WRITE,
		.flags = atomic ? IOPD_ATOMIC : 0,
	};

	return !ioctl(fd, IOPD_IOC_MAP, &arg) && !arg.result;
}

static bool play(int fd, struct rng *rng, bool *mapped, __u64 base)
{
	__u64 i;

	for (i = 0; i < ops; i++) {
		__u64 region = rng_below(rng, REGIONS);
		__u64 iova = base + region * SZ_2M;

		if (!mapped[region]) {
			if (!map_one(fd, iova, rng_below(rng, 2)))
				return false;
		} else if (iopd_unmap(fd, iova, SZ_2M, 1) != SZ_2M) {
			return false;
		}
		mapped[region] = !mapped[region];
		if (!rng_below(rng, 20))
			iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	}
	return true;
}

struct player {
	pthread_t thread;
	int fd;
	int number;
	bool good;
};

static void *play_alone(void *arg)
{
	struct player *player = arg;
	bool mapped[REGIONS] = {};
	struct rng rng;

	rng_seed(&rng, seed + player->number);
	player->good = play(player->fd, &rng, mapped,
			    player->number * 8 * SZ_1G);
	return NULL;
}

TEST_F_TIMEOUT(chunks, random_and_by_several, 300)
{
	struct player players[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		players[i] = (struct player) { .fd = self->fd, .number = i };
		ASSERT_EQ(0, pthread_create(&players[i].thread, NULL,
					    play_alone, &players[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(players[i].thread, NULL);
		EXPECT_TRUE(players[i].good)
			TH_LOG("seed %llu", seed);
	}
	flush_and_drain(self->fd);
	EXPECT_LE(0, BESIDE);
	/* Some of the callers may not block: one chunk is ready for them. */
	EXPECT_GT(CHUNK + READY, BESIDE);
}

/* All want the same new tables at once: those of all but one are not needed. */
static void *map_same(void *arg)
{
	struct player *player = arg;
	__u64 i;

	player->good = true;
	for (i = 0; i < REGIONS; i++)
		player->good &= map_one(player->fd, i * SZ_2M +
					player->number * PAGE, i % 2);
	return NULL;
}

TEST_F_TIMEOUT(chunks, same_tables_by_several, 300)
{
	struct player players[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		players[i] = (struct player) { .fd = self->fd, .number = i };
		ASSERT_EQ(0, pthread_create(&players[i].thread, NULL, map_same,
					    &players[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(players[i].thread, NULL);
		EXPECT_TRUE(players[i].good);
	}
	EXPECT_EQ(1 + 4 + REGIONS, iopd_stat("live") - self->live);
	EXPECT_LE(0, BESIDE);
	/* Each may have thrown away what it has built, three tables at most. */
	EXPECT_GT(CHUNK + READY + 3 * THREADS, BESIDE);
}

/* --- fragmented memory ---------------------------------------------------- */

static size_t free_memory(void)
{
	return sysconf(_SC_AVPHYS_PAGES) * PAGE;
}

/*
 * Touch it page by page, until only so much is free. Return: how much was
 * touched.
 */
static size_t populate(char *memory, size_t size, size_t leave)
{
	size_t at;

	for (at = 0; at < size; at += PAGE) {
		if (!(at % SZ_2M) && free_memory() <= leave)
			break;
		memory[at] = 1;
	}
	return at;
}

/*
 * Take nearly all memory, and give two of four pages of a part of it back: to
 * do that with all of it takes very long where each access is checked.
 */
static char *fragment(size_t *size)
{
	char *memory;
	size_t at;

	*size = free_memory();
	if (*size <= SPARE_MEMORY + FRAGMENTED)
		return NULL;
	memory = mmap(NULL, *size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, FRAGMENTED, MADV_NOHUGEPAGE);
	madvise(memory + FRAGMENTED, *size - FRAGMENTED, MADV_HUGEPAGE);
	populate(memory + FRAGMENTED, *size - FRAGMENTED,
		 SPARE_MEMORY + FRAGMENTED);
	populate(memory, FRAGMENTED, SPARE_MEMORY);
	for (at = 0; at < FRAGMENTED; at += 4 * PAGE)
		madvise(memory + at, 2 * PAGE, MADV_DONTNEED);
	return memory;
}

/* Tables one by one until so many in a row have not come in a chunk */
#define SINGLES		(4 * CHUNK)

/*
 * A look takes as long as many maps. With no divisor in common with a chunk, at
 * most one look in CHUNK falls on a chunk that has just been used up.
 */
#define LOOK_EVERY	7

/*
 * All that was left, and some of the rest; more would call for the OOM killer
 */
#define MOST_TABLES	((SPARE_MEMORY + FRAGMENTED / 8) / PAGE)

/* Return: how many tables that took, or MOST_TABLES */
static __u64 use_up_chunks(int fd, long pages, long live)
{
	__u64 i, last = 0;
	long now;

	for (i = 0; i < MOST_TABLES && i - last < SINGLES; i++) {
		if (!map_one(fd, i * SZ_2M, false))
			break;
		if (i % LOOK_EVERY)
			continue;
		now = iopd_stat("pages") - iopd_stat("live") - (pages - live);
		if (now)
			last = i;
	}
	return i - last < SINGLES ? MOST_TABLES : i;
}

/*
 * Chunks are had as long as there are any; then tables are single pages, and
 * the map succeeds all the same.
 */
TEST_F_TIMEOUT(chunks, fragmented_memory, 300)
{
	long tables, pages;
	size_t size;
	char *memory;
	__u64 i;

	/*
	 * The kernel's own objects of a page take two, and after five minutes
	 * of filling the memory a look has still found chunks, each time.
	 */
	if (iopd_kernel_is_checked())
		SKIP(return, "such a kernel's memory does not stay fragmented");
	memory = fragment(&size);
	if (!memory)
		SKIP(return, "no memory to fragment");
	i = use_up_chunks(self->fd, self->pages, self->live);
	if (i == MOST_TABLES) {
		munmap(memory, size);
		SKIP(return, "the memory was not fragmented enough");
	}
	tables = iopd_stat("live");
	pages = iopd_stat("pages");
	ASSERT_TRUE(iopd_fill(self->fd, i * SZ_2M, SZ_2M, REGIONS, SZ_4K, 1));
	tables = iopd_stat("live") - tables;
	pages = iopd_stat("pages") - pages;
	TH_LOG("%llu tables until chunks were used up, then %ld tables in %ld pages",
	       i, tables, pages);
	EXPECT_LE(REGIONS, tables);
	/* Some memory may have come back meanwhile. */
	EXPECT_LE(tables, pages);
	EXPECT_GT(tables + CHUNK, pages);
	munmap(memory, size);
}

int main(int argc, char **argv)
{
	seed = iopd_option(&argc, argv, "seed", "IOPD_SEED", time(NULL));
	ops = iopd_option(&argc, argv, "ops", "IOPD_OPS", OPS_DEFAULT);
	iopd_require();
	printf("# seed %llu, %llu operations a thread; again with --seed=%llu --ops=%llu\n",
	       seed, ops, seed, ops);
	fflush(stdout);
	return test_harness_run(argc, argv);
}
