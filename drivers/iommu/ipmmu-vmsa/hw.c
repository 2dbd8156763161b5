// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hardware: every register access of the driver is here.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ktime.h>

#include "encode.h"
#include "ipmmu.h"
#include "regs.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* A flush takes a few microseconds; the manual's software allows for this many. */
#define FLUSH_STEPS	100
#define FLUSH_STEP_US	1

static u32 ipmmu_read(const struct ipmmu *mmu, unsigned int offset)
{
	return readl(mmu->base + offset);
}

static void ipmmu_write(const struct ipmmu *mmu, unsigned int offset, u32 value)
{
	writel(value, mmu->base + offset);
}

/* Root and caches are of one SoC: a context is at the same place in each. */
static u32 context_read(const struct ipmmu *mmu, const struct ipmmu_context *ctx,
			unsigned int reg)
{
	return ipmmu_read(mmu, ctx->offset + reg);
}

static void context_write(const struct ipmmu *mmu, const struct ipmmu_context *ctx,
			  unsigned int reg, u32 value)
{
	ipmmu_write(mmu, ctx->offset + reg, value);
}

/**
 * ipmmu_hw_control() - set what holds for a whole IPMMU
 * @mmu: the IPMMU
 *
 * The value of USE_SECGRP after reset is not defined, and nothing translates
 * while it is set. Both probe and resume must see to it.
 */
void ipmmu_hw_control(struct ipmmu *mmu)
{
	unsigned int offset = ipmmu_imsctlr_offset(mmu->soc);

	ipmmu_write(mmu, offset,
		    ipmmu_encode_imsctlr(ipmmu_read(mmu, offset), mmu->discache));
}

/**
 * ipmmu_hw_kept() - did the registers survive a suspend?
 * @mmu: an IPMMU that has the blocking context on
 */
bool ipmmu_hw_kept(const struct ipmmu *mmu)
{
	return context_read(mmu, mmu->root->blocking, IMCTR) & IMCTR_MMUEN;
}

static int wait_idle(const struct ipmmu *mmu, const struct ipmmu_context *ctx)
{
	unsigned int step;

	for (step = 0; context_read(mmu, ctx, IMCTR) & IMCTR_FLUSH; step++) {
		if (step == FLUSH_STEPS)
			return -ETIMEDOUT;
		udelay(FLUSH_STEP_US);
	}
	return 0;
}

/**
 * ipmmu_hw_reset_contexts() - turn off whatever an earlier owner left on
 * @mmu: a root or a cache that nothing uses yet, or any more
 *
 * Return: 0, or -ETIMEDOUT if a flush of the root did not complete.
 */
int ipmmu_hw_reset_contexts(struct ipmmu *mmu)
{
	bool is_root = mmu->root->mmu == mmu;
	const struct ipmmu_context *ctx;
	unsigned int id;
	int ret = 0;

	for (id = 0; id < mmu->root->count; id++) {
		ctx = &mmu->root->contexts[id];
		if (!(context_read(mmu, ctx, IMCTR) & IMCTR_MMUEN))
			continue;
		context_write(mmu, ctx, IMCTR, IMCTR_FLUSH);
		mb(); /* as in flush_write() */
		if (is_root && wait_idle(mmu, ctx))
			ret = -ETIMEDOUT;
	}
	return ret;
}

/**
 * ipmmu_hw_reset_utlbs() - turn off micro-TLBs that an earlier owner left on
 * @mmu: a cache
 *
 * They point at contexts that are off by now.
 */
void ipmmu_hw_reset_utlbs(struct ipmmu *mmu)
{
	unsigned int utlb, offset;

	for (utlb = 0; utlb < mmu->soc->utlbs; utlb++) {
		offset = ipmmu_imuctr_offset(mmu->soc, utlb);
		if (ipmmu_read(mmu, offset) & IMUCTR_MMUEN)
			ipmmu_write(mmu, offset, 0);
	}
}

/**
 * ipmmu_hw_program() - load the registers of a context that is off
 * @root: the root
 * @ctx: the context
 *
 * Both table bases lead to the same root table with VA64: which half an address
 * falls into makes no difference. The context comes on with the next flush,
 * which the hardware wants after any change here anyhow.
 */
