// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver for the Renesas IPMMU-VMSA of R-Car Gen3 and Gen4 and RZ/G2, with page
 * tables that are freed in the background: probe and removal.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/string.h>
#include <compat/of.h>
#include <compat/pm.h>
#include "encode.h"
#include "ipmmu.h"
/* Makes of ipmmu_ops what this kernel registers */
#include <compat/ipmmu-ops.h>

/*
 * What a SoC is known for is a default; what the administrator writes, an
 * order.
 */
static int va_bits = 39;
static bool va_bits_given;

static int ipmmu_va_bits_set(const char *value,
			     const struct kernel_param *param)
{
	va_bits_given = true;
	return param_set_int(value, param);
}

static const struct kernel_param_ops va_bits_ops = {
	.set = ipmmu_va_bits_set,
	.get = param_get_int,
};

module_param_cb(va_bits, &va_bits_ops, &va_bits, 0444);
__MODULE_PARM_TYPE(va_bits, "int");
MODULE_PARM_DESC(va_bits, "IO virtual address space in bits: 39, or 32 as the in-tree driver has it (default 39, and 32 on SoCs not known to walk such tables)");

static bool ipmmu_is_main(struct device_node *node)
{
	return !of_property_present(node, "renesas,ipmmu-main");
}

/* With two main IPMMUs it is not known which one a cache asks for its walks. */
static int ipmmu_check_mains(struct device *dev)
{
	struct device_node *node, *first = NULL;
	int ret = 0;

	for_each_matching_node(node, ipmmu_of_ids) {
		if (!of_device_is_available(node) || !ipmmu_is_main(node))
			continue;
		if (!first) {
			first = of_node_get(node);
			continue;
		}
		ret = dev_err_probe(dev, -EINVAL,
				    "two main IPMMUs, %pOF and %pOF: all but one need renesas,ipmmu-main in the device tree, none is used\n",
				    first, node);
		of_node_put(node);
		break;
	}
	of_node_put(first);
	return ret;
}

/* What a main IPMMU and a cache have in common. */
static struct ipmmu *ipmmu_create(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct resource *res;
	struct ipmmu *mmu;
	int ret;

	mmu = devm_kzalloc(dev, sizeof(*mmu), GFP_KERNEL);
	if (!mmu)
		return ERR_PTR(-ENOMEM);
	mmu->dev = dev;
	mmu->soc = of_device_get_match_data(dev);
	mmu->discache = ipmmu_soc_needs_discache(mmu->soc, dev_name(dev));

	mmu->base = devm_platform_get_and_ioremap_resource(pdev, 0, &res);
	if (IS_ERR(mmu->base))
		return ERR_CAST(mmu->base);
	if (resource_size(res) < ipmmu_registers_size(mmu->soc)) {
		dev_err(dev, "registers %pR are too few for this SoC, which has 0x%x bytes: fix reg in the device tree\n",
			res, ipmmu_registers_size(mmu->soc));
		return ERR_PTR(-EINVAL);
	}

	/* The walker puts out 40 bits. */
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40));
	return ret ? ERR_PTR(ret) : mmu;
}

/*
 * A root that does not know the larger tables takes the first four entries of
 * theirs for its own: addresses above 4 GiB would be lost, and nothing would be
 * reached that a domain does not have.
 */
static bool ipmmu_use_va64(struct ipmmu *mmu)
{
	if (va_bits != 39 || mmu->soc->va64)
		return va_bits == 39;

	if (va_bits_given)
		dev_warn(mmu->dev, "%s is not known to walk 39-bit tables, va_bits=39 asks for them: if DMA faults, use va_bits=32\n",
			 mmu->soc->name);
	else
		dev_info(mmu->dev, "%s is not known to walk 39-bit tables, using 32 bits; va_bits=39 asks for them\n",
			 mmu->soc->name);
	return va_bits_given;
}

static void ipmmu_root_teardown(struct ipmmu_root *root)
{
	/*
	 * Users of the interrupt are gone but for the contexts, stopped after
	 * it.
	 */
	if (root->irq)
		free_irq(root->irq, root);
	root->irq = 0;
	ipmmu_root_stop(root);
	ipmmu_root_put(root);
}

