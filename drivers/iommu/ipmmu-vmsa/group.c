// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups: which masters get one domain, and so one context.
 *
 * Masters on one micro-TLB cannot be told apart by the hardware, so they are
 * one group, and a master on several micro-TLBs makes one group of them all.
 * What the bus cannot tell apart (PCI functions without access control,
 * aliases) is one group, too. Beyond that it is a question of contexts. A group
 * needs one at a time, whatever domain it is in, and which group a master is in
 * is decided once and for all when it probes, before it is known how many will
 * follow. So each micro-TLB gets a group to itself until there are as many
 * groups as contexts, and masters that come after that join one that is there:
 * none is ever without. Where the kernel translates nothing by itself
 * (iommu.passthrough=1) there may be more groups than contexts, since only what
 * is given to VFIO takes one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "ipmmu.h"

enum ipmmu_grouping {
	IPMMU_GROUPING_AUTO,
	IPMMU_GROUPING_UTLB,
	IPMMU_GROUPING_CACHE,
	IPMMU_GROUPING_ROOT,
};

static const char * const groupings[] = {
	[IPMMU_GROUPING_AUTO] = "auto",
	[IPMMU_GROUPING_UTLB] = "utlb",
	[IPMMU_GROUPING_CACHE] = "cache",
	[IPMMU_GROUPING_ROOT] = "root",
};

static char *grouping = "auto";
module_param(grouping, charp, 0444);
MODULE_PARM_DESC(grouping, "Which masters share a domain: those on one micro-TLB (utlb), cache IPMMU (cache) or main IPMMU (root), or on one micro-TLB as long as there are contexts (auto, the default)");

/**
 * ipmmu_group_check() - is the parameter "grouping" a word that is known?
 *
 * Return: 0, or -EINVAL with the reason in the log.
 */
int ipmmu_group_check(void)
{
	if (match_string(groupings, ARRAY_SIZE(groupings), grouping) >= 0)
		return 0;

	pr_err("grouping=%s is unknown: use auto, utlb, cache or root\n",
	       grouping);
	return -EINVAL;
}

/* The group that any of the micro-TLBs has; an error if they have two. */
static struct iommu_group *ipmmu_utlb_group(const struct ipmmu *mmu,
					    const u32 *utlb, unsigned int count)
{
	struct iommu_group *group, *found = NULL;
	unsigned int i;

	for (i = 0; i < count; i++) {
		group = mmu->utlbs[utlb[i]].group;
		if (group && found && group != found)
			return ERR_PTR(-EINVAL);
		found = group ?: found;
	}
	return found;
}

/* Has any master of the root this group? */
static bool ipmmu_group_is_used(const struct ipmmu_root *root,
				const struct iommu_group *group)
{
	const struct ipmmu_master *master;

	list_for_each_entry(master, &root->masters, node)
		if (master->group == group)
			return true;
	return false;
}

/* Is this the first master of its group in the list? */
static bool ipmmu_group_is_first(const struct ipmmu_root *root,
				 const struct ipmmu_master *master)
{
	const struct ipmmu_master *other;

	list_for_each_entry(other, &root->masters, node)
		if (other->group == master->group)
			return other == master;
	return false;
}

static unsigned int ipmmu_groups_used(const struct ipmmu_root *root)
{
	const struct ipmmu_master *master;
	unsigned int count = 0;

	list_for_each_entry(master, &root->masters, node)
		count += master->group && ipmmu_group_is_first(root, master);
	return count;
}

/* How many contexts domains may have, now or once a flush is done */
static unsigned int ipmmu_contexts_usable(const struct ipmmu_root *root)
{
	unsigned int id, count = 0;

	for (id = 0; id < root->count; id++) {
		switch (root->contexts[id].state) {
		case IPMMU_RESERVED:
		case IPMMU_BLOCKING:
			break;
		case IPMMU_FOUND:
			count += !root->lost && !root->given_up;
			break;
		default:
			count++;
		}
	}
	return count;
}

/*
 * Identity, or a domain of the DMA API; not what user space has or is about to.
 */
