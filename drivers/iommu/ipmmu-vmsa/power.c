// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend, resume and shutdown.
 *
 * Whether registers survive a suspend is not asked: they may be lost, kept, or,
 * after a hibernation, be what the kernel that loaded the image had put there.
 * So everything is programmed, in an order in which no master gets anywhere in
 * between:
 *
 *	suspend		caches: micro-TLBs to the blocking context
 *			root: no flush touches it any more
 *	resume		root: every context translates nothing
 *			caches: blocking context on, micro-TLBs to it, the
 *			rest off
 *			the last cache: contexts get their tables, then
 *			micro-TLBs their contexts
 *
 * An IPMMU whose power domain does not come on is not resumed at all. Without
 * the root all masters stay blocked, without a cache those behind it, and the
 * others follow one stage later.
 *
 * Flushes in between have nothing to do: whatever they were to make the
 * hardware forget, it is flushed before a micro-TLB leads there again. Device
 * links have masters suspended first and resumed last, the root before its
 * caches.
 *
 * At a shutdown, which may be a kexec, micro-TLBs are blocked first and
 * flushed, so that no translated access is under way when contexts go; then all
 * is left as it is after a reset, off, since the next kernel need not have this
 * driver, and the tables are in memory that it will use. Drivers of masters
 * have been shut down by then. One whose master goes on all the same is told
 * of.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/delay.h>
#include <linux/interrupt.h>

#include <compat/pm.h>
#include "ipmmu.h"

/* How long masters are listened to between being blocked and being let go */
#define LISTEN_US	2000

static bool ipmmu_power_is_root(const struct ipmmu *mmu)
{
	return mmu->root->mmu == mmu;
}

static void ipmmu_cache_suspend(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;

	mutex_lock(&root->mutex);
	/* One that the last resume has left out has no power. */
	if (root->online & BIT(mmu->index))
		ipmmu_utlb_block(mmu);
	ipmmu_root_set_online(root, root->online & ~BIT(mmu->index));
	root->suspended++;
	mutex_unlock(&root->mutex);
}

/*
 * The interrupt comes on with the root, and not where a resume leaves that out:
 * its line may have any level then, and none could tell what for.
 */
static void ipmmu_root_suspend(struct ipmmu_root *root)
{
	if (root->reachable)
		disable_irq_nosync(root->irq);
	ipmmu_root_set_reachable(root, false);
}

static int ipmmu_suspend_noirq(struct device *dev)
{
	struct ipmmu *mmu = dev_get_drvdata(dev);

	if (ipmmu_power_is_root(mmu))
		ipmmu_root_suspend(mmu->root);
	else
		ipmmu_cache_suspend(mmu);
	return 0;
}

/* Micro-TLBs may lead anywhere: until the last cache is back, to nothing. */
static int ipmmu_root_resume(struct ipmmu_root *root)
{
	unsigned int id;
	int ret = 0;

	ipmmu_hw_control(root->mmu);
	for (id = 1; id < root->count; id++)
		ret = ipmmu_hw_silence(root, &root->contexts[id]) ?: ret;
	ipmmu_root_set_reachable(root, true);
	enable_irq(root->irq);
	return ret;
}

static int ipmmu_context_resume(struct ipmmu_root *root,
				struct ipmmu_context *ctx)
{
	unsigned long flags;

	/* Its users did not come into sight even before the suspend. */
	if (ctx->state == IPMMU_FOUND)
		return 0;

	raw_spin_lock_irqsave(&root->lock, flags);
	if (ctx->cfg)
		ipmmu_hw_program(root, ctx);
	raw_spin_unlock_irqrestore(&root->lock, flags);
	ctx->broken = ipmmu_hw_flush(root, &ctx);
	return ctx->broken ? -ETIMEDOUT : 0;
}

/* All micro-TLBs are blocked: contexts first, then what leads there. */
static int ipmmu_masters_resume(struct ipmmu_root *root)
{
	unsigned int i, id;
	int ret = 0;

	for (id = 1; id < root->count; id++)
		ret = ipmmu_context_resume(root, &root->contexts[id]) ?: ret;
	for (i = 0; i < IPMMU_CACHES_MAX; i++)
		if (root->online & BIT(i))
			ipmmu_utlb_restore(root->caches[i]);
	return ret;
}

/*
 * The root has no power: what would flush and translate is not there, and its
 * registers must not be touched. This cache goes on blocking.
 */
static int ipmmu_cache_without_root(struct ipmmu *mmu)
{
	ipmmu_hw_control(mmu);
	ipmmu_hw_cache_on(mmu, mmu->root->blocking);
	ipmmu_utlb_block(mmu);
	return -EIO;
}

