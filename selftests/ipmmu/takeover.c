// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver comes to an IPMMU that an earlier owner has left on: a boot loader, or
 * a kernel that crashed. A device of that owner's does DMA all the while. Until the
 * driver has the hardware it reaches what it was given, from then on nothing, and
 * at no time anything else. What belongs to context 0 stays as it was.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/patrol.h"
#include "lib/setup.h"

/* Registers, as the hardware's description has them */
#define CONTEXT(n, reg)		((n) * 0x40 + (reg))
#define IMCTR			0x00
#define  IMCTR_VA64		0x20000000
#define  IMCTR_FLUSH		0x2
#define  IMCTR_MMUEN		0x1
#define IMTTBCR			0x08
#define  IMTTBCR_39_BITS	0x80190099	/* EAE, both sizes 25, SL0 2 */
#define IMTTLBR0		0x10
#define IMTTUBR0		0x14
#define IMTTLBR1		0x18
#define IMTTUBR1		0x1c
#define  IMUCTR_ON(context)	((context) << 4 | 1)
#define IMSCTLR			0x500
#define IMSAUXCTLR		0x504
#define  IMSAUXCTLR_S2PTE	0x8

#define ROOT			0
#define CONTEXTS		8
#define OWNERS			5	/* context of the device that goes on */
#define FOREIGN_UTLB		47	/* of the second cache: there is no device */
#define LEFT_UTLB		46

/* A block of 1 GiB: user, AF, NS, memory type 0 */
#define BLOCK			0x461
static u64 imuctr(unsigned int utlb)
{
	return utlb < 32 ? 0x300 + 16 * utlb : 0x600 + 16 * (utlb - 32);
}

static void poke(const struct pci_function *witness, u64 unit, u64 offset, u64 value)
{
	pci_set(witness, WITNESS_POKE_WHERE, unit << 32 | offset);
	pci_set(witness, WITNESS_POKE_VALUE, value);
}

static u64 peek(const struct pci_function *witness, u64 unit, u64 offset)
{
	pci_set(witness, WITNESS_POKE_WHERE, unit << 32 | offset);
	return pci_get(witness, WITNESS_POKE_VALUE);
}

FIXTURE(takeover)
{
	struct pci_function witness;
	struct pci_function dma;
	u64 *table;
	u64 root;		/* where it is */
	u64 target;		/* the page behind it, which is the device's */
	u64 iova;		/* what leads there */
	unsigned int cache, utlb;
};

/* Slot S, function F: cache S / 6, micro-TLB (S % 6) * 8 + F */
FIXTURE_SETUP(takeover)
{
	ASSERT_EQ(0, witness_open(&self->witness));
	ASSERT_EQ(0, pci_find(&self->dma, WITNESS_VENDOR, DMA_DEVICE, 0));
	ASSERT_EQ(0, pci_open(&self->dma, DMA_BAR_SIZE));
	self->cache = self->dma.rid / 48;
	self->utlb = self->dma.rid % 48;
	self->table = mmap(NULL, 2 * HOST_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->table);
	ASSERT_EQ(0, mlock(self->table, 2 * HOST_PAGE));
	memset(self->table, 0, 2 * HOST_PAGE);
	self->root = patrol_physical(self->table);
	self->target = patrol_physical((u8 *)self->table + HOST_PAGE);
	ASSERT_NE(0, self->root);
	ASSERT_NE(0, self->target);
	self->iova = self->target & (HOST_1G - 1);
	self->table[0] = (self->target - self->iova) | BLOCK;
}

FIXTURE_TEARDOWN(takeover)
{
	patrol_end(&self->dma);
	pci_close(&self->dma);
	pci_close(&self->witness);
}

static void owner_context(const struct _test_data_takeover *self, unsigned int n)
{
	unsigned int i;

	poke(&self->witness, ROOT, CONTEXT(n, IMTTLBR0), self->root & 0xfffff000);
	poke(&self->witness, ROOT, CONTEXT(n, IMTTUBR0), self->root >> 32);
	poke(&self->witness, ROOT, CONTEXT(n, IMTTLBR1), self->root & 0xfffff000);
	poke(&self->witness, ROOT, CONTEXT(n, IMTTUBR1), self->root >> 32);
	poke(&self->witness, ROOT, CONTEXT(n, IMTTBCR), IMTTBCR_39_BITS);
	for (i = 1; i <= 2; i++)
		poke(&self->witness, i, CONTEXT(n, IMCTR), IMCTR_MMUEN | IMCTR_FLUSH);
	poke(&self->witness, ROOT, CONTEXT(n, IMCTR),
	     IMCTR_VA64 | IMCTR_MMUEN | IMCTR_FLUSH);
}

