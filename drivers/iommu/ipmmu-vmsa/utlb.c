// SPDX-License-Identifier: GPL-2.0-only
/*
 * Micro-TLBs: which masters share one, and where each points.
 *
 * Masters on one micro-TLB cannot be told apart by the hardware, so they are
 * one group, and a master on several makes one group of them all. The core
 * gives all masters of a group the same domain, one after the other: the first
 * to be moved takes the micro-TLB along.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "ipmmu.h"

/**
 * ipmmu_utlb_check() - may a master be on such a micro-TLB?
 * @mmu: the cache
 * @dev: the master that the device tree puts there
 * @utlb: the number
 *
 * Return: 0, or -EINVAL with the reason in the log.
 */
int ipmmu_utlb_check(struct ipmmu *mmu, struct device *dev, unsigned int utlb)
{
	if (utlb < mmu->soc->utlbs && !READ_ONCE(mmu->utlbs[utlb].refused))
		return 0;
	if (!ipmmu_told_first(mmu, dev))
		return -EINVAL;

	if (utlb < mmu->soc->utlbs)
		dev_err(dev, "micro-TLB %u of %s is blocked, for it is also that of a master that cannot be served: fix iommus or iommu-map in the device tree\n",
			utlb, dev_name(mmu->dev));
	else
		dev_err(dev, "micro-TLB %u of %s is out of range, it has 0 to %u: fix iommus or iommu-map in the device tree\n",
			utlb, dev_name(mmu->dev), mmu->soc->utlbs - 1);
	return -EINVAL;
}

/*
 * Under the root's lock. A cache that is offline learns of it when it resumes.
 */
static void ipmmu_utlb_set(struct ipmmu *mmu, unsigned int n,
			   struct ipmmu_context *ctx)
{
	struct ipmmu_utlb *utlb = &mmu->utlbs[n];

	if (utlb->context == ctx)
		return;

	if (mmu->root->online & BIT(mmu->index))
		ipmmu_hw_utlb(mmu, n, ctx);
	if (utlb->context)
		utlb->context->utlbs--;
	if (ctx)
		ctx->utlbs++;
	utlb->context = ctx;
}

/*
 * Under the root's lock: a master comes to a micro-TLB. The first one finds it
 * blocked, so that none is let through before the core has given it a domain,
 * or when the core fails to.
 */
static void ipmmu_utlb_enter(struct ipmmu *mmu, unsigned int n)
{
	struct ipmmu_utlb *utlb = &mmu->utlbs[n];

	ipmmu_assert_locked(mmu->root);
	utlb->foreign = false;
	utlb->found = false;
	if (!utlb->masters++ && !utlb->context)
		ipmmu_utlb_set(mmu, n, mmu->root->blocking);
}

/* Is there a master, or was there one? */
static bool ipmmu_utlb_is_ours(const struct ipmmu_utlb *utlb)
{
	return utlb->masters || utlb->context;
}

/* Under the root's lock. */
static void ipmmu_utlb_drop(struct ipmmu_master *master, unsigned int count)
{
	ipmmu_assert_locked(master->mmu->root);
	while (count--)
		master->mmu->utlbs[master->utlb[count]].masters--;
}

static bool ipmmu_utlb_is_good(const struct ipmmu *mmu, unsigned int n)
{
	return n < mmu->soc->utlbs && !mmu->utlbs[n].refused;
}

/**
 * ipmmu_utlb_claim() - count a master in on its micro-TLBs
 * @master: the master; the root's mutex is held
 *
 * Return: 0, or -EINVAL with nothing changed but that they are blocked: there
 *	   is no such micro-TLB, or a master has been refused there.
 */
int ipmmu_utlb_claim(struct ipmmu_master *master)
{
	struct ipmmu_root *root = master->mmu->root;
	unsigned long flags;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&root->mutex);

	raw_spin_lock_irqsave(&root->lock, flags);
	for (i = 0; i < master->count; i++) {
		if (!ipmmu_utlb_is_good(master->mmu, master->utlb[i])) {
			ipmmu_utlb_drop(master, i);
			ret = -EINVAL;
			break;
		}
		ipmmu_utlb_enter(master->mmu, master->utlb[i]);
	}
	if (!ret)
		list_add_tail(&master->node, &root->masters);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	return ret;
}

