// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers: what they keep, what they report, which mistakes they notice.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "test.h"

static void start(void)
{
	world_map_first();
	world_enable();
	CHECK_EQ(all_errors(), 0);
}

static void put(unsigned int unit, uint64_t offset, uint32_t value)
{
	ipmmu_write(&world.mmu, unit, offset, value, 4);
}

static uint32_t get(unsigned int unit, uint64_t offset)
{
	return ipmmu_read(&world.mmu, unit, offset, 4);
}

/* Offsets and legal bits as the hardware facts list them, in numbers */
struct register_fact {
	unsigned int unit;
	uint64_t offset;
	uint32_t legal;
};

static const struct register_fact facts[] = {
	{ 0, 0x08, 0xff1f3fdf }, { 0, 0x10, 0xfffff000 }, { 0, 0x14, 0x000000ff },
	{ 0, 0x18, 0xfffff000 }, { 0, 0x1c, 0x000000ff }, { 0, 0x28, 0xffffffff },
	{ 0, 0x2c, 0xffffffff }, { 0, 0x1d0, 0xfffff000 }, { 0, 0x500, 0xf0000000 },
	{ 0, 0x504, 0x01000008 }, { 1, 0x500, 0xf0000000 }, { 2, 0x308, 0x0000ffff },
	{ 1, 0x4f8, 0x0000ffff }, { 2, 0x608, 0x0000ffff }, { 1, 0x6f8, 0x0000ffff },
};

static void storage(void)
{
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(facts); i++) {
		const struct register_fact *fact = &facts[i];

		put(fact->unit, fact->offset, fact->legal);
		CHECK_EQ(get(fact->unit, fact->offset), fact->legal);
		put(fact->unit, fact->offset, 0);
		CHECK_EQ(get(fact->unit, fact->offset), 0);
	}
	CHECK_EQ(all_errors(), 0);
}

/*
 * The same for Gen4, in numbers again: contexts 1, 7, 8 and 15, micro-TLBs 0,
 * 47, 63
 */
static const struct register_fact gen4_facts[] = {
	{ 0, 0x11048, 0xff1f3fdf }, { 0, 0x171d0, 0xfffff000 }, { 0, 0x18814, 0x000000ff },
	{ 0, 0x1f9ec, 0xffffffff }, { 0, 0x1500, 0xf0000000 }, { 2, 0x1504, 0x01000008 },
	{ 1, 0x3308, 0x0000ffff }, { 2, 0x36f8, 0x0000ffff }, { 1, 0x37f8, 0x0000ffff },
};

static void gen4_layout(void)
{
	unsigned int i;

	world.mmu.geometry = &ipmmu_gen4;
	for (i = 0; i < G_N_ELEMENTS(gen4_facts); i++) {
		const struct register_fact *fact = &gen4_facts[i];

		put(fact->unit, fact->offset, fact->legal);
		CHECK_EQ(get(fact->unit, fact->offset), fact->legal);
	}
	CHECK_EQ(all_errors(), 0);
	put(0, 0x08, 0);	/* where Gen3 has context 0 */
	put(1, 0x308, 0);	/* ... its first micro-TLB */
	put(0, 0x500, 0);	/* ... IMSCTLR */
	put(0, 0x18208, 0);	/* context 8, if there were no gap before it */
	put(0, 0x20a48, 0);	/* context 16 */
	CHECK_EQ(errors(WITNESS_ERROR_BAD_OFFSET), 5);
}

/*
 * A context's number has five bits, and the last of them comes on like any
 * other
 */
static void gen4_context(void)
{
	world.mmu.geometry = &ipmmu_gen4;
	put(0, 0x1f9c8, IMTTBCR_EAE | 25 << IMTTBCR_TSZ1_SHIFT | 25);
	put(2, 0x1f9c0, IMCTR_MMUEN | IMCTR_FLUSH);
	put(0, 0x1f9c0, IMCTR_VA64 | IMCTR_MMUEN | IMCTR_FLUSH);
	put(2, 0x37f0, 15 << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN);
	CHECK_EQ(all_errors(), 0);
	put(2, 0x37f0, 16 << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_NO_CONTEXT), 1);
	CHECK_EQ(errors(WITNESS_ERROR_RESERVED_BITS), 0);
}

static void reserved_bits(void)
{
	unsigned int wanted = 0;
	unsigned int i;
	unsigned int bit;

	for (i = 0; i < G_N_ELEMENTS(facts); i++) {
		for (bit = 0; bit < 32; bit++) {
			if (facts[i].legal & 1u << bit)
				continue;
			put(facts[i].unit, facts[i].offset, 1u << bit);
			CHECK_EQ(errors(WITNESS_ERROR_RESERVED_BITS), ++wanted);
			CHECK_EQ(get(facts[i].unit, facts[i].offset), 0);
		}
	}
}

