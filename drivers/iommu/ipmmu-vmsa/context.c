// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: a root has few, so a domain takes one when its first master comes
 * and gives it back when the last one leaves. One is set aside for good: it
 * translates nothing, and blocks the masters that point there, which turning a
 * micro-TLB off would not do.
 *
 * A context is given back in this order, and not before each step is done:
 * no micro-TLB points at it; it is off, and flushed, in root and caches; its
 * number is free. If the flush does not complete, it keeps number and tables
 * and is tried again whenever a context is taken or a domain freed.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/slab.h>

#include "encode.h"
#include "ipmmu.h"
#include "trace.h"

static struct ipmmu_context *context_find(struct ipmmu_root *root,
					  enum ipmmu_state state)
{
	unsigned int id;

	for (id = 0; id < root->count; id++)
		if (READ_ONCE(root->contexts[id].state) == state)
			return &root->contexts[id];
	return NULL;
}

/* Under the root's lock: what the next flush makes of a context, and where */
static void context_set(struct ipmmu_root *root, struct ipmmu_context *ctx,
			u32 imctr, unsigned long caches)
{
	ctx->imctr = imctr;
	ctx->caches = caches;
	ipmmu_hw_route(root, ctx);
}

/* Load a free context and let the next flush turn it on. */
static void context_load(struct ipmmu_root *root, struct ipmmu_context *ctx,
			 enum ipmmu_state state, struct ipmmu_domain *domain,
			 const struct io_pgtable_cfg *cfg)
{
	unsigned long flags;

	ctx->cfg = cfg;
	ipmmu_hw_program(root, ctx);

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx->state = state;
	context_set(root, ctx, ipmmu_encode_imctr(root->va64), ctx->caches);
	ctx->domain = domain;
	/*
	 * From here on whoever flushes the domain flushes the context. A table
	 * that was detached before is not to be found from the root any more, and
	 * the context comes on later still.
	 */
	if (domain)
		domain->context = ctx;
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/*
 * Turn off a context that no micro-TLB points at. Returns tables that waited for
 * this and that the caller must free.
 */
static struct io_pgtable_ops *context_off(struct ipmmu_root *root,
					  struct ipmmu_context *ctx)
{
	bool taken = ctx->state != IPMMU_BLOCKING;
	struct io_pgtable_ops *parked = NULL;
	unsigned long flags, caches;
	int ret;

	raw_spin_lock_irqsave(&root->lock, flags);
	caches = ctx->caches;
	context_set(root, ctx, 0, caches);
	raw_spin_unlock_irqrestore(&root->lock, flags);

	ret = ipmmu_hw_flush(root, &ctx);

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx->cfg = NULL;
	if (ret) {
		ctx->state = IPMMU_QUARANTINED;
	} else {
		parked = ctx->parked;
		ctx->parked = NULL;
		if (ctx->domain)
			ctx->domain->context = NULL;
		ctx->domain = NULL;
		context_set(root, ctx, 0, 0);
		ctx->state = IPMMU_FREE;
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);

	if (taken && !ret)
		trace_context_given_back(root->mmu->dev, ctx->id, caches);
	return parked;
}

/**
 * ipmmu_context_available() - could a domain get a context now?
 * @root: the root
 */
bool ipmmu_context_available(const struct ipmmu_root *root)
{
	return context_find((struct ipmmu_root *)root, IPMMU_FREE);
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
		ctx = context_find(root, IPMMU_FREE);
	if (!ctx)
		return -EBUSY;

	context_load(root, ctx, IPMMU_BUSY, domain, &domain->cfg);
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

	/* Nobody points there yet: it has not been turned on since it was loaded. */
	if (ctx->utlbs && (ctx->caches & BIT(mmu->index)))
		return 0;

	raw_spin_lock_irqsave(&root->lock, flags);
	context_set(root, ctx, ctx->imctr, ctx->caches | BIT(mmu->index));
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
		if (ctx->state == IPMMU_BUSY && !ctx->utlbs)
			context_off(root, ctx);
	}
}

