// SPDX-License-Identifier: GPL-2.0-only
/*
 * The borders of what a page table takes: refusals that change nothing, blocks
 * and tables that meet, and what a flush releases and what not.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"

#define RW		(IOPD_READ | IOPD_WRITE)
#define IAS		39
#define OAS		40
#define X		(5 * SZ_1G + 6 * SZ_2M)	/* a place on a 2 MiB border */
#define PA		(3 * SZ_1G)

static __u64 leaves(int fd)
{
	struct iopd_scan scan = { .last = ~0ull };

	iopd_scan(fd, &scan);
	return scan.leaves;
}

static struct iopd_leaf leaf_at(int fd, __u64 iova)
{
	struct iopd_leaf leaf = { .level = 9 };
	struct iopd_scan scan = {
		.start = iova, .last = iova, .capacity = 1,
		.buffer = (uintptr_t)&leaf,
	};

	iopd_scan(fd, &scan);
	return leaf;
}

FIXTURE(edge)
{
	int fd;
	long freed;
	long live;
};

FIXTURE_VARIANT(edge)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(edge, non_coherent)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(edge, coherent)
{
	.flags = IOPD_COHERENT,
};

FIXTURE_SETUP(edge)
{
	iopd_drain();
	self->fd = iopd_new(IAS, variant->flags);
	self->freed = iopd_stat("freed");
	self->live = iopd_stat("live");
}

FIXTURE_TEARDOWN(edge)
{
	close(self->fd);
	EXPECT_TRUE(iopd_idles());
}

/* Tables given back, and tables more than the root, once all is quiet */
#define EXPECT_TABLES(nr_freed, nr_live) do {				\
	iopd_drain();							\
	EXPECT_EQ(0, iopd_stat("pending"));				\
	EXPECT_EQ(nr_freed, iopd_stat("freed") - self->freed);		\
	EXPECT_EQ(nr_live, iopd_stat("live") - self->live);		\
} while (0)

/*
 * A page beside the one of a test: what is above both is not empty after a
 * sweep.
 */
#define EXPECT_HELD()	EXPECT_MAP(0, SZ_4K, X + 9 * SZ_2M, PA, SZ_4K, 1, RW)

#define NOT_OURS	"others use the library: its counters are not ours"

#define EXPECT_MAP(result, bytes, iova, paddr, size, count, prot) do {	\
	__u64 _mapped = ~0ull;					\
	EXPECT_EQ(result, iopd_map(self->fd, iova, paddr, size, count,	\
				   prot, &_mapped));			\
	EXPECT_EQ(bytes, _mapped);					\
} while (0)

/* --- refusals ------------------------------------------------------------- */

TEST_F(edge, overlap_of_pages)
{
	EXPECT_MAP(0, 4 * SZ_4K, X, PA, SZ_4K, 4, RW);
	EXPECT_MAP(-EEXIST, 2 * SZ_4K, X - 2 * SZ_4K, SZ_2M, SZ_4K, 8, RW);
	EXPECT_EQ(6, leaves(self->fd));
	EXPECT_EQ(SZ_2M, iopd_lookup(self->fd, X - 2 * SZ_4K));
	EXPECT_EQ(PA, iopd_lookup(self->fd, X));
	EXPECT_EQ(PA + 3 * SZ_4K, iopd_lookup(self->fd, X + 3 * SZ_4K));
	EXPECT_EQ(0, iopd_lookup(self->fd, X + 4 * SZ_4K));
	EXPECT_MAP(-EEXIST, 0, X, SZ_2M, SZ_4K, 1, RW);
	EXPECT_EQ(PA, iopd_lookup(self->fd, X));
}

TEST_F(edge, overlap_in_a_later_table)
{
	EXPECT_MAP(0, SZ_4K, X + 700 * SZ_4K, PA, SZ_4K, 1, RW);
	EXPECT_MAP(-EEXIST, 700 * SZ_4K, X, 2 * PA, SZ_4K, 1500, RW);
	EXPECT_EQ(701, leaves(self->fd));
	EXPECT_EQ(PA, iopd_lookup(self->fd, X + 700 * SZ_4K));
	EXPECT_EQ(0, iopd_lookup(self->fd, X + 701 * SZ_4K));
}

TEST_F(edge, overlap_with_blocks)
{
	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, RW);
	EXPECT_MAP(-EEXIST, 0, X + SZ_4K, SZ_2M, SZ_4K, 1, RW);
	EXPECT_MAP(-EEXIST, 0, X, SZ_2M, SZ_2M, 1, RW);
	EXPECT_MAP(-EEXIST, SZ_2M, X - SZ_2M, 2 * PA, SZ_2M, 3, RW);
	EXPECT_EQ(2, leaves(self->fd));
	EXPECT_EQ(PA + 5, iopd_lookup(self->fd, X + 5));

	EXPECT_MAP(0, SZ_1G, 8 * SZ_1G, PA, SZ_1G, 1, RW);
	EXPECT_MAP(-EEXIST, 0, 8 * SZ_1G + X % SZ_1G, SZ_2M, SZ_2M, 1, RW);
	EXPECT_MAP(-EEXIST, 0, 8 * SZ_1G + X % SZ_1G, SZ_2M, SZ_4K, 1, RW);
	EXPECT_EQ(PA + SZ_2M, iopd_lookup(self->fd, 8 * SZ_1G + SZ_2M));
	EXPECT_EQ(3, leaves(self->fd));
}

