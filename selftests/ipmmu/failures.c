// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver does not get what it needs while it takes the IPMMUs, a master or
 * a domain: a flush does not end, or there is no memory, one allocation after
 * the other. It says so and leaves nothing half done: what it cannot serve is
 * blocked, and once it gets what it needs all is well.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/log.h"
#include "lib/owner.h"

#define PCI_PROBE	"/sys/bus/pci/drivers_probe"
#define MAIN		"b000000.iommu"
#define NEVER		(~0ull)
#define IOVA		0x50000000ull
/* How long a loaded machine may take for what comes at once on others */
#define WAIT_MS		30000
/* More allocations than there are in any of this */
#define ALLOCATIONS	2000

/* The kernel's means to have the nth allocation of a task fail */
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAIL_SLAB	"/sys/kernel/debug/failslab/"
#define FAIL_PAGE	"/sys/kernel/debug/fail_page_alloc/"

FIXTURE(failures)
{
	struct pci_function witness;
	struct pci_function dma;
	u64 delay;
	int log;
};

/* All IPMMUs are taken, and an engine was behind one before */
FIXTURE_SETUP(failures)
{
	int fd;

	ASSERT_EQ(0, witness_open(&self->witness));
	ASSERT_EQ(0, engine_open(&self->dma, 0));
	fd = domain_open(&self->dma);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, domain_attach(fd, &self->dma));
	close(fd);
	self->delay = pci_get(&self->witness, WITNESS_FLUSH_DELAY_NS);
	self->log = log_open();
	witness_clear(&self->witness);
}

static void flushes_end(const struct _test_data_failures *self)
{
	pci_set(&self->witness, WITNESS_FLUSH_DELAY_NS, self->delay);
}

static void flushes_do_not_end(const struct _test_data_failures *self)
{
	pci_set(&self->witness, WITNESS_FLUSH_DELAY_NS, NEVER);
}

static int drivers_take_all(void)
{
	return parameter_set(UNBIND, "bound", "Y");
}

static int drivers_leave_all(void)
{
	return parameter_set(UNBIND, "bound", "N");
}

/* A device gets a group when a driver is tried on it: the test module's is */
static void engine_probe(const struct pci_function *dma)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS && pci_group(dma) < 0; ms += 10) {
		file_write(PCI_PROBE, dma->name);
		if (pci_group(dma) < 0)
			host_sleep_ms(10);
	}
}

/* 0 if the engine reaches a page while it is mapped, and not afterwards */
static int engine_works(const struct pci_function *dma)
{
	int fd = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC), ret = -ENOMEM;
	u8 *buffer = domain_buffer(fd, 1);
	u64 page;

	if (buffer)
		ret = domain_device(fd, IPMMU_TEST_ALLOC, dma);
	page = domain_page(fd, 0);
	if (!ret)
		ret = domain_attach(fd, dma);
	if (!ret)
		ret = domain_map(fd, IOVA, page, HOST_PAGE, DOMAIN_RW);
	if (!ret && engine_translate(dma, IOVA, DMA_TRANSLATE_WRITE) != page)
		ret = -EFAULT;
	if (!ret)
		ret = domain_unmap(fd, IOVA, HOST_PAGE);
	if (!ret && engine_translate(dma, IOVA, DMA_TRANSLATE_WRITE) != ~0ull)
		ret = -EFAULT;
	/* A mapping holds the file, which holds the device */
	if (buffer)
		munmap(buffer, HOST_PAGE);
	close(fd);
	return ret;
}

static void all_is_well(struct __test_metadata *_metadata,
			const struct _test_data_failures *self)
{
	ASSERT_EQ(0, drivers_take_all());
	ASSERT_EQ(NULL, setup_driver());
	/*
	 * A cache that had not probed yet could not be flushed: that is no
	 * error
	 */
	witness_clear(&self->witness);
	/* What was found on is free when each cache has come after all */
	EXPECT_EQ(0, contexts_in_state("found"));
	engine_probe(&self->dma);
	EXPECT_EQ(0, engine_works(&self->dma));
}

