// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: a root has few, so a domain takes one when its first master comes
 * and gives it back when the last one leaves. One is set aside for good: it
 * translates nothing, and blocks the masters that point there, which turning a
 * micro-TLB off would not do.
 *
 * A context is given back in this order, and not before each step is done: no
 * micro-TLB points at it; it is off, and flushed, in root and caches; its
 * number is free. If the flush does not complete, it keeps number and tables,
 * and is tried again whenever a context is taken or a domain freed, and by
 * time.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/slab.h>

#include "encode.h"
#include "ipmmu.h"
#include "trace.h"

/*
 * A quarantined context is flushed anew after this long, and then less often.
 */
#define RETRY_FIRST_MS	500U
#define RETRY_LAST_MS	60000U

/**
 * ipmmu_context_find() - a context in a state
 * @root: the root
 * @state: the state
 *
 * Return: the first there is, or NULL.
 */
struct ipmmu_context *ipmmu_context_find(struct ipmmu_root *root,
					 enum ipmmu_state state)
{
	unsigned int id;

	for (id = 0; id < root->count; id++)
		if (READ_ONCE(root->contexts[id].state) == state)
			return &root->contexts[id];
	return NULL;
}

/**
 * ipmmu_context_set() - what the next flush makes of a context, and where
 * @root: the root, with its lock held
 * @ctx: the context
 * @imctr: its control bits in the root
 * @caches: where else it is on
 */
void ipmmu_context_set(struct ipmmu_root *root, struct ipmmu_context *ctx,
		       u32 imctr, unsigned long caches)
{
	ctx->imctr = imctr;
	ctx->caches = caches;
	ipmmu_hw_route(root, ctx);
}

/* Load a free context and let the next flush turn it on. */
static void ipmmu_context_load(struct ipmmu_root *root,
			       struct ipmmu_context *ctx,
			       struct ipmmu_domain *domain)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx->cfg = &domain->cfg;
	ipmmu_hw_program(root, ctx);
	ctx->state = IPMMU_BUSY;
	ipmmu_context_set(root, ctx, ipmmu_encode_imctr(root->va64), ctx->caches);
	ctx->domain = domain;
	ctx->muted = false;
	ctx->faults = 0;
	/*
	 * From here on a flush of the domain flushes the context. A table that
	 * was detached before is not to be found from the root any more, and
	 * the context comes on later still.
	 */
	domain->context = ctx;
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/*
 * Under the root's lock: a flush has seen to it that nothing is held any more.
 */
static void ipmmu_context_freed(struct ipmmu_root *root,
				struct ipmmu_context *ctx)
{
	if (ctx->domain)
		ctx->domain->context = NULL;
	ctx->domain = NULL;
	ipmmu_context_set(root, ctx, 0, 0);
	ctx->state = IPMMU_FREE;
}

/*
 * Turn off a context that no micro-TLB points at, and free it if the flush
 * completes. Tables that are parked there are not freed under the mutex: with
 * those, or with a flush that is late, it goes into quarantine, which ends in
 * ipmmu_contexts_retry().
 */
static void ipmmu_context_off(struct ipmmu_root *root,
			      struct ipmmu_context *ctx)
{
	unsigned long flags, caches;
	int ret;

	raw_spin_lock_irqsave(&root->lock, flags);
	caches = ctx->caches;
	ipmmu_context_set(root, ctx, 0, caches);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	ret = ipmmu_hw_flush(root, &ctx);

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx->cfg = NULL;
	if (ret || ctx->parked)
		ctx->state = IPMMU_QUARANTINED;
	else
		ipmmu_context_freed(root, ctx);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	if (ctx->state == IPMMU_FREE)
		trace_context_given_back(root->mmu->dev, ctx->id, caches);
}

/* The work goes on for as long as there is anything in quarantine. */
static void ipmmu_contexts_retry_later(struct ipmmu_root *root, unsigned int ms)
{
	root->retry_ms = ms;
	mod_delayed_work(system_freezable_wq, &root->retry, msecs_to_jiffies(ms));
}

/**
 * ipmmu_context_available() - could a domain get a context now?
 * @root: the root
 *
 * Return: true if there is one that is free.
 */
bool ipmmu_context_available(const struct ipmmu_root *root)
{
	return ipmmu_context_find((struct ipmmu_root *)root, IPMMU_FREE);
}

/**
 * ipmmu_context_take() - give a domain a context unless it has one
 * @domain: a domain with tables; its root's mutex is held
 *
 * One that is in quarantine for this very domain is taken back: what the
 * hardware may still hold there is the domain's own.
 *
 * Return: 0, or -EBUSY if there is none left.
 */
int ipmmu_context_take(struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = domain->root;
	struct ipmmu_context *ctx = domain->context;

	lockdep_assert_held(&root->mutex);

	if (ctx && ctx->state == IPMMU_BUSY)
		return 0;
	if (!ctx)
		ctx = ipmmu_context_find(root, IPMMU_FREE);
	if (!ctx)
		return -EBUSY;

	ipmmu_context_load(root, ctx, domain);
	return 0;
}

