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
#include "pages.h"
#include "pgtable.h"
#include "reclaim.h"
#include "refill.h"
#include "sweep.h"
/* Makes operations of what pgtable.h declares */
#include <compat/ops.h>

static void iopd_free(struct iopd_tree *tree)
{
	put_device(tree->dev);
	kfree(container_of(tree, struct iopd, tree));
}

static const struct iopd_tree_ops iopd_tree_ops = {
	.sweep = iopd_sweep,
	.flush = iopd_sweep_flush,
	.make_ready = iopd_pages_make_ready,
	.free = iopd_free,
};

static void iopd_init_tree(struct iopd_tree *tree,
			   const struct io_pgtable_cfg *cfg)
{
	tree->ops = &iopd_tree_ops;
	tree->dev = cfg->iommu_dev;
	tree->coherent = cfg->coherent_walk;
	tree->unmaps = !tree->coherent && dma_need_unmap(tree->dev);
	tree->root_order = get_order(lpae_root_size(&tree->geo));
	tree->table_order = get_order(lpae_table_size(&tree->geo));
	iopd_table_init_reach(tree, cfg->oas);
	INIT_LIST_HEAD(&tree->refill_node);
	iopd_reclaim_tree_init(tree);
}

static void iopd_init_limbo(struct iopd_limbo *limbo)
{
	spin_lock_init(&limbo->detach_lock);
	INIT_LIST_HEAD(&limbo->tables);
	limbo->gen = 1;
}

static bool iopd_alloc_root(struct iopd *iopd)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	u64 *root;
	int ret;

	do {
		root = iopd_table_alloc_root(&iopd->tree, gfp);
		if (!root)
			return false;
		ret = iopd_table_publishable(&iopd->tree, root);
		if (!ret) {
			iopd->root = root;
			iopd_table_init_cleaning(&iopd->tree);
			return true;
		}
	} while (iopd_table_reject(&iopd->tree, root, ret, &gfp));
	return false;
}

static void iopd_init_ops(struct io_pgtable_ops *ops)
{
	compat_set_ops(ops);
	ops->iova_to_phys = iopd_iova_to_phys;
	iopd_init_watch_ops(ops);
}

static struct iopd *iopd_create(enum io_pgtable_fmt fmt,
				struct io_pgtable_cfg *cfg, void *cookie)
{
	struct iopd *iopd = kzalloc(sizeof(*iopd), GFP_KERNEL);
	const char *refusal;

	if (!iopd)
		return NULL;

	iopd->iop.cfg = *cfg;
	refusal = iopd_format_init(iopd, fmt);
	if (refusal) {
		pr_err_ratelimited("page table refused: %s\n", refusal);
		goto err_free;
	}
	iopd_init_tree(&iopd->tree, &iopd->iop.cfg);
	iopd_init_limbo(&iopd->limbo);
	iopd_calls_init(&iopd->calls);
	if (!iopd_alloc_root(iopd))
		goto err_free;

	mutex_init(&iopd->flush_lock);
	iopd->worker_flushes = cfg->tlb && cfg->tlb->tlb_flush_all;
	iopd_format_set_root(iopd);
	iopd->iop.cookie = cookie;
	*cfg = iopd->iop.cfg;
	iopd_init_ops(&iopd->iop.ops);
	get_device(iopd->tree.dev);
	return iopd;

err_free:
	kfree(iopd);
	return NULL;
}

struct io_pgtable_ops *io_pgtable_deferred_alloc(enum io_pgtable_fmt fmt,
						 struct io_pgtable_cfg *cfg,
						 void *cookie)
{
	struct iopd *iopd;

	iopd_reclaim_throttle_caller();
	iopd = iopd_create(fmt, cfg, cookie);
	if (!iopd)
		return NULL;
	__module_get(THIS_MODULE);
	return &iopd->iop.ops;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_alloc);

/* No table is cut off by a sweep after the last flush. */
static void iopd_end(struct iopd *iopd)
{
	io_pgtable_deferred_allow_flush(&iopd->iop.ops, false);
	spin_lock_irq(&iopd->limbo.detach_lock);
	iopd->limbo.ended = true;
	spin_unlock_irq(&iopd->limbo.detach_lock);
}

/* From here on there is no driver and no domain to call. */
static void iopd_forget_driver(struct iopd *iopd)
{
	/* Without the lock: the driver makes none any more. */
	unsigned int brackets = READ_ONCE(iopd->limbo.brackets);

	WARN_ONCE(brackets,
		  "%s: %u flushes of a page table have begun and not ended, what they took is lost\n",
		  dev_name(iopd->tree.dev), brackets);
	iopd->iop.cookie = NULL;
	iopd->iop.cfg.tlb = NULL;
}

void io_pgtable_deferred_free_flushed(struct io_pgtable_ops *ops)
{
	struct io_pgtable_deferred_limbo limbo;
	struct iopd *iopd;

	if (!ops)
		return;

	iopd = iopd_from_ops(ops);
	might_sleep();
	iopd_end(iopd);
	iopd_forget_driver(iopd);

	/* The flush that the caller has made covers what was in limbo, too. */
	io_pgtable_deferred_flush_begin(ops, &limbo);
	io_pgtable_deferred_flush_end(ops, &limbo, true);
	iopd_reclaim_close(&iopd->tree, iopd_table_page(iopd->root));
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_free_flushed);

/* How often a flush may fail before the tables are given up */
#define IOPD_FREE_FLUSHES	3

static bool iopd_flush_before_free(struct iopd *iopd)
{
	const struct iommu_flush_ops *tlb = iopd->iop.cfg.tlb;
	unsigned int tries;

	if (!tlb || !tlb->tlb_flush_all)
		return true;
	for (tries = 0; tries < IOPD_FREE_FLUSHES; tries++)
		if (iopd_flush_all(iopd, iopd_limbo_close(iopd)))
			return true;
	return false;
}

/*
 * The hardware may still walk the tables, and there will be no driver to ask
 * again: they stay, with the module and the device that they are mapped for.
 */
static void iopd_abandon(struct iopd *iopd)
{
	pr_err("%s: the flush at the end of a page table does not complete, its %lu tables stay allocated until a reboot\n",
	       dev_name(iopd->tree.dev),
	       iopd_page_below(iopd_table_page(iopd->root)) + 1);
	iopd_forget_driver(iopd);
	WRITE_ONCE(iopd->tree.closed, true);
}

void io_pgtable_deferred_free(struct io_pgtable_ops *ops)
{
	if (!ops)
		return;

	might_sleep();
	iopd_end(iopd_from_ops(ops));
	if (iopd_flush_before_free(iopd_from_ops(ops)))
		io_pgtable_deferred_free_flushed(ops);
	else
		iopd_abandon(iopd_from_ops(ops));
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_free);

int io_pgtable_deferred_drain(void)
{
	int ret;

	might_sleep();
	ret = iopd_reclaim_drain();
	if (!ret)
		iopd_refill_wait();
	return ret;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_drain);

static int __init iopd_module_init(void)
{
	int ret;

	iopd_refill_init();
	ret = iopd_reclaim_init();
	if (ret)
		return ret;
	iopd_debugfs_init();
	return 0;
}
module_init(iopd_module_init);

static void __exit iopd_module_exit(void)
{
	iopd_debugfs_exit();
	iopd_refill_exit();
	iopd_reclaim_exit();
}
module_exit(iopd_module_exit);

MODULE_DESCRIPTION("ARM LPAE IO page tables, freed in bounded batches by a workqueue");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IPMMU_DEFERRED_VERSION);
