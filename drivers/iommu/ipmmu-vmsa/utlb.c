// SPDX-License-Identifier: GPL-2.0-only
/*
 * Micro-TLBs: which masters share one, and where each points.
 *
 * Masters on one micro-TLB cannot be told apart by the hardware, so they are one
 * group, and a master on several makes one group of them all. The core gives
 * all masters of a group the same domain, one after the other: the first to
 * be moved takes the micro-TLB along.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "ipmmu.h"

/**
 * ipmmu_utlb_check() - is there such a micro-TLB?
 * @mmu: the cache
 * @dev: the master that the device tree puts there
 * @utlb: the number
 */
int ipmmu_utlb_check(struct ipmmu *mmu, struct device *dev, unsigned int utlb)
{
	if (utlb < mmu->soc->utlbs)
		return 0;

	dev_err(dev, "micro-TLB %u of %s is out of range, it has 0 to %u: mend iommus or iommu-map in the device tree\n",
		utlb, dev_name(mmu->dev), mmu->soc->utlbs - 1);
	return -EINVAL;
}

/* Under the root's lock. */
static void utlb_drop(struct ipmmu_client *client, unsigned int count)
{
	while (count--)
		client->mmu->utlbs[client->utlb[count]].clients--;
}

/**
 * ipmmu_utlb_claim() - count a master in on its micro-TLBs
 * @client: the master; the root's mutex is held
 *
 * Return: 0, or -EINVAL with nothing changed.
 */
int ipmmu_utlb_claim(struct ipmmu_client *client)
{
	struct ipmmu_root *root = client->mmu->root;
	unsigned long flags;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&root->mutex);

	raw_spin_lock_irqsave(&root->lock, flags);
	for (i = 0; i < client->count; i++) {
		if (client->utlb[i] >= client->mmu->soc->utlbs) {
			utlb_drop(client, i);
			ret = -EINVAL;
			break;
		}
		client->mmu->utlbs[client->utlb[i]].clients++;
	}
	if (!ret)
		list_add_tail(&client->node, &root->clients);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	return ret;
}

/**
 * ipmmu_utlb_unclaim() - count a master out
 * @client: the master; the root's mutex is held
 *
 * The core holds a reference to the group of a master until after it was
 * released, so that none of those dropped here is the last of a group that has
 * domains.
 */
void ipmmu_utlb_unclaim(struct ipmmu_client *client)
{
	struct ipmmu_root *root = client->mmu->root;
	struct ipmmu_utlb *utlb;
	unsigned long flags;
	unsigned int i;

	lockdep_assert_held(&root->mutex);

	raw_spin_lock_irqsave(&root->lock, flags);
	list_del(&client->node);
	utlb_drop(client, client->count);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	for (i = 0; i < client->count; i++) {
		utlb = &client->mmu->utlbs[client->utlb[i]];
		if (utlb->clients || !utlb->group)
			continue;
		iommu_group_put(utlb->group);
		utlb->group = NULL;
	}
}

/* Under the root's lock. */
static void utlb_set(struct ipmmu *mmu, unsigned int n, struct ipmmu_context *ctx)
{
	struct ipmmu_utlb *utlb = &mmu->utlbs[n];

	if (utlb->context == ctx)
		return;

	ipmmu_hw_utlb(mmu, n, ctx);
	if (utlb->context)
		utlb->context->utlbs--;
	if (ctx)
		ctx->utlbs++;
	utlb->context = ctx;
}

/**
 * ipmmu_utlb_point() - point the micro-TLBs of a master at a context
 * @client: the master
 * @ctx: a context that is on in the root and in the master's cache, NULL for
 *	 off
 * @domain: the paging domain that this is for, or NULL
 *
 * Cannot fail.
 */
void ipmmu_utlb_point(struct ipmmu_client *client, struct ipmmu_context *ctx,
		      struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = client->mmu->root;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&root->lock, flags);
	for (i = 0; i < client->count; i++)
		utlb_set(client->mmu, client->utlb[i], ctx);
	client->domain = domain;
	client->attached = true;
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/**
 * ipmmu_utlb_abandon() - block the micro-TLBs that only this master uses
 * @client: a master that is going away
 *
 * One that never was attached leaves no trace: its micro-TLBs are as they were.
 */
void ipmmu_utlb_abandon(struct ipmmu_client *client)
{
	struct ipmmu_root *root = client->mmu->root;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&root->lock, flags);
	client->domain = NULL;
	for (i = 0; client->attached && i < client->count; i++)
		if (client->mmu->utlbs[client->utlb[i]].clients == 1)
			utlb_set(client->mmu, client->utlb[i], root->blocking);
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/**
 * ipmmu_utlb_off() - turn off all micro-TLBs of a cache
 * @mmu: the cache
 */
void ipmmu_utlb_off(struct ipmmu *mmu)
{
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&mmu->root->lock, flags);
	for (n = 0; n < mmu->soc->utlbs; n++)
		utlb_set(mmu, n, NULL);
	raw_spin_unlock_irqrestore(&mmu->root->lock, flags);
}

/**
 * ipmmu_utlb_context() - where a master's micro-TLBs point
 * @client: the master
 */
struct ipmmu_context *ipmmu_utlb_context(const struct ipmmu_client *client)
{
	return client->mmu->utlbs[client->utlb[0]].context;
}

/**
 * ipmmu_utlb_sole() - would the master's context be free if it left?
 * @client: the master
 */
bool ipmmu_utlb_sole(const struct ipmmu_client *client)
{
	struct ipmmu_context *ctx = ipmmu_utlb_context(client);

	return ctx && ctx->state == IPMMU_BUSY && ctx->utlbs == client->count;
}

/* The group that any of the micro-TLBs has; an error if they have two. */
static struct iommu_group *utlb_group_find(struct ipmmu_client *client)
{
	struct iommu_group *group, *found = NULL;
	unsigned int i;

	for (i = 0; i < client->count; i++) {
		group = client->mmu->utlbs[client->utlb[i]].group;
		if (group && found && group != found) {
			dev_err(client->dev, "micro-TLB %u of %s is shared with a master of another group: mend iommus in the device tree\n",
				client->utlb[i], dev_name(client->mmu->dev));
			return ERR_PTR(-EINVAL);
		}
		found = group ?: found;
	}
	return found;
}

/**
 * ipmmu_utlb_group() - find or make the group of a master
 * @client: the master; the root's mutex is held
 *
 * Each micro-TLB keeps a reference of its own.
 *
 * Return: the group, with a reference for the caller, or an error.
 */
struct iommu_group *ipmmu_utlb_group(struct ipmmu_client *client)
{
	struct iommu_group *group = utlb_group_find(client);
	struct ipmmu_utlb *utlb;
	unsigned int i;

	lockdep_assert_held(&client->mmu->root->mutex);

	if (IS_ERR(group))
		return group;
	group = group ? iommu_group_ref_get(group) : iommu_group_alloc();
	if (IS_ERR(group))
		return group;

	for (i = 0; i < client->count; i++) {
		utlb = &client->mmu->utlbs[client->utlb[i]];
		if (!utlb->group)
			utlb->group = iommu_group_ref_get(group);
	}
	return group;
}