void ipmmu_hw_program(struct ipmmu_root *root, struct ipmmu_context *ctx)
{
	const struct ipmmu *mmu = root->mmu;
	u64 ttbr = ctx->cfg->arm_lpae_s1_cfg.ttbr;
	u64 mair = ctx->cfg->arm_lpae_s1_cfg.mair;
	u64 address;

	context_write(mmu, ctx, IMTTLBR0, ipmmu_encode_imttlbr(ttbr));
	context_write(mmu, ctx, IMTTUBR0, ipmmu_encode_imttubr(ttbr));
	if (root->va64) {
		context_write(mmu, ctx, IMTTLBR1, ipmmu_encode_imttlbr(ttbr));
		context_write(mmu, ctx, IMTTUBR1, ipmmu_encode_imttubr(ttbr));
	}
	context_write(mmu, ctx, IMTTBCR,
		      ipmmu_encode_imttbcr(root->va64, ctx->cfg->ias));
	context_write(mmu, ctx, IMMAIR0, lower_32_bits(mair));
	context_write(mmu, ctx, IMMAIR1, upper_32_bits(mair));
	ipmmu_hw_take_fault(root, ctx, &address);
}

/**
 * ipmmu_hw_route() - note what a flush of a context writes, and where
 * @root: the root, with its lock held
 * @ctx: the context
 *
 * For whenever the root, the caches that are online, or the context's control
 * bits or caches have changed. Flushes are many and such changes are few.
 */
void ipmmu_hw_route(struct ipmmu_root *root, struct ipmmu_context *ctx)
{
	unsigned long caches = ctx->caches & root->online;
	unsigned int i, count = 0;

	for_each_set_bit(i, &caches, IPMMU_CACHES_MAX)
		ctx->control_caches[count++] = root->caches[i]->base +
					       ctx->offset + IMCTR;
	ctx->control_caches[count] = NULL;
	/* A poll reads it without the lock. */
	WRITE_ONCE(ctx->control,
		   root->mmu ? root->mmu->base + ctx->offset + IMCTR : NULL);
	ctx->flush = ctx->imctr | IMCTR_FLUSH;
	ctx->flush_caches = (ctx->imctr & IMCTR_CACHE_MASK) | IMCTR_FLUSH;
}

/* Relaxed: whoever goes on because it is not has the barrier of flush_done(). */
static __always_inline bool flush_pending(const struct ipmmu_context *ctx)
{
	return readl_relaxed(READ_ONCE(ctx->control)) & IMCTR_FLUSH;
}

/*
 * Write the control register of a context everywhere, with FLUSH. The caches come
 * first: the root's FLUSH bit is the one that says when all are done.
 */
static __always_inline void flush_write(struct ipmmu_context *ctx)
{
	void __iomem *const *control = ctx->control_caches;
	u32 value = ctx->flush_caches;

	for (; *control; control++)
		writel(value, *control);
	writel(ctx->flush, ctx->control);
	/* A poll that overtakes the write would find the flush already done. */
	mb();
}

/* Return: the number of the flush */
static __always_inline unsigned long flush_begin(struct ipmmu_context *ctx)
{
	unsigned long number = ctx->started + 1;

	flush_write(ctx);
	WRITE_ONCE(ctx->started, number);
	return number;
}

/*
 * Under the root's lock: is a flush of the context under way?
 *
 * There is one FLUSH bit a context, and what it does to a flush that is under way
 * when it is written again is not documented. So flushes of a context are
 * numbered and one runs at a time. If none runs, one starts now and its number
 * is the caller's ticket. If one runs, it may have begun before the caller had
 * its reason: the ticket is the number of the next, which whoever waits starts
 * as soon as the hardware is free. Either way the flush of the ticket's number
 * starts after this call, and any number of callers share it.
 */
static __always_inline bool flush_runs(const struct ipmmu_context *ctx)
{
	return READ_ONCE(ctx->finished) != ctx->started && flush_pending(ctx);
}

/*
 * Under the root's lock: a ticket for the next flush.
 *
 * A flush that was late is asked for again, under its old number: it is done
 * when FLUSH reads zero, whether the hardware started over or took no notice.
 */
static noinline unsigned long flush_join(struct ipmmu_context *ctx)
{
	if (READ_ONCE(ctx->late) == ctx->started)
		flush_write(ctx);
	return ctx->started + 1;
}

/* The flush numbered @seen is done; start the next unless somebody has. */
static noinline void flush_next(struct ipmmu_root *root,
				struct ipmmu_context *ctx, unsigned long seen)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&root->lock, flags);
	if (ctx->started == seen)
		flush_begin(ctx);
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

static noinline int flush_late(struct ipmmu_root *root,
			       struct ipmmu_context *ctx, unsigned long seen)
{
	WRITE_ONCE(ctx->late, seen);
	dev_err_ratelimited(root->mmu->dev,
			    "context %u: flush not done after %u us; unmapped tables are kept until one is. If this goes on, stop the masters behind this IPMMU and reboot\n",
			    ctx->id, FLUSH_STEPS * FLUSH_STEP_US);
	return -ETIMEDOUT;
}

