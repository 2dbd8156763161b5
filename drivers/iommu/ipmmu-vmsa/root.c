// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a root and of its caches: taken over, stopped, and the blocking
 * context, which is there for as long as anything is and stays when the driver
 * goes.
 *
 * What the driver finds may have been left on by a boot loader, by a kernel
 * that crashed, or by itself: context 0 apart, which belongs to another owner,
 * every context that is on is made to translate nothing, in place, before
 * anything else happens. Nothing that points at one is let through, and no
 * other context is needed for that. The caches follow one by one, and turn
 * their micro-TLBs to the blocking context. When the last cache that the device
 * tree names has come, no micro-TLB points at a context found on, and those are
 * free. Masters wait for that, but not for ever.
 *
 * The blocking context walks the kernel's page of zeros. That one is never
 * freed and never written, so the context may stay on after the driver was
 * unloaded, and micro-TLBs whose masters are gone go on pointing there.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "encode.h"
#include "ipmmu.h"

/*
 * The driver core's own patience with what a device depends on, where there are
 * modules
 */
#define CACHES_WAIT_MS	10000U

static void ipmmu_root_release(struct kref *kref)
{
	struct ipmmu_root *root = container_of(kref, struct ipmmu_root, kref);

	mutex_destroy(&root->mutex);
	kfree(root);
}

/**
 * ipmmu_root_get() - one more user of a root
 * @root: the root, which has one
 *
 * Context: any.
 */
void ipmmu_root_get(struct ipmmu_root *root)
{
	kref_get(&root->kref);
}

/**
 * ipmmu_root_put() - one user less
 * @root: the root, which is freed with the last
 *
 * Context: may sleep.
 */
void ipmmu_root_put(struct ipmmu_root *root)
{
	kref_put(&root->kref, ipmmu_root_release);
}

/* What was put off is asked for again, as when a driver is loaded. */
static void ipmmu_masters_try_again(void)
{
	int ret = bus_rescan_devices(&platform_bus_type);

	if (!ret && IS_ENABLED(CONFIG_PCI))
		ret = bus_rescan_devices(&pci_bus_type);
	if (ret)
		pr_warn("ipmmu-vmsa-deferred: masters that were put off are not tried again (%d): bind their drivers through sysfs\n",
			ret);
}

/*
 * A cache that does not probe at all may have micro-TLBs that point at a
 * context found on. Those contexts go on blocking and are given to no domain;
 * masters share what else there is. If the cache comes after all, it is taken
 * over, and the contexts are free.
 */
static void ipmmu_caches_wait_work(struct work_struct *work)
{
	struct ipmmu_root *root = container_of(to_delayed_work(work),
					       struct ipmmu_root, wait);
	bool over;

	mutex_lock(&root->mutex);
	over = !root->mmu || ipmmu_root_taken_over(root);
	if (!over) {
		WRITE_ONCE(root->given_up, true);
		dev_err(root->mmu->dev, "%u cache IPMMUs have not probed in %u s, and may use contexts that were found on: those stay unused, masters have the others; see devices_deferred in debugfs for the reason\n",
			root->awaited, CACHES_WAIT_MS / 1000);
	}
	mutex_unlock(&root->mutex);
	if (!over)
		ipmmu_masters_try_again();
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
	INIT_LIST_HEAD(&root->masters);
	INIT_DELAYED_WORK(&root->retry, ipmmu_contexts_retry_work);
	INIT_DELAYED_WORK(&root->unmute, ipmmu_fault_unmute_work);
	INIT_DELAYED_WORK(&root->wait, ipmmu_caches_wait_work);
	root->mmu = mmu;
	root->va64 = va64;
	root->count = mmu->soc->contexts;
	for (id = 0; id < root->count; id++) {
		root->contexts[id].id = id;
		root->contexts[id].offset = ipmmu_context_offset(mmu->soc, id);
	}
	/* Number 0 belongs to another owner on every SoC that has several. */
	root->contexts[0].state = IPMMU_RESERVED;
	ipmmu_root_set_reachable(root, true);
	return root;
}

