// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masters: how they are found in the device tree, which are let in, their
 * groups, and what they are told that the IPMMU can do.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "ipmmu.h"

/*
 * Where the doorbells of MSIs are mapped for a master that user space drives:
 * below any RAM of these SoCs, and where other IOMMUs of ARM systems have it.
 */
#define MSI_IOVA_BASE		0x8000000
#define MSI_IOVA_LENGTH		0x100000

static bool assume_coherent;
module_param(assume_coherent, bool, 0444);
MODULE_PARM_DESC(assume_coherent, "Let VFIO have devices whose DMA is not coherent; user space must then not rely on caches (Y or N, default N)");

/**
 * ipmmu_from_node() - the IPMMU behind a device tree node
 * @node: the node
 *
 * A driver with this table of compatible strings is ours.
 *
 * Return: the IPMMU, or NULL if this driver has none bound there.
 */
struct ipmmu *ipmmu_from_node(struct device_node *node)
{
	struct platform_device *pdev = of_find_device_by_node(node);
	struct ipmmu *mmu = NULL;

	if (!pdev)
		return NULL;
	if (pdev->dev.driver && pdev->dev.driver->of_match_table == ipmmu_of_ids)
		mmu = platform_get_drvdata(pdev);
	put_device(&pdev->dev);
	return mmu;
}

/*
 * The core stops at the first specifier that is not taken. The micro-TLBs of
 * those behind it are to have the same fate.
 */
static bool ipmmu_master_others(struct device *dev,
				bool (*fate)(struct ipmmu *mmu, u32 utlb))
{
	struct of_phandle_args spec;
	struct ipmmu *mmu;
	bool any = false;
	int i;

	for (i = 0; !of_parse_phandle_with_args(dev->of_node, "iommus",
						"#iommu-cells", i, &spec); i++) {
		mmu = ipmmu_from_node(spec.np);
		of_node_put(spec.np);
		if (mmu)
			any |= fate(mmu, spec.args[0]);
	}
	return any;
}

static bool ipmmu_master_deny_utlb(struct ipmmu *mmu, u32 utlb)
{
	ipmmu_utlb_deny(mmu, utlb);
	return false;
}

/* As a master that the driver must not translate works on that SoC */
static void ipmmu_master_deny(struct device *dev, struct ipmmu *mmu, u32 utlb)
{
	ipmmu_utlb_deny(mmu, utlb);
	ipmmu_master_others(dev, ipmmu_master_deny_utlb);
}

static bool ipmmu_master_refuse_utlb(struct ipmmu *mmu, u32 utlb)
{
	return ipmmu_utlb_refuse(mmu, &utlb, 1, true);
}

/*
 * What was accepted of a master before one of its specifiers was refused, that
 * one itself, and those behind it are blocked: the core goes on without an
 * IOMMU. The error is kept where ipmmu_master_probe() finds it, so that the
 * master does not come in later.
 *
 * A micro-TLB that another master has already cannot be blocked, and this one's
 * DMA would reach what that one was given. The core gives no driver to a device
 * that it defers.
 */
static int ipmmu_master_refuse(struct device *dev, struct ipmmu *mmu, u32 utlb,
			       int error)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct ipmmu *first = ipmmu_from_node(to_of_node(fwspec->iommu_fwnode));
	bool shared = false;

	if (first)
		shared = ipmmu_utlb_refuse(first, fwspec->ids, fwspec->num_ids,
					   true);
	shared |= ipmmu_master_refuse_utlb(mmu, utlb);
	shared |= ipmmu_master_others(dev, ipmmu_master_refuse_utlb);
	dev_iommu_priv_set(dev, ERR_PTR(error));
	return shared ? -EPROBE_DEFER : error;
}

/* One specifier of a master */
static int ipmmu_master_add(struct device *dev, struct ipmmu *mmu,
			    const struct device_node *node, u32 utlb)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	int ret;

	if (fwspec->iommu_fwnode != of_fwnode_handle(node)) {
		if (ipmmu_told_first(mmu, dev))
			dev_err(dev, "is behind %pfw and %pOF: a master may have one IPMMU, fix iommus in the device tree; its DMA is blocked, and it gets no driver if another master has its micro-TLB\n",
				fwspec->iommu_fwnode, node);
		return -EINVAL;
	}
	ret = ipmmu_utlb_check(mmu, dev, utlb);
	if (!ret)
		ret = iommu_fwspec_add_ids(dev, &utlb, 1);
	if (ret)
		return ret;
	/* Where that was the first it may have moved. */
	fwspec = dev_iommu_fwspec_get(dev);
	return ipmmu_group_check_utlbs(mmu, dev, fwspec->ids, fwspec->num_ids);
}

static int ipmmu_master_xlate(struct device *dev,
			      const struct of_phandle_args *spec)
{
	struct ipmmu *mmu = ipmmu_from_node(spec->np);
	u32 utlb = spec->args[0];
	int ret;

	/* Until all caches have been seen, contexts may be few: see root.c */
	if (!mmu || !ipmmu_root_taken_over(mmu->root))
		return -EPROBE_DEFER;
	if (!ipmmu_allowed(mmu, dev)) {
		ipmmu_master_deny(dev, mmu, utlb);
		return -ENODEV;
	}

	ret = ipmmu_master_add(dev, mmu, spec->np, utlb);
	/* What fails for want of memory is no error of the device tree. */
	if (ret == -ENOMEM)
		return -EPROBE_DEFER;
	return ret ? ipmmu_master_refuse(dev, mmu, utlb, ret) : 0;
}

