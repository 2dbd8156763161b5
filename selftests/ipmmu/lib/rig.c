// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rig of most tests: set up, taken down, and looked over at the end.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "rig.h"

const char *rig_open(struct rig *rig, u64 pages)
{
	memset(rig, 0, sizeof(*rig));
	rig->fd = -1;
	if (witness_open(&rig->witness))
		return "the witness does not answer";
	if (engine_open(&rig->dma, 0))
		return "the ipmmu-dma device does not answer";
	reclaimer_wait(RIG_BACK_MS);
	witness_clear(&rig->witness);

	rig->fd = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	if (rig->fd < 0)
		return "/dev/ipmmu-test does not open";
	rig->pages = pages;
	if (pages)
		rig->buffer = domain_buffer(rig->fd, pages);
	if (pages && !rig->buffer)
		return "no buffer";
	if (domain_device(rig->fd, IPMMU_TEST_CLAIM, &rig->dma))
		return "the device cannot be claimed: is a driver bound to it?";
	rig->before = host_pages();
	if (rig->before.live < 0)
		return "no counters of the library in debugfs";
	if (domain_device(rig->fd, IPMMU_TEST_ALLOC, &rig->dma))
		return "the kernel gives no domain";
	if (domain_attach(rig->fd, &rig->dma))
		return "the device cannot be attached to the domain";
	if (domain_info(rig->fd, &rig->info))
		return "the domain tells nothing of itself";
	return NULL;
}

/*
 * The counters are of the whole host: where another device is at work, its
 * tables come and go in them.
 */
static int rig_pages_back(const struct rig *rig)
{
	if (getenv("RIG_HAS_NEIGHBOURS"))
		return reclaimer_wait(RIG_BACK_MS);
	return host_pages_back(&rig->before, RIG_BACK_MS);
}

int rig_close(struct rig *rig)
{
	int bad = 0;

	if (rig->fd < 0)
		return -1;
	domain_detach(rig->fd, &rig->dma);
	domain_free(rig->fd);
	if (rig_pages_back(rig))
		bad = -1;
	if (rig->buffer)
		munmap(rig->buffer, rig->pages * HOST_PAGE);
	close(rig->fd);
	rig->fd = -1;
	if (verdict(&rig->witness))
		bad = -1;
	pci_close(&rig->dma);
	pci_close(&rig->witness);
	return bad;
}

int rig_map_buffer(const struct rig *rig, u64 iova, u32 prot)
{
	u64 i;
	int ret = 0;

	for (i = 0; !ret && i < rig->pages; i++)
		ret = domain_map(rig->fd, iova + i * HOST_PAGE, rig_page(rig, i),
				 HOST_PAGE, prot);
	return ret;
}