TEST_F(edge, misaligned)
{
	EXPECT_MAP(-EINVAL, 0, X + 1, PA, SZ_4K, 1, RW);
	EXPECT_MAP(-EINVAL, 0, X, PA + 8, SZ_4K, 1, RW);
	EXPECT_MAP(-EINVAL, 0, X + SZ_4K, PA, SZ_2M, 1, RW);
	EXPECT_MAP(-EINVAL, 0, X, PA + SZ_4K, SZ_2M, 1, RW);
	EXPECT_MAP(-EINVAL, 0, X, PA, SZ_1G, 1, RW);
	EXPECT_MAP(-EINVAL, 0, 8 * SZ_1G, PA + SZ_2M, SZ_1G, 1, RW);
	EXPECT_EQ(0, leaves(self->fd));
	EXPECT_EQ(1, iopd_tables(self->fd));

	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, RW);
	EXPECT_EQ(0, iopd_unmap(self->fd, X + 1, SZ_4K, 1));
	EXPECT_EQ(0, iopd_unmap(self->fd, X + SZ_4K, SZ_2M, 1));
	EXPECT_EQ(0, iopd_unmap(self->fd, X, SZ_1G, 1));
	EXPECT_EQ(1, leaves(self->fd));
}

TEST_F(edge, no_such_page_size)
{
	static const __u64 sizes[] = {
		0, 1, SZ_4K / 2, 2 * SZ_4K, 3 * SZ_4K, 16 * SZ_4K, 16 * SZ_2M,
		SZ_4K | SZ_2M, SZ_512G, 1ull << 63, ~0ull,
	};
	unsigned int i;

	EXPECT_MAP(0, SZ_4K, 0, PA, SZ_4K, 1, RW);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_MAP(-EINVAL, 0, 0, 0, sizes[i], 1, RW);
		EXPECT_EQ(0, iopd_unmap(self->fd, 0, sizes[i], 1));
	}
	EXPECT_MAP(-EINVAL, 0, X, PA, SZ_4K, 0, RW);
	EXPECT_EQ(0, iopd_unmap(self->fd, 0, SZ_4K, 0));
	EXPECT_EQ(1, leaves(self->fd));
}

TEST_F(edge, iova_out_of_range)
{
	const __u64 end = 1ull << IAS, top = 1ull << 63;

	EXPECT_MAP(-ERANGE, 0, end, PA, SZ_4K, 1, RW);
	EXPECT_MAP(-ERANGE, 0, top, PA, SZ_1G, 1, RW);
	EXPECT_MAP(-ERANGE, 0, -SZ_4K, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, leaves(self->fd));
	EXPECT_EQ(1, iopd_tables(self->fd));

	EXPECT_MAP(0, SZ_4K, 0, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, iopd_unmap(self->fd, end, SZ_4K, 1));
	EXPECT_EQ(0, iopd_unmap(self->fd, top, SZ_4K, 1));
	EXPECT_EQ(0, iopd_lookup(self->fd, end));
	EXPECT_EQ(0, iopd_lookup(self->fd, top));
	EXPECT_EQ(0, iopd_lookup(self->fd, ~0ull));
	EXPECT_EQ(PA, iopd_lookup(self->fd, 0));
}

TEST_F(edge, run_out_of_range)
{
	const __u64 end = 1ull << IAS;

	if (!kernel_maps_runs())
		SKIP(return, "this kernel maps pages one by one");
	EXPECT_MAP(-ERANGE, 0, end - SZ_4K, PA, SZ_4K, 2, RW);
	EXPECT_MAP(-ERANGE, 0, end - SZ_2M, PA, SZ_2M, 2, RW);
	EXPECT_MAP(-ERANGE, 0, -SZ_4K, PA, SZ_4K, 2, RW);
	/* Sizes that come to nothing, or to little, in 64 bits */
	EXPECT_MAP(-ERANGE, 0, 0, PA, SZ_4K, 1ull << 52, RW);
	EXPECT_MAP(-ERANGE, 0, 0, PA, SZ_4K, (1ull << 52) + 1, RW);
	EXPECT_MAP(-ERANGE, 0, SZ_4K, PA, SZ_4K, ~0ull, RW);
	EXPECT_MAP(-ERANGE, 0, X, (1ull << OAS) - SZ_4K, SZ_4K, 2, RW);
	EXPECT_MAP(-ERANGE, 0, X, -SZ_4K, SZ_4K, 2, RW);
	EXPECT_EQ(0, leaves(self->fd));
	EXPECT_EQ(1, iopd_tables(self->fd));
	EXPECT_MAP(0, SZ_4K, 0, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, iopd_unmap(self->fd, 0, SZ_4K, (1ull << 52) + 1));
	EXPECT_EQ(PA, iopd_lookup(self->fd, 0));
}