/* Which bits of IMCTR and IMUCTR are complained about, one by one */
static uint32_t complained(unsigned int unit, uint64_t offset)
{
	uint32_t bits = 0;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		unsigned int before = errors(WITNESS_ERROR_RESERVED_BITS);

		put(unit, offset, 1u << bit);
		if (errors(WITNESS_ERROR_RESERVED_BITS) != before)
			bits |= 1u << bit;
	}
	return bits;
}

static void control_reserved_bits(void)
{
	CHECK_EQ(complained(0, 0x40), ~0x2003007fu);
	CHECK_EQ(complained(1, 0x40), ~0x00000007u);
	CHECK_EQ(complained(2, 0x300), ~0x80ff00f3u);
	CHECK_EQ(complained(1, 0x6f0), ~0x80ff00f3u);
}

static void bad_offsets(void)
{
	static const struct register_fact bad[] = {
		{ 0, 0x0c, 0 }, { 0, 0x24, 0 }, { 0, 0x38, 0 }, { 0, 0x200, 0 },
		{ 0, 0x300, 0 }, { 0, 0x4fc, 0 }, { 0, 0x508, 0 }, { 0, 0x800, 0 },
		{ 0, 0xffc, 0 }, { 1, 0x08, 0 }, { 1, 0x10, 0 }, { 2, 0x20, 0 },
		{ 1, 0x304, 0 }, { 2, 0x60c, 0 }, { 1, 0x200, 0 },
	};
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(bad); i++) {
		put(bad[i].unit, bad[i].offset, 0);
		CHECK_EQ(errors(WITNESS_ERROR_BAD_OFFSET), 2 * i + 1);
		CHECK_EQ(get(bad[i].unit, bad[i].offset), 0);
		CHECK_EQ(errors(WITNESS_ERROR_BAD_OFFSET), 2 * i + 2);
	}
}

static void utlb_range(void)
{
	start();
	put(1, 0x6f0, 0);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_RANGE), 0);
	put(1, 0x700, IMUCTR_MMUEN | CONTEXT << 4);
	put(1, 0x7f8, 0);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_RANGE), 2);
}

static void utlb_without_context(void)
{
	start();
	put(1 + CACHE, 0x300, IMUCTR_FLUSH | IMUCTR_MMUEN | (CONTEXT + 1) << 4);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_NO_CONTEXT), 1);
	/* On in the root, but not in this cache */
	put(1, 0x300, IMUCTR_FLUSH | IMUCTR_MMUEN | CONTEXT << 4);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_NO_CONTEXT), 2);
	put(1 + CACHE, 0x300, IMUCTR_FLUSH | IMUCTR_MMUEN | 8 << 4);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_NO_CONTEXT), 3);
	put(1 + CACHE, 0x300, IMUCTR_FLUSH | IMUCTR_MMUEN | CONTEXT << 4);
	CHECK_EQ(all_errors(), 3);
}

static void context_off_in_use(void)
{
	start();
	write_root(IMCTR, IMCTR_FLUSH);
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_OFF_IN_USE), 1);
	CHECK_EQ(access_read(0x123456000), 0x123456000);
	CHECK_EQ(counter(WITNESS_BYPASSES), 1);
	write_cache(IMCTR, IMCTR_FLUSH);
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_OFF_IN_USE), 2);
}

static void context_off_elsewhere(void)
{
	start();
	put(1, CONTEXT * CONTEXT_STRIDE + IMCTR, ENABLE_CACHE);
	put(1, CONTEXT * CONTEXT_STRIDE + IMCTR, IMCTR_FLUSH);
	CHECK_EQ(all_errors(), 0);
}

static void stage_2(void)
{
	start();
	put(0, IMSAUXCTLR, 8);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(read_root(IMSTR), 0x0101);
	write_root(IMCTR, ENABLE | IMCTR_TRE);
	CHECK_EQ(errors(WITNESS_ERROR_UNSUPPORTED), 1);
}

static void enabled_without_flush(void)
{
	start();
	write_root(IMCTR, ENABLE & ~(IMCTR_FLUSH | IMCTR_INTEN));
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_LIVE), 1);
	write_cache(IMCTR, IMCTR_MMUEN);
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_LIVE), 2);
	put(0, 0, IMCTR_MMUEN | IMCTR_VA64);
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_LIVE), 3);
}