static int ipmmu_root_probe(struct platform_device *pdev, struct ipmmu *mmu)
{
	int irq = platform_get_irq(pdev, 0);
	int ret;

	if (irq < 0)
		return irq;

	mmu->root = ipmmu_root_create(mmu, ipmmu_use_va64(mmu));
	if (!mmu->root)
		return -ENOMEM;

	ret = ipmmu_root_start(mmu->root);
	if (!ret)
		ret = ipmmu_fault_request(mmu->root, irq);
	if (ret) {
		ipmmu_root_teardown(mmu->root);
		return ret;
	}
	platform_set_drvdata(pdev, mmu);
	ipmmu_debugfs_root(mmu->root);
	dev_info(mmu->dev, "main IPMMU, %u contexts, %u-bit addresses\n",
		 mmu->soc->contexts, ipmmu_root_ias(mmu->root));
	return 0;
}

/*
 * The root that a cache names, with a link that orders probe, resume, removal.
 */
static struct ipmmu_root *ipmmu_cache_find_root(struct ipmmu *mmu)
{
	struct device_node *node;
	struct ipmmu *main;

	node = of_parse_phandle(mmu->dev->of_node, "renesas,ipmmu-main", 0);
	if (!node || !of_match_node(ipmmu_of_ids, node) ||
	    !ipmmu_is_main(node)) {
		dev_err(mmu->dev, "renesas,ipmmu-main points at %pOF, which is no main IPMMU: fix the device tree\n",
			node);
		of_node_put(node);
		return ERR_PTR(-EINVAL);
	}
	main = ipmmu_from_node(node);
	of_node_put(node);
	if (!main)
		return ERR_PTR(-EPROBE_DEFER);
	if (main->soc != mmu->soc) {
		dev_err(mmu->dev, "is of another SoC than its main IPMMU %s: fix compatible in the device tree\n",
			dev_name(main->dev));
		return ERR_PTR(-EINVAL);
	}

	if (!device_link_add(mmu->dev, main->dev, DL_FLAG_AUTOREMOVE_CONSUMER))
		return ERR_PTR(-ENOMEM);
	return main->root;
}

/* Masters come in with the registration: everything must be ready by then. */
static int ipmmu_cache_register(struct ipmmu *mmu)
{
	int ret;

	ret = iommu_device_sysfs_add(&mmu->iommu, mmu->dev, NULL, "%s",
				     dev_name(mmu->dev));
	if (ret)
		return ret;

	ret = iommu_device_register(&mmu->iommu, &ipmmu_ops, mmu->dev);
	if (!ret)
		return 0;

	iommu_device_sysfs_remove(&mmu->iommu);
	if (ret == -EBUSY)
		return dev_err_probe(mmu->dev, ret,
				     "another IOMMU driver has the bus, and this kernel allows one; if it is the in-tree IPMMU driver, boot with initcall_blacklist=ipmmu_init,ipmmu_driver_init\n");
	return ret;
}

static int ipmmu_cache_probe(struct platform_device *pdev, struct ipmmu *mmu)
{
	int ret;

	mmu->root = ipmmu_cache_find_root(mmu);
	if (IS_ERR(mmu->root))
		return PTR_ERR(mmu->root);

	ret = ipmmu_cache_join(mmu);
	if (ret)
		return ret;

	platform_set_drvdata(pdev, mmu);
	ret = ipmmu_cache_register(mmu);
	if (ret) {
		platform_set_drvdata(pdev, NULL);
		ipmmu_cache_leave(mmu);
	}
	return ret;
}

/* A cache that will not come must not be waited for: see root.c */
static void ipmmu_cache_gone(struct device *dev)
{
	struct device_node *node;
	struct ipmmu *main;

	node = of_parse_phandle(dev->of_node, "renesas,ipmmu-main", 0);
	main = node ? ipmmu_from_node(node) : NULL;
	of_node_put(node);
	if (main)
		ipmmu_cache_lost(main->root);
}

static int ipmmu_probe_on(struct platform_device *pdev, struct ipmmu *mmu)
{
	int ret;

	ret = ipmmu_is_main(mmu->dev->of_node) ? ipmmu_root_probe(pdev, mmu) :
						 ipmmu_cache_probe(pdev, mmu);
	if (ret)
		pm_runtime_put_sync(mmu->dev);
	return ret;
}

static int ipmmu_probe_any(struct platform_device *pdev)
{
	struct ipmmu *mmu;
	int ret;

	ret = ipmmu_check_mains(&pdev->dev);
	if (ret)
		return ret;
	mmu = ipmmu_create(pdev);
	if (IS_ERR(mmu))
		return PTR_ERR(mmu);

	/* Some caches are in power domains that are off at boot. */
	ret = devm_pm_runtime_enable(mmu->dev);
	if (!ret)
		ret = pm_runtime_resume_and_get(mmu->dev);
	if (ret) {
		/* The core would refuse the next try because of this one. */
		pm_runtime_set_suspended(mmu->dev);
		return dev_err_probe(mmu->dev, ret,
				     "its power domain does not come on\n");
	}

	return ipmmu_probe_on(pdev, mmu);
}