/**
 * ipmmu_utlb_unclaim() - count a master out
 * @master: the master; the root's mutex is held
 *
 * The core holds a reference to the group of a master until after it was
 * released, so that none of those dropped here is the last of a group that has
 * domains.
 */
void ipmmu_utlb_unclaim(struct ipmmu_master *master)
{
	struct ipmmu_root *root = master->mmu->root;
	struct ipmmu_utlb *utlb;
	unsigned long flags;
	unsigned int i;

	lockdep_assert_held(&root->mutex);

	raw_spin_lock_irqsave(&root->lock, flags);
	list_del(&master->node);
	ipmmu_utlb_drop(master, master->count);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	for (i = 0; i < master->count; i++) {
		utlb = &master->mmu->utlbs[master->utlb[i]];
		if (utlb->masters || !utlb->group)
			continue;
		iommu_group_put(utlb->group);
		utlb->group = NULL;
	}
}

/**
 * ipmmu_utlb_refuse() - block micro-TLBs of a master that cannot be served
 * @mmu: the cache
 * @utlb: the numbers, some of which it may not have
 * @count: how many
 * @forever: it never will be served
 *
 * The core lets a driver have such a master all the same, without an IOMMU. One
 * that will never be served keeps its micro-TLBs from masters that come later,
 * for the hardware cannot tell them apart. With one that came earlier the
 * micro-TLB goes on.
 *
 * Return: true if there is one that came earlier, so that not all are blocked.
 */
bool ipmmu_utlb_refuse(struct ipmmu *mmu, const u32 *utlb, unsigned int count,
		       bool forever)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long flags;
	bool shared = false;
	unsigned int i;

	mutex_lock(&root->mutex);
	raw_spin_lock_irqsave(&root->lock, flags);
	for (i = 0; i < count; i++) {
		if (utlb[i] >= mmu->soc->utlbs)
			continue;
		if (mmu->utlbs[utlb[i]].masters) {
			shared = true;
			continue;
		}
		mmu->utlbs[utlb[i]].found = false;
		if (forever)
			WRITE_ONCE(mmu->utlbs[utlb[i]].refused, true);
		ipmmu_utlb_set(mmu, utlb[i], root->blocking);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);
	mutex_unlock(&root->mutex);
	return shared;
}

/**
 * ipmmu_utlb_deny() - let a master through that the driver must not translate
 * @mmu: the cache
 * @utlb: a number, which it may not have
 *
 * That is how such a master works on that SoC. Its micro-TLB is off unless an
 * earlier owner of the IPMMU had left it on, and it was blocked therefore.
 */
void ipmmu_utlb_deny(struct ipmmu *mmu, u32 utlb)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long flags;

	mutex_lock(&root->mutex);
	raw_spin_lock_irqsave(&root->lock, flags);
	if (utlb < mmu->soc->utlbs && mmu->utlbs[utlb].found) {
		mmu->utlbs[utlb].found = false;
		ipmmu_utlb_set(mmu, utlb, NULL);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);
	mutex_unlock(&root->mutex);
}

/**
 * ipmmu_utlb_point() - point the micro-TLBs of a master at a context
 * @master: the master
 * @ctx: a context that is on in the root and in the master's cache, NULL for
 *	 off
 * @domain: the paging domain that this is for, or NULL
 *
 * Cannot fail.
 */
void ipmmu_utlb_point(struct ipmmu_master *master, struct ipmmu_context *ctx,
		      struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = master->mmu->root;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&root->lock, flags);
	for (i = 0; i < master->count; i++)
		ipmmu_utlb_set(master->mmu, master->utlb[i], ctx);
	master->domain = domain;
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/**
 * ipmmu_utlb_abandon() - block the micro-TLBs that only this master uses
 * @master: a master that is going away
 *
 * Whether it still does DMA the driver cannot know.
 */
