// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every shape of table: all formats, granules, input and output sizes. What
 * the hardware is told, beside the kernel's own library; what can be mapped,
 * as far as the ends of the space; and dirty tracking.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"

#define RW		(IOPD_READ | IOPD_WRITE)

/*
 * Each granule by itself, all together, and with sizes that are none of its own
 */
static const __u64 bitmaps[] = {
	SZ_4K | SZ_2M | SZ_1G,
	SZ_16K | SZ_32M,
	SZ_64K | SZ_512M,
	SZ_4K | SZ_16K | SZ_64K | SZ_2M | SZ_32M | SZ_512M | SZ_1G,
	SZ_16K | SZ_64K | SZ_2M | SZ_1G,
	SZ_4K,
};

/* The first of them are those by themselves */
#define GRANULES	3

static const unsigned int oases[] = { 32, 36, 40, 42, 44, 48, 52 };

static const __u32 formats[] = {
	IOPD_ARM_32_LPAE_S1, IOPD_ARM_32_LPAE_S2,
	IOPD_ARM_64_LPAE_S1, IOPD_ARM_64_LPAE_S2,
};

static const __u64 quirks[] = {
	0,
	IOPD_QUIRK_ARM_NS,
	IOPD_QUIRK_ARM_TTBR1,
	IOPD_QUIRK_ARM_OUTER_WBWA,
	IOPD_QUIRK_ARM_HD,
	IOPD_QUIRK_NON_STRICT,
	IOPD_QUIRK_NON_STRICT | IOPD_QUIRK_ARM_TTBR1,
	IOPD_QUIRK_ARM_NS | IOPD_QUIRK_ARM_TTBR1 | IOPD_QUIRK_ARM_OUTER_WBWA,
};

/*
 * Narrowest input size looked at: one that has a table below the root, with any
 * granule
 */
#define IAS_FIRST	30
#define IAS_LAST	53

static const char *describe(const struct iopd_create *s)
{
	static char text[160];

	snprintf(text, sizeof(text),
		 "format %u, ias %u, oas %u, sizes 0x%llx, quirks 0x%llx, flags 0x%x",
		 s->fmt, s->ias, s->oas, s->pgsize_bitmap, s->quirks, s->flags);
	return text;
}

/* --- the same as the kernel's --------------------------------------------- */

/* The kernel does not see to it that the largest leaf fits the root */
static bool sizes_are_right(const struct iopd_create *ours,
			    const struct iopd_create *theirs)
{
	__u64 wanted = theirs->pgsize_bitmap;

	wanted &= (1ull << ours->ias) - 1;
	return !(ours->pgsize_bitmap & ~theirs->pgsize_bitmap) &&
	       ours->pgsize_bitmap == wanted;
}

/*
 * What both make of the page sizes: the CPU's own if wanted, else the next
 * smaller
 */
static __u64 granule(__u64 sizes)
{
	__u64 page = getpagesize(), below = sizes & (page - 1);

	if (sizes & page)
		return page;
	while (below & (below - 1))
		below &= below - 1;
	return below ? below : sizes & -sizes;
}

/*
 * Since 6.14 a stage 2 whose root has to consist of several tables, and would
 * be of more than sixteen, is refused by the kernel with a warning: do not ask
 * for it.
 */
static bool kernel_would_warn(const struct iopd_create *shape)
{
	if (kernel_splits_blocks() || shape->fmt != IOPD_ARM_64_LPAE_S2)
		return false;
	if (granule(shape->pgsize_bitmap) == SZ_4K)
		return (shape->oas == 40 || shape->oas == 42) && shape->ias > 43;
	return granule(shape->pgsize_bitmap) == SZ_16K && shape->oas == 40 &&
	       shape->ias > 40 && shape->ias < 48;
}

static const char *check_refused(const struct iopd_create *shape)
{
	struct iopd_create made = *shape;
	int fd = iopd_open(), ret = iopd_create(fd, &made);

	close(fd);
	if (ret != -EOPNOTSUPP)
		return complain("%s: %d, the kernel refuses it", describe(shape),
				ret);
	return NULL;
}

