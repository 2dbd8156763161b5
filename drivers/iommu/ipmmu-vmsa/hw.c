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
#include <linux/rcupdate.h>

#include "encode.h"
#include "ipmmu.h"
#include "regs.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * A flush takes a few microseconds; the manual's software allows for this many.
 */
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
static u32 ipmmu_context_read(const struct ipmmu *mmu,
			      const struct ipmmu_context *ctx, unsigned int reg)
{
	return ipmmu_read(mmu, ctx->offset + reg);
}

static void ipmmu_context_write(const struct ipmmu *mmu,
				const struct ipmmu_context *ctx,
				unsigned int reg, u32 value)
{
	ipmmu_write(mmu, ctx->offset + reg, value);
}

/* Our tables are stage 1; the walker would take them for stage 2. */
static void ipmmu_control_stage1(struct ipmmu *mmu)
{
	unsigned int offset = ipmmu_imsauxctlr_offset(mmu->soc);
	u32 value = ipmmu_read(mmu, offset);

	if (!(value & IMSAUXCTLR_S2PTE))
		return;
	dev_notice(mmu->dev, "was set to stage 2 tables, as hypervisors do: now stage 1, for context 0 as well\n");
	ipmmu_write(mmu, offset, value & ~IMSAUXCTLR_S2PTE);
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
	if (mmu->root->mmu == mmu)
		ipmmu_control_stage1(mmu);
}

/**
 * ipmmu_hw_is_on() - is a context on in an IPMMU?
 * @mmu: root or cache
 * @ctx: the context
 *
 * Return: true if so, as the hardware has it.
 */
bool ipmmu_hw_is_on(const struct ipmmu *mmu, const struct ipmmu_context *ctx)
{
	return ipmmu_context_read(mmu, ctx, IMCTR) & IMCTR_MMUEN;
}

/**
 * ipmmu_hw_cache_on() - turn a context on in a cache
 * @mmu: the cache
 * @ctx: a context that is on in the root; the caller flushes it there after
 *   this
 */
void ipmmu_hw_cache_on(struct ipmmu *mmu, const struct ipmmu_context *ctx)
{
	ipmmu_context_write(mmu, ctx, IMCTR, ctx->flush_caches);
}

/**
 * ipmmu_hw_cache_off() - turn a context off in a cache
 * @mmu: the cache
 * @ctx: the context; the caller flushes it in the root after this
 */
void ipmmu_hw_cache_off(struct ipmmu *mmu, const struct ipmmu_context *ctx)
{
	ipmmu_context_write(mmu, ctx, IMCTR, IMCTR_FLUSH);
}

static int ipmmu_hw_wait_idle(const struct ipmmu *mmu,
			      const struct ipmmu_context *ctx)
{
	unsigned int step;

	for (step = 0; ipmmu_context_read(mmu, ctx, IMCTR) & IMCTR_FLUSH;
	     step++) {
		if (step == FLUSH_STEPS)
			return -ETIMEDOUT;
		udelay(FLUSH_STEP_US);
	}
	return 0;
}

static void ipmmu_context_format(struct ipmmu_root *root,
				 const struct ipmmu_context *ctx,
				 const struct io_pgtable_cfg *cfg)
{
	const struct ipmmu *mmu = root->mmu;
	u64 ttbr = cfg->arm_lpae_s1_cfg.ttbr;
	u64 mair = cfg->arm_lpae_s1_cfg.mair;
	u64 address;

	ipmmu_context_write(mmu, ctx, IMTTLBR0, ipmmu_encode_imttlbr(ttbr));
	ipmmu_context_write(mmu, ctx, IMTTUBR0, ipmmu_encode_imttubr(ttbr));
	if (root->va64) {
		ipmmu_context_write(mmu, ctx, IMTTLBR1,
				    ipmmu_encode_imttlbr(ttbr));
		ipmmu_context_write(mmu, ctx, IMTTUBR1,
				    ipmmu_encode_imttubr(ttbr));
	}
	ipmmu_context_write(mmu, ctx, IMTTBCR,
			    ipmmu_encode_imttbcr(root->va64, cfg->ias));
	ipmmu_context_write(mmu, ctx, IMMAIR0, lower_32_bits(mair));
	ipmmu_context_write(mmu, ctx, IMMAIR1, upper_32_bits(mair));
	ipmmu_hw_take_fault(root, ctx, &address);
}

/**
 * ipmmu_hw_program() - load the registers of a context that no micro-TLB uses
 * @root: the root, with its lock held
 * @ctx: the context
 *
 * Both table bases lead to the same root table with VA64: which half an address
 * falls into makes no difference. The context comes on with the next flush,
 * which the hardware wants after any change here anyhow. While the root cannot
 * be reached nothing happens: a resume programs everything.
 */
void ipmmu_hw_program(struct ipmmu_root *root, struct ipmmu_context *ctx)
{
	ipmmu_assert_locked(root);
	if (root->reachable)
		ipmmu_context_format(root, ctx, ctx->cfg);
}

