// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: as long as it is loaded, the emulated IPMMU is told of each page
 * that the kernel frees, so that it can tell a table that was freed too early;
 * and its walker does not snoop, and sees what was cleaned and nothing else.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/tracepoint.h>

#include "witness.h"

static struct pci_dev *watch_witness;
static void __iomem *watch_regs;
static struct tracepoint *watch_freed_event;

/* Tables are single pages. */
static void watch_freed(void *data, struct page *page, unsigned int order)
{
	if (!order)
		writeq(page_to_phys(page), watch_regs + WITNESS_FREED);
}

static void watch_find_event(struct tracepoint *event, void *unused)
{
	if (!strcmp(event->name, "mm_page_free"))
		watch_freed_event = event;
}

static int watch_open(void)
{
	watch_witness = pci_get_device(WITNESS_VENDOR, WITNESS_DEVICE, NULL);
	if (!watch_witness)
		return -ENODEV;
	if (!pci_enable_device_mem(watch_witness)) {
		watch_regs = pci_iomap(watch_witness, 0, 0);
		if (watch_regs && readq(watch_regs + WITNESS_ID) == WITNESS_ID_VALUE)
			return 0;
		if (watch_regs)
			pci_iounmap(watch_witness, watch_regs);
		pci_disable_device(watch_witness);
	}
	pci_dev_put(watch_witness);
	return -ENODEV;
}

static void watch_close(void)
{
	pci_iounmap(watch_witness, watch_regs);
	pci_disable_device(watch_witness);
	pci_dev_put(watch_witness);
}

/* What was cleaned before does not count: such pages are seen as they are. */
static void watch_noncoherent(bool on)
{
	u64 inject = readq(watch_regs + WITNESS_INJECT);

	inject &= ~(u64)WITNESS_INJECT_NONCOHERENT;
	writeq(inject | (on ? WITNESS_INJECT_NONCOHERENT : 0),
	       watch_regs + WITNESS_INJECT);
}

static int watch_start(void)
{
	int ret;

	for_each_kernel_tracepoint(watch_find_event, NULL);
	if (!watch_freed_event)
		return -ENOENT;
	ret = tracepoint_probe_register(watch_freed_event, watch_freed, NULL);
	if (ret)
		return ret;
	watch_noncoherent(true);
	return 0;
}

static void watch_stop(void)
{
	watch_noncoherent(false);
	tracepoint_probe_unregister(watch_freed_event, watch_freed, NULL);
	tracepoint_synchronize_unregister();
}

static int __init watch_init(void)
{
	int ret = watch_open();

	if (ret)
		return ret;
	ret = watch_start();
	if (ret)
		watch_close();
	return ret;
}
module_init(watch_init);

static void __exit watch_exit(void)
{
	watch_stop();
	watch_close();
}
module_exit(watch_exit);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("Tells the emulated IPMMU what happens to memory");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