static int ipmmu_probe(struct platform_device *pdev)
{
	int ret = ipmmu_probe_any(pdev);

	if (ret && ret != -EPROBE_DEFER && !ipmmu_is_main(pdev->dev.of_node))
		ipmmu_cache_gone(&pdev->dev);
	return ret;
}

static void ipmmu_shutdown(struct platform_device *pdev)
{
	ipmmu_power_off(platform_get_drvdata(pdev));
}

static void ipmmu_remove(struct platform_device *pdev)
{
	struct ipmmu *mmu = platform_get_drvdata(pdev);

	if (mmu->root->mmu == mmu) {
		ipmmu_debugfs_root(NULL);
		ipmmu_root_teardown(mmu->root);
		io_pgtable_deferred_drain();
	} else {
		iommu_device_unregister(&mmu->iommu);
		iommu_device_sysfs_remove(&mmu->iommu);
		ipmmu_cache_leave(mmu);
	}
	pm_runtime_put_sync(mmu->dev);
}

/*
 * The variable's name is not that of the in-tree driver: initcall_blacklist
 * compares names, and would keep this one out along with the other.
 */
static struct platform_driver ipmmu_deferred_driver = {
	.driver = {
		.name = IPMMU_DRIVER_NAME,
		.of_match_table = ipmmu_of_ids,
		.pm = pm_sleep_ptr(&ipmmu_pm_ops),
		/*
		 * To be unbound under live masters would be of no use to any.
		 */
		.suppress_bind_attrs = true,
	},
	.probe = ipmmu_probe,
	.shutdown = ipmmu_shutdown,
	.remove = ipmmu_remove,
};

static bool ipmmu_is_unknown(struct device_node *node)
{
	const char *name;

	if (!of_device_is_available(node) ||
	    of_property_read_string(node, "compatible", &name) ||
	    strncmp(name, "renesas,ipmmu-", strlen("renesas,ipmmu-")))
		return false;
	if (of_match_node(ipmmu_of_ids, node))
		return false;
	pr_err("%pOF: \"%s\" is no IPMMU that this driver knows, its masters are not translated; modinfo lists those that are\n",
	       node, name);
	return true;
}

/* A SoC that is not in the tables must not pass in silence. */
static int ipmmu_check_socs(void)
{
	struct device_node *node;
	unsigned int unknown = 0;

	for_each_node_with_property(node, "#iommu-cells")
		unknown += ipmmu_is_unknown(node);
	if (!unknown)
		return 0;

	node = of_find_matching_node(NULL, ipmmu_of_ids);
	of_node_put(node);
	return node ? 0 : -ENODEV;
}

static int ipmmu_check_parameters(void)
{
	if (PAGE_SIZE != SZ_4K) {
		pr_err("this kernel has pages of %lu KiB, IPMMU tables have 4 KiB: use a kernel with 4 KiB pages\n",
		       PAGE_SIZE / SZ_1K);
		return -EINVAL;
	}
	if (va_bits != 39 && va_bits != 32) {
		pr_err("va_bits=%d is out of range: use 39 or 32\n", va_bits);
		return -EINVAL;
	}
	if (ipmmu_group_check())
		return -EINVAL;
	if (driver_find("ipmmu-vmsa", &platform_bus_type)) {
		pr_err("the in-tree IPMMU driver has the hardware: boot with initcall_blacklist=ipmmu_init,ipmmu_driver_init\n");
		return -EBUSY;
	}
	return 0;
}

static int __init ipmmu_deferred_init(void)
{
	int ret = ipmmu_check_parameters();

	if (!ret)
		ret = ipmmu_check_socs();
	if (ret)
		return ret;

	ipmmu_debugfs_init();
	ret = platform_driver_register(&ipmmu_deferred_driver);
	if (ret)
		ipmmu_debugfs_exit();
	return ret;
}
module_init(ipmmu_deferred_init);

static void __exit ipmmu_deferred_exit(void)
{
	platform_driver_unregister(&ipmmu_deferred_driver);
	ipmmu_debugfs_exit();
	io_pgtable_deferred_drain();
}
module_exit(ipmmu_deferred_exit);

MODULE_DESCRIPTION("Renesas IPMMU-VMSA with page tables freed in the background");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IPMMU_DEFERRED_VERSION);
