// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hypervisor, the earlier owner, has left contexts on, and a cache IPMMU that
 * may use them does not probe. Masters are blocked and wait, but not for ever:
 * they get what contexts there are beside those. When the cache comes after
 * all, all contexts are to be had.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/log.h"
#include "lib/owner.h"

#define GIVEN_UP	"1 cache IPMMUs have not probed"
#define LAST_CACHE	"b020000.iommu"
#define PLATFORM	"/sys/bus/platform/"
/* One for the driver, to block with, and one for a master */
#define FREE_CONTEXTS	2
/* An engine that is behind it: slot 6 */
#define BEHIND_RID	(6 << 3)
#define BEHIND_UTLB	0
/* What its owner has mapped for it, behind a table of 2 MiB blocks */
#define BEHIND_IOVA	HOST_1G
#define TABLE		0x8000000000000003ull	/* with NSTable */
/* The driver's patience is 10 s; a loaded machine takes its time on top */
#define WAIT_MS		120000
#define MASTERS		3	/* and two of them behind the first cache */

FIXTURE(missing)
{
	struct owner o;
	struct pci_function second;
	struct pci_function behind;
	int log;
};

FIXTURE_SETUP(missing)
{
	ASSERT_EQ(NULL, owner_open(&self->o));
	ASSERT_EQ(0, pci_find(&self->second, WITNESS_VENDOR, DMA_DEVICE, 1));
	ASSERT_EQ(0, pci_find(&self->behind, WITNESS_VENDOR, DMA_DEVICE, 2));
	ASSERT_EQ(BEHIND_RID, self->behind.rid);
	ASSERT_EQ(0, pci_open(&self->behind, DMA_BAR_SIZE));
	self->log = log_open();
}

FIXTURE_TEARDOWN(missing)
{
	close(self->log);
	pci_close(&self->behind);
	owner_close(&self->o);
	file_write(PLATFORM "devices/" LAST_CACHE "/driver_override", "\n");
}

static int group_wait(const struct pci_function *pci)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS && pci_group(pci) < 0; ms += 50)
		host_sleep_ms(50);
	return pci_group(pci);
}

/* Whatever the machine takes for it: no group unless the driver has said why */
static void waits_for_a_group(struct __test_metadata *_metadata,
			      const struct _test_data_missing *self)
{
	int group = pci_group(&self->o.dma);

	if (log_count(self->log, GIVEN_UP, NULL))
		return;
	EXPECT_EQ(-1, group);
	EXPECT_EQ(0, log_wait(self->log, GIVEN_UP, NULL, WAIT_MS));
}

/*
 * That owner was a hypervisor, whose tables are of stage 2. The walker would
 * take ours for such. What else is set there is not the driver's to clear.
 */
static void hypervisor_leaves(const struct owner *o)
{
	poke(&o->witness, ROOT, IMSAUXCTLR, IMSAUXCTLR_NMERGE40 | IMSAUXCTLR_S2PTE);
}

/* @log is its own: what is read of it is gone */
static void walks_stage_1(struct __test_metadata *_metadata, const struct owner *o,
			  int log)
{
	EXPECT_EQ(0, log_wait(log, "was set to stage 2 tables", NULL, WAIT_MS));
	EXPECT_EQ(IMSAUXCTLR_NMERGE40, peek(&o->witness, ROOT, IMSAUXCTLR));
	close(log);
}

