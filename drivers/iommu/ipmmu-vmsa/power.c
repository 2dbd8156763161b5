// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and resume. The registers may or may not survive; all they held is
 * known from the contexts and micro-TLBs. The root comes back before its caches,
 * which a device link between them sees to.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/pm.h>

#include "ipmmu.h"

static bool context_on(const struct ipmmu_context *ctx)
{
	return ctx->state == IPMMU_BUSY || ctx->state == IPMMU_BLOCKING;
}

/* Registers of a cache that is off must not be touched, by a flush or else. */
static int ipmmu_suspend_noirq(struct device *dev)
{
	struct ipmmu *mmu = dev_get_drvdata(dev);
	struct ipmmu_root *root = mmu->root;

	if (root->mmu != mmu)
		ipmmu_root_set_online(root, root->online & ~BIT(mmu->index));
	return 0;
}

/* The caches are offline: each flush here is one of the root alone. */
static int root_resume(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx;
	unsigned int id;
	int ret;

	if (ipmmu_hw_kept(root->mmu))
		return 0;

	ret = ipmmu_hw_reset_contexts(root->mmu);
	for (id = 0; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (!context_on(ctx))
			continue;
		ipmmu_hw_program(root, ctx);
		ret = ipmmu_hw_flush(root, &ctx) ?: ret;
	}
	return ret;
}

/*
 * A flush turns a context on in a cache that lost it, and makes up for one that
 * passed by a cache while it was offline. If the registers were kept, the last
 * cache of a context to come back does that for all.
 */
static int cache_flush(struct ipmmu *mmu, bool kept)
{
	struct ipmmu_root *root = mmu->root;
	struct ipmmu_context *ctx;
	unsigned int id;
	int ret = 0;

	for (id = 0; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (!context_on(ctx) || !(ctx->caches & BIT(mmu->index)))
			continue;
		if (kept && (ctx->caches & ~root->online))
			continue;
		ret = ipmmu_hw_flush(root, &ctx) ?: ret;
	}
	return ret;
}

static int cache_resume(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	bool kept = ipmmu_hw_kept(mmu);
	unsigned int i;
	int ret;

	ipmmu_root_set_online(root, root->online | BIT(mmu->index));
	ret = cache_flush(mmu, kept);
	for (i = 0; !kept && i < mmu->soc->utlbs; i++)
		if (mmu->utlbs[i].context)
			ipmmu_hw_utlb(mmu, i, mmu->utlbs[i].context);
	return ret;
}

static int ipmmu_resume_noirq(struct device *dev)
{
	struct ipmmu *mmu = dev_get_drvdata(dev);
	int ret;

	ipmmu_hw_control(mmu);
	ret = mmu->root->mmu == mmu ? root_resume(mmu->root) : cache_resume(mmu);
	if (ret)
		dev_err(dev, "did not come back from suspend, DMA behind it will fault (%d)\n",
			ret);
	return ret;
}

const struct dev_pm_ops ipmmu_pm_ops = {
	NOIRQ_SYSTEM_SLEEP_PM_OPS(ipmmu_suspend_noirq, ipmmu_resume_noirq)
};