static void formats(void)
{
	static const struct {
		uint32_t ctr;
		uint32_t ttbcr;
		bool supported;
	} list[] = {
		{ IMCTR_VA64, 0x80000000 | 25, true },
		{ IMCTR_VA64, 0x80000000 | 24, true },
		{ IMCTR_VA64, 0x80000000 | 23, false },
		{ IMCTR_VA64, 0x80000000, false },
		{ IMCTR_VA64, 25, false },
		{ IMCTR_VA64, 0xc0000000 | 25, false },
		{ 0, 0x80000080, true },		/* SL0 2: level 1 */
		{ 0, 0x80000000, false },		/* SL0 0: level 3 */
		{ 0, 0x80000040 | 2, true },		/* 1 GiB, SL0 1 */
		{ 0, 0x80000080 | 2, false },
		{ 0, 0x00000080, false },		/* short descriptors */
	};
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(list); i++) {
		unsigned int before = errors(WITNESS_ERROR_UNSUPPORTED);

		write_root(IMTTBCR, list[i].ttbcr);
		write_root(IMCTR, list[i].ctr | IMCTR_FLUSH | IMCTR_MMUEN);
		CHECK_EQ(errors(WITNESS_ERROR_UNSUPPORTED) - before + 16 * i,
			 !list[i].supported + 16 * i);
		write_root(IMCTR, IMCTR_FLUSH);
	}
	CHECK_EQ(errors(WITNESS_ERROR_RESERVED_BITS), 0);
	/* 5 bits of TSZ are VMSAv8-64's */
	write_root(IMTTBCR, 0x80000080 | 8);
	write_root(IMCTR, IMCTR_FLUSH | IMCTR_MMUEN);
	CHECK_EQ(errors(WITNESS_ERROR_RESERVED_BITS), 1);
}

static void sizes(void)
{
	ipmmu_write(&world.mmu, 0, IMTTLBR0, 0x1000, 8);
	ipmmu_write(&world.mmu, 0, IMTTLBR0, 0x1000, 2);
	ipmmu_write(&world.mmu, 0, IMTTLBR0 + 2, 0x1000, 4);
	ipmmu_read(&world.mmu, 0, IMTTLBR0, 1);
	CHECK_EQ(errors(WITNESS_ERROR_SIZE), 4);
	CHECK_EQ(get(0, IMTTLBR0), 0);
}

static void bypass(void)
{
	struct ipmmu_translation translation;

	ipmmu_translate(&world.mmu, 0, 0, 0x123456789abcull, true, &translation);
	CHECK(translation.ok && translation.read && translation.write);
	CHECK_EQ(translation.base, 0x123456789000ull);
	CHECK_EQ(counter(WITNESS_BYPASSES), 1);
	CHECK_EQ(counter(WITNESS_TRANSLATIONS), 0);
}

static void secgrp(void)
{
	ipmmu_reset(&world.mmu);
	put(0, IMSCTLR, 0);
	start();
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(errors(WITNESS_ERROR_SECGRP), 1);
	put(1 + CACHE, IMSCTLR, 0);
	CHECK_EQ(access_read(0), LEAF_PA);
	put(0, IMSCTLR, IMSCTLR_USE_SECGRP);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(errors(WITNESS_ERROR_SECGRP), 2);
}

/*
 * IMSTR as the facts have it: MHIT 4, ABORT 2, PF 1, TF 0, level 13:12, code
 * 10:8
 */
static const struct {
	unsigned int table;
	uint64_t descriptor;
	bool write;
	uint32_t status;
} fault_list[] = {
	{ 0, 0, false, 0x1001 },
	{ 1, 0, false, 0x2001 },
	{ 2, 0, true, 0x3001 },
	{ 2, GOOD_BLOCK(0), false, 0x3101 },
	{ 2, GOOD_PAGE(0) & ~BIT64(10), false, 0x3402 },
	{ 2, GOOD_PAGE(0) | 0x80, true, 0x3402 },
	{ 2, GOOD_PAGE(0) & ~0x40ull, false, 0x3402 },
	{ 2, GOOD_PAGE(0) & ~0x20ull, false, 0x3502 },
	{ 1, GOOD_TABLE(PAGE(2)) & ~BIT64(63), false, 0x2502 },
	{ 1, GOOD_TABLE(0), false, 0x3004 },
};

static void take_fault(uint32_t status, uint64_t iova)
{
	CHECK(world.irq);
	CHECK_EQ(read_root(IMELAR) | (uint64_t)read_root(IMEUAR) << 32, iova);
	CHECK_EQ(read_root(IMSTR), status);
	write_root(IMSTR, 0);
	CHECK_EQ(read_root(IMSTR), 0);
	CHECK_EQ(read_root(IMELAR), 0);
	CHECK(!world.irq);
}

