// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs a caller to unmap a gibibyte of pages, and to free a domain
 * with four, with arm-smmu-v3: the kernel's own, or with tables of
 * io-pgtable-arm-deferred.
 *
 * Where guest time counts instructions (smmu_test.icount=1) the figures are
 * exact whatever the machine is busy with, and have limits.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "edu.h"
#include "../ipmmu/lib/setup.h"
#include "kselftest_harness.h"

#define AT		(8 * HOST_1G)
#define SIZE		(4 * HOST_1G)

/*
 * Instructions: several times what it takes, and a tenth of what the kernel's
 * takes
 */
#define UNMAP_MAX	20000
#define FREE_MAX	60000

static struct pci_function edu;

/*
 * The kernel's own driver has it, too: built in, with no folder but its
 * parameters'
 */
static const char *what_is_missing(void)
{
	if (access("/dev/ipmmu-test", F_OK))
		setup_test_module("ipmmu_test");
	if (access("/dev/ipmmu-test", F_OK))
		return "ipmmu_test.ko is not loaded and not beside the test";
	if (pci_find_grouped(&edu, EDU_VENDOR, EDU_DEVICE, 0))
		return "no edu device behind an SMMU";
	return NULL;
}

TEST(caller_pays)
{
	struct ipmmu_test_unmap unmap = { .iova = AT, .size = HOST_1G };
	const char *missing = what_is_missing();
	s64 ns;
	int fd;

	if (missing)
		SKIP(return, "%s", missing);
	fd = domain_open(&edu);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, domain_attach(fd, &edu));
	ASSERT_EQ(0, domain_fill(fd, AT, SIZE, 0));
	ASSERT_EQ(0, domain_ioctl(fd, IPMMU_TEST_UNMAP, &unmap));
	ASSERT_EQ(HOST_1G, unmap.unmapped);
	ASSERT_EQ(0, domain_fill(fd, AT, HOST_1G, 0));
	ASSERT_EQ(0, domain_detach(fd, &edu));
	ns = domain_free(fd);
	ASSERT_LT(0, ns);
	printf("# %s: unmap of 1 GiB %llu ns, free of 4 GiB %lld ns%s\n",
	       is_deferred() ? "deferred" : "stock", unmap.ns, ns,
	       counts_instructions() ? " (instructions)" : "");
	if (is_deferred() && counts_instructions()) {
		EXPECT_GE(UNMAP_MAX, unmap.ns);
		EXPECT_GE(FREE_MAX, ns);
	}
	close(fd);
	if (is_deferred())
		EXPECT_EQ(0, reclaimer_wait(60000));
}

TEST_HARNESS_MAIN