/* Every context on, and three micro-TLBs */
static void owner_sets_up(const struct _test_data_takeover *self)
{
	unsigned int i;

	for (i = 0; i <= 2; i++)
		poke(&self->witness, i, IMSCTLR, 0);
	for (i = 0; i < CONTEXTS; i++)
		owner_context(self, i);
	poke(&self->witness, 2, imuctr(FOREIGN_UTLB), IMUCTR_ON(0));
	poke(&self->witness, 2, imuctr(LEFT_UTLB), IMUCTR_ON(3));
	poke(&self->witness, 1 + self->cache, imuctr(self->utlb), IMUCTR_ON(OWNERS));
	witness_clear(&self->witness);
}

static unsigned int contexts_in_state(const char *state)
{
	char text[4096], *line;
	unsigned int count = 0;

	file_read("/sys/kernel/debug/ipmmu-vmsa-deferred/contexts", text, sizeof(text));
	for (line = text; (line = strstr(line, state)); line++)
		count++;
	return count;
}

TEST_F_TIMEOUT(takeover, left_on, 120)
{
	u64 before[2], refused;
	unsigned int seen;

	owner_sets_up(self);
	before[0] = peek(&self->witness, ROOT, CONTEXT(0, IMCTR));
	before[1] = peek(&self->witness, ROOT, CONTEXT(0, IMTTLBR0));
	ASSERT_EQ(IMCTR_VA64 | IMCTR_MMUEN, before[0]);

	patrol_set(&self->dma, DMA_GIVE, self->target);
	patrol_begin(&self->dma, self->iova, 1);
	host_sleep_ms(100);
	ASSERT_LT(0, patrol_get(&self->dma, DMA_PASSED));
	ASSERT_EQ(0, patrol_get(&self->dma, DMA_STRAYED));

	ASSERT_EQ(NULL, setup_driver());
	patrol_set(&self->dma, DMA_TAKE, self->target);
	refused = patrol_get(&self->dma, DMA_REFUSED);
	seen = patrol_get(&self->dma, DMA_PASSED);
	host_sleep_ms(200);
	EXPECT_EQ(0, patrol_strayed(&self->dma));
	EXPECT_EQ(seen, patrol_get(&self->dma, DMA_PASSED));
	EXPECT_LT(refused, patrol_get(&self->dma, DMA_REFUSED));
	EXPECT_EQ(0, witness_counter(&self->witness, WITNESS_BYPASSES));

	/* Context 0 and what points there are another owner's */
	EXPECT_EQ(before[0], peek(&self->witness, ROOT, CONTEXT(0, IMCTR)));
	EXPECT_EQ(before[1], peek(&self->witness, ROOT, CONTEXT(0, IMTTLBR0)));
	EXPECT_EQ(IMCTR_MMUEN, peek(&self->witness, 2, CONTEXT(0, IMCTR)));
	EXPECT_EQ(IMUCTR_ON(0), peek(&self->witness, 2, imuctr(FOREIGN_UTLB)));
	/* What pointed elsewhere is on, and not where it was */
	EXPECT_EQ(1, peek(&self->witness, 2, imuctr(LEFT_UTLB)) & 1);
	EXPECT_EQ(~0ull, engine_translate(&self->dma, self->iova, DMA_TRANSLATE_READ));

	/* All but those two contexts are to be had */
	EXPECT_EQ(1, contexts_in_state("reserved"));
	EXPECT_EQ(1, contexts_in_state("blocking"));
	EXPECT_EQ(CONTEXTS - 2, contexts_in_state("free"));
	/* A cache that has not probed yet cannot be flushed: that is no error here */
	witness_clear(&self->witness);
}

/* A device of the kernel's now, it has a domain like any other */
TEST_F(takeover, device_works)
{
	ASSERT_EQ(NULL, setup_domains());
	EXPECT_EQ(~0ull, engine_translate(&self->dma, self->iova,
					  DMA_TRANSLATE_READ));
	EXPECT_EQ(0, witness_counter(&self->witness, WITNESS_BYPASSES));
	EXPECT_EQ(0, verdict(&self->witness));
}

int main(int argc, char **argv)
{
	struct pci_function pci;

	if (!access(DRIVER_PARAMETERS, F_OK))
		ksft_exit_skip("the driver is loaded already\n");
	if (pci_find(&pci, WITNESS_VENDOR, WITNESS_DEVICE, 0) ||
	    pci_find(&pci, WITNESS_VENDOR, DMA_DEVICE, 0))
		ksft_exit_skip("no emulated IPMMU here, or no ipmmu-dma device\n");
	return test_harness_run(argc, argv);
}