static const char *compare_one(const struct iopd_create *shape)
{
	struct iopd_create made[2] = { *shape, *shape };
	int fd[2], ret[2], k;
	const char *bad = NULL;

	if (kernel_would_warn(shape))
		return check_refused(shape);
	made[1].flags |= IOPD_KERNEL;
	for (k = 0; k < 2; k++) {
		fd[k] = iopd_open();
		ret[k] = iopd_create(fd[k], &made[k]);
	}
	if (ret[0] != ret[1])
		bad = complain("%s: %d, the kernel %d", describe(shape), ret[0],
			       ret[1]);
	else if (!ret[0])
		bad = iopd_registers_differ(&made[0], &made[1]);
	if (!bad && !ret[0] && !sizes_are_right(&made[0], &made[1]))
		bad = complain("%s: sizes 0x%llx, the kernel 0x%llx",
			       describe(shape), made[0].pgsize_bitmap,
			       made[1].pgsize_bitmap);
	for (k = 0; k < 2; k++)
		close(fd[k]);
	return bad;
}

FIXTURE(same)
{
};

FIXTURE_VARIANT(same)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(same, coherent)
{
	.flags = IOPD_COHERENT,
};

FIXTURE_VARIANT_ADD(same, non_coherent)
{
	.flags = 0,
};

FIXTURE_SETUP(same)
{
}

FIXTURE_TEARDOWN(same)
{
}

/* The digit of *number to the base of limit, which is taken off */
static unsigned int digit(unsigned int *number, unsigned int limit)
{
	unsigned int low = *number % limit;

	*number /= limit;
	return low;
}

#define IAS_NR		(IAS_LAST - IAS_FIRST + 1)
#define SHAPES		(ARRAY_SIZE(formats) * ARRAY_SIZE(bitmaps) *	\
			 ARRAY_SIZE(oases) * IAS_NR)

/* All formats, page sizes, widths */
TEST_F_TIMEOUT(same, registers, 300)
{
	struct iopd_create shape = { .flags = variant->flags };
	unsigned int i;

	for (i = 0; i < SHAPES; i++) {
		unsigned int number = i;
		const char *bad;

		shape.ias = IAS_FIRST + digit(&number, IAS_NR);
		shape.oas = oases[digit(&number, ARRAY_SIZE(oases))];
		shape.pgsize_bitmap = bitmaps[digit(&number, ARRAY_SIZE(bitmaps))];
		shape.fmt = formats[number];
		bad = compare_one(&shape);
		ASSERT_EQ(NULL, bad)
			TH_LOG("%s: %s", describe(&shape), bad);
	}
	TH_LOG("%u shapes", i);
}

TEST_F(same, quirks)
{
	unsigned int i, nr = ARRAY_SIZE(formats) * ARRAY_SIZE(bitmaps) *
			     ARRAY_SIZE(quirks);
	struct iopd_create shape = { .flags = variant->flags };

	for (i = 0; i < nr; i++) {
		unsigned int number = i;
		const char *bad;

		shape.quirks = quirks[digit(&number, ARRAY_SIZE(quirks))];
		shape.pgsize_bitmap = bitmaps[digit(&number, ARRAY_SIZE(bitmaps))];
		shape.fmt = formats[number];
		shape.ias = shape.fmt == IOPD_ARM_32_LPAE_S1 ? 32 : 40;
		shape.oas = 40;
		bad = compare_one(&shape);
		ASSERT_EQ(NULL, bad)
			TH_LOG("%s: %s", describe(&shape), bad);
	}
}

/* --- what can be mapped --------------------------------------------------- */

struct table {
	struct iopd_create shape;
	__u64 base;		/* the first IOVA */
	int fd;
};

#define CHECK(condition) do {						\
	if (!(condition))						\
		return complain("%s: line %u: " #condition,		\
				describe(&t->shape), __LINE__);		\
} while (0)

/* Nothing is mapped: at either end, in the middle */
static const char *check_empty(struct table *t)
{
	CHECK(!iopd_lookup(t->fd, t->base + 42));
	CHECK(!iopd_lookup(t->fd, t->base + SZ_1G + 42));
	CHECK(!iopd_lookup(t->fd, t->base + (1ull << t->shape.ias) - 1));
	CHECK(iopd_tables(t->fd) == 1);
	return NULL;
}

/*
 * One leaf of each size, one behind the other, each at its own multiple of it
 */
static __u64 place(__u64 size)
{
	return size * 2;
}

