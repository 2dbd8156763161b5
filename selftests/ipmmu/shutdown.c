// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reboot or a kexec does to the IPMMUs, without one: contexts and
 * micro-TLBs are as after a reset, so that a kernel without the driver finds
 * masters that work; a master that still does DMA is told of. Nothing that the
 * driver is asked for later touches a register. The next driver has them as
 * ever.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/log.h"
#include "lib/owner.h"
#include "lib/patrol.h"

#define IOVA		0x50000000ull
/* How long a loaded machine may take for what comes at once on others */
#define WAIT_MS		30000

FIXTURE(shutdown)
{
	struct rig rig;
	unsigned int cache, utlb;
	int log;
};

FIXTURE_SETUP(shutdown)
{
	const char *wrong = rig_open(&self->rig, 1);

	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	self->cache = 1 + self->rig.dma.rid / 48;
	self->utlb = self->rig.dma.rid % 48;
	self->log = log_open();
	ASSERT_EQ(0, rig_map_buffer(&self->rig, IOVA, DOMAIN_RW));
}

FIXTURE_TEARDOWN(shutdown)
{
	patrol_end(&self->rig.dma);
	close(self->log);
	EXPECT_EQ(0, rig_close(&self->rig));
}

static void all_is_off(struct __test_metadata *_metadata,
		       const struct _test_data_shutdown *self)
{
	unsigned int unit, n;

	for (unit = ROOT; unit <= 2; unit++)
		for (n = 1; n < CONTEXTS; n++)
			EXPECT_EQ(0, peek(&self->rig.witness, unit, CONTEXT(n, IMCTR)));
	for (unit = 1; unit <= 2; unit++)
		for (n = 0; n < FOREIGN_UTLB; n++)
			EXPECT_EQ(0, peek(&self->rig.witness, unit, imuctr(n)));
}

static u64 registers_used(const struct _test_data_shutdown *self)
{
	return witness_counter(&self->rig.witness, WITNESS_MMIO_READS) +
	       witness_counter(&self->rig.witness, WITNESS_MMIO_WRITES);
}

/* A domain is used as before, and the hardware knows nothing of it */
static void nothing_is_touched(struct __test_metadata *_metadata,
			       const struct _test_data_shutdown *self)
{
	u64 used = registers_used(self);

	EXPECT_EQ(0, domain_unmap(self->rig.fd, IOVA, HOST_PAGE));
	EXPECT_EQ(0, domain_map(self->rig.fd, IOVA, rig_page(&self->rig, 0), HOST_PAGE,
				DOMAIN_RW));
	EXPECT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
	/* Twice is once */
	EXPECT_EQ(0, parameter_set(UNBIND, "shut", "1"));
	EXPECT_EQ(used, registers_used(self));
}

/* Blocked or identity, as the kernel has it without a domain of the test's */
static void works_with_the_next(struct __test_metadata *_metadata,
				struct _test_data_shutdown *self)
{
	ASSERT_EQ(0, domain_release(self->rig.fd, &self->rig.dma));
	ASSERT_LE(0, domain_free(self->rig.fd));
	ASSERT_EQ(0, parameter_set(UNBIND, "bound", "N"));
	ASSERT_EQ(0, parameter_set(UNBIND, "bound", "Y"));
	ASSERT_EQ(NULL, setup_driver());
	ASSERT_EQ(0, file_write("/sys/bus/pci/drivers_probe", self->rig.dma.name));
	ASSERT_EQ(0, domain_device(self->rig.fd, IPMMU_TEST_ALLOC, &self->rig.dma));
	ASSERT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
	ASSERT_EQ(0, domain_map(self->rig.fd, IOVA, rig_page(&self->rig, 0), HOST_PAGE,
				DOMAIN_RW));
	EXPECT_EQ(rig_page(&self->rig, 0),
		  engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
}

TEST_F_TIMEOUT(shutdown, as_after_a_reset, 120)
{
	EXPECT_EQ(IMUCTR_ON(context_of(&self->rig.dma)),
		  peek(&self->rig.witness, self->cache, imuctr(self->utlb)));
	ASSERT_EQ(0, parameter_set(UNBIND, "shut", "1"));
	all_is_off(_metadata, self);
	EXPECT_EQ(0, log_count(self->log, "still does DMA", NULL));
	nothing_is_touched(_metadata, self);
	works_with_the_next(_metadata, self);
}

/* What it does is refused first, and reaches no page by a table that goes */
TEST_F_TIMEOUT(shutdown, master_goes_on, 120)
{
	u64 passed, refused;

	patrol_set(&self->rig.dma, DMA_GIVE, rig_page(&self->rig, 0));
	patrol_begin(&self->rig.dma, IOVA, 1);
	ASSERT_EQ(0, patrol_round(&self->rig.dma));
	ASSERT_EQ(0, patrol_strayed(&self->rig.dma));
	refused = patrol_get(&self->rig.dma, DMA_REFUSED);
	ASSERT_EQ(0, parameter_set(UNBIND, "shut", "1"));
	passed = patrol_get(&self->rig.dma, DMA_PASSED);
	EXPECT_EQ(0, log_wait(self->log, "still does DMA at shutdown", NULL, WAIT_MS));
	EXPECT_LT(refused, patrol_get(&self->rig.dma, DMA_REFUSED));
	EXPECT_EQ(0, patrol_round(&self->rig.dma));
	EXPECT_EQ(passed, patrol_get(&self->rig.dma, DMA_PASSED));
	patrol_end(&self->rig.dma);
	all_is_off(_metadata, self);
	works_with_the_next(_metadata, self);
}

int main(int argc, char **argv)
{
	setup_unbind_needed();
	return test_harness_run(argc, argv);
}
