// SPDX-License-Identifier: GPL-2.0-only
/*
 * A master for which there is no context shares the group of another: rather
 * of one that the kernel drives than of one that user space has, for no driver
 * could have it there. With user space everywhere it shares that all the same,
 * and is never without.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/attachment.h"

/* One more than there are contexts for domains */
#define ENGINES		7
/* How long a loaded machine may take for what comes at once on others */
#define WAIT_MS		30000

FIXTURE(sharing)
{
	struct pci_function dma[ENGINES];
	const struct pci_function *last;
	unsigned int groups;	/* engines that have one to themselves */
	int fd[ENGINES];
};

/* Where the last engine is when it is found anew; -1 if it has no group */
static int group_anew(const struct pci_function *last)
{
	unsigned int ms;
	char path[96];

	pci_path(last, "remove", path, sizeof(path));
	file_write(path, "1");
	file_write("/sys/bus/pci/rescan", "1");
	for (ms = 0; ms < WAIT_MS && pci_group(last) < 0; ms += 10) {
		file_write("/sys/bus/pci/drivers_probe", last->name);
		host_sleep_ms(10);
	}
	return pci_group(last);
}

static int claim(const struct pci_function *dma)
{
	int fd = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	int ret = domain_device(fd, IPMMU_TEST_CLAIM, dma);

	if (!ret)
		return fd;
	close(fd);
	return ret;
}

FIXTURE_SETUP(sharing)
{
	unsigned int n;

	for (n = 0; n < ENGINES; n++) {
		ASSERT_EQ(0, pci_find(&self->dma[n], WITNESS_VENDOR, DMA_DEVICE, n));
		self->fd[n] = -1;
	}
	self->last = &self->dma[ENGINES - 1];
	ASSERT_LE(0, group_anew(self->last));
	/* Some kernels have the host bridge in a group, too */
	self->groups = 1;
	while (self->groups < ENGINES &&
	       pci_group(&self->dma[self->groups]) !=
	       pci_group(&self->dma[self->groups - 1]))
		self->groups++;
	ASSERT_LT(1, self->groups);
	ASSERT_GT(ENGINES, self->groups);
}

FIXTURE_TEARDOWN(sharing)
{
	unsigned int n;

	for (n = 0; n < ENGINES; n++)
		close(self->fd[n]);
}

TEST_F_TIMEOUT(sharing, the_youngest, 120)
{
	EXPECT_EQ(pci_group(&self->dma[self->groups - 1]), pci_group(self->last));
}

TEST_F_TIMEOUT(sharing, not_with_user_space, 120)
{
	self->fd[0] = claim(&self->dma[self->groups - 1]);
	ASSERT_LE(0, self->fd[0]);
	EXPECT_EQ(pci_group(&self->dma[self->groups - 2]), group_anew(self->last));
}

/* Is an engine before this one in its group? */
static bool is_partner(const struct _test_data_sharing *self, unsigned int n)
{
	unsigned int m;

	for (m = 0; m < n; m++)
		if (pci_group(&self->dma[m]) == pci_group(&self->dma[n]))
			return true;
	return false;
}

TEST_F_TIMEOUT(sharing, with_user_space_everywhere, 120)
{
	unsigned int n;

	for (n = 0; n < self->groups; n++) {
		if (is_partner(self, n))
			continue;
		self->fd[n] = claim(&self->dma[n]);
		ASSERT_LE(0, self->fd[n]);
	}
	EXPECT_LE(0, group_anew(self->last));
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();
	struct pci_function pci;

	if (missing)
		ksft_exit_skip("%s\n", missing);
	if (!claim_blocks())
		ksft_exit_skip("before 5.19 a group is not claimed\n");
	if (pci_find_grouped(&pci, WITNESS_VENDOR, DMA_DEVICE, ENGINES - 1))
		ksft_exit_skip("there are fewer than %u ipmmu-dma devices\n", ENGINES);
	return test_harness_run(argc, argv);
}
