// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARM LPAE page tables for IO, freed in bounded batches by a workqueue: making
 * one, giving it back, and the module around that.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <compat/dma.h>
#include "debugfs.h"
#include "pgtable.h"
#include "reclaim.h"
#include "refill.h"
/* Makes operations of what pgtable.h declares */
#include <compat/ops.h>

static void iopt_init_tree(struct iopt_tree *tree,
			   const struct io_pgtable_cfg *cfg)
{
	tree->dev = cfg->iommu_dev;
	tree->coherent = cfg->coherent_walk;
	tree->unmaps = !tree->coherent && dma_need_unmap(tree->dev);
	tree->root_order = get_order(lpae_root_size(&tree->geo));
	tree->table_order = get_order(lpae_table_size(&tree->geo));
	iopt_table_init_reach(tree);
	spin_lock_init(&tree->detach_lock);
	INIT_LIST_HEAD(&tree->refill_node);
	INIT_LIST_HEAD(&tree->limbo);
	tree->limbo_gen = 1;
	reclaim_tree_init(tree);
}

static bool iopt_alloc_root(struct iopt *iopt)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	u64 *root;
	int ret;

	do {
		root = iopt_table_alloc_root(&iopt->tree, gfp);
		if (!root)
			return false;
		ret = iopt_table_publishable(&iopt->tree, root);
		if (!ret) {
			iopt->root = root;
			iopt_table_init_cleaning(&iopt->tree);
			return true;
		}
	} while (iopt_table_reject(&iopt->tree, root, ret, &gfp));
	return false;
}

static void iopt_init_ops(struct io_pgtable_ops *ops)
{
	compat_set_ops(ops);
	ops->iova_to_phys = iopt_iova_to_phys;
	iopt_init_watch_ops(ops);
}

static struct iopt *iopt_create(enum io_pgtable_fmt fmt,
				struct io_pgtable_cfg *cfg, void *cookie)
{
	struct iopt *iopt = kzalloc(sizeof(*iopt), GFP_KERNEL);
	const char *refusal;

	if (!iopt)
		return NULL;

	iopt->iop.cfg = *cfg;
	refusal = iopt_format_init(iopt, fmt);
	if (refusal) {
		pr_err_ratelimited("page table refused: %s\n", refusal);
		goto err_free;
	}
	iopt_init_tree(&iopt->tree, cfg);
	iopt_calls_init(&iopt->calls);
	if (!iopt_alloc_root(iopt))
		goto err_free;

	mutex_init(&iopt->flush_lock);
	iopt->worker_flushes = cfg->tlb && cfg->tlb->tlb_flush_all;
	iopt_format_set_root(iopt);
	iopt->iop.cookie = cookie;
	*cfg = iopt->iop.cfg;
	iopt_init_ops(&iopt->iop.ops);
	get_device(iopt->tree.dev);
	return iopt;

err_free:
	kfree(iopt);
	return NULL;
}

struct io_pgtable_ops *io_pgtable_deferred_alloc(enum io_pgtable_fmt fmt,
						 struct io_pgtable_cfg *cfg,
						 void *cookie)
{
	struct iopt *iopt;

	reclaim_throttle_caller();
	iopt = iopt_create(fmt, cfg, cookie);
	if (!iopt)
		return NULL;
	__module_get(THIS_MODULE);
	return &iopt->iop.ops;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_alloc);

/**
 * iopt_tree_release() - the last table is gone
 * @tree: a tree of which the caller is the last to know
 *
 * The structure goes now, or when the tasklet in refill.c is done with it. The
 * module may go next: nothing of the page table is left, and the reclaimer
 * waits for its worker before it goes.
 *
 * Context: may sleep.
 */
void iopt_tree_release(struct iopt_tree *tree)
{
	if (!iopt_refill_has(tree))
		iopt_tree_free(tree);
}

