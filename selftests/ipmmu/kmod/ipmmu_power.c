// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: what happens to the emulated IPMMU's registers while the system
 * is suspended. A device that the main IPMMU depends on is suspended after it
 * and all that is behind it, and resumed before: in between, registers are what
 * parameter "how" says, a value for WITNESS_POWER (0: they are kept).
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/pm.h>

#include "witness.h"

static unsigned long how;
module_param(how, ulong, 0644);
MODULE_PARM_DESC(how, "What to write to WITNESS_POWER when all is suspended (default 0, nothing)");

static unsigned long times;
module_param(times, ulong, 0444);
MODULE_PARM_DESC(times, "How often that was");

static struct pci_dev *power_witness;
static void __iomem *power_regs;
static struct platform_device *power_device;

static int power_suspend_noirq(struct device *dev)
{
	times++;
	if (how)
		writeq(how, power_regs + WITNESS_POWER);
	return 0;
}

static const struct dev_pm_ops power_pm_ops = {
	.suspend_noirq = power_suspend_noirq,
};

static int power_probe(struct platform_device *pdev)
{
	return 0;
}

static struct platform_driver power_driver = {
	.driver = {
		.name = "ipmmu-registers",
		.pm = &power_pm_ops,
	},
	.probe = power_probe,
};

static struct platform_device *power_find_root(void)
{
	struct platform_device *root = NULL;
	struct device_node *node;

	for_each_node_with_property(node, "#iommu-cells") {
		if (of_find_property(node, "renesas,ipmmu-main", NULL))
			continue;
		root = of_find_device_by_node(node);
		of_node_put(node);
		break;
	}
	return root;
}

static int power_link(void)
{
	struct platform_device *root = power_find_root();
	struct device_link *link;

	if (!root)
		return -ENODEV;
	link = device_link_add(&root->dev, &power_device->dev, DL_FLAG_STATELESS);
	put_device(&root->dev);
	return link ? 0 : -EINVAL;
}

static int power_devices(void)
{
	int ret = platform_driver_register(&power_driver);

	if (ret)
		return ret;
	power_device = platform_device_register_simple("ipmmu-registers", -1, NULL, 0);
	ret = PTR_ERR_OR_ZERO(power_device);
	if (!ret) {
		ret = power_link();
		if (!ret)
			return 0;
		platform_device_unregister(power_device);
	}
	platform_driver_unregister(&power_driver);
	return ret;
}

static void power_close(void)
{
	if (power_regs)
		pci_iounmap(power_witness, power_regs);
	pci_disable_device(power_witness);
	pci_dev_put(power_witness);
}

static int __init power_init(void)
{
	int ret = -ENODEV;

	power_witness = pci_get_device(WITNESS_VENDOR, WITNESS_DEVICE, NULL);
	if (!power_witness)
		return -ENODEV;
	if (pci_enable_device_mem(power_witness)) {
		pci_dev_put(power_witness);
		return -ENODEV;
	}
	power_regs = pci_iomap(power_witness, 0, 0);
	if (power_regs && readq(power_regs + WITNESS_ID) == WITNESS_ID_VALUE)
		ret = power_devices();
	if (ret)
		power_close();
	return ret;
}
module_init(power_init);

static void __exit power_exit(void)
{
	platform_device_unregister(power_device);
	platform_driver_unregister(&power_driver);
	power_close();
}
module_exit(power_exit);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("What a suspend does to the emulated IPMMU's registers");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