static const char *check_one_size(struct table *t, __u64 size)
{
	__u64 iova = t->base + place(size), mapped;

	CHECK(!iopd_map(t->fd, iova, place(size), size, 1, RW, &mapped));
	CHECK(mapped == size);
	CHECK(iopd_map(t->fd, iova, size * 4, size, 1, RW, NULL) == -EEXIST);
	CHECK(iopd_lookup(t->fd, iova + 42) == place(size) + 42);
	CHECK(iopd_lookup(t->fd, iova + size - 1) == place(size) + size - 1);
	CHECK(!iopd_lookup(t->fd, iova + size));

	CHECK(iopd_unmap(t->fd, iova, size, 1) == size);
	CHECK(!iopd_lookup(t->fd, iova + 42));
	CHECK(iopd_unmap(t->fd, iova, size, 1) == 0);
	CHECK(!iopd_map(t->fd, iova, place(size), size, 1, IOPD_WRITE, NULL));
	CHECK(iopd_lookup(t->fd, iova + 42) == place(size) + 42);
	return NULL;
}

/* A run over the border of a table, and a run that ends where the space does */
static const char *check_runs(struct table *t, __u64 size)
{
	__u64 table = size * (size == (t->shape.pgsize_bitmap &
				       -t->shape.pgsize_bitmap) ? size / 8 : 4);
	__u64 space = 1ull << t->shape.ias, mapped;
	__u64 iova = t->base + space - 6 * size;

	if (space / size < 16)
		return NULL;
	CHECK(!iopd_map(t->fd, iova, size, size, 6, RW, &mapped));
	CHECK(mapped == 6 * size);
	CHECK(iopd_lookup(t->fd, t->base + space - 1) == 7 * size - 1);
	/* One by one, it is the first of them that cannot be mapped. */
	CHECK(iopd_map(t->fd, iova, size, size, 7, RW, &mapped) ==
	      (kernel_maps_runs() ? -ERANGE : -EEXIST));
	CHECK(iopd_unmap(t->fd, iova, size, 6) == 6 * size);
	CHECK(!iopd_lookup(t->fd, t->base + space - 1));

	if (table * 4 > space || (table + 4 * size) >> t->shape.oas)
		return NULL;
	iova = t->base + space / 2 + table - 3 * size;
	CHECK(!iopd_map(t->fd, iova, size, size, 6, RW, &mapped));
	CHECK(mapped == 6 * size);
	CHECK(iopd_lookup(t->fd, iova + 5 * size) == 6 * size);
	CHECK(iopd_unmap(t->fd, iova, size, 6) == 6 * size);
	CHECK(!iopd_lookup(t->fd, iova + 5 * size));
	return NULL;
}

/* Outside of the space, on either side, nothing is found, mapped or unmapped */
static const char *check_outside(struct table *t, __u64 size)
{
	__u64 beyond = t->base + (1ull << t->shape.ias);

	CHECK(iopd_map(t->fd, beyond, size, size, 1, RW, NULL) == -ERANGE);
	CHECK(iopd_map(t->fd, t->base - size, size, size, 1, RW, NULL) == -ERANGE);
	CHECK(iopd_unmap(t->fd, beyond, size, 1) == 0);
	CHECK(!iopd_lookup(t->fd, beyond + 42));
	CHECK(iopd_map(t->fd, t->base, 1ull << t->shape.oas, size, 1, RW, NULL) ==
	      -ERANGE);
	return NULL;
}

/*
 * A table gives way to a block when all is unmapped; part of a block is
 * unmapped as the kernel does.
 */
static const char *check_tables_and_blocks(struct table *t, __u64 page,
					   __u64 block)
{
	__u64 iova = t->base + 2 * block, entries = block / page;
	__u64 seven = iova + 7 * page;

	CHECK(iopd_unmap(t->fd, iova, block, 1) == block);
	CHECK(!iopd_map(t->fd, iova, page, page, entries, RW, NULL));
	CHECK(iopd_map(t->fd, iova, block, block, 1, RW, NULL) == -EEXIST);
	CHECK(iopd_lookup(t->fd, seven) == page + 7 * page);
	CHECK(iopd_unmap(t->fd, iova, page, entries) == block);
	CHECK(!iopd_map(t->fd, iova, block, block, 1, RW, NULL));
	CHECK(iopd_lookup(t->fd, seven) == block + 7 * page);
	if (!kernel_splits_blocks())
		return NULL;
	CHECK(iopd_unmap(t->fd, seven, page, 2) == 2 * page);
	CHECK(!iopd_lookup(t->fd, seven) && !iopd_lookup(t->fd, seven + page));
	CHECK(iopd_lookup(t->fd, seven - 1) == block + 7 * page - 1);
	CHECK(iopd_lookup(t->fd, seven + 2 * page) == block + 9 * page);
	CHECK(iopd_unmap(t->fd, iova, block, 1) == block);
	CHECK(!iopd_lookup(t->fd, iova));
	return NULL;
}