/**
 * iopt_tree_free() - free the structure of a page table
 * @tree: its tree, which nothing knows any more
 *
 * Context: may sleep: the device may be let go of.
 */
void iopt_tree_free(struct iopt_tree *tree)
{
	put_device(tree->dev);
	kfree(container_of(tree, struct iopt, tree));
}

/* No table is cut off by a sweep after the last flush. */
static void iopt_end(struct iopt *iopt)
{
	io_pgtable_deferred_allow_flush(&iopt->iop.ops, false);
	spin_lock_irq(&iopt->tree.detach_lock);
	iopt->tree.ended = true;
	spin_unlock_irq(&iopt->tree.detach_lock);
}

/* From here on there is no driver and no domain to call. */
static void iopt_forget_driver(struct iopt *iopt)
{
	WARN_ONCE(iopt->tree.brackets,
		  "%s: %u flushes of a page table have begun and not ended, what they took is lost\n",
		  dev_name(iopt->tree.dev), iopt->tree.brackets);
	iopt->iop.cookie = NULL;
	iopt->iop.cfg.tlb = NULL;
}

void io_pgtable_deferred_free_flushed(struct io_pgtable_ops *ops)
{
	struct io_pgtable_deferred_limbo limbo;
	struct iopt *iopt;

	if (!ops)
		return;

	iopt = iopt_from_ops(ops);
	might_sleep();
	iopt_end(iopt);
	iopt_forget_driver(iopt);

	/* The flush that the caller has made covers what was in limbo, too. */
	io_pgtable_deferred_flush_begin(ops, &limbo);
	io_pgtable_deferred_flush_end(ops, &limbo, true);
	reclaim_close(&iopt->tree, iopt_table_page(iopt->root));
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_free_flushed);

/* How often a flush may fail before the tables are given up */
#define IOPT_FREE_FLUSHES	3

static bool iopt_flush_before_free(struct iopt *iopt)
{
	const struct iommu_flush_ops *tlb = iopt->iop.cfg.tlb;
	unsigned int tries;

	if (!tlb || !tlb->tlb_flush_all)
		return true;
	for (tries = 0; tries < IOPT_FREE_FLUSHES; tries++)
		if (iopt_flush_all(iopt, iopt_limbo_close(iopt)))
			return true;
	return false;
}

/*
 * The hardware may still walk the tables, and there will be no driver to ask again:
 * they stay, with the module and the device that they are mapped for.
 */
static void iopt_abandon(struct iopt *iopt)
{
	pr_err("%s: the flush at the end of a page table does not complete, its %lu tables stay allocated until a reboot\n",
	       dev_name(iopt->tree.dev),
	       iopt_page_below(iopt_table_page(iopt->root)) + 1);
	iopt_forget_driver(iopt);
	WRITE_ONCE(iopt->tree.closed, true);
}

void io_pgtable_deferred_free(struct io_pgtable_ops *ops)
{
	if (!ops)
		return;

	might_sleep();
	iopt_end(iopt_from_ops(ops));
	if (iopt_flush_before_free(iopt_from_ops(ops)))
		io_pgtable_deferred_free_flushed(ops);
	else
		iopt_abandon(iopt_from_ops(ops));
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_free);

int io_pgtable_deferred_drain(void)
{
	int ret;

	might_sleep();
	ret = reclaim_drain();
	if (!ret)
		iopt_refill_wait();
	return ret;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_drain);

static int __init iopt_module_init(void)
{
	int ret;

	iopt_refill_init();
	ret = reclaim_init();
	if (ret)
		return ret;
	iopt_debugfs_init();
	return 0;
}
module_init(iopt_module_init);

static void __exit iopt_module_exit(void)
{
	iopt_debugfs_exit();
	iopt_refill_exit();
	reclaim_exit();
}
module_exit(iopt_module_exit);

MODULE_DESCRIPTION("ARM LPAE IO page tables, freed in bounded batches by a workqueue");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IPMMU_DEFERRED_VERSION);
