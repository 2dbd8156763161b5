// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walker: sizes, regions, and every way a descriptor can be wrong.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "test.h"

static const struct ipmmu_walker plain = { .read = world_read };

static const struct ipmmu_format format39 = {
	.va64 = true, .tsz = { 25, 25 }, .ttbr = { PAGE(0), PAGE(8) },
};

static enum witness_walk walk(const struct ipmmu_format *format, uint64_t iova,
			      struct ipmmu_walk *out)
{
	return ipmmu_walk(format, iova, &plain, out);
}

static uint64_t output(const struct ipmmu_format *format, uint64_t iova)
{
	struct ipmmu_walk out;

	if (walk(format, iova, &out) != WITNESS_WALK_OK)
		return REFUSED;
	return out.base | (iova & MASK64(ipmmu_level_shift(out.level)));
}

static void pages_and_blocks(void)
{
	struct ipmmu_walk out;

	world_put(PAGE(0), 5, GOOD_TABLE(PAGE(1)));
	world_put(PAGE(0), 511, GOOD_BLOCK(0xffc0000000ull));
	world_put(PAGE(1), 7, GOOD_TABLE(PAGE(2)));
	world_put(PAGE(1), 8, GOOD_BLOCK(0x40200000ull));
	world_put(PAGE(2), 9, GOOD_PAGE(0xfffffff000ull));

	CHECK_EQ(output(&format39, (5ull << 30) + (7 << 21) + (9 << 12) + 0xabc),
		 0xfffffffabcull);
	CHECK_EQ(output(&format39, (5ull << 30) + (8 << 21) + 0x1fffff), 0x403fffffull);
	CHECK_EQ(output(&format39, BIT64(39) - 1), 0xffffffffffull);
	CHECK_EQ(walk(&format39, 5ull << 30, &out), WITNESS_WALK_TRANSLATION);
	CHECK_EQ(out.level, 2);
	CHECK_EQ(walk(&format39, 6ull << 30, &out), WITNESS_WALK_TRANSLATION);
	CHECK_EQ(out.level, 1);
}

static void protection(void)
{
	struct ipmmu_walk out;
	uint32_t all = WITNESS_PROT_READ | WITNESS_PROT_WRITE | WITNESS_PROT_NONSECURE;

	world_map_first();
	world_put(PAGE(2), 1, GOOD_PAGE(0x1000) | 0x80 | 6 << 2);
	world_put(PAGE(2), 2, GOOD_PAGE(0x1000) | BIT64(54) | BIT64(55));
	walk(&format39, 0, &out);
	CHECK_EQ(out.prot, all);
	walk(&format39, 0x1000, &out);
	CHECK_EQ(out.prot, (all & ~WITNESS_PROT_WRITE) | 6 << WITNESS_PROT_ATTR_SHIFT);
	walk(&format39, 0x2000, &out);
	CHECK_EQ(out.prot, all | WITNESS_PROT_NOEXEC);
	/* A table's limits bind what is below */
	world_put(PAGE(0), 0, GOOD_TABLE(PAGE(1)) | BIT64(62) | BIT64(60));
	CHECK_EQ(walk(&format39, 0, &out), WITNESS_WALK_OK);
	CHECK_EQ(out.prot, (all & ~WITNESS_PROT_WRITE) | WITNESS_PROT_NOEXEC);
}

static void bit_39_chooses_ttbr1(void)
{
	struct ipmmu_format format = format39;

	world_put(PAGE(0), 1, GOOD_BLOCK(1ull << 30));
	world_put(PAGE(8), 1, GOOD_BLOCK(2ull << 30));
	CHECK_EQ(output(&format, 1ull << 30), 1ull << 30);
	CHECK_EQ(output(&format, BIT64(39) + (1ull << 30)), 2ull << 30);
	CHECK_EQ(output(&format, BIT64(40) + (1ull << 30)), REFUSED);
	/* A smaller upper part leaves a hole below it */
	format.tsz[1] = 26;
	CHECK_EQ(output(&format, BIT64(39) + (1ull << 30)), REFUSED);
	CHECK_EQ(output(&format, BIT64(39) + BIT64(38) + (1ull << 30)), 2ull << 30);
	format.tsz[1] = 0;
	CHECK_EQ(output(&format, BIT64(39) + BIT64(38) + (1ull << 30)), REFUSED);
}

static void forty_bits_start_at_level_0(void)
{
	struct ipmmu_format format = { .va64 = true, .tsz = { 24, 0 }, .ttbr = { PAGE(4) } };
	struct ipmmu_walk out;

	world_put(PAGE(4), 1, GOOD_TABLE(PAGE(5)));
	world_put(PAGE(5), 2, GOOD_BLOCK(3ull << 30));
	CHECK_EQ(output(&format, BIT64(39) + (2ull << 30) + 5), (3ull << 30) + 5);
	world_put(PAGE(4), 0, GOOD_BLOCK(0));
	CHECK_EQ(walk(&format, 0, &out), WITNESS_WALK_FORMAT);
	CHECK_EQ(out.level, 0);
}