static const char *check_sizes(struct table *t)
{
	__u64 smallest = t->shape.pgsize_bitmap & -t->shape.pgsize_bitmap;
	__u64 bitmap, last = 0;
	const char *bad = check_empty(t);

	for (bitmap = t->shape.pgsize_bitmap; bitmap && !bad;
	     bitmap &= bitmap - 1) {
		__u64 size = bitmap & -bitmap;

		/* Blocks need a space that has room for a few of them */
		if (size > 1ull << t->shape.ias >> 2 || size * 8 >> t->shape.oas)
			break;
		bad = check_runs(t, size);
		if (!bad)
			bad = check_one_size(t, size);
		if (!bad)
			bad = check_outside(t, size);
		if (!bad && last && size / last == smallest / sizeof(__u64))
			bad = check_tables_and_blocks(t, last, size);
		last = size;
	}
	return bad;
}

static const char *check_shape(struct iopd_create shape)
{
	struct table table = { .shape = shape, .fd = iopd_open() };
	struct table *t = &table;
	const char *bad;
	int ret = iopd_create(t->fd, &t->shape);

	if (ret) {
		close(t->fd);
		return complain("%s: %d", describe(&shape), ret);
	}
	if (shape.quirks & IOPD_QUIRK_ARM_TTBR1)
		t->base = ~0ull << t->shape.ias;
	bad = check_sizes(t);
	close(t->fd);
	return bad;
}

FIXTURE(shape)
{
};

FIXTURE_VARIANT(shape)
{
	__u32 fmt;
	__u64 quirks;
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(shape, s1)
{
	.fmt = IOPD_ARM_64_LPAE_S1,
};

FIXTURE_VARIANT_ADD(shape, s1_coherent)
{
	.fmt = IOPD_ARM_64_LPAE_S1, .flags = IOPD_COHERENT,
};

FIXTURE_VARIANT_ADD(shape, s1_upper_half)
{
	.fmt = IOPD_ARM_64_LPAE_S1, .quirks = IOPD_QUIRK_ARM_TTBR1,
};

FIXTURE_VARIANT_ADD(shape, s2)
{
	.fmt = IOPD_ARM_64_LPAE_S2,
};

FIXTURE_VARIANT_ADD(shape, s2_coherent)
{
	.fmt = IOPD_ARM_64_LPAE_S2, .flags = IOPD_COHERENT,
};

FIXTURE_VARIANT_ADD(shape, lpae32_s1)
{
	.fmt = IOPD_ARM_32_LPAE_S1,
};

FIXTURE_VARIANT_ADD(shape, lpae32_s2)
{
	.fmt = IOPD_ARM_32_LPAE_S2,
};

FIXTURE_SETUP(shape)
{
}

FIXTURE_TEARDOWN(shape)
{
}

/* Does the format take these widths? */
static bool fits(__u32 fmt, unsigned int ias, unsigned int oas, __u64 sizes)
{
	if (fmt == IOPD_ARM_32_LPAE_S1)
		return ias == 32 && oas <= 40 && sizes & SZ_4K;
	if (fmt == IOPD_ARM_32_LPAE_S2)
		return ias <= 40 && oas <= 40 && sizes & SZ_4K;
	return (ias <= 48 && oas <= 48) || sizes == bitmaps[2];
}

/* The matrix of the kernel's own suite, and beyond it */
TEST_F_TIMEOUT(shape, maps_all_sizes, 300)
{
	struct iopd_create shape = {
		.fmt = variant->fmt, .quirks = variant->quirks,
		.flags = variant->flags,
	};
	unsigned int i, nr = GRANULES * ARRAY_SIZE(oases) * ARRAY_SIZE(oases);

	for (i = 0; i < nr; i++) {
		unsigned int number = i;
		const char *bad;

		shape.oas = oases[digit(&number, ARRAY_SIZE(oases))];
		shape.ias = oases[digit(&number, ARRAY_SIZE(oases))];
		shape.pgsize_bitmap = bitmaps[number];
		if (shape.ias > shape.oas ||
		    !fits(shape.fmt, shape.ias, shape.oas, shape.pgsize_bitmap))
			continue;
		bad = check_shape(shape);
		ASSERT_EQ(NULL, bad)
			TH_LOG("%s", bad);
	}
}

/* --- dirty tracking ------------------------------------------------------- */

FIXTURE(dirty)
{
	int fd;
};

FIXTURE_SETUP(dirty)
{
	struct iopd_create shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 48, .oas = 48,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_HD,
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
	};

	if (!kernel_knows(shape.quirks))
		SKIP(return, "this kernel knows no dirty tracking");
	self->fd = iopd_open();
	ASSERT_EQ(0, iopd_create(self->fd, &shape));
}