/*
 * FLUSH has read as zero: the flush numbered @number, which had been asked for
 * before, is done, and the caller may rely on it.
 *
 * The number is left without the lock: two that race may leave the smaller one,
 * which makes the next caller look at the register once more and harms nothing.
 */
static __always_inline void flush_done(struct ipmmu_context *ctx,
				       unsigned long number)
{
	rmb(); /* the register, then what the hardware has let go of */
	WRITE_ONCE(ctx->finished, number);
}

/* Wait for the flush of a ticket, without the lock. */
static noinline int flush_wait(struct ipmmu_root *root,
			       struct ipmmu_context *ctx, unsigned long ticket)
{
	unsigned int step = 0;
	unsigned long seen;

	for (;;) {
		seen = READ_ONCE(ctx->started);
		rmb(); /* the number first, then the register */
		if (!flush_pending(ctx)) {
			flush_done(ctx, seen);
			if ((long)(seen - ticket) >= 0)
				return 0;
			flush_next(root, ctx, seen);
			step = 0;
			continue;
		}
		if (step++ == FLUSH_STEPS)
			return flush_late(root, ctx, seen);
		udelay(FLUSH_STEP_US);
	}
}

/* Out of line: whoever does not trace pays for a branch that is patched away. */
static noinline int flush_wait_traced(struct ipmmu_root *root,
				      struct ipmmu_context *ctx,
				      unsigned long ticket)
{
	struct device *dev = root->mmu->dev;
	u64 begin = ktime_get_ns();
	int ret = flush_wait(root, ctx, ticket);

	trace_flush(dev, ctx->id, ktime_get_ns() - begin, !ret);
	return ret;
}

/**
 * ipmmu_hw_flush() - flush a context and wait for it
 * @root: the root
 * @where: where the context stands; looked at under the root's lock
 *
 * The context gets its current control bits with the flush: that is how it is
 * turned on and off, too.
 *
 * Context: any. Polls for up to 100 us, twice that if another flush was running.
 * Return: 0 if a flush that started after this call is done, or if there is no
 *	   context; -ETIMEDOUT or -ENODEV if nobody can say that.
 */
int ipmmu_hw_flush(struct ipmmu_root *root, struct ipmmu_context *const *where)
{
	unsigned long flags, ticket = 0;
	struct ipmmu_context *ctx;
	bool joined = false;

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx = *where;
	if (likely(ctx && ctx->control)) {
		joined = flush_runs(ctx);
		ticket = unlikely(joined) ? flush_join(ctx) : flush_begin(ctx);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);

	if (unlikely(!ticket))
		return ctx ? -ENODEV : 0;
	if (trace_flush_enabled())
		return flush_wait_traced(root, ctx, ticket);
	if (likely(!joined) && likely(!flush_pending(ctx))) {
		flush_done(ctx, ticket);
		return 0;
	}
	return flush_wait(root, ctx, ticket);
}

/**
 * ipmmu_hw_utlb() - point a micro-TLB somewhere
 * @mmu: the cache it is in
 * @utlb: its number
 * @ctx: a context that is on, or NULL to let everything through
 */
void ipmmu_hw_utlb(struct ipmmu *mmu, unsigned int utlb,
		   const struct ipmmu_context *ctx)
{
	if (ctx)
		ipmmu_write(mmu, ipmmu_imuasid_offset(mmu->soc, utlb), 0);
	ipmmu_write(mmu, ipmmu_imuctr_offset(mmu->soc, utlb),
		    ctx ? ipmmu_encode_imuctr(mmu->soc, ctx->id) : 0);
}

/**
 * ipmmu_hw_take_fault() - read and clear the fault of a context
 * @root: the root
 * @ctx: the context
 * @address: where the fault was
 *
 * Clearing the status, which takes a zero, clears the address too: that one is
 * read first.
 *
 * Return: IMSTR as it was, 0 if there is no fault.
 */
u32 ipmmu_hw_take_fault(struct ipmmu_root *root, const struct ipmmu_context *ctx,
			u64 *address)
{
	const struct ipmmu *mmu = root->mmu;
	u32 status = context_read(mmu, ctx, IMSTR);

	if (!(status & IMSTR_FAULTS))
		return 0;

	*address = context_read(mmu, ctx, IMELAR);
	*address |= (u64)context_read(mmu, ctx, IMEUAR) << 32;
	context_write(mmu, ctx, IMSTR, 0);
	return status;
}
