// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: the driver of the emulated masters that are not on PCI. The
 * attribute "dma" of each tells what its DMA does through each of its
 * micro-TLBs when the kernel's DMA interface has mapped a page for it:
 *
 *	translated	it reaches that page, not by the CPU's address but by
 *			another
 *	direct		there is nothing between it and memory
 *	blocked		it does not reach the page
 *	wrong		it reaches something else
 *
 * Their devices go with the module, since they hold on to the IOMMU's driver.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "witness.h"

#define MASTER_PATTERN	0x5a

static const struct of_device_id master_ids[] = {
	{ .compatible = "ipmmu-deferred,dma" },
	{ }
};

static u64 master_run(void __iomem *regs, unsigned int command)
{
	writeq(command, regs + DMA_COMMAND);
	return readq(regs + DMA_STATUS);
}

/* Does a read of @address go to @paddr? */
static bool master_reaches(void __iomem *regs, dma_addr_t address,
			   phys_addr_t paddr)
{
	writeq(address, regs + DMA_SRC);
	return master_run(regs, DMA_TRANSLATE_READ) == DMA_OK &&
	       readq(regs + DMA_RESULT) == paddr;
}

/* A page of a pattern goes to the device, and comes back as another. */
static bool master_transfers(void __iomem *regs, dma_addr_t address)
{
	unsigned int i;

	writeq(address, regs + DMA_SRC);
	writeq(0, regs + DMA_DST);
	writeq(PAGE_SIZE, regs + DMA_LEN);
	if (master_run(regs, DMA_READ) != DMA_OK)
		return false;
	for (i = 0; i < PAGE_SIZE; i++)
		if (readb(regs + DMA_BUFFER + i) != MASTER_PATTERN)
			return false;
	memset_io(regs + DMA_BUFFER, MASTER_PATTERN + 1, PAGE_SIZE);
	writeq(0, regs + DMA_SRC);
	writeq(address, regs + DMA_DST);
	return master_run(regs, DMA_WRITE) == DMA_OK;
}

/* Is what was unmapped gone at once, and not after a while? */
static bool master_is_strict(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type == IOMMU_DOMAIN_DMA;
}

static const char *master_judge(void __iomem *regs, struct device *dev,
				struct page *page)
{
	phys_addr_t paddr = page_to_phys(page);
	const char *verdict = "wrong";
	dma_addr_t address;
	bool reached;

	memset(page_address(page), MASTER_PATTERN, PAGE_SIZE);
	address = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev, address))
		return "unmapped";
	reached = master_reaches(regs, address, paddr);
	if (!reached)
		verdict = "blocked";
	else if (!master_transfers(regs, address))
		verdict = "wrong";
	else if (address == paddr)
		verdict = "direct";
	else if (!master_reaches(regs, paddr, paddr))
		verdict = "translated";
	dma_unmap_page(dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);

	if (reached && memchr_inv(page_address(page), MASTER_PATTERN + 1, PAGE_SIZE))
		return "wrong";
	if (!strcmp(verdict, "translated") && master_is_strict(dev) &&
	    master_reaches(regs, address, paddr))
		return "wrong"; /* it goes on reaching what was unmapped */
	return verdict;
}

static ssize_t dma_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	void __iomem *regs = dev_get_drvdata(dev);
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int port, ports;
	ssize_t length = 0;

	if (!page)
		return -ENOMEM;
	ports = readq(regs + DMA_PORTS);
	for (port = 0; port < ports; port++) {
		writeq(port, regs + DMA_PORT);
		length += sysfs_emit_at(buffer, length, "%s\n",
					master_judge(regs, dev, page));
	}
	__free_page(page);
	return length;
}
static DEVICE_ATTR_RO(dma);

static struct attribute *master_attrs[] = {
	&dev_attr_dma.attr,
	NULL
};
ATTRIBUTE_GROUPS(master);

static int master_probe(struct platform_device *pdev)
{
	void __iomem *regs = devm_platform_ioremap_resource(pdev, 0);

	if (IS_ERR(regs))
		return PTR_ERR(regs);
	platform_set_drvdata(pdev, regs);
	return 0;
}

static struct platform_driver master_driver = {
	.driver = {
		.name = "ipmmu-master",
		.of_match_table = master_ids,
		.dev_groups = master_groups,
	},
	.probe = master_probe,
};

/* "remove": the device of that name goes, as if it left the device tree. */
static int master_remove_set(const char *value, const struct kernel_param *param)
{
	struct device *dev = bus_find_device_by_name(&platform_bus_type, NULL, value);

	if (!dev)
		return -ENODEV;
	of_platform_device_destroy(dev, NULL);
	put_device(dev);
	return 0;
}

static const struct kernel_param_ops master_remove_ops = {
	.set = master_remove_set,
};

module_param_cb(remove, &master_remove_ops, NULL, 0200);
MODULE_PARM_DESC(remove, "Name of a device that is to go");

static void master_remove_devices(void)
{
	struct platform_device *pdev;
	struct device_node *node;

	for_each_matching_node(node, master_ids) {
		pdev = of_find_device_by_node(node);
		if (!pdev)
			continue;
		of_platform_device_destroy(&pdev->dev, NULL);
		put_device(&pdev->dev);
	}
}

/* Those that an earlier load of this module took away */
static void master_add_devices(void)
{
	struct device_node *node;

	for_each_matching_node(node, master_ids)
		if (!of_node_check_flag(node, OF_POPULATED))
			of_platform_device_create(node, NULL, NULL);
}

static int __init master_init(void)
{
	master_add_devices();
	return platform_driver_register(&master_driver);
}
module_init(master_init);

static void __exit master_exit(void)
{
	platform_driver_unregister(&master_driver);
	master_remove_devices();
}
module_exit(master_exit);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("Driver of the emulated masters that are not on PCI");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
