// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults: the root's interrupt does not say which context had one, so all that
 * are on are looked at.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/module.h>

#include "encode.h"
#include "ipmmu.h"
#include "regs.h"
#include "trace.h"

/*
 * A context that has had this many faults within a second interrupts no CPU for
 * the next. It is told of again after it was quiet for so long.
 */
#define FAULTS_MAX	200
#define FAULTS_WINDOW	HZ
#define MUTE_TIME	HZ
#define QUIET_TIME	(10 * HZ)

static bool flush_on_fault;
module_param(flush_on_fault, bool, 0644);
MODULE_PARM_DESC(flush_on_fault, "Flush a context after each translation fault in it, as Renesas' BSP does (Y or N, default N)");

/**
 * struct ipmmu_fault - what is known of a fault once the lock is dropped
 * @status: IMSTR
 * @address: where
 * @context: the context
 * @domain: its domain, NULL for the blocking context
 * @master: a master that may have caused it, NULL if none is left
 * @others: how many more may have
 * @mute: one too many: the context is not to interrupt for a while
 *
 * @domain and @master stay valid until the handler returns: what frees them
 * waits for that in ipmmu_fault_quiesce().
 */
struct ipmmu_fault {
	u32 status;
	u64 address;
	unsigned int context;
	struct ipmmu_domain *domain;
	struct ipmmu_master *master;
	unsigned int others;
	bool mute;
};

/* Under the root's lock. */
static void ipmmu_fault_find_master(struct ipmmu_root *root,
				    struct ipmmu_context *ctx,
				    struct ipmmu_fault *fault)
{
	struct ipmmu_master *master;

	ipmmu_assert_locked(root);
	list_for_each_entry(master, &root->masters, node) {
		if (ipmmu_utlb_context(master) != ctx)
			continue;
		if (fault->master)
			fault->others++;
		else
			fault->master = master;
	}
}

/* Under the root's lock: count a fault. Is it one too many? */
static bool ipmmu_fault_count(struct ipmmu_root *root,
			      struct ipmmu_context *ctx)
{
	ipmmu_assert_locked(root);
	if (ctx == root->blocking)
		WRITE_ONCE(root->blocked_faults, root->blocked_faults + 1);
	if (!ctx->faults || time_after(jiffies, ctx->window + FAULTS_WINDOW)) {
		ctx->window = jiffies;
		ctx->faults = 0;
	}
	return ++ctx->faults >= FAULTS_MAX;
}

/* Under the root's lock; the next flush makes it so. */
static void ipmmu_fault_mute(struct ipmmu_root *root, struct ipmmu_context *ctx)
{
	ctx->muted = true;
	ipmmu_context_set(root, ctx, ipmmu_encode_imctr_silent(root->va64),
			  ctx->caches);
}

static bool ipmmu_fault_take(struct ipmmu_root *root, struct ipmmu_context *ctx,
			     struct ipmmu_fault *fault)
{
	unsigned long flags;

	*fault = (struct ipmmu_fault) { .context = ctx->id };

	raw_spin_lock_irqsave(&root->lock, flags);
	if (root->reachable && ctx->imctr && !ctx->muted)
		fault->status = ipmmu_hw_take_fault(root, ctx, &fault->address);
	if (fault->status) {
		fault->domain = ctx->domain;
		ipmmu_fault_find_master(root, ctx, fault);
		fault->mute = ipmmu_fault_count(root, ctx);
		if (fault->mute)
			ipmmu_fault_mute(root, ctx);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);

	return fault->status;
}

static void ipmmu_fault_print(struct device *mmu,
			      const struct ipmmu_fault *fault)
{
	char others[24] = "";

	if (fault->others)
		snprintf(others, sizeof(others), " or %u others", fault->others);
	dev_err_ratelimited(mmu, "%s%s: %s at 0x%llx, level %u, %s; context %u%s, status 0x%08x\n",
			    fault->master ? dev_name(fault->master->dev) : "a master that left",
			    others, ipmmu_decode_fault(fault->status),
			    fault->address, ipmmu_decode_level(fault->status),
			    ipmmu_decode_code(fault->status), fault->context,
			    fault->domain ? "" : " (blocked)", fault->status);
}

/*
 * The domain's fault handler, where there is one, comes first. Whether it was a
 * read or a write the hardware does not tell.
 */
static void ipmmu_fault_report(struct device *mmu,
			       const struct ipmmu_fault *fault)
{
	struct device *dev = fault->master ? fault->master->dev : mmu;

	trace_fault(fault->master ? dev_name(dev) : "-", fault->context,
		    fault->address, fault->status);
	if (fault->domain &&
	    !report_iommu_fault(&fault->domain->io, dev, fault->address,
				IOMMU_FAULT_READ))
		return;
	ipmmu_fault_print(mmu, fault);
}

