// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as an engine has it that does not snoop, and as processors have it:
 * who sees what of whose writes, and when.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "test.h"

#define BUFFER		PAGE(5)
#define OLD		0x1111111111111111ull
#define NEW		0x2222222222222222ull
#define DEVICE		0x33
#define DEVICE_WORD	0x3333333333333333ull

static uint64_t engine_reads(uint64_t address)
{
	uint8_t bytes[8] = { 0 };
	uint64_t word = 0;
	unsigned int i;

	/* As the emulator's memory has it, unless the page is held */
	world_read(NULL, address, &word);
	for (i = 0; i < 8; i++)
		bytes[i] = word >> i * 8;
	ipmmu_snoop_read(&world.mmu, address, bytes, 8);
	for (word = 0, i = 8; i--;)
		word = word << 8 | bytes[i];
	return word;
}

static bool engine_writes(uint64_t address, unsigned int length)
{
	uint8_t bytes[64];

	memset(bytes, DEVICE, sizeof(bytes));
	return ipmmu_snoop_write(&world.mmu, address, bytes, length);
}

static uint64_t processor_reads(uint64_t address)
{
	uint64_t word = 0;

	world_read(NULL, address, &word);
	return word;
}

static void start(void)
{
	world.mmu.inject |= WITNESS_INJECT_NO_SNOOP;
	world_put(BUFFER, 0, OLD);
	world_put(BUFFER, 8, OLD);
	ipmmu_snoop_cleaned(&world.mmu, BUFFER, false);
}

static void written_is_stale_until_cleaned(void)
{
	start();
	CHECK_EQ(engine_reads(BUFFER), OLD);
	world_put(BUFFER, 0, NEW);
	CHECK_EQ(engine_reads(BUFFER), OLD);
	/* Another line's clean does not help */
	ipmmu_snoop_cleaned(&world.mmu, BUFFER + 64, false);
	CHECK_EQ(engine_reads(BUFFER), OLD);
	ipmmu_snoop_cleaned(&world.mmu, BUFFER + 56, false);
	CHECK_EQ(engine_reads(BUFFER), NEW);
}

static void received_is_stale_until_invalidated(void)
{
	start();
	CHECK(engine_writes(BUFFER, 8));
	CHECK_EQ(engine_reads(BUFFER), DEVICE_WORD);
	CHECK_EQ(processor_reads(BUFFER), OLD);
	ipmmu_snoop_cleaned(&world.mmu, BUFFER, false);
	CHECK_EQ(processor_reads(BUFFER), OLD);
	ipmmu_snoop_cleaned(&world.mmu, BUFFER, true);
	CHECK_EQ(processor_reads(BUFFER), DEVICE_WORD);
	CHECK_EQ(processor_reads(BUFFER + 64), OLD);
}

/*
 * A line with something of the processor's in it is written over the engine's
 */
static void unclean_line_takes_what_came(void)
{
	start();
	world_put(BUFFER, 1, NEW);
	CHECK(engine_writes(BUFFER, 8));
	ipmmu_snoop_cleaned(&world.mmu, BUFFER, true);
	CHECK_EQ(processor_reads(BUFFER), OLD);
	CHECK_EQ(engine_reads(BUFFER), OLD);
	CHECK_EQ(engine_reads(BUFFER + 8), NEW);
}

static void bytes_of_words(void)
{
	start();
	CHECK(engine_writes(BUFFER + 3, 2));
	CHECK_EQ(engine_reads(BUFFER), 0x1111113333111111ull);
	CHECK(engine_writes(BUFFER + 62, 4));
	CHECK_EQ(engine_reads(BUFFER + 64), 0x1111111111113333ull);
}

static void other_pages_are_snooped(void)
{
	start();
	world_put(PAGE(6), 0, NEW);
	CHECK_EQ(engine_reads(PAGE(6)), NEW);
	CHECK(!engine_writes(PAGE(6), 8));
}

static void all_is_snooped_without(void)
{
	start();
	world.mmu.inject = 0;
	ipmmu_snoop_clear(&world.mmu);
	ipmmu_snoop_cleaned(&world.mmu, BUFFER, false);
	world_put(BUFFER, 0, NEW);
	CHECK_EQ(engine_reads(BUFFER), NEW);
	CHECK(!engine_writes(BUFFER, 8));
}

const struct test snoop_tests[] = {
	{ "snoop: what was written is stale until cleaned", written_is_stale_until_cleaned },
	{ "snoop: what came is stale until invalidated", received_is_stale_until_invalidated },
	{ "snoop: an unclean line takes what came", unclean_line_takes_what_came },
	{ "snoop: bytes of words", bytes_of_words },
	{ "snoop: other pages are snooped", other_pages_are_snooped },
	{ "snoop: all is snooped without", all_is_snooped_without },
	{ }
};