/**
 * ipmmu_contexts_retry() - flush again what is in quarantine
 * @root: the root, whose mutex is not held
 */
void ipmmu_contexts_retry(struct ipmmu_root *root)
{
	struct io_pgtable_ops *parked[IPMMU_CONTEXTS_MAX];
	struct ipmmu_context *ctx;
	unsigned int id, count = 0;

	if (!context_find(root, IPMMU_QUARANTINED))
		return;

	mutex_lock(&root->mutex);
	for (id = 0; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (ctx->state == IPMMU_QUARANTINED)
			parked[count++] = context_off(root, ctx);
	}
	mutex_unlock(&root->mutex);

	while (count)
		io_pgtable_deferred_free_flushed(parked[--count]);
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

static void root_release(struct kref *kref)
{
	struct ipmmu_root *root = container_of(kref, struct ipmmu_root, kref);

	mutex_destroy(&root->mutex);
	kfree(root);
}

void ipmmu_root_get(struct ipmmu_root *root)
{
	kref_get(&root->kref);
}

void ipmmu_root_put(struct ipmmu_root *root)
{
	kref_put(&root->kref, root_release);
}

/**
 * ipmmu_root_create() - make the shared state of a main IPMMU
 * @mmu: the main IPMMU
 * @va64: tables are VMSAv8-64
 *
 * Return: the state, with one reference, or NULL without memory.
 */
struct ipmmu_root *ipmmu_root_create(struct ipmmu *mmu, bool va64)
{
	struct ipmmu_root *root = kzalloc(sizeof(*root), GFP_KERNEL);
	unsigned int id;

	if (!root)
		return NULL;

	kref_init(&root->kref);
	raw_spin_lock_init(&root->lock);
	mutex_init(&root->mutex);
	INIT_LIST_HEAD(&root->clients);
	root->mmu = mmu;
	root->va64 = va64;
	root->count = mmu->soc->contexts;
	for (id = 0; id < root->count; id++) {
		root->contexts[id].id = id;
		root->contexts[id].offset = ipmmu_context_offset(mmu->soc, id);
		ipmmu_hw_route(root, &root->contexts[id]);
	}
	/* Number 0 belongs to somebody else on every SoC that has several. */
	root->contexts[0].state = IPMMU_RESERVED;
	return root;
}

/**
 * ipmmu_root_start() - bring a root into a known state
 * @root: the root, which nothing uses yet
 *
 * Return: 0, or an error with the reason in the log.
 */
int ipmmu_root_start(struct ipmmu_root *root)
{
	struct device *dev = root->mmu->dev;
	struct ipmmu_context *ctx = context_find(root, IPMMU_FREE);
	int ret;

	ipmmu_hw_control(root->mmu);
	ret = ipmmu_hw_reset_contexts(root->mmu);
	if (ret)
		return dev_err_probe(dev, ret,
				     "a context that was left on cannot be flushed, reset the SoC\n");

	root->empty = ipmmu_tables_alloc(root, &root->empty_cfg, NULL);
	if (!root->empty)
		return dev_err_probe(dev, -ENOMEM,
				     "no tables for the blocking context\n");

	context_load(root, ctx, IPMMU_BLOCKING, NULL, &root->empty_cfg);
	root->blocking = ctx;
	ret = ipmmu_hw_flush(root, &ctx);
	if (ret)
		return dev_err_probe(dev, ret, "context %u does not come on, reset the SoC\n",
				     ctx->id);
	return 0;
}

/* A context that ends in quarantine takes its tables with it. */
static void context_stop(struct ipmmu_root *root, struct ipmmu_context *ctx)
{
	if (ctx->state == IPMMU_FREE || ctx->state == IPMMU_RESERVED)
		return;
	if (ctx->state == IPMMU_BLOCKING)
		ctx->parked = root->empty;
	io_pgtable_deferred_free_flushed(context_off(root, ctx));
	if (ctx->state == IPMMU_QUARANTINED)
		dev_err(root->mmu->dev,
			"context %u: never flushed, its tables stay allocated until a reboot\n",
			ctx->id);
}

/* Under the root's lock: the root or the caches have changed. */
static void contexts_route(struct ipmmu_root *root)
{
	unsigned int id;

	for (id = 0; id < root->count; id++)
		ipmmu_hw_route(root, &root->contexts[id]);
}

/**
 * ipmmu_root_stop() - turn everything off
 * @root: the root, which has no caches any more
 *
 * A domain that outlives its root finds no hardware to flush from here on.
 */
void ipmmu_root_stop(struct ipmmu_root *root)
{
	unsigned long flags;
	unsigned int id;

	mutex_lock(&root->mutex);
	for (id = 0; id < root->count; id++)
		context_stop(root, &root->contexts[id]);
	/* Never given to a context: it did not come that far. */
	if (!root->blocking)
		io_pgtable_deferred_free_flushed(root->empty);
	raw_spin_lock_irqsave(&root->lock, flags);
	root->mmu = NULL;
	contexts_route(root);
	raw_spin_unlock_irqrestore(&root->lock, flags);
	mutex_unlock(&root->mutex);
}

/**
 * ipmmu_root_set_online() - change which caches may be touched
 * @root: the root
 * @online: their bits
 */
void ipmmu_root_set_online(struct ipmmu_root *root, unsigned long online)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&root->lock, flags);
	root->online = online;
	contexts_route(root);
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/**
 * ipmmu_cache_join() - add a cache to its root
 * @mmu: the cache
 *
 * The blocking context comes on in it at once: blocking a master cannot fail
 * later.
 *
 * Return: 0, or an error with the reason in the log.
 */