TEST_F(edge, paddr_out_of_range)
{
	const __u64 end = 1ull << OAS;

	EXPECT_MAP(-ERANGE, 0, X, end, SZ_4K, 1, RW);
	EXPECT_MAP(-ERANGE, 0, X, 1ull << 48, SZ_2M, 1, RW);
	EXPECT_EQ(0, leaves(self->fd));
	EXPECT_MAP(0, SZ_4K, X, end - SZ_4K, SZ_4K, 1, RW);
	EXPECT_EQ(end - 1, iopd_lookup(self->fd, X + SZ_4K - 1));
}

TEST_F(edge, no_permission)
{
	EXPECT_MAP(-EINVAL, 0, X, PA, SZ_4K, 1, 0);
	EXPECT_MAP(-EINVAL, 0, X, PA, SZ_2M, 1, IOPD_CACHE | IOPD_NOEXEC);
	EXPECT_EQ(0, leaves(self->fd));
	EXPECT_EQ(1, iopd_tables(self->fd));
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, IOPD_WRITE);
}

TEST_F(edge, unmap_stops_at_a_hole)
{
	EXPECT_EQ(0, iopd_unmap(self->fd, X, SZ_4K, 4));
	EXPECT_EQ(0, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(0, iopd_unmap(self->fd, SZ_1G, SZ_1G, 2));
	EXPECT_MAP(0, 4 * SZ_4K, X, PA, SZ_4K, 4, RW);
	EXPECT_MAP(0, SZ_4K, X + 5 * SZ_4K, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, iopd_unmap(self->fd, X - SZ_4K, SZ_4K, 3));
	EXPECT_EQ(3 * SZ_4K, iopd_unmap(self->fd, X + SZ_4K, SZ_4K, 8));
	EXPECT_EQ(2, leaves(self->fd));
}

TEST_F(edge, last_page_of_the_space)
{
	static const unsigned int widths[] = { 31, 32, 36, 39, 40, 48 };
	static const __u64 sizes[] = { SZ_4K, SZ_2M, SZ_1G };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		int fd = iopd_new(widths[i], variant->flags);
		__u64 end = 1ull << widths[i];

		for (j = 0; j < 3; j++) {
			__u64 mapped = 0, size = sizes[j];

			EXPECT_EQ(0, iopd_map(fd, end - size, PA, size, 1, RW,
					      &mapped));
			EXPECT_EQ(size, mapped);
			EXPECT_EQ(PA + size - 1, iopd_lookup(fd, end - 1));
			EXPECT_EQ(0, iopd_lookup(fd, end - size - 1));
			EXPECT_EQ(0, iopd_lookup(fd, 0));
			EXPECT_EQ(size, iopd_unmap(fd, end - size, size, 1));
			EXPECT_EQ(0, iopd_lookup(fd, end - 1));
		}
		close(fd);
	}
}

/* --- blocks and tables ---------------------------------------------------- */

TEST_F(edge, block_over_empty_table)
{
	struct iopd_counters counters;

	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, X, SZ_4K, 1));
	EXPECT_EQ(3, iopd_tables(self->fd));
	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, RW);

	iopd_counters(self->fd, &counters);
	EXPECT_EQ(1, counters.flush_walk);
	EXPECT_LE(counters.flush_walk_iova, X);
	EXPECT_GE(counters.flush_walk_iova + counters.flush_walk_size,
		  X + SZ_2M);
	EXPECT_EQ(2, iopd_tables(self->fd));
	EXPECT_TABLES(1, 1);
}

TEST_F(edge, block_over_subtree)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	/* One table of 2 MiB entries, three of pages */
	EXPECT_TRUE(iopd_fill(self->fd, 8 * SZ_1G, SZ_2M, 3, SZ_4K, 1));
	EXPECT_TRUE(iopd_strip(self->fd, 8 * SZ_1G, SZ_2M, 3, SZ_4K, 1));
	EXPECT_MAP(0, SZ_1G, 8 * SZ_1G, PA, SZ_1G, 1, RW);
	EXPECT_EQ(1, iopd_tables(self->fd));
	EXPECT_TABLES(4, 0);
	EXPECT_EQ(PA + 12345, iopd_lookup(self->fd, 8 * SZ_1G + 12345));
}