static void faults(void)
{
	uint64_t iova = (5ull << 30) + 0xabc;
	unsigned int i;

	start();
	for (i = 0; i < G_N_ELEMENTS(fault_list); i++) {
		world_put(PAGE(0), 5, GOOD_TABLE(PAGE(1)));
		world_put(PAGE(1), 0, GOOD_TABLE(PAGE(2)));
		world_put(PAGE(2), 0, GOOD_PAGE(LEAF_PA));
		world_put(PAGE(fault_list[i].table), fault_list[i].table ? 0 : 5,
			  fault_list[i].descriptor);
		flush_all();
		CHECK_EQ(fault_list[i].write ? access_write(iova) : access_read(iova), REFUSED);
		CHECK_EQ(counter(WITNESS_FAULTS), i + 1);
		take_fault(fault_list[i].status, iova);
	}
	CHECK_EQ(all_errors(), 0);
}

static void first_fault_stays(void)
{
	start();
	CHECK_EQ(access_read(1ull << 30), REFUSED);
	CHECK_EQ(access_read(0x1000), REFUSED);
	CHECK_EQ(counter(WITNESS_FAULTS), 2);
	take_fault(0x1001, 1ull << 30);
}

static void status_early(void)
{
	start();
	access_read(1ull << 30);
	write_root(IMSTR, read_root(IMSTR));
	CHECK_EQ(all_errors(), 0);
	read_root(IMELAR);
	write_root(IMSTR, 0);
	CHECK_EQ(errors(WITNESS_ERROR_STATUS_EARLY), 1);
}

static void interrupt_mask(void)
{
	start();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE & ~IMCTR_INTEN);
	access_read(1ull << 30);
	CHECK(!world.irq);
	write_root(IMCTR, ENABLE);
	CHECK(world.irq);
}

static void long_addresses(void)
{
	start();
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(access_read(BIT64(40)), REFUSED);
	CHECK_EQ(read_root(IMEUAR), 0x100);
	take_fault(IMSTR_TF, BIT64(40));
	CHECK_EQ(access_read(BIT64(39)), LEAF_PA);
}

static void injected(void)
{
	start();
	world.mmu.inject |= WITNESS_INJECT_MULTI_HIT;
	CHECK_EQ(access_read(0), REFUSED);
	take_fault(IMSTR_MHIT, 0);
	CHECK_EQ(access_read(0), LEAF_PA);
	world.mmu.inject |= WITNESS_INJECT_WALK_ABORT;
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(access_read(0x1000), REFUSED);
	take_fault(0x3004, 0x1000);
}

static void list_of_errors(void)
{
	unsigned int i;

	put(2, 0x14, 5);
	CHECK_EQ(ipmmu_log_get(&world.log, 0)->unit, 2);
	CHECK_EQ(ipmmu_log_get(&world.log, 0)->offset, 0x14);
	CHECK_EQ(ipmmu_log_get(&world.log, 0)->value, 5);
	CHECK_EQ(ipmmu_log_get(&world.log, 0)->context, 0);
	CHECK_EQ(ipmmu_log_get(&world.log, 1)->kind, WITNESS_ERROR_NONE);
	for (i = 0; i < 2 * IPMMU_LOG_SIZE; i++)
		put(2, 0x14, i);
	CHECK_EQ(all_errors(), 2 * IPMMU_LOG_SIZE + 1);
	CHECK_EQ(ipmmu_log_get(&world.log, IPMMU_LOG_SIZE)->kind, WITNESS_ERROR_NONE);
}

const struct test register_tests[] = {
	{ "registers: keep what is written", storage },
	{ "registers: Gen4 has them elsewhere", gen4_layout },
	{ "registers: Gen4 has 16 contexts and 64 micro-TLBs", gen4_context },
	{ "registers: reserved bits are caught", reserved_bits },
	{ "registers: reserved bits of IMCTR and IMUCTR are caught", control_reserved_bits },
	{ "registers: offsets that are none are caught", bad_offsets },
	{ "registers: micro-TLBs out of range are caught", utlb_range },
	{ "registers: a micro-TLB on a disabled context is caught", utlb_without_context },
	{ "registers: a context switched off in use is caught", context_off_in_use },
	{ "registers: a context may go off in a cache that does not use it",
	  context_off_elsewhere },
	{ "registers: stage 2 tables are refused", stage_2 },
	{ "registers: IMCTR changed without flush is caught", enabled_without_flush },
	{ "registers: formats that there are not are caught", formats },
	{ "registers: other than 32 bits is caught", sizes },
	{ "access: a micro-TLB that is off is bypass", bypass },
	{ "access: nothing is translated with USE_SECGRP", secgrp },
	{ "fault: status, level, code, address, interrupt", faults },
	{ "fault: the first stays", first_fault_stays },
	{ "fault: cleared before the address was read is caught", status_early },
	{ "fault: interrupt enable", interrupt_mask },
	{ "fault: addresses beyond 40 bits", long_addresses },
	{ "fault: injected ones", injected },
	{ "errors: list and count", list_of_errors },
	{ }
};