/* Where it had a domain and has none any more it reaches nothing */
static void engine_is_blocked(struct __test_metadata *_metadata,
			      const struct _test_data_failures *self)
{
	EXPECT_EQ(~0ull, engine_translate(&self->dma, IOVA, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, witness_counter(&self->witness, WITNESS_BYPASSES));
}

FIXTURE_TEARDOWN(failures)
{
	flushes_end(self);
	all_is_well(_metadata, self);
	EXPECT_EQ(0, verdict(&self->witness));
	pci_close(&self->dma);
	pci_close(&self->witness);
	close(self->log);
}

/* The blocking context, which the driver has left on, cannot be silenced */
TEST_F_TIMEOUT(failures, main_found_on, 120)
{
	ASSERT_EQ(0, drivers_leave_all());
	flushes_do_not_end(self);
	EXPECT_NE(0, drivers_take_all());
	EXPECT_EQ(0, log_wait(self->log, MAIN, "left on cannot be flushed", WAIT_MS));
	EXPECT_FALSE(setup_serves());
	engine_is_blocked(_metadata, self);
}

/* After a reset nothing is on, and nothing comes on */
TEST_F_TIMEOUT(failures, main_after_reset, 120)
{
	ASSERT_EQ(0, drivers_leave_all());
	pci_set(&self->witness, WITNESS_POWER, WITNESS_POWER_LOST);
	flushes_do_not_end(self);
	EXPECT_NE(0, drivers_take_all());
	EXPECT_EQ(0, log_wait(self->log, MAIN, "does not come on, reset the SoC", WAIT_MS));
	EXPECT_FALSE(setup_serves());
}

/* The main IPMMU is there, and none of its caches can be told */
TEST_F_TIMEOUT(failures, caches, 120)
{
	ASSERT_EQ(0, drivers_leave_all());
	ASSERT_EQ(0, file_write("/sys/bus/platform/drivers_probe", MAIN));
	flushes_do_not_end(self);
	EXPECT_NE(0, drivers_take_all());
	EXPECT_EQ(0, log_wait(self->log, "the blocking context does not come on", NULL,
			      WAIT_MS));
	EXPECT_FALSE(setup_serves());
	engine_is_blocked(_metadata, self);
}

/* Only with the kernel's fault injection */
static bool fail_prepare(void)
{
	return !access(FAIL_NTH, F_OK) && !access(FAIL_SLAB, F_OK) &&
	       !parameter_set(FAIL_SLAB, "ignore-gfp-wait", "N") &&
	       !parameter_set(FAIL_SLAB, "verbose", "0") &&
	       !parameter_set(FAIL_PAGE, "ignore-gfp-wait", "N") &&
	       !parameter_set(FAIL_PAGE, "min-order", "0") &&
	       !parameter_set(FAIL_PAGE, "verbose", "0");
}

/*
 * A file is opened before and written after the word is given: of what lies
 * between the two only the write allocates.
 */
struct fail {
	int nth;
	int file;
};

static bool fail_open(struct fail *fail, const char *path)
{
	fail->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	fail->file = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	return fail->nth >= 0 && (!path || fail->file >= 0);
}

static void fail_begin(const struct fail *fail, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(fail->nth, text, strlen(text), 0) < 0)
		abort();
}

/* Did an allocation fail? Those behind it do not. */
static bool fail_end(const struct fail *fail)
{
	char text[16] = "";
	bool over = pread(fail->nth, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	if (pwrite(fail->nth, "0", 1, 0) < 0)
		abort();
	return over;
}

static void fail_close(struct fail *fail)
{
	close(fail->nth);
	close(fail->file);
}

/* The nth allocation fails that is made for what is written to a file */
static bool fail_write(struct __test_metadata *_metadata,
		       const struct _test_data_failures *self, unsigned int n,
		       const char *path, const char *text)
{
	struct fail fail;
	bool failed;

	ASSERT_TRUE(fail_open(&fail, path));
	fail_begin(&fail, n);
	(void)!write(fail.file, text, strlen(text));
	failed = fail_end(&fail);
	fail_close(&fail);
	if (pci_group(&self->dma) < 0)
		engine_is_blocked(_metadata, self);
	all_is_well(_metadata, self);
	return failed;
}

TEST_F_TIMEOUT(failures, memory_for_ipmmus, 600)
{
	unsigned int n;
	bool failed;

	if (!fail_prepare())
		SKIP(return, "the kernel has no fault injection");
	for (n = 1, failed = true; failed && n < ALLOCATIONS; n++) {
		ASSERT_EQ(0, drivers_leave_all());
		failed = fail_write(_metadata, self, n, UNBIND "bound", "Y");
	}
	TH_LOG("%u allocations", n - 2);
	EXPECT_LT(10, n);
	EXPECT_GT(ALLOCATIONS, n);
}

TEST_F_TIMEOUT(failures, memory_for_master, 600)
{
	unsigned int n;
	bool failed;

	if (!fail_prepare())
		SKIP(return, "the kernel has no fault injection");
	for (n = 1, failed = true; failed && n < ALLOCATIONS; n++) {
		ASSERT_EQ(0, drivers_leave_all());
		ASSERT_EQ(0, drivers_take_all());
		failed = fail_write(_metadata, self, n, PCI_PROBE, self->dma.name);
	}
	TH_LOG("%u allocations", n - 2);
	EXPECT_LT(5, n);
	EXPECT_GT(ALLOCATIONS, n);
}

TEST_F_TIMEOUT(failures, memory_for_domain, 600)
{
	struct host_pages before;
	struct fail fail;
	unsigned int n;
	bool failed;
	int fd, ret;

	if (!fail_prepare())
		SKIP(return, "the kernel has no fault injection");
	EXPECT_EQ(0, reclaimer_wait(WAIT_MS));
	before = host_pages();
	for (n = 1, failed = true; failed && n < ALLOCATIONS; n++) {
		fd = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(fail_open(&fail, NULL));
		fail_begin(&fail, n);
		ret = domain_device(fd, IPMMU_TEST_ALLOC, &self->dma);
		if (!ret)
			ret = domain_attach(fd, &self->dma);
		if (!ret)
			ret = domain_map(fd, IOVA, HOST_1G, HOST_PAGE, DOMAIN_RW);
		failed = fail_end(&fail);
		fail_close(&fail);
		/* Some it can do without */
		if (ret || !failed)
			EXPECT_EQ(failed ? -ENOMEM : 0, ret)
				TH_LOG("allocation %u", n);
		close(fd);
		EXPECT_EQ(0, engine_works(&self->dma));
	}
	TH_LOG("%u allocations", n - 2);
	EXPECT_LT(3, n);
	EXPECT_GT(ALLOCATIONS, n);
	EXPECT_EQ(0, host_pages_back(&before, WAIT_MS));
}

int main(int argc, char **argv)
{
	setup_unbind_needed();
	return test_harness_run(argc, argv);
}
