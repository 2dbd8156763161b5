// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which masters are let in. A master that the device tree puts behind an IPMMU
 * is not translated just for that: where the IPMMU has errata none is, and
 * elsewhere those that are known to work, and those that the parameter
 * "devices" names. The micro-TLB of a master that is left out stays off: its
 * DMA goes where it wants, as it does without this driver, and the log says so
 * once.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "ipmmu.h"

#define DEVICES_MAX	32

static char *devices[DEVICES_MAX];
static unsigned int device_count;
module_param_array(devices, charp, &device_count, 0444);
MODULE_PARM_DESC(devices, "Names of platform devices to put behind an IPMMU beyond PCI devices and SD controllers, separated by commas, up to 32 (default none)");

static void ipmmu_told_release(struct device *mmu, void *name)
{
}

static int ipmmu_told_match(struct device *mmu, void *name, void *wanted)
{
	return !strcmp(name, wanted);
}

/**
 * ipmmu_told_first() - is this the first message about a master?
 * @mmu: the cache that the device tree puts it behind
 * @dev: the master
 *
 * The core asks again whenever a driver is tried on a master. The names of
 * those that were told are kept with the IPMMU.
 *
 * Context: may sleep.
 * Return: true the first time, and without memory.
 */
bool ipmmu_told_first(struct ipmmu *mmu, struct device *dev)
{
	size_t size = strlen(dev_name(dev)) + 1;
	char *name = devres_alloc(ipmmu_told_release, size, GFP_KERNEL);

	if (!name)
		return true;
	memcpy(name, dev_name(dev), size);
	return devres_get(mmu->dev, name, ipmmu_told_match, name) == name;
}

static bool ipmmu_master_is_wanted(struct device *dev)
{
	return dev_is_pci(dev) || ipmmu_soc_knows(dev_name(dev)) ||
	       match_string((const char * const *)devices, device_count,
			    dev_name(dev)) >= 0;
}

/**
 * ipmmu_allowed() - may this master be put behind an IPMMU?
 * @mmu: the cache that the device tree puts it behind
 * @dev: the master
 *
 * Context: may sleep.
 * Return: false with the reason in the log, the first time.
 */
bool ipmmu_allowed(struct ipmmu *mmu, struct device *dev)
{
	const char *revision = ipmmu_soc_denied(mmu->soc);

	if (revision) {
		if (ipmmu_told_first(mmu, dev))
			dev_notice(dev, "not translated, its DMA reaches all memory: the IPMMU of %s%s%s has errata and is used for no master\n",
				   mmu->soc->name, *revision ? " " : "", revision);
		return false;
	}
	if (ipmmu_master_is_wanted(dev))
		return true;
	if (ipmmu_told_first(mmu, dev))
		dev_info(dev, "not translated, its DMA reaches all memory: not known to work behind the IPMMU of %s, devices=%s puts it there\n",
			 mmu->soc->name, dev_name(dev));
	return false;
}
