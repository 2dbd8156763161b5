// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers are kept, lost, or hold anything when the system comes back from a
 * suspend: masters in a domain translate as before, blocked ones reach nothing.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/domain.h"
#include "lib/patrol.h"
#include "lib/suspend.h"

#define IOVA		0x50000000ull
#define PAGES		4
#define TIMES		4

/*
 * An engine behind each cache in a domain of its own, and one that is blocked
 */
enum { FIRST, SECOND, BLOCKED, ENGINES };

/* Slots 2 and up: the sixth and seventh lie behind the second cache */
static const unsigned int numbers[ENGINES] = { 0, 5, 1 };

FIXTURE(suspend)
{
	struct pci_function witness;
	struct pci_function dma[ENGINES];
	int fd[ENGINES];
	u64 page[ENGINES][PAGES];
};

FIXTURE_VARIANT(suspend)
{
	u64 how;
	bool patrols;		/* where registers are kept, DMA may go on */
};

FIXTURE_VARIANT_ADD(suspend, kept)
{
	.patrols = true,
};

FIXTURE_VARIANT_ADD(suspend, lost)
{
	.how = WITNESS_POWER_LOST,
};

FIXTURE_VARIANT_ADD(suspend, garbage)
{
	.how = WITNESS_POWER_GARBAGE,
};

static int engine_start(struct _test_data_suspend *self, unsigned int n)
{
	u64 i;
	int ret;

	if (engine_open(&self->dma[n], numbers[n]))
		return -ENODEV;
	self->fd[n] = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	ret = domain_device(self->fd[n], IPMMU_TEST_CLAIM, &self->dma[n]);
	if (ret || n == BLOCKED)
		return ret;
	if (!domain_buffer(self->fd[n], PAGES))
		return -ENOMEM;
	ret = domain_device(self->fd[n], IPMMU_TEST_ALLOC, &self->dma[n]);
	if (!ret)
		ret = domain_attach(self->fd[n], &self->dma[n]);
	for (i = 0; !ret && i < PAGES; i++) {
		self->page[n][i] = domain_page(self->fd[n], i);
		ret = domain_map(self->fd[n], IOVA + i * HOST_PAGE, self->page[n][i],
				 HOST_PAGE, DOMAIN_RW);
		patrol_set(&self->dma[n], DMA_GIVE, self->page[n][i]);
	}
	return ret;
}

FIXTURE_SETUP(suspend)
{
	unsigned int n;

	ASSERT_EQ(NULL, suspend_prepare());
	ASSERT_EQ(0, witness_open(&self->witness));
	for (n = 0; n < ENGINES; n++)
		ASSERT_EQ(0, engine_start(self, n));
	witness_clear(&self->witness);
}

FIXTURE_TEARDOWN(suspend)
{
	unsigned int n;

	for (n = 0; n < ENGINES; n++) {
		patrol_end(&self->dma[n]);
		close(self->fd[n]);
		EXPECT_EQ(0, patrol_strayed(&self->dma[n]));
		pci_close(&self->dma[n]);
	}
	file_write("/sys/power/pm_test", "none");
	EXPECT_EQ(0, verdict(&self->witness));
	pci_close(&self->witness);
}

static void reaches_its_own(struct __test_metadata *_metadata,
			    const struct _test_data_suspend *self)
{
	unsigned int n, i;

	for (n = 0; n < BLOCKED; n++)
		for (i = 0; i < PAGES; i++)
			EXPECT_EQ(self->page[n][i],
				  engine_translate(&self->dma[n], IOVA + i * HOST_PAGE,
						   DMA_TRANSLATE_WRITE));
	EXPECT_EQ(~0ull, engine_translate(&self->dma[BLOCKED], IOVA,
					  DMA_TRANSLATE_READ));
	EXPECT_EQ(0, witness_counter(&self->witness, WITNESS_BYPASSES));
}

TEST_F_TIMEOUT(suspend, translates_after, 240)
{
	unsigned int i, n;

	reaches_its_own(_metadata, self);
	for (n = 0; variant->patrols && n < ENGINES; n++)
		patrol_begin(&self->dma[n], IOVA, PAGES);
	for (i = 0; i < TIMES; i++) {
		ASSERT_EQ(0, suspend_once(variant->how | i << 8));
		reaches_its_own(_metadata, self);
		/* What is unmapped is flushed everywhere, as ever */
		ASSERT_EQ(0, domain_unmap(self->fd[SECOND], IOVA, HOST_PAGE));
		EXPECT_EQ(~0ull, engine_translate(&self->dma[SECOND], IOVA,
						  DMA_TRANSLATE_READ));
		ASSERT_EQ(0, domain_map(self->fd[SECOND], IOVA, self->page[SECOND][0],
					HOST_PAGE, DOMAIN_RW));
	}
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();
	struct pci_function pci;

	if (!missing && pci_find_grouped(&pci, WITNESS_VENDOR, DMA_DEVICE, 5))
		missing = "there are fewer than six ipmmu-dma devices";
	if (!missing)
		missing = suspend_prepare();
	if (missing)
		ksft_exit_skip("%s\n", missing);
	return test_harness_run(argc, argv);
}
