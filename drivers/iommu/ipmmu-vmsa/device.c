// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masters: how they are found in the device tree, which are let in, their
 * groups, and what they are told that the IPMMU can do.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/slab.h>

#include "ipmmu.h"

/*
 * Where the doorbells of MSIs are mapped for a master that user space drives:
 * below any RAM of these SoCs, and where other IOMMUs of ARM systems have it.
 */
#define MSI_IOVA_BASE		0x8000000
#define MSI_IOVA_LENGTH		0x100000

/*
 * One specifier of a master. One that is refused must not come in later with
 * what was accepted before, so the error is kept where client_probe() finds it.
 */
static int client_xlate(struct device *dev,
			COMPAT_XLATE_CONST struct of_phandle_args *spec)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct ipmmu *mmu = ipmmu_from_node(spec->np);
	u32 utlb = spec->args[0];
	int ret;

	if (!mmu)
		return -EPROBE_DEFER;
	if (!ipmmu_allowed(mmu, dev))
		return -ENODEV;

	if (fwspec->iommu_fwnode != of_fwnode_handle(spec->np)) {
		dev_err(dev, "is behind %pfw and %pOF: a master may have one IPMMU, mend iommus in the device tree\n",
			fwspec->iommu_fwnode, spec->np);
		ret = -EINVAL;
	} else {
		ret = ipmmu_utlb_check(mmu, dev, utlb);
	}
	if (!ret)
		ret = iommu_fwspec_add_ids(dev, &utlb, 1);
	if (ret)
		dev_iommu_priv_set(dev, ERR_PTR(ret));
	return ret;
}

/* Bridges make a master use several numbers, often the same more than once. */
static void client_fill(struct ipmmu_client *client,
			const struct iommu_fwspec *fwspec)
{
	unsigned int i, j;

	for (i = 0; i < fwspec->num_ids; i++) {
		for (j = 0; j < client->count; j++)
			if (client->utlb[j] == fwspec->ids[i])
				break;
		if (j == client->count)
			client->utlb[client->count++] = fwspec->ids[i];
	}
}

static struct iommu_device *client_probe(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct ipmmu_client *client;
	struct ipmmu *mmu;
	int ret;

	/* Some kernels show each device of the bus. */
	if (!fwspec || !fwspec->num_ids || IS_ERR(dev_iommu_priv_get(dev)))
		return ERR_PTR(-ENODEV);
	mmu = ipmmu_from_node(to_of_node(fwspec->iommu_fwnode));
	if (!mmu)
		return ERR_PTR(-ENODEV);

	client = kzalloc(struct_size(client, utlb, fwspec->num_ids), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->dev = dev;
	client->mmu = mmu;
	client_fill(client, fwspec);

	mutex_lock(&mmu->root->mutex);
	ret = ipmmu_utlb_claim(client);
	mutex_unlock(&mmu->root->mutex);
	if (ret) {
		kfree(client);
		return ERR_PTR(ret);
	}
	dev_iommu_priv_set(dev, client);
	return &mmu->iommu;
}

/*
 * The master goes, or the IPMMU does. Its domain may be freed as soon as this
 * returns, so nothing may point there: not the micro-TLB, which blocks from now
 * on, not the context, not an interrupt that is being handled.
 */
static void client_release(struct device *dev)
{
	struct ipmmu_client *client = dev_iommu_priv_get(dev);
	struct ipmmu_root *root;

	if (IS_ERR_OR_NULL(client))
		return;

	root = client->mmu->root;
	mutex_lock(&root->mutex);
	ipmmu_utlb_abandon(client);
	ipmmu_utlb_unclaim(client);
	ipmmu_contexts_reap(root);
	mutex_unlock(&root->mutex);
	ipmmu_fault_quiesce(root);
	kfree(client);
}

static struct iommu_group *client_group(struct device *dev)
{
	struct ipmmu_client *client = dev_iommu_priv_get(dev);
	struct ipmmu_root *root = client->mmu->root;
	struct iommu_group *group;

	mutex_lock(&root->mutex);
	group = ipmmu_utlb_group(client);
	mutex_unlock(&root->mutex);
	return group;
}

static void client_resv_regions(struct device *dev, struct list_head *list)
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

static bool client_capable(struct device *dev, enum iommu_cap cap)
{
	switch (cap) {
	case IOMMU_CAP_CACHE_COHERENCY:
		return ipmmu_coherent(dev);
	case IOMMU_CAP_NOEXEC:
		return true;
	default:
		return compat_cap_deferred_flush(cap);
	}
}

/* For kernels that ask by type; a flush queue is a type of its own there. */
static __maybe_unused struct iommu_domain *domain_alloc_by_type(unsigned int type)
{
	struct iommu_domain *domain;

	if (type == IOMMU_DOMAIN_IDENTITY)
		return &ipmmu_identity_domain;
	if (type == IOMMU_DOMAIN_BLOCKED)
		return &ipmmu_blocked_domain;
	if (!(type & __IOMMU_DOMAIN_PAGING))
		return NULL;
	domain = ipmmu_domain_alloc(NULL);
	return IS_ERR(domain) ? NULL : domain;
}

const struct iommu_ops ipmmu_ops = {
	COMPAT_DOMAIN_OPS(ipmmu_domain_alloc, domain_alloc_by_type,
			  &ipmmu_identity_domain, &ipmmu_blocked_domain),
	COMPAT_PGSIZES_OP(IPMMU_PGSIZES)
	.capable = client_capable,
	.probe_device = client_probe,
	.release_device = client_release,
	.device_group = client_group,
	.get_resv_regions = client_resv_regions,
	.of_xlate = client_xlate,
	.default_domain_ops = &ipmmu_paging_ops,
	.owner = THIS_MODULE,
};