/**
 * ipmmu_hw_silence() - have a context translate nothing, whatever points there
 * @root: the root
 * @ctx: a context in any state, on or off
 *
 * It is on after this, without having been off: off would let through what is
 * to be blocked. The two halves of a table base are two writes, so that a walk
 * in between may start at an address made of both; where that matters, the
 * upper half, 32 address bits and up, is the same as a rule.
 *
 * Return: 0, or -ETIMEDOUT.
 */
int ipmmu_hw_silence(struct ipmmu_root *root, const struct ipmmu_context *ctx)
{
	ipmmu_context_format(root, ctx, &root->empty_cfg);
	ipmmu_context_write(root->mmu, ctx,
			    IMCTR, ipmmu_encode_imctr_silent(root->va64) |
			    IMCTR_FLUSH);
	mb(); /* as in ipmmu_flush_write() */
	return ipmmu_hw_wait_idle(root->mmu, ctx);
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
	void __iomem *control = NULL;

	ipmmu_assert_locked(root);
	for_each_set_bit(i, &caches, IPMMU_CACHES_MAX)
		ctx->control_caches[count++] = root->caches[i]->base +
					       ctx->offset + IMCTR;
	ctx->control_caches[count] = NULL;
	if (root->mmu && root->reachable)
		control = root->mmu->base + ctx->offset + IMCTR;
	/* A poll reads it in an RCU section, without the lock. */
	WRITE_ONCE(ctx->control, control);
	ctx->flush = ctx->imctr | IMCTR_FLUSH;
	ctx->flush_caches = (ctx->imctr & IMCTR_CACHE_MASK) | IMCTR_FLUSH;
}

/*
 * Relaxed: a caller that goes on because it is not has the barrier of
 * ipmmu_flush_done(). A root that has become unreachable meanwhile was stopped
 * or suspended: it has nothing to wait for.
 */
static __always_inline bool ipmmu_flush_pending(const struct ipmmu_context *ctx)
{
	void __iomem *control = READ_ONCE(ctx->control);

	return likely(control) && readl_relaxed(control) & IMCTR_FLUSH;
}

/*
 * Write the control register of a context everywhere, with FLUSH. The caches
 * come first: the root's FLUSH bit is the one that says when all are done.
 */
static __always_inline void ipmmu_flush_write(struct ipmmu_context *ctx)
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
static __always_inline unsigned long
ipmmu_flush_begin(struct ipmmu_context *ctx)
{
	unsigned long number = ctx->started + 1;

	ipmmu_flush_write(ctx);
	WRITE_ONCE(ctx->started, number);
	return number;
}

/*
 * Under the root's lock: is a flush of the context under way?
 *
 * There is one FLUSH bit a context, and what it does to a flush that is under
 * way when it is written again is not documented. So flushes of a context are
 * numbered and one runs at a time. If none runs, one starts now and its number
 * is the caller's ticket. If one runs, it may have begun before the caller had
 * its reason: the ticket is the number of the next, which a waiter starts as
 * soon as the hardware is free. Either way the flush of the ticket's number
 * starts after this call, and any number of callers share it.
 */
static __always_inline bool ipmmu_flush_runs(const struct ipmmu_context *ctx)
{
	return READ_ONCE(ctx->finished) != ctx->started &&
	       ipmmu_flush_pending(ctx);
}

/*
 * Under the root's lock: a ticket for the next flush.
 *
 * A flush that was late is asked for again, under its old number: it is done
 * when FLUSH reads zero, whether the hardware started over or took no notice.
 */
static noinline unsigned long ipmmu_flush_join(struct ipmmu_context *ctx)
{
	if (READ_ONCE(ctx->late) == ctx->started)
		ipmmu_flush_write(ctx);
	return ctx->started + 1;
}

/*
 * The flush numbered @seen is done; start the next unless another flusher has.
 */
static noinline void ipmmu_flush_next(struct ipmmu_root *root,
				      struct ipmmu_context *ctx,
				      unsigned long seen)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&root->lock, flags);
	if (ctx->started == seen && ctx->control)
		ipmmu_flush_begin(ctx);
	else if (!ctx->control)
		ctx->started++;
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