static void thirty_two_bits(void)
{
	struct ipmmu_format format = { .ttbr = { PAGE(0), PAGE(8) } };

	world_put(PAGE(0), 3, GOOD_TABLE(PAGE(1)));
	world_put(PAGE(1), 511, GOOD_TABLE(PAGE(2)));
	world_put(PAGE(2), 511, GOOD_PAGE(0x5000));
	CHECK_EQ(output(&format, 0xffffffffull), 0x5fff);
	CHECK_EQ(output(&format, 0x100000000ull), REFUSED);

	/* 1 GiB at the bottom, the rest above: the bottom starts at level 2 */
	format.tsz[0] = 2;
	world_put(PAGE(0), 1, GOOD_BLOCK(0x600000));
	world_put(PAGE(8), 3, GOOD_BLOCK(0x40000000));
	CHECK_EQ(output(&format, 0x200123), 0x600123);
	CHECK_EQ(output(&format, 0xc0000123ull), 0x40000123);
	format.tsz[1] = 1;
	CHECK_EQ(output(&format, 0x7fffffffull), REFUSED);
}

struct wrong {
	unsigned int table;		/* where the good tables are spoilt */
	uint64_t descriptor;
	enum witness_walk status;
	unsigned int level;
};

static const struct wrong wrongs[] = {
	{ 0, 0,						WITNESS_WALK_TRANSLATION, 1 },
	{ 1, 0,						WITNESS_WALK_TRANSLATION, 2 },
	{ 2, 0,						WITNESS_WALK_TRANSLATION, 3 },
	{ 2, GOOD_PAGE(0x1000) & ~1ull,			WITNESS_WALK_TRANSLATION, 3 },
	{ 2, GOOD_BLOCK(0x1000),			WITNESS_WALK_FORMAT, 3 },
	{ 2, GOOD_PAGE(0x1000) | BIT64(40),		WITNESS_WALK_FORMAT, 3 },
	{ 2, GOOD_PAGE(0x1000) | BIT64(51),		WITNESS_WALK_FORMAT, 3 },
	{ 1, GOOD_TABLE(PAGE(2)) | BIT64(40),		WITNESS_WALK_FORMAT, 2 },
	{ 0, GOOD_TABLE(PAGE(1)) | BIT64(47),		WITNESS_WALK_FORMAT, 1 },
	{ 1, GOOD_BLOCK(0x201000),			WITNESS_WALK_FORMAT, 2 },
	{ 1, GOOD_BLOCK(0x300000),			WITNESS_WALK_FORMAT, 2 },
	{ 0, GOOD_BLOCK(0x20000000),			WITNESS_WALK_FORMAT, 1 },
	{ 2, GOOD_PAGE(0x1000) & ~BIT64(10),		WITNESS_WALK_ACCESS, 3 },
	{ 1, GOOD_BLOCK(0x200000) & ~BIT64(10),		WITNESS_WALK_ACCESS, 2 },
	{ 2, GOOD_PAGE(0x1000) & ~BIT64(5),		WITNESS_WALK_SECURE, 3 },
	{ 0, GOOD_BLOCK(0x40000000) & ~BIT64(5),	WITNESS_WALK_SECURE, 1 },
	{ 0, GOOD_TABLE(PAGE(1)) & ~BIT64(63),		WITNESS_WALK_SECURE, 1 },
	{ 1, GOOD_TABLE(PAGE(2)) & ~BIT64(63),		WITNESS_WALK_SECURE, 2 },
	{ 2, GOOD_PAGE(0x1000) & ~BIT64(6),		WITNESS_WALK_PERMISSION, 3 },
	{ 1, GOOD_TABLE(PAGE(2)) | BIT64(61),		WITNESS_WALK_PERMISSION, 3 },
	{ 1, GOOD_TABLE(PAGE(200 * 256)),		WITNESS_WALK_ABORT, 3 },
};

static void wrong_descriptors(void)
{
	struct ipmmu_walk out;
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(wrongs); i++) {
		world_map_first();
		CHECK_EQ(output(&format39, 0), LEAF_PA);
		world_put(PAGE(wrongs[i].table), 0, wrongs[i].descriptor);
		CHECK_EQ(walk(&format39, 0, &out) | (uint64_t)i << 32,
			 wrongs[i].status | (uint64_t)i << 32);
		CHECK_EQ(out.level | (uint64_t)i << 32, wrongs[i].level | (uint64_t)i << 32);
	}
}

const struct test walk_tests[] = {
	{ "walk: pages and blocks of 39 bits", pages_and_blocks },
	{ "walk: permissions, XN and attributes", protection },
	{ "walk: bit 39 chooses TTBR1", bit_39_chooses_ttbr1 },
	{ "walk: 40 bits start at level 0", forty_bits_start_at_level_0 },
	{ "walk: VMSAv8-32", thirty_two_bits },
	{ "walk: every wrong descriptor is caught, at its level", wrong_descriptors },
	{ }
};
