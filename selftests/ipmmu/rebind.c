// SPDX-License-Identifier: GPL-2.0-only
/*
 * One cache IPMMU is taken from the driver and given back while the root and
 * another cache serve a master that does DMA without a pause. That master
 * notices nothing. Those of the cache that is away are blocked, not let
 * through. A domain that had masters in both is flushed in the one that is
 * left, and the other comes back with what the domain has by then.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/owner.h"
#include "lib/patrol.h"

#define BUFFER_PAGES	4
#define IOVA		0x50000000ull
#define OTHER_CACHE	2	/* as the witness counts them */
#define FILL		(2 * HOST_1G)
#define FILL_SIZE	(4 * HOST_2M)

FIXTURE(rebind)
{
	struct rig rig;
	struct pci_function other;	/* behind another cache than the rig's */
	char cache[64];			/* the name of that one */
	u64 refused;			/* accesses of the rig's, before */
};

static unsigned int cache_of(const struct pci_function *dma)
{
	return 1 + dma->rid / 48;
}

/* -1 when there is none */
static int find_other(const struct rig *rig, struct pci_function *other)
{
	unsigned int nth;

	for (nth = 1; !pci_find_grouped(other, WITNESS_VENDOR, DMA_DEVICE, nth); nth++)
		if (cache_of(other) == OTHER_CACHE && cache_of(&rig->dma) != OTHER_CACHE)
			return engine_open(other, nth);
	return -1;
}

FIXTURE_SETUP(rebind)
{
	const char *wrong = rig_open(&self->rig, BUFFER_PAGES);

	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	if (find_other(&self->rig, &self->other))
		SKIP(return, "no ipmmu-dma device behind a second cache IPMMU");
	ASSERT_EQ(0, pci_link(&self->other, "iommu", self->cache, sizeof(self->cache)));
	ASSERT_EQ(0, rig_map_buffer(&self->rig, IOVA, DOMAIN_RW));
	patrol_set(&self->rig.dma, DMA_GIVE, rig_page(&self->rig, 0));
	patrol_begin(&self->rig.dma, IOVA, 1);
	/* Earlier tests may have had it refused, too. */
	self->refused = patrol_get(&self->rig.dma, DMA_REFUSED);
	ASSERT_EQ(0, patrol_round(&self->rig.dma));
}

FIXTURE_TEARDOWN(rebind)
{
	patrol_end(&self->rig.dma);
	EXPECT_EQ(0, patrol_strayed(&self->rig.dma));
	pci_close(&self->other);
	EXPECT_EQ(0, rig_close(&self->rig));
}

static void take_cache(struct __test_metadata *_metadata,
		       const struct _test_data_rebind *self)
{
	ASSERT_EQ(0, parameter_set(UNBIND, "taken", self->cache));
	EXPECT_FALSE(setup_serves());
	EXPECT_EQ(-1, pci_group(&self->other));
}

/* It gets a group when a driver is tried on it: the test module's is */
static void give_cache(struct __test_metadata *_metadata,
		       const struct _test_data_rebind *self)
{
	ASSERT_EQ(0, parameter_set(UNBIND, "given", self->cache));
	ASSERT_EQ(NULL, setup_driver());
	ASSERT_EQ(0, file_write("/sys/bus/pci/drivers_probe", self->other.name));
	EXPECT_LE(0, pci_group(&self->other));
}

