// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the tests of the pure parts, speaks KTAP.
 *
 * Copyright The ipmmu-deferred authors
 */
#include <stdio.h>
#include <string.h>

#include "test.h"

struct world world;

static unsigned int failed_checks;

void check_failed(const char *file, int line, const char *what, uint64_t got, uint64_t want)
{
	const char *base = strrchr(file, '/');

	printf("# %s:%d: %s is %#llx, should be %#llx\n", base ? base + 1 : file, line, what,
	       (unsigned long long)got, (unsigned long long)want);
	failed_checks++;
}

bool world_read(void *opaque, uint64_t address, uint64_t *value)
{
	(void)opaque;
	if (address < MEMORY_BASE || address >= MEMORY_BASE + MEMORY_SIZE)
		return false;
	*value = world.memory[(address - MEMORY_BASE) / 8];
	return true;
}

static void world_write(void *opaque, uint64_t address, uint64_t value)
{
	(void)opaque;
	world.memory[(address - MEMORY_BASE) / 8] = value;
}

static uint64_t read_clock(void *opaque)
{
	(void)opaque;
	return world.now;
}

static void set_irq(void *opaque, bool level)
{
	(void)opaque;
	world.irq = level;
}

static const struct ipmmu_ops world_ops = {
	.read = world_read,
	.write = world_write,
	.now = read_clock,
	.irq = set_irq,
};

void world_init(void)
{
	unsigned int unit;

	if (world.mmu.ops)
		ipmmu_destroy(&world.mmu);
	memset(&world, 0, sizeof(world));
	ipmmu_init(&world.mmu, &world_ops, NULL, &world.log, TEST_CACHES);
	for (unit = 0; unit < 1 + TEST_CACHES; unit++)
		ipmmu_write(&world.mmu, unit, IMSCTLR, 0, 4);
}

void world_put(uint64_t table, unsigned int index, uint64_t descriptor)
{
	world.memory[(table - MEMORY_BASE) / 8 + index] = descriptor;
}

void world_map_first(void)
{
	world_put(PAGE(0), 0, GOOD_TABLE(PAGE(1)));
	world_put(PAGE(1), 0, GOOD_TABLE(PAGE(2)));
	world_put(PAGE(2), 0, GOOD_PAGE(LEAF_PA));
}

void write_root(unsigned int reg, uint32_t value)
{
	ipmmu_write(&world.mmu, 0, CONTEXT * CONTEXT_STRIDE + reg, value, 4);
}

void write_cache(unsigned int reg, uint32_t value)
{
	ipmmu_write(&world.mmu, 1 + CACHE, CONTEXT * CONTEXT_STRIDE + reg, value, 4);
}

uint32_t read_root(unsigned int reg)
{
	return ipmmu_read(&world.mmu, 0, CONTEXT * CONTEXT_STRIDE + reg, 4);
}

uint64_t utlb_register(unsigned int utlb)
{
	return utlb < 32 ? 0x300 + 16 * utlb : 0x600 + 16 * (utlb - 32);
}

void flush_all(void)
{
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	world.now += IPMMU_FLUSH_DELAY;
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, 0);
}

void world_enable(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		write_root(i ? IMTTLBR1 : IMTTLBR0, PAGE(0));
		write_root(i ? IMTTUBR1 : IMTTUBR0, 0);
	}
	write_root(IMTTBCR, IMTTBCR_EAE | 25 << IMTTBCR_TSZ1_SHIFT | 25);
	flush_all();
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB),
		    CONTEXT << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN, 4);
}

static uint64_t access_any(uint64_t iova, bool write)
{
	struct ipmmu_translation translation;

	ipmmu_translate(&world.mmu, CACHE, UTLB, iova, write, &translation);
	if (!translation.ok)
		return REFUSED;
	return translation.base | (iova & translation.mask);
}

uint64_t access_read(uint64_t iova)
{
	return access_any(iova, false);
}

uint64_t access_write(uint64_t iova)
{
	return access_any(iova, true);
}

uint64_t counter(enum witness_counter which)
{
	return world.log.counter[which];
}

uint64_t all_errors(void)
{
	ipmmu_verdict(&world.mmu);
	return world.log.errors;
}

unsigned int errors(enum witness_error kind)
{
	unsigned int found = 0;
	uint64_t i;

	for (i = 0; i < all_errors(); i++)
		found += ipmmu_log_get(&world.log, i)->kind == kind;
	return found;
}

static unsigned int count(const struct test *tests)
{
	unsigned int n = 0;

	while (tests[n].name)
		n++;
	return n;
}

static unsigned int run_all(const struct test *tests, unsigned int *number)
{
	unsigned int failed = 0;

	for (; tests->name; tests++) {
		failed_checks = 0;
		world_init();
		tests->run();
		printf("%sok %u %s\n", failed_checks ? "not " : "", ++*number, tests->name);
		failed += !!failed_checks;
	}
	return failed;
}

int main(void)
{
	unsigned int failed = 0;
	unsigned int number = 0;

	printf("TAP version 13\n1..%u\n",
	       count(walk_tests) + count(flush_tests) + count(register_tests) +
	       count(memory_tests) + count(snoop_tests));
	failed += run_all(walk_tests, &number);
	failed += run_all(flush_tests, &number);
	failed += run_all(register_tests, &number);
	failed += run_all(memory_tests, &number);
	failed += run_all(snoop_tests, &number);
	return failed ? 1 : 0;
}
