// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the kernel's own KUnit cases for io-pgtable-arm on
 * io-pgtable-arm-deferred, in user space. What those cases take for the
 * hardware is told to the library as Documentation/migration.md has it, step 2.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/io-pgtable-arm-deferred.h>

#include "shim.h"

#define CONFIGURATION	"pgsize_bitmap"	/* how each one's line begins */

static struct device device = { .name = "io-pgtable-test", .coherent = true };
static const struct iommu_flush_ops *case_tlb;
static struct io_pgtable_ops *current_ops;
static unsigned int configurations;

void client_say(struct kunit *test, bool failed, const char *fmt, ...)
{
	va_list args;

	if (failed)
		test->failures++;
	if (!strncmp(fmt, CONFIGURATION, strlen(CONFIGURATION)))
		configurations++;
	printf(failed ? "# FAILED: " : "# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
}

struct device *kunit_device_register(struct kunit *test, const char *name)
{
	return &device;
}

static int flush(void *cookie)
{
	case_tlb->tlb_flush_all(cookie);
	return 0;
}

static void flush_all(void *cookie)
{
	io_pgtable_deferred_flush(current_ops, flush, cookie);
}

static void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	case_tlb->tlb_flush_walk(iova, size, granule, cookie);
	flush_all(cookie);
}

static void add_page(struct iommu_iotlb_gather *gather, unsigned long iova,
		     size_t granule, void *cookie)
{
	case_tlb->tlb_add_page(gather, iova, granule, cookie);
}

static const struct iommu_flush_ops client_tlb = {
	.tlb_flush_all = flush_all,
	.tlb_flush_walk = flush_walk,
	.tlb_add_page = add_page,
};

struct io_pgtable_ops *client_alloc(enum io_pgtable_fmt fmt,
				    struct io_pgtable_cfg *cfg, void *cookie)
{
	case_tlb = cfg->tlb;
	cfg->tlb = &client_tlb;
	current_ops = io_pgtable_deferred_alloc(fmt, cfg, cookie);
	cfg->tlb = case_tlb;
	return current_ops;
}

void client_free(struct io_pgtable_ops *ops)
{
	io_pgtable_deferred_free(ops);
	while (shim_run_rcu() || shim_run_work() || shim_pass_time())
		;
}

int main(void)
{
	const struct kunit_case *this;
	struct kunit test = { 0 };

	shim_memory_init();
	/* Some of the cases have 32 bits of output. */
	shim_narrow = true;
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	for (this = client_suite->test_cases; this->run_case; this++)
		this->run_case(&test);
	if (shim_pages || shim_stat("live") || shim_stat("pending")) {
		printf("# FAILED: %ld pages are left\n", shim_pages);
		test.failures++;
	}
	printf("# %u configurations, %u failures\n", configurations, test.failures);
	return test.failures || !configurations ? 1 : 0;
}
