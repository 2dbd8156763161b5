// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as the walker has it: what was not cleaned is not seen, and a table
 * that was freed too early is missed.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "test.h"

#define NEW_PA		0x7777777000ull

static void start(void)
{
	world_map_first();
	world_enable();
	world.mmu.inject |= WITNESS_INJECT_NONCOHERENT;
}

static void unclean_is_not_seen(void)
{
	start();
	ipmmu_memory_cleaned(&world.mmu, PAGE(2), 512);
	world_put(PAGE(2), 1, GOOD_PAGE(NEW_PA));
	CHECK_EQ(access_read(0x1000), REFUSED);
	/* A neighbour's entry does not help, its own does */
	ipmmu_memory_cleaned(&world.mmu, PAGE(2) + 16, 1);
	CHECK_EQ(access_read(0x1000), REFUSED);
	ipmmu_memory_cleaned(&world.mmu, PAGE(2) + 8, 1);
	CHECK_EQ(access_read(0x1000), NEW_PA);
}

static void first_clean_takes_the_page(void)
{
	start();
	world_put(PAGE(2), 511, GOOD_PAGE(NEW_PA));
	ipmmu_memory_cleaned(&world.mmu, PAGE(2), 1);
	CHECK_EQ(access_read(511 * 0x1000), NEW_PA);
}

static void clean_ends_with_the_page(void)
{
	start();
	ipmmu_memory_cleaned(&world.mmu, PAGE(1) + 511 * 8, 1);
	ipmmu_memory_cleaned(&world.mmu, PAGE(2), 512);
	world_put(PAGE(2), 1, GOOD_PAGE(NEW_PA));
	ipmmu_memory_cleaned(&world.mmu, PAGE(1) + 511 * 8, 512);
	CHECK_EQ(access_read(0x1000), REFUSED);
}

static void coherent_sees_all(void)
{
	start();
	world.mmu.inject &= ~(uint64_t)WITNESS_INJECT_NONCOHERENT;
	ipmmu_memory_cleaned(&world.mmu, PAGE(2), 512);
	world_put(PAGE(2), 1, GOOD_PAGE(NEW_PA));
	CHECK_EQ(access_read(0x1000), NEW_PA);
}

static void freed_after_the_flush(void)
{
	start();
	CHECK_EQ(access_read(0), LEAF_PA);
	world_put(PAGE(1), 0, 0);
	flush_all();
	ipmmu_memory_freed(&world.mmu, PAGE(2));
	CHECK_EQ(all_errors(), 0);
}

static void freed_before_the_flush(void)
{
	start();
	CHECK_EQ(access_read(0), LEAF_PA);
	world_put(PAGE(1), 0, 0);
	ipmmu_memory_freed(&world.mmu, PAGE(2));
	CHECK_EQ(errors(WITNESS_ERROR_FREED_TABLE), 1);
}

static void freed_while_the_flush_runs(void)
{
	start();
	CHECK_EQ(access_read(0), LEAF_PA);
	world_put(PAGE(1), 0, 0);
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	ipmmu_memory_freed(&world.mmu, PAGE(2));
	CHECK_EQ(errors(WITNESS_ERROR_FREED_TABLE), 1);
}

/*
 * The page that a leaf leads to is the guest's own affair, and others are not
 */
static void other_pages(void)
{
	start();
	CHECK_EQ(access_read(0), LEAF_PA);
	ipmmu_memory_freed(&world.mmu, LEAF_PA);
	ipmmu_memory_freed(&world.mmu, PAGE(9));
	CHECK_EQ(all_errors(), 0);
}

static void freed_is_seen_as_it_is(void)
{
	start();
	ipmmu_memory_cleaned(&world.mmu, PAGE(2), 512);
	ipmmu_memory_freed(&world.mmu, PAGE(2));
	world_put(PAGE(2), 1, GOOD_PAGE(NEW_PA));
	CHECK_EQ(access_read(0x1000), NEW_PA);
}

const struct test memory_tests[] = {
	{ "memory: what was not cleaned is not seen", unclean_is_not_seen },
	{ "memory: the first clean takes the whole page", first_clean_takes_the_page },
	{ "memory: a clean ends with its page", clean_ends_with_the_page },
	{ "memory: a coherent walker sees everything", coherent_sees_all },
	{ "memory: a table freed after its flush", freed_after_the_flush },
	{ "memory: a table freed before its flush", freed_before_the_flush },
	{ "memory: a table freed while its flush runs", freed_while_the_flush_runs },
	{ "memory: other pages may be freed", other_pages },
	{ "memory: a freed page is seen as it is", freed_is_seen_as_it_is },
	{ }
};