/* Cleans the page of zeros for a walker that does not snoop. */
static int ipmmu_empty_map(struct ipmmu_root *root)
{
	struct device *dev = root->mmu->dev;
	struct page *page = ZERO_PAGE(0);
	dma_addr_t address;

	address = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, address))
		return -ENOMEM;
	dma_unmap_page(dev, address, PAGE_SIZE, DMA_TO_DEVICE);
	if (address != page_to_phys(page))
		return -EINVAL;

	root->empty_cfg.ias = ipmmu_root_ias(root);
	root->empty_cfg.arm_lpae_s1_cfg.ttbr = address;
	return 0;
}

/* How many caches the device tree has for a root */
static unsigned int ipmmu_caches_named(const struct device_node *root)
{
	struct device_node *node, *main;
	unsigned int count = 0;

	for_each_node_with_property(node, "renesas,ipmmu-main") {
		main = of_parse_phandle(node, "renesas,ipmmu-main", 0);
		if (main == root && of_device_is_available(node))
			count++;
		of_node_put(main);
	}
	return count;
}

/* Block, before anything else, whatever points at a context that is on. */
static int ipmmu_contexts_silence(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx;
	unsigned int id, found = 0;
	int ret = 0;

	for (id = 1; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (!ipmmu_hw_is_on(root->mmu, ctx))
			continue;
		ret = ipmmu_hw_silence(root, ctx) ?: ret;
		ctx->state = IPMMU_FOUND;
		found++;
	}
	if (found)
		dev_notice(root->mmu->dev, "%u contexts were on: what uses them is blocked until a driver has it\n",
			   found);
	return ret;
}

/* The blocking context: one that was off, if there is one. */
static int ipmmu_blocking_start(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx = ipmmu_context_find(root, IPMMU_FREE);
	unsigned long flags;

	if (!ctx)
		ctx = ipmmu_context_find(root, IPMMU_FOUND);

	raw_spin_lock_irqsave(&root->lock, flags);
	ctx->cfg = &root->empty_cfg;
	ipmmu_hw_program(root, ctx);
	ctx->state = IPMMU_BLOCKING;
	ipmmu_context_set(root, ctx, ipmmu_encode_imctr(root->va64), 0);
	root->blocking = ctx;
	raw_spin_unlock_irqrestore(&root->lock, flags);

	return ipmmu_hw_flush(root, &ctx);
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
	int ret;

	root->named = ipmmu_caches_named(dev->of_node);
	root->awaited = root->named;
	ret = ipmmu_empty_map(root);
	if (ret)
		return dev_err_probe(dev, ret,
				     "tables must be reached at their physical address: see dma-ranges and swiotlb\n");

	ret = ipmmu_contexts_silence(root);
	if (ret)
		return dev_err_probe(dev, ret,
				     "a context that was left on cannot be flushed, reset the SoC\n");

	ipmmu_hw_control(root->mmu);
	ret = ipmmu_blocking_start(root);
	if (ret)
		return dev_err_probe(dev, ret,
				     "context %u does not come on, reset the SoC\n",
				     root->blocking->id);
	if (!ipmmu_root_taken_over(root))
		queue_delayed_work(system_freezable_wq, &root->wait,
				   msecs_to_jiffies(CACHES_WAIT_MS));
	return 0;
}

/* Under the root's lock: the root or the caches have changed. */
static void ipmmu_contexts_route(struct ipmmu_root *root)
{
	unsigned int id;

	for (id = 0; id < root->count; id++)
		ipmmu_hw_route(root, &root->contexts[id]);
}

/**
 * ipmmu_root_stop() - turn everything off but the blocking context
 * @root: the root, which has no caches any more
 *
 * The interrupt has been given back: faults of the blocking context disturb
 * none. A domain that outlives its root finds no hardware to flush from here
 * on. A flush that polls a register reads it in an RCU section: those that have
 * seen it are waited for, since the caller's next step is to unmap it.
 */