/* What is mapped stays as it is, and nothing is flushed or comes into limbo */
static const char *check_refused(int fd, __u64 block, __u64 leaf, __u64 at)
{
	const __u64 base = 16 * SZ_1G;
	struct iopd_counters before, after;
	struct iopd_scan scan = { .last = ~0ull };
	__u64 mapped = ~0ull;
	long live;
	int ret;

	if (iopd_map(fd, base + at, PA, leaf, 1, RW, NULL))
		return "there is something already";
	live = iopd_stat("live");
	iopd_counters(fd, &before);
	ret = iopd_map(fd, base, 2 * PA, block, 1, RW, &mapped);
	iopd_counters(fd, &after);
	iopd_scan(fd, &scan);
	if (ret != -EEXIST || mapped)
		return complain("map: %d, 0x%llx mapped", ret, mapped);
	if (iopd_lookup(fd, base + at) != PA || scan.leaves != 1 ||
	    iopd_stat("live") != live)
		return complain("%llu leaves, lookup 0x%llx, %ld tables more",
				scan.leaves, iopd_lookup(fd, base + at),
				iopd_stat("live") - live);
	if (after.flush_walk != before.flush_walk)
		return "there was a flush";
	if (iopd_unmap(fd, base + at, leaf, 1) != leaf)
		return "what was there cannot be unmapped";
	/* With nothing in there the block takes the place. */
	ret = iopd_map(fd, base, 2 * PA, block, 1, RW, NULL);
	if (ret || iopd_lookup(fd, base + at) != 2 * PA + at)
		return complain("map over tables with nothing in them: %d", ret);
	return iopd_unmap(fd, base, block, 1) == block ? NULL :
							 "the block stays";
}

/* The first leaf in the table, one in the middle, and the last */
TEST_F(edge, block_over_leaves)
{
	static const struct {
		__u64 block;
		__u64 leaf;
	} pairs[] = { { SZ_2M, SZ_4K }, { SZ_1G, SZ_4K }, { SZ_1G, SZ_2M } };
	unsigned int i, j;

	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		__u64 last = pairs[i].block - pairs[i].leaf;
		const __u64 places[] = { 0, last / 2 & ~(pairs[i].leaf - 1), last };

		for (j = 0; j < ARRAY_SIZE(places); j++) {
			const char *bad = check_refused(self->fd, pairs[i].block,
							pairs[i].leaf, places[j]);

			EXPECT_EQ(NULL, bad)
				TH_LOG("0x%llx over 0x%llx at 0x%llx: %s",
				       pairs[i].block, pairs[i].leaf, places[j],
				       bad);
			/*
			 * The next one counts tables, so none may be on its way
			 * out.
			 */
			iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
			iopd_drain();
		}
	}
}

/*
 * A library that looks for such calls counts one that comes in the middle of
 * another with the same range, and none else.
 */
TEST_F(edge, overlapping_calls_are_told)
{
	long overlaps = iopd_stat("overlaps");

	if (overlaps < 0)
		SKIP(return, "not built with IO_PGTABLE_DEFERRED_DEBUG=y");
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	/* Else the kernel's log would have a warning. */
	ASSERT_EQ(0, iopd_set_param("overlap_warn", "N"));
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, X, SZ_4K, 1));
	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(overlaps, iopd_stat("overlaps"));

	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, X, SZ_4K, 1));
	iopd_meet(self->fd, true);
	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, RW);
	iopd_meet(self->fd, false);
	EXPECT_EQ(overlaps + 1, iopd_stat("overlaps"));
	EXPECT_EQ(PA + SZ_4K, iopd_lookup(self->fd, X + SZ_4K));
	iopd_set_param("overlap_warn", "Y");
}

TEST_F(edge, block_over_table_without_callback)
{
	int fd = iopd_new(IAS, variant->flags | IOPD_NO_TLB);
	__u64 mapped = ~0ull;

	EXPECT_EQ(0, iopd_map(fd, X, PA, SZ_4K, 1, RW, NULL));
	EXPECT_EQ(SZ_4K, iopd_unmap(fd, X, SZ_4K, 1));
	EXPECT_EQ(-EEXIST, iopd_map(fd, X, PA, SZ_2M, 1, RW, &mapped));
	EXPECT_EQ(0, mapped);
	EXPECT_EQ(3, iopd_tables(fd));
	/* The table is still of use */
	EXPECT_EQ(0, iopd_map(fd, X, PA, SZ_4K, 1, RW, NULL));
	EXPECT_EQ(PA, iopd_lookup(fd, X));
	close(fd);
}

TEST_F(edge, block_over_table_and_flush_times_out)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_HELD();
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, X, SZ_4K, 1));
	iopd_time_out(self->fd, true);
	EXPECT_MAP(-EIO, 0, X, PA, SZ_2M, 1, RW);
	EXPECT_EQ(1, leaves(self->fd));
	EXPECT_TABLES(0, 3);
	/* Not before the hardware has confirmed */
	EXPECT_MAP(-EIO, 0, X, PA, SZ_2M, 1, RW);
	EXPECT_MAP(-EIO, 0, X, PA, SZ_4K, 1, RW);
	EXPECT_TABLES(0, 3);
	iopd_time_out(self->fd, false);
	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, RW);
	EXPECT_TABLES(1, 2);
}

