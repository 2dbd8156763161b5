// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: has the kernel take this host for another SoC. It reports the
 * family, number and revision that it is told, has the IPMMUs of the device
 * tree claim to be those of that SoC, and shows their IMSCTLR, which has its
 * old value once the module is gone. To be loaded before the driver, and
 * unloaded after it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sys_soc.h>

#define SOC_IPMMUS_MAX	64

static char *family;
module_param(family, charp, 0444);
MODULE_PARM_DESC(family, "Family, as the kernel's driver for SoC numbers has it");

static char *soc_id;
module_param(soc_id, charp, 0444);
MODULE_PARM_DESC(soc_id, "Name of the SoC, likewise");

static char *revision;
module_param(revision, charp, 0444);
MODULE_PARM_DESC(revision, "Its revision, likewise");

static char *compatible;
module_param(compatible, charp, 0444);
MODULE_PARM_DESC(compatible, "Compatible string of the IPMMUs (default: as the device tree has it)");

static unsigned int control = 0x500;
module_param(control, uint, 0444);
MODULE_PARM_DESC(control, "Offset of IMSCTLR");

/**
 * struct soc_ipmmu - an IPMMU of the device tree
 * @node: its node
 * @property: its compatible strings
 * @value: what they were
 * @length: likewise
 * @base: its registers
 * @imsctlr: what that was
 * @name: of its device
 */
struct soc_ipmmu {
	struct device_node *node;
	struct property *property;
	void *value;
	int length;
	void __iomem *base;
	u32 imsctlr;
	char name[32];
};

static struct soc_ipmmu ipmmus[SOC_IPMMUS_MAX];
static unsigned int ipmmu_count;
static struct soc_device_attribute attributes;
static struct soc_device *soc;

/*
 * One "NAME VALUE" a line: IMSCTLR is the one register that says what was
 * decided.
 */
static int imsctlr_get(char *buffer, const struct kernel_param *param)
{
	unsigned int i;
	int length = 0;

	for (i = 0; i < ipmmu_count; i++)
		length += scnprintf(buffer + length, PAGE_SIZE - length,
				    "%s 0x%08x\n", ipmmus[i].name,
				    readl(ipmmus[i].base + control));
	return length;
}

static const struct kernel_param_ops imsctlr_ops = {
	.get = imsctlr_get,
};

module_param_cb(imsctlr, &imsctlr_ops, NULL, 0444);

static void soc_forget(void)
{
	struct soc_ipmmu *ipmmu;

	while (ipmmu_count) {
		ipmmu = &ipmmus[--ipmmu_count];
		ipmmu->property->value = ipmmu->value;
		ipmmu->property->length = ipmmu->length;
		writel(ipmmu->imsctlr, ipmmu->base + control);
		iounmap(ipmmu->base);
		of_node_put(ipmmu->node);
	}
}

/*
 * No driver looks at these nodes while this runs, and Debian's kernels have no
 * interface to change a property with.
 */
static int soc_take(struct device_node *node)
{
	struct soc_ipmmu *ipmmu = &ipmmus[ipmmu_count];
	struct resource res;

	ipmmu->base = of_iomap(node, 0);
	if (!ipmmu->base || of_address_to_resource(node, 0, &res))
		return -ENXIO;
	ipmmu_count++;
	ipmmu->imsctlr = readl(ipmmu->base + control);
	snprintf(ipmmu->name, sizeof(ipmmu->name), "%llx.iommu",
		 (unsigned long long)res.start);
	ipmmu->node = of_node_get(node);
	ipmmu->property = of_find_property(node, "compatible", NULL);
	ipmmu->value = ipmmu->property->value;
	ipmmu->length = ipmmu->property->length;
	if (compatible) {
		ipmmu->property->value = compatible;
		ipmmu->property->length = strlen(compatible) + 1;
	}
	return 0;
}

static int soc_take_all(void)
{
	struct device_node *node;
	const char *name;
	int ret;

	for_each_node_with_property(node, "#iommu-cells") {
		if (of_property_read_string(node, "compatible", &name) ||
		    strncmp(name, "renesas,", strlen("renesas,")))
			continue;
		ret = ipmmu_count < SOC_IPMMUS_MAX ? soc_take(node) : -ENOSPC;
		if (ret) {
			of_node_put(node);
			return ret;
		}
	}
	return ipmmu_count ? 0 : -ENODEV;
}

static int __init soc_init(void)
{
	int ret = soc_take_all();

	if (!ret && soc_id) {
		attributes.family = family;
		attributes.soc_id = soc_id;
		attributes.revision = revision;
		soc = soc_device_register(&attributes);
		ret = PTR_ERR_OR_ZERO(soc);
	}
	if (ret)
		soc_forget();
	return ret;
}
module_init(soc_init);

static void __exit soc_exit(void)
{
	if (soc)
		soc_device_unregister(soc);
	soc_forget();
}
module_exit(soc_exit);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("Has this host taken for another SoC");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
