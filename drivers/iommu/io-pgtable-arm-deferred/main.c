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
#include <linux/sizes.h>
#include <linux/slab.h>

#include <compat/dma.h>
#include <compat/io-pgtable.h>
#include "debugfs.h"
#include "pgtable.h"
#include "reclaim.h"

/* Leaf sizes of the 4 KiB granule (Arm ARM D8.2.1) */
#define IOPT_PGSIZES		(SZ_4K | SZ_2M | SZ_1G)

/* TCR_EL1.TG0 for the 4 KiB granule, and the codes of SHx and xRGNx (D19.2) */
#define IOPT_TCR_TG0_4K		0
#define IOPT_TCR_SH_OUTER	2
#define IOPT_TCR_SH_INNER	3
#define IOPT_TCR_RGN_NC		0
#define IOPT_TCR_RGN_WBWA	1

static const char *iopt_refusal(enum io_pgtable_fmt fmt,
				const struct io_pgtable_cfg *cfg)
{
	bool narrow = fmt == ARM_32_LPAE_S1;

	if (PAGE_SIZE != SZ_4K)
		return "kernels with pages other than 4 KiB are not supported";
	if (fmt != ARM_32_LPAE_S1 && fmt != ARM_64_LPAE_S1)
		return "format: only ARM_32_LPAE_S1 and ARM_64_LPAE_S1 are known";
	if (cfg->quirks & ~(unsigned long)IO_PGTABLE_QUIRK_ARM_NS)
		return "quirks: only IO_PGTABLE_QUIRK_ARM_NS is known";
	if (compat_cfg_has_allocator(cfg))
		return "tables come from this library, not from cfg->alloc";
	if (!(cfg->pgsize_bitmap & SZ_4K))
		return "page sizes: 4 KiB must be among them";
	if (cfg->ias > (narrow ? 32 : 48))
		return "input size: too wide for the format";
	if (cfg->oas > (narrow ? 40 : 48))
		return "output size: too wide for the format";
	if (!cfg->iommu_dev)
		return "iommu_dev is needed, to map and account the tables";
	return NULL;
}

static bool iopt_init_cfg(struct iopt *iopt, struct io_pgtable_cfg *cfg)
{
	u32 ips;

	if (!lpae_geometry_init(&iopt->tree.geo, cfg->ias) ||
	    !lpae_ips_encode(cfg->oas, &ips))
		return false;

	/* No leaf is larger than what an entry of the root stands for. */
	cfg->pgsize_bitmap &= IOPT_PGSIZES &
			      GENMASK(lpae_shift(iopt->tree.geo.start), 0);
	cfg->arm_lpae_s1_cfg.tcr.ips = ips;
	cfg->arm_lpae_s1_cfg.tcr.tg = IOPT_TCR_TG0_4K;
	cfg->arm_lpae_s1_cfg.tcr.tsz = 64 - cfg->ias;
	cfg->arm_lpae_s1_cfg.tcr.sh = cfg->coherent_walk ? IOPT_TCR_SH_INNER :
							   IOPT_TCR_SH_OUTER;
	cfg->arm_lpae_s1_cfg.tcr.irgn = cfg->coherent_walk ? IOPT_TCR_RGN_WBWA :
							     IOPT_TCR_RGN_NC;
	cfg->arm_lpae_s1_cfg.tcr.orgn = cfg->arm_lpae_s1_cfg.tcr.irgn;
	cfg->arm_lpae_s1_cfg.mair = lpae_mair();
	return true;
}

/* What every map and unmap would work out again otherwise */
static void iopt_init_paths(struct iopt *iopt, const struct io_pgtable_cfg *cfg)
{
	unsigned int prot;

	iopt->ns = cfg->quirks & IO_PGTABLE_QUIRK_ARM_NS;
	iopt->gathers = cfg->tlb && cfg->tlb->tlb_add_page;
	iopt->last = GENMASK(cfg->ias - 1, 0);
	for (prot = 0; prot < ARRAY_SIZE(iopt->attrs); prot++)
		iopt->attrs[prot] = lpae_leaf_attrs(prot, iopt->ns);
}