static int ipmmu_cache_resume(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	int ret;

	mutex_lock(&root->mutex);
	if (!root->reachable) {
		ret = ipmmu_cache_without_root(mmu);
		mutex_unlock(&root->mutex);
		return ret;
	}
	ipmmu_root_set_online(root, root->online | BIT(mmu->index));
	ipmmu_hw_control(mmu);
	ipmmu_hw_cache_on(mmu, root->blocking);
	ret = ipmmu_hw_silence(root, root->blocking);
	ipmmu_utlb_block(mmu);
	ipmmu_cache_contexts_off(mmu);
	if (!--root->suspended)
		ret = ipmmu_masters_resume(root) ?: ret;
	mutex_unlock(&root->mutex);
	return ret;
}

static int ipmmu_resume_noirq(struct device *dev)
{
	struct ipmmu *mmu = dev_get_drvdata(dev);
	int ret = ipmmu_power_is_root(mmu) ? ipmmu_root_resume(mmu->root) :
		  ipmmu_cache_resume(mmu);

	if (ret)
		dev_err(dev, "did not come back from suspend, DMA behind it is blocked (%d)\n",
			ret);
	return ret;
}

/*
 * The others have waited for it, since it might have been the last to come
 * back.
 */
static void ipmmu_cache_left_out(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;

	mutex_lock(&root->mutex);
	if (!--root->suspended && root->reachable && ipmmu_masters_resume(root))
		dev_err(root->mmu->dev, "not all contexts came back from suspend, DMA through those is blocked\n");
	mutex_unlock(&root->mutex);
}

/*
 * The stage after: what is still not online was left out by its power domain,
 * which did not come on, or by that of its root. The driver was not asked then.
 */
static int ipmmu_resume_early(struct device *dev)
{
	struct ipmmu *mmu = dev_get_drvdata(dev);
	struct ipmmu_root *root = mmu->root;

	if (ipmmu_power_is_root(mmu)) {
		if (!root->reachable)
			dev_err(dev, "has no power after suspend, all DMA behind it is blocked: try another suspend, or reboot\n");
		return 0;
	}
	if (root->online & BIT(mmu->index))
		return 0;
	if (root->reachable)
		dev_err(dev, "has no power after suspend, DMA behind it is blocked: try another suspend, or reboot\n");
	ipmmu_cache_left_out(mmu);
	return 0;
}

const struct dev_pm_ops ipmmu_pm_ops = {
	NOIRQ_SYSTEM_SLEEP_PM_OPS(ipmmu_suspend_noirq, ipmmu_resume_noirq)
	LATE_SYSTEM_SLEEP_PM_OPS(NULL, ipmmu_resume_early)
};

/* The last resume may have left it out. */
static bool ipmmu_has_power(const struct ipmmu *mmu)
{
	const struct ipmmu_root *root = mmu->root;

	return root->reachable &&
	       (ipmmu_power_is_root(mmu) || root->online & BIT(mmu->index));
}

/* A fault while all are blocked is a master that does DMA with no driver. */
static void ipmmu_power_listen(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long before;

	ipmmu_fault_unmute(root);
	before = READ_ONCE(root->blocked_faults);
	usleep_range(LISTEN_US, 2 * LISTEN_US);
	if (READ_ONCE(root->blocked_faults) != before)
		dev_warn(mmu->dev, "a master still does DMA at shutdown, to addresses that are not translated any more: its driver does not stop it\n");
}

static void ipmmu_cache_off(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	struct ipmmu_context *ctx;
	unsigned int id;

	mutex_lock(&root->mutex);
	ipmmu_utlb_block(mmu);
	ipmmu_hw_flush(root, &root->blocking);
	ipmmu_power_listen(mmu);
	ipmmu_utlb_open(mmu);
	ipmmu_root_set_online(root, root->online & ~BIT(mmu->index));
	for (id = 1; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (!ipmmu_hw_is_on(mmu, ctx))
			continue;
		ipmmu_hw_cache_off(mmu, ctx);
		ipmmu_hw_flush(root, &ctx);
	}
	mutex_unlock(&root->mutex);
}

static void ipmmu_root_off(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx;
	unsigned long flags;
	unsigned int id;

	mutex_lock(&root->mutex);
	for (id = 1; id < root->count; id++) {
		ctx = &root->contexts[id];
		raw_spin_lock_irqsave(&root->lock, flags);
		ipmmu_context_set(root, ctx, 0, ctx->caches);
		raw_spin_unlock_irqrestore(&root->lock, flags);
		ipmmu_hw_flush(root, &ctx);
	}
	ipmmu_root_set_reachable(root, false);
	mutex_unlock(&root->mutex);
}

/**
 * ipmmu_power_off() - leave an IPMMU as a reset does
 * @mmu: the IPMMU, a cache before its root
 *
 * Nothing of the driver touches the hardware after this, whatever masters are
 * still attached to.
 */
void ipmmu_power_off(struct ipmmu *mmu)
{
	if (!ipmmu_has_power(mmu))
		return;
	if (ipmmu_power_is_root(mmu))
		ipmmu_root_off(mmu->root);
	else
		ipmmu_cache_off(mmu);
}