static noinline int ipmmu_flush_late(struct ipmmu_root *root,
				     struct ipmmu_context *ctx,
				     unsigned long seen)
{
	const struct ipmmu *mmu = READ_ONCE(root->mmu);

	WRITE_ONCE(ctx->late, seen);
	if (!mmu)
		return -ENODEV;
	dev_err_ratelimited(mmu->dev,
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
static __always_inline void ipmmu_flush_done(struct ipmmu_context *ctx,
					     unsigned long number)
{
	rmb(); /* the register, then what the hardware has let go of */
	WRITE_ONCE(ctx->finished, number);
}

/* Wait for the flush of a ticket, without the lock. */
static noinline int ipmmu_flush_wait(struct ipmmu_root *root,
				     struct ipmmu_context *ctx,
				     unsigned long ticket)
{
	unsigned int step = 0;
	unsigned long seen;

	for (;;) {
		seen = READ_ONCE(ctx->started);
		rmb(); /* the number first, then the register */
		if (!ipmmu_flush_pending(ctx)) {
			ipmmu_flush_done(ctx, seen);
			if ((long)(seen - ticket) >= 0)
				return 0;
			ipmmu_flush_next(root, ctx, seen);
			step = 0;
			continue;
		}
		if (step++ == FLUSH_STEPS)
			return ipmmu_flush_late(root, ctx, seen);
		udelay(FLUSH_STEP_US);
	}
}

/*
 * Out of line: a caller that is not traced pays for a branch that is patched
 * away.
 */
static noinline int ipmmu_flush_wait_traced(struct ipmmu_root *root,
					    struct ipmmu_context *ctx,
					    unsigned long ticket)
{
	const struct ipmmu *mmu = READ_ONCE(root->mmu);
	u64 begin = ktime_get_ns();
	int ret = ipmmu_flush_wait(root, ctx, ticket);

	if (mmu)
		trace_flush(mmu->dev, ctx->id, ktime_get_ns() - begin, !ret);
	return ret;
}

/* Under RCU: what @root has mapped stays so until the flush is over. */
static __always_inline int ipmmu_flush_run(struct ipmmu_root *root,
					   struct ipmmu_context *const *where)
{
	unsigned long flags, ticket = 0;
	struct ipmmu_context *ctx;
	bool joined = false, gone;

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx = *where;
	gone = ctx && !root->mmu;
	if (likely(ctx && ctx->control)) {
		joined = ipmmu_flush_runs(ctx);
		ticket = unlikely(joined) ? ipmmu_flush_join(ctx) :
			 ipmmu_flush_begin(ctx);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);

	if (unlikely(!ticket))
		return gone ? -ENODEV : 0;
	if (trace_flush_enabled())
		return ipmmu_flush_wait_traced(root, ctx, ticket);
	if (likely(!joined) && likely(!ipmmu_flush_pending(ctx))) {
		ipmmu_flush_done(ctx, ticket);
		return 0;
	}
	return ipmmu_flush_wait(root, ctx, ticket);
}

/**
 * ipmmu_hw_flush() - flush a context and wait for it
 * @root: the root
 * @where: where the context stands; looked at under the root's lock
 *
 * The context gets its current control bits with the flush: that is how it is
 * turned on and off, too.
 *
 * The polls go without the lock, and a root may be unmapped or suspended
 * meanwhile: both clear ipmmu_context.control and wait for a grace period
 * before they go on.
 *
 * While the root is suspended or shut down there is nothing to flush: no
 * micro-TLB leads to the context before a resume has flushed it.
 *
 * Context: any. Polls for up to 100 us, twice that if another flush was
 * running.
 * Return: 0 if a flush that started after this call is done, or if there is no
 *	   context; -ETIMEDOUT or -ENODEV if that cannot be known.
 */
int ipmmu_hw_flush(struct ipmmu_root *root, struct ipmmu_context *const *where)
{
	int ret;

	rcu_read_lock();
	ret = ipmmu_flush_run(root, where);
	rcu_read_unlock();
	return ret;
}

/**
 * ipmmu_hw_utlb() - point a micro-TLB somewhere
 * @mmu: the cache it is in, which may be touched; the root's lock is held
 * @utlb: its number
 * @ctx: a context that is on, or NULL to let everything through
 */
void ipmmu_hw_utlb(struct ipmmu *mmu, unsigned int utlb,
		   const struct ipmmu_context *ctx)
{
	ipmmu_assert_locked(mmu->root);
	if (ctx)
		ipmmu_write(mmu, ipmmu_imuasid_offset(mmu->soc, utlb), 0);
	ipmmu_write(mmu, ipmmu_imuctr_offset(mmu->soc, utlb),
		    ctx ? ipmmu_encode_imuctr(mmu->soc, ctx->id) : 0);
}

/**
 * ipmmu_hw_utlb_leads() - where does a micro-TLB point, as the hardware has it?
 * @mmu: the cache it is in
 * @utlb: its number
 *
 * Return: the number of a context, or IPMMU_UTLB_OFF.
 */
int ipmmu_hw_utlb_leads(const struct ipmmu *mmu, unsigned int utlb)
{
	u32 value = ipmmu_read(mmu, ipmmu_imuctr_offset(mmu->soc, utlb));

	return value & IMUCTR_MMUEN ? ipmmu_decode_ttsel(mmu->soc, value) :
				      IPMMU_UTLB_OFF;
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
	u32 status = ipmmu_context_read(mmu, ctx, IMSTR);

	if (!(status & IMSTR_FAULTS))
		return 0;

	*address = ipmmu_context_read(mmu, ctx, IMELAR);
	*address |= (u64)ipmmu_context_read(mmu, ctx, IMEUAR) << 32;
	ipmmu_context_write(mmu, ctx, IMSTR, 0);
	return status;
}