/*
 * Said once for as long as it goes on: the context is not muted for the first
 * time if it has been listened to again only a while ago.
 */
static void ipmmu_fault_say_muted(const struct ipmmu_root *root,
				  const struct ipmmu_context *ctx,
				  const struct ipmmu_fault *fault)
{
	if (ctx->unmuted && time_before(jiffies, ctx->unmuted + QUIET_TIME))
		return;
	dev_err(root->mmu->dev, "context %u: %u faults within a second, by %s for one: looked at once a second from now on until they end. What they were for was refused\n",
		ctx->id, FAULTS_MAX,
		fault->master ? dev_name(fault->master->dev) : "a master that left");
}

/*
 * What the hardware has to be told after a fault. A flush is no part of it: an
 * entry that was invalid is not held by any TLB, and flushing the whole context
 * for each access that a master gets wrong slows down all others. The BSP does
 * it, so it can be had.
 */
static void ipmmu_fault_answer(struct ipmmu_root *root,
			       struct ipmmu_context *ctx,
			       const struct ipmmu_fault *fault)
{
	bool flush = fault->status & IMSTR_TF && READ_ONCE(flush_on_fault);

	if (fault->mute || flush)
		ipmmu_hw_flush(root, &ctx);
	if (!fault->mute)
		return;
	ipmmu_fault_say_muted(root, ctx, fault);
	queue_delayed_work(system_freezable_wq, &root->unmute, MUTE_TIME);
}

static irqreturn_t ipmmu_fault_interrupt(int irq, void *data)
{
	struct ipmmu_root *root = data;
	irqreturn_t ret = IRQ_NONE;
	struct ipmmu_fault fault;
	unsigned int id;

	for (id = 0; id < root->count; id++) {
		if (!ipmmu_fault_take(root, &root->contexts[id], &fault))
			continue;
		ipmmu_fault_report(root->mmu->dev, &fault);
		ipmmu_fault_answer(root, &root->contexts[id], &fault);
		ret = IRQ_HANDLED;
	}
	return ret;
}

/* Under the root's lock. Return: true if the context needs a flush. */
static bool ipmmu_context_unmute(struct ipmmu_root *root,
				 struct ipmmu_context *ctx)
{
	u64 address;

	ipmmu_assert_locked(root);
	if (!ctx->muted)
		return false;
	ctx->muted = false;
	ctx->unmuted = jiffies;
	ctx->faults = 0;
	/*
	 * Off, or taken for another domain, meanwhile: nothing of this holds.
	 */
	if (!ctx->imctr)
		return false;
	if (root->reachable)
		ipmmu_hw_take_fault(root, ctx, &address);
	ipmmu_context_set(root, ctx, ipmmu_encode_imctr(root->va64), ctx->caches);
	return true;
}

/**
 * ipmmu_fault_unmute() - listen again to contexts that had too many faults
 * @root: the root, whose mutex is held
 */
void ipmmu_fault_unmute(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx;
	unsigned long flags;
	unsigned int id;
	bool flush;

	for (id = 0; root->mmu && id < root->count; id++) {
		ctx = &root->contexts[id];
		raw_spin_lock_irqsave(&root->lock, flags);
		flush = ipmmu_context_unmute(root, ctx);
		raw_spin_unlock_irqrestore(&root->lock, flags);
		if (flush)
			ipmmu_hw_flush(root, &ctx);
	}
}

/**
 * ipmmu_fault_unmute_work() - the same, a while after
 * @work: of a root
 */
void ipmmu_fault_unmute_work(struct work_struct *work)
{
	struct ipmmu_root *root = container_of(to_delayed_work(work),
					       struct ipmmu_root, unmute);

	mutex_lock(&root->mutex);
	ipmmu_fault_unmute(root);
	mutex_unlock(&root->mutex);
}

/**
 * ipmmu_fault_request() - start to listen
 * @root: the root
 * @irq: its interrupt
 *
 * Return: 0, or an error with the reason in the log.
 */
int ipmmu_fault_request(struct ipmmu_root *root, int irq)
{
	struct device *dev = root->mmu->dev;
	int ret;

	ret = request_irq(irq, ipmmu_fault_interrupt, 0, dev_name(dev), root);
	if (ret)
		return dev_err_probe(dev, ret, "cannot have interrupt %d\n", irq);
	root->irq = irq;
	return 0;
}

/**
 * ipmmu_fault_quiesce() - wait for the handling of faults that were before
 * @root: the root
 *
 * What was unlinked under the root's lock may be freed after this.
 */
void ipmmu_fault_quiesce(struct ipmmu_root *root)
{
	if (root->irq)
		synchronize_irq(root->irq);
}