void ipmmu_root_stop(struct ipmmu_root *root)
{
	struct io_pgtable_ops *parked[IPMMU_CONTEXTS_MAX];
	unsigned int id, count = 0;
	unsigned long flags;

	mutex_lock(&root->mutex);
	for (id = 0; id < root->count; id++)
		parked[count++] = ipmmu_context_stop(root, &root->contexts[id]);
	raw_spin_lock_irqsave(&root->lock, flags);
	root->mmu = NULL;
	root->reachable = false;
	ipmmu_contexts_route(root);
	raw_spin_unlock_irqrestore(&root->lock, flags);
	mutex_unlock(&root->mutex);

	cancel_delayed_work_sync(&root->retry);
	cancel_delayed_work_sync(&root->unmute);
	cancel_delayed_work_sync(&root->wait);
	synchronize_rcu();
	while (count)
		io_pgtable_deferred_free_flushed(parked[--count]);
}

/**
 * ipmmu_root_set_reachable() - may the registers of the root be touched?
 * @root: the root
 * @reachable: no while it is suspended, and once it is shut down
 *
 * Returns when no access that was allowed before is under way any more.
 */
void ipmmu_root_set_reachable(struct ipmmu_root *root, bool reachable)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&root->lock, flags);
	root->reachable = reachable;
	ipmmu_contexts_route(root);
	raw_spin_unlock_irqrestore(&root->lock, flags);
	if (!reachable)
		synchronize_rcu();
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
	ipmmu_contexts_route(root);
	raw_spin_unlock_irqrestore(&root->lock, flags);
}

/**
 * ipmmu_root_taken_over() - have all caches been seen, or waited for in vain?
 * @root: the root
 *
 * Until then contexts that were found on are not to be had, and there may be
 * few.
 *
 * Context: any; takes no lock.
 * Return: true if so, or if there are no such contexts.
 */
bool ipmmu_root_taken_over(struct ipmmu_root *root)
{
	return !READ_ONCE(root->awaited) || READ_ONCE(root->given_up) ||
	       !ipmmu_context_find(root, IPMMU_FOUND);
}

/* No micro-TLB is left that could point at a context found on: free those. */
static void ipmmu_found_release(struct ipmmu_root *root)
{
	struct ipmmu_context *ctx;
	unsigned int id;

	for (id = 0; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (ctx->state != IPMMU_FOUND)
			continue;
		if (ipmmu_hw_flush(root, &ctx))
			continue;
		WRITE_ONCE(ctx->state, IPMMU_FREE);
	}
}

/* Is each cache that the device tree names there? */
static bool ipmmu_caches_complete(const struct ipmmu_root *root)
{
	unsigned int i, count = 0;

	for (i = 0; i < IPMMU_CACHES_MAX; i++)
		count += !!root->caches[i];
	return count >= root->named;
}

/*
 * Under the mutex: one cache less to come, for good or for bad. One that was
 * lost may come all the same, when its power domain works or an administrator
 * has it tried again: none is missing then.
 */
static void ipmmu_cache_seen(struct ipmmu_root *root, bool joined)
{
	root->lost = !joined || (root->lost && !ipmmu_caches_complete(root));
	if (root->awaited)
		WRITE_ONCE(root->awaited, root->awaited - 1);
	if (!ipmmu_context_find(root, IPMMU_FOUND))
		return;
	if (ipmmu_caches_complete(root))
		ipmmu_found_release(root);
	else if (!root->awaited)
		dev_warn(root->mmu->dev, "contexts that were found on stay unused: a cache IPMMU that may use them did not probe\n");
}

/**
 * ipmmu_cache_lost() - a cache does not probe, and will not try again
 * @root: its root
 */
void ipmmu_cache_lost(struct ipmmu_root *root)
{
	mutex_lock(&root->mutex);
	ipmmu_cache_seen(root, false);
	mutex_unlock(&root->mutex);
}