static void iopt_init_tree(struct iopt_tree *tree,
			   const struct io_pgtable_cfg *cfg)
{
	tree->dev = cfg->iommu_dev;
	tree->coherent = cfg->coherent_walk;
	tree->unmaps = !tree->coherent && compat_dma_needs_unmap(tree->dev);
	raw_spin_lock_init(&tree->detach_lock);
	INIT_LIST_HEAD(&tree->limbo);
	tree->limbo_gen = 1;
	reclaim_tree_init(tree);
}

static bool iopt_alloc_root(struct iopt *iopt)
{
	u64 *root = iopt_table_alloc(&iopt->tree, iopt->tree.geo.start,
				     GFP_KERNEL | __GFP_ZERO);

	if (!root)
		return false;
	if (iopt_table_publishable(&iopt->tree, root)) {
		iopt_table_free_unpublished(&iopt->tree, root);
		return false;
	}
	iopt->root = root;
	return true;
}

static void iopt_init_ops(struct io_pgtable_ops *ops)
{
	ops->map_pages = iopt_map_pages;
	ops->unmap_pages = iopt_unmap_pages;
	ops->iova_to_phys = iopt_iova_to_phys;
	compat_complete_ops(ops);
}

static struct iopt *iopt_create(enum io_pgtable_fmt fmt,
				struct io_pgtable_cfg *cfg, void *cookie)
{
	struct iopt *iopt = kzalloc(sizeof(*iopt), GFP_KERNEL);

	if (!iopt)
		return NULL;

	iopt_init_tree(&iopt->tree, cfg);
	if (!iopt_init_cfg(iopt, cfg)) {
		dev_err(cfg->iommu_dev,
			"page table: no such input or output size: %u, %u bits\n",
			cfg->ias, cfg->oas);
		goto err_free;
	}
	iopt_init_paths(iopt, cfg);
	if (!iopt_alloc_root(iopt))
		goto err_free;

	cfg->arm_lpae_s1_cfg.ttbr = virt_to_phys(iopt->root);
	iopt->iop.fmt = fmt;
	iopt->iop.cookie = cookie;
	iopt->iop.cfg = *cfg;
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
	const char *refusal = iopt_refusal(fmt, cfg);
	struct iopt *iopt;

	if (refusal) {
		pr_err_ratelimited("page table refused: %s\n", refusal);
		return NULL;
	}

	reclaim_throttle();
	iopt = iopt_create(fmt, cfg, cookie);
	if (!iopt)
		return NULL;
	__module_get(THIS_MODULE);
	return &iopt->iop.ops;
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_alloc);

/*
 * The last table is gone. The module may go next: nothing of the page table is
 * left, and the reclaimer waits for its worker before it goes.
 */
void iopt_tree_release(struct iopt_tree *tree)
{
	put_device(tree->dev);
	kfree(container_of(tree, struct iopt, tree));
}

void io_pgtable_deferred_free(struct io_pgtable_ops *ops)
{
	struct io_pgtable_deferred_limbo limbo;
	struct iopt *iopt;

	if (!ops)
		return;

	iopt = iopt_from_ops(ops);
	might_sleep();
	/* From here on there is no driver and no domain to call. */
	iopt->iop.cookie = NULL;
	iopt->iop.cfg.tlb = NULL;

	/* The flush that the caller has made covers what was in limbo, too. */
	io_pgtable_deferred_flush_begin(ops, &limbo);
	io_pgtable_deferred_flush_end(ops, &limbo, true);
	reclaim_close(&iopt->tree, iopt_table_page(iopt->root));
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_free);

void io_pgtable_deferred_drain(void)
{
	might_sleep();
	reclaim_drain();
}
EXPORT_SYMBOL_GPL(io_pgtable_deferred_drain);

static int __init iopt_module_init(void)
{
	int ret;

	if (PAGE_SIZE != SZ_4K) {
		pr_err("this kernel has pages of %lu KiB; only kernels with 4 KiB pages are supported\n",
		       PAGE_SIZE / SZ_1K);
		return -EOPNOTSUPP;
	}

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
	reclaim_exit();
}
module_exit(iopt_module_exit);

MODULE_DESCRIPTION("ARM LPAE IO page tables, freed in bounded batches by a workqueue");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IPMMU_DEFERRED_VERSION);
