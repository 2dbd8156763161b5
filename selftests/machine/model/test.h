/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small world for the pure parts of the model: memory, a clock, an interrupt
 * line, and what a driver would do with the registers.
 *
 * Copyright The ipmmu-deferred authors
 */
#ifndef IPMMU_TEST_H
#define IPMMU_TEST_H

#include "ipmmu.h"
#include "ipmmu-bits.h"

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test walk_tests[];
extern const struct test flush_tests[];
extern const struct test register_tests[];
extern const struct test memory_tests[];
extern const struct test snoop_tests[];

/* Memory for tables; everything else cannot be read */
#define MEMORY_BASE	0x80000000ull
#define MEMORY_SIZE	0x100000ull
#define PAGE(n)		(MEMORY_BASE + 0x1000ull * (n))

struct world {
	struct ipmmu mmu;
	struct ipmmu_log log;
	uint64_t memory[MEMORY_SIZE / 8];
	uint64_t now;
	bool irq;
};

extern struct world world;

#define TEST_CACHES	2u
#define CONTEXT		3u		/* some context, not the first */
#define CACHE		1u		/* some cache, not the first */
#define UTLB		33u		/* some micro-TLB, in the upper range */

/* Good descriptors, from the formats' description, not from the walker */
#define GOOD_TABLE(pa)	((pa) | 0x8000000000000003ull)
#define GOOD_PAGE(pa)	((pa) | 0x0000000000000463ull)
#define GOOD_BLOCK(pa)	((pa) | 0x0000000000000461ull)

void world_init(void);
void world_put(uint64_t table, unsigned int index, uint64_t descriptor);
bool world_read(void *opaque, uint64_t address, uint64_t *value);

/* 39 bits: tables at PAGE(0), PAGE(1), PAGE(2), a page at IOVA 0 */
#define LEAF_PA		0x1234567000ull
void world_map_first(void);
void world_enable(void);		/* context, cache, micro-TLB */
void write_root(unsigned int reg, uint32_t value);
void write_cache(unsigned int reg, uint32_t value);
uint32_t read_root(unsigned int reg);
uint64_t utlb_register(unsigned int utlb);
#define ENABLE		(IMCTR_VA64 | IMCTR_INTEN | IMCTR_FLUSH | IMCTR_MMUEN)
#define ENABLE_CACHE	(IMCTR_INTEN | IMCTR_FLUSH | IMCTR_MMUEN)
void flush_all(void);			/* caches and root, and time to end */

/* An access through the micro-TLB: the output address, or ~0 */
#define REFUSED		(~0ull)
uint64_t access_read(uint64_t iova);
uint64_t access_write(uint64_t iova);

uint64_t counter(enum witness_counter which);
unsigned int errors(enum witness_error kind);	/* after the verdict */
uint64_t all_errors(void);

void check_failed(const char *file, int line, const char *what, uint64_t got, uint64_t want);

#define CHECK_EQ(got, want)						\
do {									\
	uint64_t got_ = (got);						\
	uint64_t want_ = (want);					\
									\
	if (got_ != want_)						\
		check_failed(__FILE__, __LINE__, #got, got_, want_);	\
} while (0)

#define CHECK(what)		CHECK_EQ(!!(what), 1)

#endif /* IPMMU_TEST_H */