/**
 * ipmmu_context_serve() - turn a context on in a cache, too
 * @ctx: the context
 * @mmu: the cache
 *
 * A cache stays until the context is given back, even if the last of its
 * micro-TLBs leaves earlier: what it holds must go on being flushed.
 *
 * Return: 0, or -ETIMEDOUT.
 */
int ipmmu_context_serve(struct ipmmu_context *ctx, struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long flags;

	lockdep_assert_held(&root->mutex);

	/* No micro-TLB yet: it has not been turned on since it was loaded. */
	if (ctx->utlbs && (ctx->caches & BIT(mmu->index)))
		return 0;

	raw_spin_lock_irqsave(&root->lock, flags);
	ipmmu_context_set(root, ctx, ctx->imctr, ctx->caches | BIT(mmu->index));
	raw_spin_unlock_irqrestore(&root->lock, flags);

	if (ctx->state == IPMMU_BUSY && !ctx->utlbs)
		trace_context_taken(root->mmu->dev, ctx->id, ctx->caches);
	return ipmmu_hw_flush(root, &ctx);
}

/**
 * ipmmu_contexts_reap() - give back contexts that no micro-TLB points at
 * @root: the root, whose mutex is held
 */
void ipmmu_contexts_reap(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx;
	unsigned int id;

	lockdep_assert_held(&root->mutex);

	for (id = 0; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (ctx->state != IPMMU_BUSY || ctx->utlbs)
			continue;
		ipmmu_context_off(root, ctx);
		if (ctx->state == IPMMU_QUARANTINED)
			ipmmu_contexts_retry_later(root, RETRY_FIRST_MS);
	}
}

/*
 * Flush a context that is in quarantine. Return: the tables that were parked
 * there, for the caller to free once the mutex is released, or NULL.
 */
static struct io_pgtable_ops *ipmmu_context_release(struct ipmmu_root *root,
						    struct ipmmu_context *ctx)
{
	unsigned long flags, caches = ctx->caches;
	struct io_pgtable_ops *parked;

	if (ipmmu_hw_flush(root, &ctx))
		return NULL;

	raw_spin_lock_irqsave(&root->lock, flags);
	parked = ctx->parked;
	ctx->parked = NULL;
	ipmmu_context_freed(root, ctx);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	trace_context_given_back(root->mmu->dev, ctx->id, caches);
	return parked;
}

/**
 * ipmmu_contexts_retry() - flush again what is in quarantine
 * @root: the root, whose mutex is not held
 *
 * Return: true if nothing is left there.
 */
bool ipmmu_contexts_retry(struct ipmmu_root *root)
{
	struct io_pgtable_ops *parked[IPMMU_CONTEXTS_MAX];
	unsigned int id, count = 0;
	bool clean = true;

	if (!ipmmu_context_find(root, IPMMU_QUARANTINED))
		return true;

	mutex_lock(&root->mutex);
	for (id = 0; root->mmu && id < root->count; id++) {
		if (root->contexts[id].state != IPMMU_QUARANTINED)
			continue;
		parked[count++] = ipmmu_context_release(root,
							&root->contexts[id]);
		clean &= root->contexts[id].state == IPMMU_FREE;
	}
	mutex_unlock(&root->mutex);

	while (count)
		io_pgtable_deferred_free_flushed(parked[--count]);
	return clean;
}

/**
 * ipmmu_contexts_retry_work() - the same, by time
 * @work: of a root
 *
 * A domain that is gone asks for nothing any more, and if no master is attached
 * meanwhile, nothing else would look at its context again.
 */
void ipmmu_contexts_retry_work(struct work_struct *work)
{
	struct ipmmu_root *root = container_of(to_delayed_work(work),
					       struct ipmmu_root, retry);

	if (!ipmmu_contexts_retry(root))
		ipmmu_contexts_retry_later(root, min(root->retry_ms * 2,
						     RETRY_LAST_MS));
}

/**
 * ipmmu_context_park() - leave the tables of a domain with its context
 * @domain: a domain that is about to be freed and has no masters; its root's
 *	    mutex is held
 *
 * Return: true if the hardware may still hold them; they are freed after a
 *	   flush then. False if they are free to go: no context, no hardware
 *	   that could.
 */
bool ipmmu_context_park(struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = domain->root;
	struct ipmmu_context *ctx;
	unsigned long flags;

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx = domain->context;
	if (ctx) {
		ctx->domain = NULL;
		ctx->parked = domain->ops;
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);

	return ctx;
}

/**
 * ipmmu_context_stop() - turn off a context for good
 * @root: the root, which has no masters any more; its mutex is held
 * @ctx: a context that serves a domain or is in quarantine
 *
 * Return: tables for the caller to free, or NULL.
 */
struct io_pgtable_ops *ipmmu_context_stop(struct ipmmu_root *root,
					  struct ipmmu_context *ctx)
{
	struct io_pgtable_ops *parked = NULL;

	if (ctx->state == IPMMU_BUSY)
		ipmmu_context_off(root, ctx);
	if (ctx->state == IPMMU_QUARANTINED)
		parked = ipmmu_context_release(root, ctx);
	if (ctx->state == IPMMU_QUARANTINED)
		dev_err(root->mmu->dev,
			"context %u: never flushed, its tables stay allocated until a reboot\n",
			ctx->id);
	return parked;
}
