// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPMMUs whose power domains do not come on, at probe and after a suspend:
 * masters behind them are blocked and not let through, those behind others
 * work, and the log says which is which. When the domain comes on the next
 * time, all is well.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/domain.h"
#include "lib/log.h"
#include "lib/suspend.h"

#define PLATFORM	"/sys/bus/platform/"
#define DOMAINS		"/sys/module/ipmmu_domains/parameters/"
#define MAIN		"b000000.iommu"
#define CACHE		"b010000.iommu"
#define FAIL_MAIN	"1"
#define FAIL_CACHE	"2"
#define FAIL_NONE	"0"
/* How long a loaded machine may take for what comes at once on others */
#define WAIT_MS		60000
#define IOVA		0x50000000ull

/*
 * Slots 2 and up: the fifth lies behind the second cache, which has power at
 * all times
 */
enum { FIRST, OTHER, ENGINES };

static const unsigned int numbers[ENGINES] = { 0, 4 };

FIXTURE(power)
{
	struct pci_function witness;
	struct pci_function dma[ENGINES];
	int fd[ENGINES];
	u64 page[ENGINES];
	int log;
};

FIXTURE_SETUP(power)
{
	self->log = log_open();
	self->fd[FIRST] = -1;
	self->fd[OTHER] = -1;
	ASSERT_EQ(0, witness_open(&self->witness));
}

FIXTURE_TEARDOWN(power)
{
	unsigned int n;

	file_write(DOMAINS "fail", FAIL_NONE);
	for (n = 0; n < ENGINES; n++) {
		close(self->fd[n]);
		pci_close(&self->dma[n]);
	}
	EXPECT_EQ(0, verdict(&self->witness));
	pci_close(&self->witness);
	close(self->log);
}

static int cache_serves(const char *name)
{
	char path[64];
	unsigned int ms;

	snprintf(path, sizeof(path), "/sys/class/iommu/%s", name);
	for (ms = 0; ms < WAIT_MS && access(path, F_OK); ms += 50)
		host_sleep_ms(50);
	return access(path, F_OK);
}

/* First of all, while the driver is not there yet */
TEST_F_TIMEOUT(power, at_probe, 120)
{
	ASSERT_EQ(0, setup_test_module("ipmmu_domains"));
	ASSERT_EQ(0, file_write(DOMAINS "fail", FAIL_MAIN));
	ASSERT_EQ(0, setup_run("modprobe ipmmu-vmsa-deferred"));
	EXPECT_EQ(0, log_wait(self->log, MAIN, "power domain does not come on", WAIT_MS));
	EXPECT_NE(0, access("/sys/class/iommu/b020000.iommu", F_OK));

	ASSERT_EQ(0, file_write(DOMAINS "fail", FAIL_CACHE));
	ASSERT_EQ(0, file_write(PLATFORM "drivers_probe", MAIN));
	EXPECT_EQ(0, cache_serves("b020000.iommu"));
	EXPECT_EQ(0, log_wait(self->log, CACHE, "power domain does not come on", WAIT_MS));
	EXPECT_NE(0, access("/sys/class/iommu/" CACHE, F_OK));

	ASSERT_EQ(0, file_write(DOMAINS "fail", FAIL_NONE));
	ASSERT_EQ(0, file_write(PLATFORM "drivers_probe", CACHE));
	EXPECT_EQ(0, cache_serves(CACHE));
}

static int engine_start(struct _test_data_power *self, unsigned int n)
{
	int ret;

	if (engine_open(&self->dma[n], numbers[n]))
		return -ENODEV;
	self->fd[n] = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	if (!domain_buffer(self->fd[n], 1))
		return -ENOMEM;
	self->page[n] = domain_page(self->fd[n], 0);
	ret = domain_device(self->fd[n], IPMMU_TEST_ALLOC, &self->dma[n]);
	if (!ret)
		ret = domain_attach(self->fd[n], &self->dma[n]);
	return ret ? ret : domain_map(self->fd[n], IOVA, self->page[n], HOST_PAGE,
				      DOMAIN_RW);
}

/* What the two engines reach, and whether one was let through */
static void engines_reach(struct __test_metadata *_metadata,
			  const struct _test_data_power *self, bool first, bool other)
{
	EXPECT_EQ(first ? self->page[FIRST] : ~0ull,
		  engine_translate(&self->dma[FIRST], IOVA, DMA_TRANSLATE_WRITE));
	EXPECT_EQ(other ? self->page[OTHER] : ~0ull,
		  engine_translate(&self->dma[OTHER], IOVA, DMA_TRANSLATE_WRITE));
	EXPECT_EQ(0, witness_counter(&self->witness, WITNESS_BYPASSES));
}

TEST_F_TIMEOUT(power, after_suspend, 240)
{
	ASSERT_EQ(NULL, setup_domains());
	ASSERT_EQ(NULL, suspend_prepare());
	ASSERT_EQ(0, engine_start(self, FIRST));
	ASSERT_EQ(0, engine_start(self, OTHER));
	witness_clear(&self->witness);
	engines_reach(_metadata, self, true, true);

	ASSERT_EQ(0, file_write(DOMAINS "fail", FAIL_CACHE));
	EXPECT_EQ(0, suspend_once(0));
	EXPECT_EQ(0, log_wait(self->log, CACHE, "has no power after suspend", WAIT_MS));
	engines_reach(_metadata, self, false, true);

	/* Once more, and it is not touched on the way down either */
	EXPECT_EQ(0, suspend_once(0));
	engines_reach(_metadata, self, false, true);

	ASSERT_EQ(0, file_write(DOMAINS "fail", FAIL_MAIN));
	EXPECT_EQ(0, suspend_once(0));
	EXPECT_EQ(0, log_wait(self->log, MAIN, "has no power after suspend", WAIT_MS));
	engines_reach(_metadata, self, false, false);
	/* A flush has nothing to touch, and ends */
	EXPECT_EQ(0, domain_unmap(self->fd[OTHER], IOVA, HOST_PAGE));
	EXPECT_EQ(0, domain_map(self->fd[OTHER], IOVA, self->page[OTHER], HOST_PAGE,
				DOMAIN_RW));

	ASSERT_EQ(0, file_write(DOMAINS "fail", FAIL_NONE));
	EXPECT_EQ(0, suspend_once(0));
	engines_reach(_metadata, self, true, true);
	file_write("/sys/power/pm_test", "none");
}

int main(int argc, char **argv)
{
	struct pci_function pci;

	if (!access(DRIVER_PARAMETERS, F_OK))
		ksft_exit_skip("the driver is loaded already\n");
	if (access("/sys/firmware/devicetree/base/ipmmu-power", F_OK))
		ksft_exit_skip("IPMMUs are in no power domains of the tests here\n");
	if (pci_find(&pci, WITNESS_VENDOR, DMA_DEVICE, 4))
		ksft_exit_skip("there are fewer than five ipmmu-dma devices\n");
	return test_harness_run(argc, argv);
}