/* Two blocks that both lead to the owner's page; the first alone is used */
static void behind_is_used(struct __test_metadata *_metadata,
			   struct _test_data_missing *self)
{
	u64 block = self->o.target & ~(HOST_2M - 1);
	u64 *table = mmap(NULL, HOST_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ASSERT_NE(MAP_FAILED, table);
	ASSERT_EQ(0, mlock(table, HOST_PAGE));
	table[0] = block | BLOCK;
	table[1] = block | BLOCK;
	self->o.table[BEHIND_IOVA / HOST_1G] = patrol_physical(table) | TABLE;
	poke(&self->o.witness, 2, imuctr(BEHIND_UTLB), IMUCTR_ON(OWNERS));
	ASSERT_EQ(self->o.target,
		  engine_translate(&self->behind, BEHIND_IOVA + self->o.target - block,
				   DMA_TRANSLATE_READ));
}

/*
 * The cache that is missing is in no driver's reach, and what its IOTLB holds
 * stays there. But the main IPMMU walks for it, and must not begin with a table
 * of the owner's that it remembers: the second block, which was not used yet,
 * is not found.
 */
static void behind_is_blocked(struct __test_metadata *_metadata,
			      const struct _test_data_missing *self)
{
	u64 iova = BEHIND_IOVA + HOST_2M + (self->o.target & (HOST_2M - 1));

	EXPECT_EQ(~0ull, engine_translate(&self->behind, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, witness_counter(&self->o.witness, WITNESS_BYPASSES));
}

/* The context that its micro-TLB points at, in which it reaches nothing */
static void is_blocked(struct __test_metadata *_metadata, const struct owner *o)
{
	u64 passed = patrol_get(&o->dma, DMA_PASSED);
	u64 refused = patrol_get(&o->dma, DMA_REFUSED);

	EXPECT_EQ(0, patrol_round(&o->dma));
	EXPECT_EQ(passed, patrol_get(&o->dma, DMA_PASSED));
	EXPECT_LT(refused, patrol_get(&o->dma, DMA_REFUSED));
	EXPECT_EQ(0, patrol_strayed(&o->dma));
	EXPECT_EQ(0, witness_counter(&o->witness, WITNESS_BYPASSES));
}

static void works_in_a_domain(struct __test_metadata *_metadata, const struct owner *o)
{
	int fd = domain_open(&o->dma);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, domain_attach(fd, &o->dma));
	ASSERT_EQ(0, domain_map(fd, o->iova, o->target, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(o->target, engine_translate(&o->dma, o->iova, DMA_TRANSLATE_READ));
	ASSERT_EQ(0, domain_unmap(fd, o->iova, HOST_PAGE));
	EXPECT_EQ(~0ull, engine_translate(&o->dma, o->iova, DMA_TRANSLATE_READ));
	close(fd);
}

TEST_F_TIMEOUT(missing, masters_do_not_wait_for_ever, 400)
{
	const struct owner *o = &self->o;
	int log = log_open();

	ASSERT_EQ(0, file_write(PLATFORM "devices/" LAST_CACHE "/driver_override", "none"));
	owner_sets_up(o, CONTEXTS - FREE_CONTEXTS);
	behind_is_used(_metadata, self);
	patrol_set(&o->dma, DMA_GIVE, o->target);
	patrol_begin(&o->dma, o->iova, 1);
	ASSERT_EQ(0, patrol_round(&o->dma));
	ASSERT_LT(0, patrol_get(&o->dma, DMA_PASSED));
	hypervisor_leaves(o);

	ASSERT_EQ(0, setup_run("modprobe ipmmu-vmsa-deferred"));
	walks_stage_1(_metadata, o, log);
	ASSERT_EQ(0, setup_test_module("ipmmu_test"));
	patrol_set(&o->dma, DMA_TAKE, o->target);
	is_blocked(_metadata, o);
	behind_is_blocked(_metadata, self);
	waits_for_a_group(_metadata, self);

	/* One context for two masters: they share it */
	ASSERT_LE(0, group_wait(&o->dma));
	EXPECT_EQ(pci_group(&o->dma), group_wait(&self->second));
	is_blocked(_metadata, o);
	EXPECT_EQ(CONTEXTS - FREE_CONTEXTS - 1, contexts_in_state("found"));
	patrol_end(&o->dma);
	works_in_a_domain(_metadata, o);

	/* It comes after all */
	ASSERT_EQ(0, file_write(PLATFORM "devices/" LAST_CACHE "/driver_override", "\n"));
	ASSERT_EQ(0, file_write(PLATFORM "drivers_probe", LAST_CACHE));
	EXPECT_EQ(NULL, setup_driver());
	EXPECT_EQ(0, contexts_in_state("found"));
	works_in_a_domain(_metadata, o);
	EXPECT_EQ(0, witness_counter(&o->witness, WITNESS_BYPASSES));
}

int main(int argc, char **argv)
{
	struct pci_function pci;

	if (!access(DRIVER_PARAMETERS, F_OK))
		ksft_exit_skip("the driver is loaded already\n");
	if (pci_find(&pci, WITNESS_VENDOR, WITNESS_DEVICE, 0) ||
	    pci_find(&pci, WITNESS_VENDOR, DMA_DEVICE, MASTERS - 1))
		ksft_exit_skip("no emulated IPMMU here, or fewer than three ipmmu-dma devices\n");
	if (access(PLATFORM "devices/" LAST_CACHE, F_OK))
		ksft_exit_skip("there is no " LAST_CACHE " here\n");
	return test_harness_run(argc, argv);
}
