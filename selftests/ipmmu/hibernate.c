// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host hibernates and is started again, by a kernel that has loaded the
 * driver before it loads the image: what that kernel has put into the IPMMU's
 * registers is not what this one had there. A device in a domain, a blocked one
 * and the disk with the image, all behind the IPMMU, are as they were.
 *
 *	hibernate		before: needs swap space, and what resumes
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest.h"

#include "lib/domain.h"
#include "lib/setup.h"

#define IOVA		0x50000000ull
#define PAGES		4

static struct pci_function witness, moved, blocked;
static u64 page[PAGES];
static int fd, other;

static const char *prepare(void)
{
	u64 i;

	if (witness_open(&witness))
		return "the witness does not answer";
	if (engine_open(&moved, 0) || engine_open(&blocked, 1))
		return "there are fewer than two ipmmu-dma devices";
	other = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	if (domain_device(other, IPMMU_TEST_CLAIM, &blocked))
		return "a device cannot be claimed";
	fd = domain_open(&moved);
	if (fd < 0 || !domain_buffer(fd, PAGES) || domain_attach(fd, &moved))
		return "no domain";
	for (i = 0; i < PAGES; i++) {
		page[i] = domain_page(fd, i);
		if (domain_map(fd, IOVA + i * HOST_PAGE, page[i], HOST_PAGE, DOMAIN_RW))
			return "nothing can be mapped";
	}
	return NULL;
}

static bool reaches_its_own(void)
{
	bool right = true;
	u64 i;

	for (i = 0; i < PAGES; i++)
		right &= engine_translate(&moved, IOVA + i * HOST_PAGE,
					  DMA_TRANSLATE_WRITE) == page[i];
	return right && engine_translate(&moved, IOVA - HOST_PAGE,
					 DMA_TRANSLATE_READ) == ~0ull;
}

static bool reaches_nothing(void)
{
	return engine_translate(&blocked, IOVA, DMA_TRANSLATE_READ) == ~0ull &&
	       engine_translate(&blocked, page[0], DMA_TRANSLATE_WRITE) == ~0ull;
}

/* The kernel that loaded the image has not set the functions up */
static void functions_enable(void)
{
	pci_command(&moved, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, 0);
	pci_command(&blocked, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, 0);
	pci_command(&witness, PCI_COMMAND_MEMORY, 0);
}

int main(void)
{
	const char *missing = setup_domains();

	if (!missing)
		missing = prepare();
	if (missing)
		ksft_exit_skip("%s\n", missing);
	ksft_print_header();
	ksft_set_plan(7);
	ksft_test_result(reaches_its_own() && reaches_nothing(), "before\n");
	fflush(stdout);
	file_write("/sys/power/disk", "shutdown");
	ksft_test_result(!file_write("/sys/power/state", "disk"), "hibernated and back\n");
	functions_enable();
	ksft_test_result(reaches_its_own(), "a device in a domain\n");
	ksft_test_result(reaches_nothing(), "a blocked device\n");
	ksft_test_result(!domain_unmap(fd, IOVA, HOST_PAGE) &&
			 engine_translate(&moved, IOVA, DMA_TRANSLATE_READ) == ~0ull,
			 "an unmap\n");
	file_write("/proc/sys/vm/drop_caches", "3");
	ksft_test_result(!setup_run("dd if=/dev/nvme0n1 of=/dev/null bs=64k count=64 2>/dev/null"),
			 "the disk\n");
	ksft_test_result(!verdict(&witness), "verdict\n");
	ksft_finished();
}