TEST_F(edge, part_of_a_block)
{
	struct iopd_leaf before, after;
	__u64 hole = X + 7 * SZ_4K;

	if (!kernel_splits_blocks())
		SKIP(return, "this kernel does not split blocks");
	EXPECT_MAP(0, SZ_2M, X, PA, SZ_2M, 1, IOPD_READ | IOPD_NOEXEC);
	before = leaf_at(self->fd, X);
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, hole, SZ_4K, 1));
	EXPECT_EQ(511, leaves(self->fd));
	EXPECT_EQ(0, iopd_lookup(self->fd, hole));
	EXPECT_EQ(PA + 6 * SZ_4K, iopd_lookup(self->fd, hole - SZ_4K));
	EXPECT_EQ(PA + 8 * SZ_4K, iopd_lookup(self->fd, hole + SZ_4K));
	EXPECT_EQ(PA + SZ_2M - 1, iopd_lookup(self->fd, X + SZ_2M - 1));

	/* A page where a block was, with everything else as it was */
	after = leaf_at(self->fd, X);
	EXPECT_EQ(2, before.level);
	EXPECT_EQ(3, after.level);
	EXPECT_EQ(before.descriptor | 2, after.descriptor);
}

TEST_F(edge, page_out_of_a_giant_block)
{
	const __u64 base = 8 * SZ_1G, hole = base + 100 * SZ_2M + SZ_4K;

	if (!kernel_splits_blocks())
		SKIP(return, "this kernel does not split blocks");
	EXPECT_MAP(0, SZ_1G, base, PA, SZ_1G, 1, RW);
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, hole, SZ_4K, 1));
	EXPECT_EQ(2 * 511, leaves(self->fd));
	EXPECT_EQ(3, iopd_tables(self->fd));
	EXPECT_EQ(0, iopd_lookup(self->fd, hole));
	EXPECT_EQ(PA + (hole - base) - 1, iopd_lookup(self->fd, hole - 1));
	EXPECT_EQ(PA + (hole - base) + SZ_4K,
		  iopd_lookup(self->fd, hole + SZ_4K));
	EXPECT_EQ(2, leaf_at(self->fd, base).level);
	EXPECT_EQ(PA + SZ_1G - 1, iopd_lookup(self->fd, base + SZ_1G - 1));
}

/* Where a table has been cut off, the walk finds nothing at all */
TEST_F(edge, walk_to_where_a_table_was)
{
	struct iopd_path path = { .iova = X };

	if (iopd_path(self->fd, &path) == -EOPNOTSUPP)
		SKIP(return, "this kernel does not walk to a leaf");
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_MAP(0, SZ_4K, X + SZ_2M, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(0, iopd_path(self->fd, &path));
	EXPECT_EQ(-EINVAL, path.result);
	EXPECT_EQ(3, path.entries[1] & 3);
	EXPECT_EQ(0, path.entries[2]);
	EXPECT_EQ(0, path.entries[3]);

	path.iova = 1ull << IAS;
	EXPECT_EQ(0, iopd_path(self->fd, &path));
	EXPECT_EQ(-EINVAL, path.result);
}

TEST_F(edge, leaves_are_told_to_the_driver)
{
	struct iopd_counters counters;

	EXPECT_MAP(0, 20 * SZ_4K, X, PA, SZ_4K, 20, RW);
	EXPECT_MAP(0, 3 * SZ_2M, 8 * SZ_1G, PA, SZ_2M, 3, RW);
	EXPECT_EQ(10 * SZ_4K, iopd_unmap(self->fd, X, SZ_4K, 10));
	EXPECT_EQ(2 * SZ_2M, iopd_unmap(self->fd, 8 * SZ_1G, SZ_2M, 2));
	iopd_counters(self->fd, &counters);
	EXPECT_EQ(12, counters.add_page);
}

/* --- limbo ---------------------------------------------------------------- */

TEST_F(edge, detached_table_waits_for_its_flush)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_HELD();
	EXPECT_MAP(0, 3 * SZ_4K, X, PA, SZ_4K, 3, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(0, iopd_lookup(self->fd, X));
	EXPECT_TABLES(0, 3);
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END |
					  IOPD_FLUSH_TIMED_OUT));
	EXPECT_TABLES(0, 3);
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	EXPECT_TABLES(1, 2);
	EXPECT_EQ(0, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	EXPECT_TABLES(1, 2);
}

TEST_F(edge, flush_in_progress_releases_nothing)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_HELD();
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, iopd_flush(self->fd, IOPD_FLUSH_BEGIN));
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	iopd_flush(self->fd, IOPD_FLUSH_END);
	EXPECT_TABLES(0, 3);
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	EXPECT_TABLES(1, 2);
}

TEST_F(edge, flush_releases_what_came_before_it)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_HELD();
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_MAP(0, SZ_4K, X + SZ_2M, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN));
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X + SZ_2M, SZ_2M, 1));
	EXPECT_TABLES(0, 4);
	iopd_flush(self->fd, IOPD_FLUSH_END);
	EXPECT_TABLES(1, 3);
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	EXPECT_TABLES(2, 2);
}

TEST_F(edge, subtree_in_limbo_counts_whole)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_TRUE(iopd_fill(self->fd, 8 * SZ_1G, SZ_2M, 512, SZ_4K, 2));
	EXPECT_EQ(SZ_1G, iopd_unmap(self->fd, 8 * SZ_1G, SZ_1G, 1));
	EXPECT_TABLES(0, 513);
	EXPECT_EQ(513, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	EXPECT_TABLES(513, 0);
}