FIXTURE_TEARDOWN(dirty)
{
	close(self->fd);
}

static struct iopd_dirty read_dirty(int fd, __u64 iova, __u64 size, bool keep)
{
	struct iopd_dirty dirty = { .iova = iova, .size = size, .keep = keep };

	if (ioctl(fd, IOPD_IOC_DIRTY, &dirty))
		dirty.result = -errno;
	return dirty;
}

#define EXPECT_DIRTY(from, to, iova, size, keep) do {			\
	struct iopd_dirty _dirty = read_dirty(self->fd, iova, size, keep);	\
	EXPECT_EQ(0, _dirty.result);					\
	EXPECT_EQ(from, _dirty.start);					\
	EXPECT_EQ(to, _dirty.end);					\
} while (0)

static bool hardware_writes(int fd, __u64 iova)
{
	struct iopd_write write = { .iova = iova };

	return !ioctl(fd, IOPD_IOC_WRITE, &write) && write.done;
}

/* New leaves to write are dirty; then only what the hardware has written */
TEST_F(dirty, pages_and_blocks)
{
	__u64 x = 4 * SZ_1G;

	ASSERT_EQ(0, iopd_map(self->fd, x, SZ_2M, SZ_4K, 16, RW, NULL));
	ASSERT_EQ(0, iopd_map(self->fd, x + SZ_2M, SZ_2M, SZ_2M, 1, RW, NULL));
	EXPECT_DIRTY(x, x + 2 * SZ_2M, x, 2 * SZ_2M, true);
	EXPECT_DIRTY(x, x + 2 * SZ_2M, x, 2 * SZ_2M, false);
	EXPECT_DIRTY(0, 0, x, 2 * SZ_2M, false);

	EXPECT_TRUE(hardware_writes(self->fd, x + 3 * SZ_4K));
	EXPECT_DIRTY(x + 3 * SZ_4K, x + 4 * SZ_4K, x, 2 * SZ_2M, true);
	EXPECT_DIRTY(0, 0, x, 3 * SZ_4K, false);
	EXPECT_DIRTY(x + 3 * SZ_4K, x + 4 * SZ_4K, x + 3 * SZ_4K, SZ_4K, false);
	EXPECT_DIRTY(0, 0, x, 2 * SZ_2M, false);

	/* A part of a block tells of all of it */
	EXPECT_TRUE(hardware_writes(self->fd, x + SZ_2M + 5 * SZ_4K));
	EXPECT_DIRTY(x + SZ_2M, x + 2 * SZ_2M, x + SZ_2M + 8 * SZ_4K, SZ_4K,
		     false);
	EXPECT_EQ(SZ_2M + 3 * SZ_4K, iopd_lookup(self->fd, x + 3 * SZ_4K));
}

TEST_F(dirty, holes_and_what_is_only_read)
{
	__u64 x = 4 * SZ_1G;

	ASSERT_EQ(0, iopd_map(self->fd, x, SZ_2M, SZ_4K, 4, IOPD_READ, NULL));
	EXPECT_FALSE(hardware_writes(self->fd, x));
	EXPECT_FALSE(hardware_writes(self->fd, x + SZ_1G));
	EXPECT_DIRTY(0, 0, 0, 1ull << 48, false);
	ASSERT_EQ(0, iopd_map(self->fd, x + 9 * SZ_1G, SZ_2M, SZ_4K, 1, RW, NULL));
	EXPECT_DIRTY(x + 9 * SZ_1G, x + 9 * SZ_1G + SZ_4K, 0, 1ull << 48, false);
	/* What has been made clean is mapped as before */
	EXPECT_EQ(SZ_4K, iopd_unmap(self->fd, x + 9 * SZ_1G, SZ_4K, 1));
	EXPECT_DIRTY(0, 0, 0, 1ull << 48, false);
}

TEST_F(dirty, bad_ranges)
{
	EXPECT_EQ(-EINVAL, read_dirty(self->fd, 0, 0, false).result);
	EXPECT_EQ(-EINVAL, read_dirty(self->fd, 1ull << 48, SZ_4K, false).result);
	EXPECT_EQ(-EINVAL, read_dirty(self->fd, SZ_4K, 1ull << 48, false).result);
	EXPECT_EQ(-EINVAL, read_dirty(self->fd, SZ_4K, ~0ull, false).result);
}

int main(int argc, char **argv)
{
	iopd_require();
	return test_harness_run(argc, argv);
}