/* Bridges make a master use several numbers, often the same more than once. */
static void ipmmu_master_fill(struct ipmmu_master *master,
			      const struct iommu_fwspec *fwspec)
{
	unsigned int i, j;

	for (i = 0; i < fwspec->num_ids; i++) {
		for (j = 0; j < master->count; j++)
			if (master->utlb[j] == fwspec->ids[i])
				break;
		if (j == master->count)
			master->utlb[master->count++] = fwspec->ids[i];
	}
}

static struct ipmmu_master *
ipmmu_master_create(struct device *dev, struct ipmmu *mmu,
		    const struct iommu_fwspec *fwspec)
{
	struct ipmmu_master *master;

	master = kzalloc(struct_size(master, utlb, fwspec->num_ids), GFP_KERNEL);
	if (!master)
		return NULL;
	master->dev = dev;
	master->mmu = mmu;
	ipmmu_master_fill(master, fwspec);
	return master;
}

/*
 * From here on the master is blocked until the core attaches it to a domain.
 * The link has masters suspended and shut down before their IPMMU, and resumed
 * after it; DMA in between would be blocked, too.
 */
static struct iommu_device *ipmmu_master_probe(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct ipmmu_master *master;
	struct ipmmu *mmu;
	int ret = -ENOMEM;
	bool shared;

	/* Some kernels show each device of the bus. */
	if (!fwspec || !fwspec->num_ids || IS_ERR(dev_iommu_priv_get(dev)))
		return ERR_PTR(-ENODEV);
	mmu = ipmmu_from_node(to_of_node(fwspec->iommu_fwnode));
	if (!mmu)
		return ERR_PTR(-ENODEV);

	master = ipmmu_master_create(dev, mmu, fwspec);
	if (master) {
		mutex_lock(&mmu->root->mutex);
		ret = ipmmu_utlb_claim(master);
		mutex_unlock(&mmu->root->mutex);
	}
	if (ret) {
		shared = ipmmu_utlb_refuse(mmu, fwspec->ids, fwspec->num_ids,
					   false);
		kfree(master);
		return ERR_PTR(shared || ret == -ENOMEM ? -EPROBE_DEFER : ret);
	}
	if (!device_link_add(dev, mmu->dev, DL_FLAG_STATELESS))
		dev_warn(dev, "may be suspended and shut down after its IPMMU\n");
	dev_iommu_priv_set(dev, master);
	return &mmu->iommu;
}

/*
 * The master goes, or the IPMMU does. Its domain may be freed as soon as this
 * returns, so nothing may point there: not the micro-TLB, which blocks from now
 * on, not the context, not an interrupt that is being handled.
 */
static void ipmmu_master_release(struct device *dev)
{
	struct ipmmu_master *master = dev_iommu_priv_get(dev);
	struct ipmmu_root *root;

	if (IS_ERR_OR_NULL(master))
		return;

	root = master->mmu->root;
	mutex_lock(&root->mutex);
	ipmmu_utlb_abandon(master);
	ipmmu_utlb_unclaim(master);
	ipmmu_contexts_reap(root);
	mutex_unlock(&root->mutex);
	ipmmu_fault_quiesce(root);
	device_link_remove(dev, master->mmu->dev);
	kfree(master);
}

static struct iommu_group *ipmmu_master_group(struct device *dev)
{
	struct ipmmu_master *master = dev_iommu_priv_get(dev);
	struct iommu_group *bus = ipmmu_group_bus(dev);
	struct ipmmu_root *root = master->mmu->root;
	struct iommu_group *group;

	if (IS_ERR(bus))
		return bus;

	mutex_lock(&root->mutex);
	group = ipmmu_group_find(master, bus);
	mutex_unlock(&root->mutex);
	/*
	 * The last reference to a new group that is not used: its files go
	 * here.
	 */
	iommu_group_put(bus);
	return group;
}

static void ipmmu_master_resv_regions(struct device *dev,
				      struct list_head *list)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(MSI_IOVA_BASE, MSI_IOVA_LENGTH,
					 IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO,
					 IOMMU_RESV_SW_MSI, GFP_KERNEL);
	if (!region)
		return;

	list_add_tail(&region->list, list);
	iommu_dma_get_resv_regions(dev, list);
}

/* May the CPU's caches be forgotten about for this master? */
static bool ipmmu_master_is_coherent(struct device *dev)
{
	if (dev_is_dma_coherent(dev))
		return true;
	if (!assume_coherent)
		dev_notice_ratelimited(dev, "its DMA is not coherent, which VFIO asks for: assume_coherent=1 lets it pass all the same\n");
	else
		dev_warn_once(dev, "its DMA is not coherent, yet assume_coherent=1 says so: user space sees stale data unless it looks after caches\n");
	return assume_coherent;
}

static bool ipmmu_master_capable(struct device *dev, enum iommu_cap cap)
{
	switch (cap) {
	case IOMMU_CAP_CACHE_COHERENCY:
		return ipmmu_master_is_coherent(dev);
	case IOMMU_CAP_NOEXEC:
		return true;
	default:
		return cap == IOMMU_CAP_DEFERRED_FLUSH;
	}
}

const struct iommu_ops ipmmu_ops = {
	.capable = ipmmu_master_capable,
	.domain_alloc_paging = ipmmu_domain_alloc,
	.identity_domain = &ipmmu_identity_domain,
	.blocked_domain = &ipmmu_blocked_domain,
	.probe_device = ipmmu_master_probe,
	.release_device = ipmmu_master_release,
	.device_group = ipmmu_master_group,
	.get_resv_regions = ipmmu_master_resv_regions,
	.of_xlate = ipmmu_master_xlate,
	.default_domain_ops = &ipmmu_paging_ops,
	.owner = THIS_MODULE,
};