/*
 * To a driver that flushes by address each table that is cut off is told at
 * once.
 */
TEST_F(edge, tables_are_told_to_a_driver_by_address)
{
	struct iopd_counters counters;
	int fd = iopd_new(IAS, variant->flags | IOPD_BY_ADDRESS);
	/* Where there is no call for a run, each table is a call of its own. */
	__u64 calls = kernel_maps_runs() ? 1 : 2;

	EXPECT_TRUE(iopd_fill(fd, X, SZ_2M, 3, SZ_4K, 512));
	EXPECT_EQ(2 * SZ_2M, iopd_unmap(fd, X, SZ_2M, 2));
	EXPECT_EQ(0, iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	iopd_counters(fd, &counters);
	EXPECT_EQ(calls, counters.flush_walk);
	EXPECT_EQ(X + (calls - 1) * SZ_2M, counters.flush_walk_iova);
	EXPECT_EQ(2 * SZ_2M / calls, counters.flush_walk_size);
	EXPECT_EQ(0, counters.add_page);
	close(fd);
}

/* Without a flush of the driver's own its empty tables do not pile up. */
TEST_F(edge, limbo_of_a_driver_by_address_is_bounded)
{
	int fd = iopd_new(IAS, variant->flags | IOPD_BY_ADDRESS |
			  IOPD_WORKER_FLUSHES);
	struct iopd_counters counters;

	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_TRUE(iopd_fill(fd, X, SZ_2M, 500, SZ_4K, 1));
	EXPECT_TRUE(iopd_strip(fd, X, SZ_2M, 500, SZ_4K, 1));
	iopd_sweep_alone();
	/*
	 * The root alone: the library has asked for the flushes that were
	 * missing
	 */
	EXPECT_EQ(1, iopd_stat("live") - self->live);
	EXPECT_EQ(0, iopd_stat("limbo"));
	iopd_counters(fd, &counters);
	EXPECT_LE(1, counters.flush_all);
	EXPECT_GE(500 / 32, counters.flush_all);
	close(fd);
}

TEST_F(edge, free_takes_limbo_along)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_TRUE(iopd_fill(self->fd, X, SZ_2M, 10, SZ_4K, 1));
	EXPECT_EQ(4 * SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 4));
	iopd_free(self->fd);
	EXPECT_TABLES(12, -1);
}

/* --- tables that have become empty ---------------------------------------- */

#define EXPECT_CALLBACKS(nr) do {					\
	struct iopd_counters _counters;					\
	iopd_counters(self->fd, &_counters);				\
	EXPECT_EQ(nr, _counters.flush_walk);				\
} while (0)

TEST_F(edge, emptied_tables_go)
{
	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_TRUE(iopd_fill(self->fd, X, SZ_2M, 100, SZ_4K, 3));
	EXPECT_TRUE(iopd_strip(self->fd, X, SZ_2M, 100, SZ_4K, 1));
	EXPECT_EQ(102, iopd_tables(self->fd));
	EXPECT_TRUE(iopd_strip(self->fd, X + SZ_4K, SZ_2M, 100, SZ_4K, 2));
	EXPECT_EQ(102, iopd_tables(self->fd));
	/* All of them wait for a flush after a sweep, and have gone after it */
	iopd_sweep_alone();
	EXPECT_EQ(1, iopd_tables(self->fd));
	EXPECT_EQ(101, iopd_stat("live") - self->live);
	iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	iopd_drain();
	EXPECT_EQ(0, iopd_stat("live") - self->live);
}

TEST_F(edge, blocks_emptied_by_pages_go)
{
	if (!kernel_splits_blocks() || !iopd_alone())
		SKIP(return, "no splitting of blocks, or the counters are not ours");
	EXPECT_MAP(0, 40 * SZ_2M, X, PA, SZ_2M, 40, RW);
	EXPECT_EQ(40 * SZ_2M, iopd_unmap(self->fd, X, SZ_4K, 40 * 512));
	iopd_sweep(self->fd);
	EXPECT_EQ(1, iopd_tables(self->fd));
	EXPECT_EQ(0, iopd_stat("live") - self->live);
}

TEST_F(edge, one_page_over_and_over)
{
	struct iopd_counters counters;
	long made;
	int i;

	if (!iopd_alone())
		SKIP(return, NOT_OURS);
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	made = iopd_stat("live") + iopd_stat("freed");
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(SZ_4K, iopd_unmap(self->fd, X, SZ_4K, 1));
		iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
		ASSERT_EQ(0, iopd_map(self->fd, X, PA, SZ_4K, 1, RW, NULL));
	}
	EXPECT_EQ(made, iopd_stat("live") + iopd_stat("freed"));
	iopd_counters(self->fd, &counters);
	EXPECT_EQ(0, counters.flush_walk + counters.flush_all);
}

