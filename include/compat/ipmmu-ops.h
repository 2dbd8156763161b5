/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older kernels call in place of ipmmu_ops, and how they take an IOMMU and
 * never let it go. Included once, behind ipmmu.h, by what registers the driver.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IPMMU_OPS_H
#define COMPAT_IPMMU_OPS_H

#include <linux/dma-map-ops.h>
#include <linux/module.h>
#include <linux/version.h>
#include <compat/iommu.h>

#ifdef COMPAT_IOMMU_OPS
/*
 * From here to the end of this block these are the names of the kernel's own.
 */
#undef iommu_ops
#undef iommu_domain
#undef attach_dev

#ifndef HAVE_CAPABLE_OF_DEVICE
static int compat_incoherent(struct device *dev, void *data)
{
	struct iommu_group *group = iommu_group_get(dev);

	iommu_group_put(group);
	return group && !dev_is_dma_coherent(dev);
}

/*
 * Until 6.0 the question was about all masters at once, and so is the answer.
 * VFIO does not insist on coherency there: if there is none, it maps memory
 * uncached.
 */
static bool compat_capable(enum iommu_cap cap)
{
	if (cap == IOMMU_CAP_CACHE_COHERENCY)
		return !bus_for_each_dev(&pci_bus_type, NULL, NULL,
					 compat_incoherent) &&
		       !bus_for_each_dev(&platform_bus_type, NULL, NULL,
					 compat_incoherent);
	return cap == IOMMU_CAP_NOEXEC;
}
#else
static bool compat_capable(struct device *dev, enum iommu_cap cap)
{
	return ipmmu_ops.capable(dev, cap);
}
#endif

static struct iommu_device *compat_probe_device(struct device *dev)
{
	return ipmmu_ops.probe_device(dev);
}

static void compat_release_device(struct device *dev)
{
	ipmmu_ops.release_device(dev);
#ifdef HAVE_BUS_SET_IOMMU
	/*
	 * A master that of_xlate() refused was never probed. The core gives
	 * back a reference to the module for it all the same.
	 */
	if (!dev->iommu->iommu_dev)
		__module_get(THIS_MODULE);
#endif
}

static struct iommu_group *compat_device_group(struct device *dev)
{
	return ipmmu_ops.device_group(dev);
}

static void compat_get_resv_regions(struct device *dev, struct list_head *list)
{
	ipmmu_ops.get_resv_regions(dev, list);
}

static int compat_of_xlate(struct device *dev, struct of_phandle_args *args)
{
	int ret = ipmmu_ops.of_xlate(dev, args);

	/*
	 * The core has noted before the call that this driver serves the
	 * device. With that note it asks no more when the device's driver is
	 * tried again, and the device would have no group and no translation
	 * for ever.
	 */
	if (ret == -EPROBE_DEFER)
		iommu_fwspec_free(dev);
	return ret;
}

#ifdef HAVE_IOMMU_DOMAIN_OPS
static struct iommu_domain *compat_domain_alloc(unsigned int type)
{
	struct iommu_domain *domain;

	if (type == IOMMU_DOMAIN_IDENTITY)
		return ipmmu_ops.identity_domain;
	if (type == IOMMU_DOMAIN_BLOCKED)
		return ipmmu_ops.blocked_domain;
	if (!(type & __IOMMU_DOMAIN_PAGING))
		return NULL;
	domain = ipmmu_ops.domain_alloc_paging(NULL);
	return IS_ERR(domain) ? NULL : domain;
}
#else
#include <compat/ipmmu-domain.h>
#endif

static const struct iommu_ops compat_core_ops = {
	.capable = compat_capable,
	.domain_alloc = compat_domain_alloc,
	.probe_device = compat_probe_device,
	.release_device = compat_release_device,
	.device_group = compat_device_group,
	.get_resv_regions = compat_get_resv_regions,
#ifdef HAVE_PUT_RESV_REGIONS
	.put_resv_regions = generic_iommu_put_resv_regions,
#endif
	.of_xlate = compat_of_xlate,
#ifdef HAVE_IOMMU_DOMAIN_OPS
	.default_domain_ops = &ipmmu_paging_ops,
#else
	COMPAT_DOMAIN_OPS
#endif
	.pgsize_bitmap = IPMMU_PGSIZES,
	.owner = THIS_MODULE,
};