static bool ipmmu_master_is_kernels(const struct ipmmu_master *master)
{
	if (master->domain)
		return master->domain->io.type & __IOMMU_DOMAIN_DMA_API;
	return !ipmmu_utlb_context(master);
}

/*
 * A group to join, the youngest that there is, and rather one that the kernel
 * drives: where user space has the others of a group, a driver cannot have this
 * one.
 */
static struct ipmmu_master *ipmmu_group_partner(const struct ipmmu_root *root)
{
	struct ipmmu_master *master, *found = NULL;

	list_for_each_entry_reverse(master, &root->masters, node) {
		if (!master->group)
			continue;
		if (ipmmu_master_is_kernels(master))
			return master;
		found = found ?: master;
	}
	return found;
}

static struct ipmmu_master *
ipmmu_group_partner_in_cache(const struct ipmmu *mmu)
{
	struct ipmmu_master *master;

	list_for_each_entry(master, &mmu->root->masters, node)
		if (master->mmu == mmu && master->group)
			return master;
	return NULL;
}

static struct ipmmu_master *
ipmmu_group_partner_for_want(const struct ipmmu_master *master)
{
	const struct ipmmu_root *root = master->mmu->root;
	unsigned int usable = ipmmu_contexts_usable(root);
	struct ipmmu_master *other;

	if (ipmmu_groups_used(root) < usable)
		return NULL;
	other = ipmmu_group_partner(root);
	if (other)
		dev_warn(master->dev, "shares group, context and all memory of either with %s: %s has %u contexts, and as many groups use them. To have it to itself, for VFIO, boot with iommu.passthrough=1 or with fewer masters\n",
			 dev_name(other->dev), dev_name(root->mmu->dev), usable);
	return other;
}

/*
 * Whose group the parameter, or the want of contexts, makes this master share
 */
static struct ipmmu_master *
ipmmu_group_partner_choose(const struct ipmmu_master *master)
{
	struct ipmmu_master *other = NULL;

	switch (match_string(groupings, ARRAY_SIZE(groupings), grouping)) {
	case IPMMU_GROUPING_UTLB:
		return NULL;
	case IPMMU_GROUPING_ROOT:
		return ipmmu_group_partner(master->mmu->root);
	case IPMMU_GROUPING_CACHE:
		other = ipmmu_group_partner_in_cache(master->mmu);
		break;
	case IPMMU_GROUPING_AUTO:
		if (iommu_default_passthrough())
			return NULL;
		break;
	}
	return other ?: ipmmu_group_partner_for_want(master);
}

/**
 * ipmmu_group_bus() - the group that the bus of a master asks for
 * @dev: the master
 *
 * Context: no lock of the driver's, for a new group comes with files in sysfs.
 * Return: a group with a reference: a new one, or one with other devices in it;
 *	   or an error.
 */
struct iommu_group *ipmmu_group_bus(struct device *dev)
{
	return dev_is_pci(dev) ? pci_device_group(dev) : generic_device_group(dev);
}

/* Does the bus put a master with others that are in another group? */
static bool ipmmu_group_is_torn(const struct ipmmu_root *root,
				const struct iommu_group *own,
				const struct iommu_group *bus)
{
	return own && bus != own && ipmmu_group_is_used(root, bus);
}

static bool ipmmu_group_bus_agrees(struct ipmmu *mmu, struct device *dev,
				   const struct iommu_group *own)
{
	struct iommu_group *bus = ipmmu_group_bus(dev);
	bool torn;

	if (IS_ERR(bus))
		return true; /* ipmmu_master_group() gets the same error. */

	mutex_lock(&mmu->root->mutex);
	torn = ipmmu_group_is_torn(mmu->root, own, bus);
	mutex_unlock(&mmu->root->mutex);
	iommu_group_put(bus);
	return !torn;
}

/**
 * ipmmu_group_check_utlbs() - can a master on these micro-TLBs be in one group?
 * @mmu: the cache
 * @dev: the master, which has no group yet
 * @utlb: the numbers, each of which the cache has
 * @count: how many
 *
 * Asked when the device tree is read: later kernels take an error of
 * device_group() for one of the whole IPMMU.
 *
 * Context: no lock of the driver's.
 * Return: 0, or -EINVAL with the reason in the log, the first time.
 */