int ipmmu_cache_join(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	int ret = -ENOSPC;

	mutex_lock(&root->mutex);
	mmu->index = ffz(root->online);
	if (mmu->index < IPMMU_CACHES_MAX) {
		ipmmu_hw_control(mmu);
		ipmmu_hw_reset_utlbs(mmu);
		ipmmu_hw_reset_contexts(mmu);

		root->caches[mmu->index] = mmu;
		ipmmu_root_set_online(root, root->online | BIT(mmu->index));
		ret = ipmmu_context_serve(root->blocking, mmu);
	}
	mutex_unlock(&root->mutex);

	if (ret == -ENOSPC)
		return dev_err_probe(mmu->dev, ret, "more than %u cache IPMMUs\n",
				     IPMMU_CACHES_MAX);
	if (ret) {
		ipmmu_cache_leave(mmu);
		return dev_err_probe(mmu->dev, ret,
				     "the blocking context does not come on, reset the SoC\n");
	}
	return 0;
}

/* The context is off in the cache; a flush by the root says when that is through. */
static void context_leave_cache(struct ipmmu_context *ctx, struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long flags;

	if (!(ctx->caches & BIT(mmu->index)))
		return;

	raw_spin_lock_irqsave(&root->lock, flags);
	context_set(root, ctx, ctx->imctr, ctx->caches & ~BIT(mmu->index));
	raw_spin_unlock_irqrestore(&root->lock, flags);
	ipmmu_hw_flush(root, &ctx);
}

/**
 * ipmmu_cache_leave() - take a cache from its root
 * @mmu: the cache, whose masters have been released
 */
void ipmmu_cache_leave(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned int id;

	mutex_lock(&root->mutex);
	ipmmu_utlb_off(mmu);
	ipmmu_contexts_reap(root);
	ipmmu_hw_reset_contexts(mmu);

	ipmmu_root_set_online(root, root->online & ~BIT(mmu->index));
	root->caches[mmu->index] = NULL;

	for (id = 0; id < root->count; id++)
		context_leave_cache(&root->contexts[id], mmu);
	mutex_unlock(&root->mutex);
}