void ipmmu_utlb_abandon(struct ipmmu_master *master)
{
	struct ipmmu_root *root = master->mmu->root;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&root->lock, flags);
	master->domain = NULL;
	for (i = 0; i < master->count; i++)
		if (master->mmu->utlbs[master->utlb[i]].masters == 1)
			ipmmu_utlb_set(master->mmu, master->utlb[i],
				       root->blocking);
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/* Under the root's lock: what the driver has not set up itself */
static void ipmmu_utlb_inspect(struct ipmmu *mmu, unsigned int n)
{
	struct ipmmu_utlb *utlb = &mmu->utlbs[n];
	int leads;

	ipmmu_assert_locked(mmu->root);
	if (ipmmu_utlb_is_ours(utlb) || utlb->foreign)
		return;
	leads = ipmmu_hw_utlb_leads(mmu, n);
	if (leads == IPMMU_UTLB_OFF)
		return;
	utlb->found = true;
	ipmmu_utlb_set(mmu, n, mmu->root->blocking);
}

/**
 * ipmmu_utlb_take_over() - block what an earlier owner of a cache has left on
 * @mmu: the cache, which has the blocking context
 *
 * What points at context 0 is that one's owner's, until a master claims it.
 */
void ipmmu_utlb_take_over(struct ipmmu *mmu)
{
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&mmu->root->lock, flags);
	for (n = 0; n < mmu->soc->utlbs; n++) {
		mmu->utlbs[n].foreign = !ipmmu_hw_utlb_leads(mmu, n);
		ipmmu_utlb_inspect(mmu, n);
	}
	raw_spin_unlock_irqrestore(&mmu->root->lock, flags);
}

/**
 * ipmmu_utlb_forget() - the driver's part of a cache ends
 * @mmu: the cache, whose masters have been released
 *
 * The hardware stays as it is: the micro-TLBs of former masters are blocked.
 */
void ipmmu_utlb_forget(struct ipmmu *mmu)
{
	struct ipmmu_utlb *utlb;
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&mmu->root->lock, flags);
	for (n = 0; n < mmu->soc->utlbs; n++) {
		utlb = &mmu->utlbs[n];
		if (!utlb->context)
			continue;
		ipmmu_utlb_set(mmu, n, mmu->root->blocking);
		utlb->context->utlbs--;
		utlb->context = NULL;
	}
	raw_spin_unlock_irqrestore(&mmu->root->lock, flags);
}

/**
 * ipmmu_utlb_block() - block all masters of a cache, in the hardware alone
 * @mmu: the cache, which has the blocking context and may be touched
 *
 * But those whose domain is identity, which are let through. Whatever the
 * registers held before makes no difference.
 */
void ipmmu_utlb_block(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&root->lock, flags);
	for (n = 0; n < mmu->soc->utlbs; n++) {
		if (ipmmu_utlb_is_ours(&mmu->utlbs[n]))
			ipmmu_hw_utlb(mmu, n, mmu->utlbs[n].context ?
				      root->blocking : NULL);
		else
			ipmmu_utlb_inspect(mmu, n);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/**
 * ipmmu_utlb_restore() - the end of ipmmu_utlb_block()
 * @mmu: the cache, whose contexts are on again
 *
 * What points at a context that did not come on stays blocked.
 */
void ipmmu_utlb_restore(struct ipmmu *mmu)
{
	const struct ipmmu_context *ctx;
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&mmu->root->lock, flags);
	for (n = 0; n < mmu->soc->utlbs; n++) {
		ctx = mmu->utlbs[n].context;
		if (ctx && !ctx->broken)
			ipmmu_hw_utlb(mmu, n, ctx);
	}
	raw_spin_unlock_irqrestore(&mmu->root->lock, flags);
}

/**
 * ipmmu_utlb_open() - turn off what this driver has ever turned on
 * @mmu: the cache, for the last time
 */
void ipmmu_utlb_open(struct ipmmu *mmu)
{
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&mmu->root->lock, flags);
	for (n = 0; n < mmu->soc->utlbs; n++)
		if (ipmmu_utlb_is_ours(&mmu->utlbs[n]))
			ipmmu_hw_utlb(mmu, n, NULL);
	raw_spin_unlock_irqrestore(&mmu->root->lock, flags);
}

/**
 * ipmmu_utlb_context() - where a master's micro-TLBs point
 * @master: the master
 *
 * Return: the context, or NULL if they are off.
 */
struct ipmmu_context *ipmmu_utlb_context(const struct ipmmu_master *master)
{
	return master->mmu->utlbs[master->utlb[0]].context;
}