int ipmmu_group_check_utlbs(struct ipmmu *mmu, struct device *dev,
			    const u32 *utlb, unsigned int count)
{
	struct iommu_group *own;

	mutex_lock(&mmu->root->mutex);
	own = ipmmu_utlb_group(mmu, utlb, count);
	mutex_unlock(&mmu->root->mutex);

	if (IS_ERR(own)) {
		if (ipmmu_told_first(mmu, dev))
			dev_err(dev, "micro-TLB %u of %s is shared with a master of another group: fix iommus in the device tree; it gets no driver\n",
				utlb[count - 1], dev_name(mmu->dev));
		return -EINVAL;
	}
	if (!own || ipmmu_group_bus_agrees(mmu, dev, own))
		return 0;
	if (ipmmu_told_first(mmu, dev))
		dev_err(dev, "its bus puts it in one group, its micro-TLB in another, and both have masters: probe it before them; it gets no driver\n");
	return -EINVAL;
}

/* Merges what micro-TLBs and bus say; what both are silent on is a choice. */
static struct iommu_group *ipmmu_group_merge(struct ipmmu_master *master,
					     struct iommu_group *own,
					     struct iommu_group *bus)
{
	struct ipmmu_master *other;

	if (own)
		return own;
	if (ipmmu_group_is_used(master->mmu->root, bus))
		return bus;
	other = ipmmu_group_partner_choose(master);
	return other ? other->group : bus;
}

/**
 * ipmmu_group_find() - find the group of a master
 * @master: the master; the root's mutex is held
 * @bus: what ipmmu_group_bus() said
 *
 * Each micro-TLB keeps a reference of its own.
 *
 * Return: the group, with a reference for the caller; if masters that came
 *	   since ipmmu_group_check_utlbs() allow none, an error that keeps a
 *	   driver away or, without one, the master out.
 */
struct iommu_group *ipmmu_group_find(struct ipmmu_master *master,
				     struct iommu_group *bus)
{
	struct iommu_group *group = ipmmu_utlb_group(master->mmu, master->utlb,
						     master->count);
	struct ipmmu_utlb *utlb;
	unsigned int i;

	lockdep_assert_held(&master->mmu->root->mutex);

	if (IS_ERR(group) ||
	    ipmmu_group_is_torn(master->mmu->root, group, bus))
		return ERR_PTR(master->dev->driver ? -EPROBE_DEFER : -ENODEV);
	group = ipmmu_group_merge(master, group, bus);

	master->group = group;
	for (i = 0; i < master->count; i++) {
		utlb = &master->mmu->utlbs[master->utlb[i]];
		if (!utlb->group)
			utlb->group = iommu_group_ref_get(group);
	}
	return iommu_group_ref_get(group);
}

static unsigned int ipmmu_group_utlbs(const struct ipmmu *mmu,
				      const struct iommu_group *group,
				      const struct ipmmu_context *ctx)
{
	unsigned int n, count = 0;

	for (n = 0; n < mmu->soc->utlbs; n++)
		count += mmu->utlbs[n].group == group &&
			 mmu->utlbs[n].context == ctx;
	return count;
}

/**
 * ipmmu_group_sole() - would a master's context be free if its group left?
 * @master: the master; the root's mutex is held
 *
 * Return: true if its group is the only user of that context.
 */
bool ipmmu_group_sole(const struct ipmmu_master *master)
{
	const struct ipmmu_root *root = master->mmu->root;
	struct ipmmu_context *ctx = ipmmu_utlb_context(master);
	unsigned int i, count = 0;

	if (!ctx || ctx->state != IPMMU_BUSY)
		return false;
	for (i = 0; i < IPMMU_CACHES_MAX; i++)
		if (root->caches[i])
			count += ipmmu_group_utlbs(root->caches[i],
						   master->group, ctx);
	return count == ctx->utlbs;
}