TEST_F(edge, new_table_in_a_slot_not_yet_flushed)
{
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_CALLBACKS(0);
	EXPECT_MAP(0, SZ_4K, X + SZ_4K, PA, SZ_4K, 1, RW);
	EXPECT_CALLBACKS(1);
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_CALLBACKS(1);

	/* With a flush of the driver's in between there is no need for one */
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END));
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_CALLBACKS(1);
}

TEST_F(edge, block_in_a_slot_not_yet_flushed)
{
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_MAP(0, 2 * SZ_2M, X - SZ_2M, PA, SZ_2M, 2, RW);
	EXPECT_CALLBACKS(1);
	EXPECT_EQ(PA + SZ_2M, iopd_lookup(self->fd, X));
}

TEST_F(edge, slot_flushed_too_early)
{
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, iopd_flush(self->fd, IOPD_FLUSH_BEGIN));
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	iopd_flush(self->fd, IOPD_FLUSH_END);
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_CALLBACKS(1);
}

TEST_F(edge, slot_whose_flush_is_under_way)
{
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	EXPECT_EQ(1, iopd_flush(self->fd, IOPD_FLUSH_BEGIN));
	/*
	 * Another thread's flush is not over: one's own, begun later, will do
	 */
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_CALLBACKS(1);
	iopd_flush(self->fd, IOPD_FLUSH_END);
	EXPECT_EQ(PA, iopd_lookup(self->fd, X));
}

TEST_F(edge, slot_whose_flush_timed_out)
{
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(SZ_2M, iopd_unmap(self->fd, X, SZ_2M, 1));
	iopd_time_out(self->fd, true);
	EXPECT_MAP(-EIO, 0, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(0, leaves(self->fd));
	EXPECT_EQ(0, iopd_lookup(self->fd, X));
	iopd_time_out(self->fd, false);
	EXPECT_MAP(0, SZ_4K, X, PA, SZ_4K, 1, RW);
	EXPECT_EQ(PA, iopd_lookup(self->fd, X));
}

/* --- what is made at all -------------------------------------------------- */

static int try_create(struct iopd_create shape)
{
	int fd = iopd_open();
	int ret = iopd_create(fd, &shape);

	close(fd);
	return ret;
}

static const struct iopd_create usual = {
	.fmt = IOPD_ARM_64_LPAE_S1, .ias = IAS, .oas = OAS,
	.pgsize_bitmap = SIZES,
};

#define EXPECT_CREATE(result, ...) do {					\
	struct iopd_create _shape = usual;				\
	__VA_ARGS__;							\
	EXPECT_EQ(result, try_create(_shape));				\
} while (0)

TEST_F(edge, formats)
{
	static const __u32 bad[] = { 4, 5, 6, 7, 8, 100, ~0u };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_CREATE(-EOPNOTSUPP, _shape.fmt = bad[i]);
	EXPECT_CREATE(0, _shape.fmt = IOPD_ARM_64_LPAE_S1);
	EXPECT_CREATE(0, _shape.fmt = IOPD_ARM_32_LPAE_S1; _shape.ias = 32);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.fmt = IOPD_ARM_32_LPAE_S1;
		      _shape.ias = 33);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.fmt = IOPD_ARM_32_LPAE_S1;
		      _shape.ias = 32; _shape.oas = 42);
	EXPECT_CREATE(0, _shape.fmt = IOPD_ARM_32_LPAE_S2; _shape.ias = 40);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.fmt = IOPD_ARM_32_LPAE_S2;
		      _shape.ias = 41);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.fmt = IOPD_ARM_32_LPAE_S2;
		      _shape.oas = 42);
}

TEST_F(edge, widths)
{
	/* What is too much is cut down, as the kernel's own library does */
	static const __u32 bad_ias[] = { 0, 1, 12 };
	static const __u32 bad_oas[] = { 0, 31, 33, 39, 47 };
	static const __u32 oas[] = { 32, 36, 40, 42, 44, 48, 49, 52, 64, ~0u };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_ias); i++)
		EXPECT_CREATE(-EOPNOTSUPP, _shape.ias = bad_ias[i]);
	for (i = 0; i < ARRAY_SIZE(bad_oas); i++)
		EXPECT_CREATE(-EOPNOTSUPP, _shape.oas = bad_oas[i]);
	for (i = 0; i < ARRAY_SIZE(oas); i++)
		EXPECT_CREATE(0, _shape.oas = oas[i]);
}

static int if_known(__u64 quirk)
{
	return kernel_knows(quirk) ? 0 : -EOPNOTSUPP;
}