#ifdef HAVE_BUS_SET_IOMMU
#include <linux/amba/bus.h>

static struct bus_type *const compat_buses[] = {
	&platform_bus_type,
#ifdef CONFIG_PCI
	&pci_bus_type,
#endif
#ifdef CONFIG_ARM_AMBA
	&amba_bustype,
#endif
};

/*
 * Until 6.0 a driver told each bus that it is there, and the first one had the
 * bus. None is taken unless all can be. No master is found meanwhile, for
 * of_xlate() is not called before the registration that comes after this.
 */
static int compat_take_buses(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(compat_buses); i++)
		if (compat_buses[i]->iommu_ops &&
		    compat_buses[i]->iommu_ops != &compat_core_ops)
			return -EBUSY;

	for (i = 0; i < ARRAY_SIZE(compat_buses); i++) {
		if (compat_buses[i]->iommu_ops)
			continue;
		ret = bus_set_iommu(compat_buses[i], &compat_core_ops);
		if (ret)
			return ret;
	}
	return 0;
}
#else
static int compat_take_buses(void)
{
	return 0;
}
#endif

static int compat_register(struct iommu_device *iommu, struct device *dev)
{
	int ret = compat_take_buses();

	if (ret)
		return ret;
#ifdef iommu_device_set_ops
	/* Until 5.13; the macro would write to the operations. */
	__iommu_device_set_ops(iommu, &compat_core_ops);
	iommu_device_set_fwnode(iommu, dev_fwnode(dev));
	return iommu_device_register(iommu);
#else
	return iommu_device_register(iommu, &compat_core_ops, dev);
#endif
}

/* Does the core keep a pointer to the operations that nothing takes back? */
static bool compat_core_keeps(void)
{
#ifdef HAVE_BUS_IOMMU_OPS
	return platform_bus_type.iommu_ops == &compat_core_ops;
#else
	return true;
#endif
}

#define iommu_ops	compat_iommu_ops
#ifndef HAVE_IOMMU_DOMAIN_OPS
#define iommu_domain	compat_iommu_domain
#endif
#endif /* COMPAT_IOMMU_OPS */

/*
 * Until 6.7 a bus kept a pointer to the operations of the first IOMMU driver
 * for ever, and until 6.8 the default domain of a group could outlive the
 * driver's module: unloading is not safe there. Supported from 6.12 on, the
 * first kernel of those that was looked at. No name tells.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#ifndef COMPAT_IOMMU_OPS
static int compat_register(struct iommu_device *iommu, struct device *dev)
{
	return iommu_device_register(iommu, &ipmmu_ops, dev);
}

static bool compat_core_keeps(void)
{
	return true;
}
#endif

/*
 * The module must stay, even if the registration that put the pointer there
 * failed.
 */
static int compat_register_for_ever(struct iommu_device *iommu,
				    struct device *dev)
{
	static bool pinned;
	int ret = compat_register(iommu, dev);

	if (!pinned && compat_core_keeps()) {
		pinned = true;
		__module_get(THIS_MODULE);
		pr_info("this kernel keeps pointers into an IOMMU driver for ever: unloading is not possible before Linux 6.12\n");
	}
	return ret;
}

#define iommu_device_register(iommu, ops, dev)				\
	compat_register_for_ever(iommu, dev)
#endif

/*
 * Until 6.11 remove() had to return something. What is defined here is called
 * by it.
 */
#ifndef HAVE_REMOVE_OF_NOTHING
#define ipmmu_remove(argument)						\
	compat_ipmmu_remove(struct platform_device *pdev);		\
	static int ipmmu_remove(struct platform_device *pdev)		\
	{								\
		compat_ipmmu_remove(pdev);				\
		return 0;						\
	}								\
	static void compat_ipmmu_remove(argument)
#endif

#endif /* COMPAT_IPMMU_OPS_H */