/* The rig's master, and what its domain is asked for */
static void the_rest_works(struct __test_metadata *_metadata,
			   const struct _test_data_rebind *self)
{
	const struct rig *rig = &self->rig;
	u64 second = IOVA + HOST_PAGE;

	EXPECT_EQ(0, patrol_round(&rig->dma));
	EXPECT_EQ(self->refused, patrol_get(&rig->dma, DMA_REFUSED));
	EXPECT_EQ(rig_page(rig, 1), engine_translate(&rig->dma, second, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, domain_unmap(rig->fd, second, HOST_PAGE));
	EXPECT_EQ(~0ull, engine_translate(&rig->dma, second, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, domain_map(rig->fd, second, rig_page(rig, 1), HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(rig_page(rig, 1), engine_translate(&rig->dma, second, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, domain_fill(rig->fd, FILL, FILL_SIZE, 0));
	EXPECT_EQ(0, domain_unmap(rig->fd, FILL, FILL_SIZE));
	EXPECT_EQ(0, reclaimer_wait(RIG_BACK_MS));
}

/* Its master had the domain, too, and has it again */
TEST_F_TIMEOUT(rebind, domain_of_both, 120)
{
	const struct rig *rig = &self->rig;
	u64 third = IOVA + 2 * HOST_PAGE;
	int context = context_of(&rig->dma);

	ASSERT_EQ(0, domain_attach(rig->fd, &self->other));
	EXPECT_EQ(rig_page(rig, 2), engine_translate(&self->other, third,
						     DMA_TRANSLATE_READ));
	EXPECT_NE(0, peek(&rig->witness, OTHER_CACHE, CONTEXT(context, IMCTR)));
	ASSERT_EQ(0, domain_detach(rig->fd, &self->other));
	ASSERT_EQ(0, domain_release(rig->fd, &self->other));

	take_cache(_metadata, self);
	EXPECT_EQ(0, peek(&rig->witness, OTHER_CACHE, CONTEXT(context, IMCTR)));
	EXPECT_NE(0, peek(&rig->witness, cache_of(&rig->dma), CONTEXT(context, IMCTR)));
	the_rest_works(_metadata, self);
	EXPECT_EQ(0, domain_unmap(rig->fd, third, HOST_PAGE));

	give_cache(_metadata, self);
	the_rest_works(_metadata, self);
	ASSERT_EQ(0, domain_device(rig->fd, IPMMU_TEST_CLAIM, &self->other));
	ASSERT_EQ(0, domain_attach(rig->fd, &self->other));
	EXPECT_EQ(~0ull, engine_translate(&self->other, third, DMA_TRANSLATE_READ));
	EXPECT_EQ(rig_page(rig, 3), engine_translate(&self->other, third + HOST_PAGE,
						     DMA_TRANSLATE_READ));
	EXPECT_EQ(0, domain_detach(rig->fd, &self->other));
	EXPECT_EQ(0, domain_release(rig->fd, &self->other));
	EXPECT_EQ(self->refused, patrol_get(&rig->dma, DMA_REFUSED));
}

/*
 * It reached all of memory by the kernel's identity domain, goes on with that,
 * and gets nowhere until the cache is there again.
 */
TEST_F_TIMEOUT(rebind, masters_are_blocked, 120)
{
	const struct rig *rig = &self->rig;
	u64 page = rig_page(rig, 3), passed, refused;

	if (engine_translate(&self->other, page, DMA_TRANSLATE_READ) != page)
		SKIP(return, "its default domain is not identity: iommu.passthrough=1");
	patrol_set(&self->other, DMA_GIVE, page);
	refused = patrol_get(&self->other, DMA_REFUSED);
	patrol_begin(&self->other, page, 1);
	EXPECT_EQ(0, patrol_round(&self->other));
	EXPECT_EQ(refused, patrol_get(&self->other, DMA_REFUSED));

	take_cache(_metadata, self);
	EXPECT_EQ(~0ull, engine_translate(&self->other, page, DMA_TRANSLATE_READ));
	passed = patrol_get(&self->other, DMA_PASSED);
	EXPECT_EQ(0, patrol_round(&self->other));
	EXPECT_EQ(passed, patrol_get(&self->other, DMA_PASSED));
	the_rest_works(_metadata, self);

	give_cache(_metadata, self);
	EXPECT_EQ(page, engine_translate(&self->other, page, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, patrol_round(&self->other));
	EXPECT_LT(passed, patrol_get(&self->other, DMA_PASSED));
	patrol_end(&self->other);
	EXPECT_EQ(0, patrol_strayed(&self->other));
	EXPECT_EQ(self->refused, patrol_get(&rig->dma, DMA_REFUSED));
}

int main(int argc, char **argv)
{
	setup_unbind_needed();
	return test_harness_run(argc, argv);
}