TEST_F(edge, quirks_and_sizes)
{
	static const __u64 bad[] = {
		1 << 1, 1 << 3, 1 << 8, 1ull << 40,
		IOPD_QUIRK_ARM_NS | 1 << 1, ~0ull,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_CREATE(-EOPNOTSUPP, _shape.quirks = bad[i]);
	EXPECT_CREATE(0, _shape.quirks = IOPD_QUIRK_ARM_NS);
	EXPECT_CREATE(0, _shape.quirks = IOPD_QUIRK_ARM_TTBR1);
	/* For walkers that snoop there is nothing to override */
	EXPECT_CREATE(if_known(IOPD_QUIRK_ARM_OUTER_WBWA),
		      _shape.quirks = IOPD_QUIRK_ARM_OUTER_WBWA);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.quirks = IOPD_QUIRK_ARM_OUTER_WBWA;
		      _shape.flags = IOPD_COHERENT);
	EXPECT_CREATE(if_known(IOPD_QUIRK_ARM_HD),
		      _shape.quirks = IOPD_QUIRK_ARM_HD);
	EXPECT_CREATE(if_known(IOPD_QUIRK_NON_STRICT),
		      _shape.quirks = IOPD_QUIRK_NON_STRICT);
	/* Stage 2 has none of its own */
	EXPECT_CREATE(-EOPNOTSUPP, _shape.quirks = IOPD_QUIRK_ARM_NS;
		      _shape.fmt = IOPD_ARM_64_LPAE_S2);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.pgsize_bitmap = 0);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.pgsize_bitmap = SZ_2M | SZ_1G);
	EXPECT_CREATE(-EOPNOTSUPP, _shape.pgsize_bitmap = 2 * SZ_4K);
	EXPECT_CREATE(0, _shape.pgsize_bitmap = SZ_16K);
	EXPECT_CREATE(0, _shape.pgsize_bitmap = SZ_64K);
}

TEST_F(edge, only_the_sizes_asked_for)
{
	struct iopd_create shape = usual;
	int fd = iopd_open();

	shape.pgsize_bitmap = SZ_4K | SZ_32M | SZ_2M | 1ull << 39;
	ASSERT_EQ(0, iopd_create(fd, &shape));
	EXPECT_EQ(SZ_4K | SZ_2M, shape.pgsize_bitmap);
	EXPECT_EQ(-EINVAL, iopd_map(fd, 0, 0, SZ_1G, 1, RW, NULL));
	EXPECT_EQ(-EINVAL, iopd_map(fd, 0, 0, 4 * SZ_4K, 1, RW, NULL));
	EXPECT_EQ(0, iopd_map(fd, 0, SZ_2M, SZ_2M, 1, RW, NULL));
	close(fd);
}

/* A leaf as big as the root has no place; everything smaller has */
TEST_F(edge, narrow_spaces)
{
	static const unsigned int widths[] = { 13, 20, 21, 22, 30, 31 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		struct iopd_create shape = usual;
		int fd = iopd_open();
		__u64 size;

		shape.ias = widths[i];
		if (iopd_create(fd, &shape)) {
			close(fd);
			continue;
		}
		for (size = SZ_4K; size <= SZ_1G; size *= 512) {
			int wanted = shape.pgsize_bitmap & size ? 0 : -EINVAL;

			if (size >= 1ull << shape.ias)
				wanted = -EINVAL;
			EXPECT_EQ(wanted, iopd_map(fd, 0, PA, size, 1, RW,
						   NULL));
			if (!wanted)
				EXPECT_EQ(size, iopd_unmap(fd, 0, size, 1));
		}
		EXPECT_EQ(0, shape.pgsize_bitmap >> shape.ias);
		close(fd);
	}
}

TEST_F(edge, bad_requests)
{
	struct iopd_create shape = usual;
	struct iopd_map map = {};
	struct iopd_flush flush = {};
	int fd = iopd_open();

#define EXPECT_ERRNO(wanted, cmd, arg) do {				\
	EXPECT_EQ(-1, ioctl(fd, cmd, arg));				\
	EXPECT_EQ(wanted, errno);					\
} while (0)
	EXPECT_ERRNO(EINVAL, IOPD_IOC_MAP, &map);
	EXPECT_ERRNO(EINVAL, IOPD_IOC_FLUSH, &flush);
	EXPECT_ERRNO(EFAULT, IOPD_IOC_CREATE, NULL);
	EXPECT_ERRNO(ENOTTY, _IO('i', 1), NULL);
	EXPECT_ERRNO(ENOTTY, _IOWR('i', 0xd1, char[4000]), &map);
	shape.flags = 1 << 30;
	EXPECT_ERRNO(EINVAL, IOPD_IOC_CREATE, &shape);
	shape.flags = 0;
	EXPECT_EQ(0, iopd_create(fd, &shape));
	EXPECT_EQ(-EBUSY, iopd_create(fd, &shape));
	map.flags = 1 << 5;
	EXPECT_ERRNO(EINVAL, IOPD_IOC_MAP, &map);
	flush.flags = IOPD_FLUSH_END;
	EXPECT_ERRNO(EINVAL, IOPD_IOC_FLUSH, &flush);
	flush.flags = IOPD_FLUSH_BEGIN;
	EXPECT_EQ(0, ioctl(fd, IOPD_IOC_FLUSH, &flush));
	EXPECT_ERRNO(EBUSY, IOPD_IOC_FLUSH, &flush);
	close(fd);
}

int main(int argc, char **argv)
{
	iopd_require();
	return test_harness_run(argc, argv);
}