/* What a cache holds of a context goes when the root's flush is done. */
static void ipmmu_context_flush_root(struct ipmmu_root *root,
				     struct ipmmu_context *ctx)
{
	/* Other caches may not have been blocked yet: it must not go off. */
	if (ctx->state == IPMMU_FOUND || root->suspended)
		ipmmu_hw_silence(root, ctx);
	else
		ipmmu_hw_flush(root, &ctx);
}

/**
 * ipmmu_cache_contexts_off() - turn off contexts that nothing uses in a cache
 * @mmu: the cache, all of whose micro-TLBs point at the blocking context, at
 *	 context 0 or nowhere
 */
void ipmmu_cache_contexts_off(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	struct ipmmu_context *ctx;
	unsigned int id;

	for (id = 1; id < root->count; id++) {
		ctx = &root->contexts[id];
		if (ctx == root->blocking || !ipmmu_hw_is_on(mmu, ctx))
			continue;
		ipmmu_hw_cache_off(mmu, ctx);
		ipmmu_context_flush_root(root, ctx);
	}
}

static int ipmmu_cache_take_over(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	int ret;

	ipmmu_hw_control(mmu);
	root->caches[mmu->index] = mmu;
	ipmmu_root_set_online(root, root->online | BIT(mmu->index));
	ret = ipmmu_context_serve(root->blocking, mmu);
	if (ret)
		return ret;
	ipmmu_utlb_take_over(mmu);
	ipmmu_cache_contexts_off(mmu);
	return 0;
}

/* Caches that are suspended, or without power, keep their place. */
static unsigned int ipmmu_cache_place(const struct ipmmu_root *root)
{
	unsigned int i;

	for (i = 0; i < IPMMU_CACHES_MAX && root->caches[i]; i++)
		;
	return i;
}

/**
 * ipmmu_cache_join() - add a cache to its root
 * @mmu: the cache
 *
 * The blocking context comes on in it first: blocking a master cannot fail
 * later.
 *
 * Return: 0, or an error with the reason in the log.
 */
int ipmmu_cache_join(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	int ret = -ENOSPC;

	mutex_lock(&root->mutex);
	mmu->index = ipmmu_cache_place(root);
	if (mmu->index < IPMMU_CACHES_MAX)
		ret = ipmmu_cache_take_over(mmu);
	if (!ret)
		ipmmu_cache_seen(root, true);
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

/*
 * The context is off in the cache; a flush by the root says when that is
 * through.
 */
static void ipmmu_context_leave_cache(struct ipmmu_context *ctx,
				      struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned long flags;

	if (!(ctx->caches & BIT(mmu->index)) || ctx == root->blocking)
		return;

	raw_spin_lock_irqsave(&root->lock, flags);
	ipmmu_context_set(root, ctx, ctx->imctr, ctx->caches & ~BIT(mmu->index));
	raw_spin_unlock_irqrestore(&root->lock, flags);
	/* A resume has left it out: it has no power, and holds nothing. */
	if (!(root->online & BIT(mmu->index)))
		return;
	ipmmu_hw_cache_off(mmu, ctx);
	ipmmu_hw_flush(root, &ctx);
}

/**
 * ipmmu_cache_leave() - take a cache from its root
 * @mmu: the cache, whose masters have been released
 *
 * Micro-TLBs stay as they are, blocked where masters were: what a master that
 * is not driven any more still does must not get through.
 */
void ipmmu_cache_leave(struct ipmmu *mmu)
{
	struct ipmmu_root *root = mmu->root;
	unsigned int id;

	mutex_lock(&root->mutex);
	ipmmu_utlb_forget(mmu);
	ipmmu_contexts_reap(root);
	for (id = 0; id < root->count; id++)
		ipmmu_context_leave_cache(&root->contexts[id], mmu);

	ipmmu_root_set_online(root, root->online & ~BIT(mmu->index));
	root->caches[mmu->index] = NULL;
	mutex_unlock(&root->mutex);
}
