// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table pages. A table is made in two steps: it is allocated, its first entries
 * are filled in by its maker, and only then it is cleaned, once, and may be
 * published by an entry that leads to it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/limits.h>

#include <compat/dma.h>
#include "pages.h"
#include "reclaim.h"
#include "table.h"

/* Return: the table, or NULL if there is no @page */
static u64 *iopd_table_begin(struct page *page, int level, unsigned int below)
{
	if (!page)
		return NULL;
	iopd_page_init(page, level, below);
	iopd_reclaim_note_live(1);
	return page_address(page);
}

/**
 * iopd_table_alloc() - memory for a table, near the IOMMU
 * @tree: the tree
 * @level: of the table
 * @below: how many tables its maker is going to put under it
 * @gfp: how to allocate; says whether it has to be zeroed, too
 *
 * Nothing but the caller knows of it yet.
 *
 * Context: as @gfp allows.
 * Return: the table, or NULL.
 */
u64 *iopd_table_alloc(struct iopd_tree *tree, int level, unsigned int below,
		      gfp_t gfp)
{
	return iopd_table_begin(iopd_pages_alloc(tree, gfp), level, below);
}

/**
 * iopd_table_alloc_root() - memory for the root, which comes first
 * @tree: the tree
 * @gfp: how to allocate
 *
 * The root may have several pages.
 *
 * Context: as @gfp allows.
 * Return: the root, or NULL.
 */
u64 *iopd_table_alloc_root(struct iopd_tree *tree, gfp_t gfp)
{
	tree->root = iopd_pages_get(tree, tree->root_order, gfp);
	return iopd_table_begin(tree->root, tree->geo.start, 0);
}

/* What is below @reach as a whole, as far as the kernel has a zone for it */
static gfp_t iopd_zone_within(phys_addr_t reach)
{
	if (reach < DMA_BIT_MASK(32))
		return __GFP_DMA;
	return reach == DMA_BIT_MASK(32) ? __GFP_DMA32 : 0;
}

/* The next lower zone, 0 when there is none */
static gfp_t iopd_zone_below(gfp_t zone)
{
	if (zone & __GFP_DMA)
		return 0;
	return zone & __GFP_DMA32 ? __GFP_DMA : __GFP_DMA32;
}

/**
 * iopd_table_init_reach() - where tables may be
 * @tree: the tree, whose device is known
 * @oas: bits of the output size
 *
 * A table above the output size is an address size fault to the walker, and of
 * one above 48 bits an entry has all of the address only with both the largest
 * granule and an output size of 52 bits.
 * The DMA mask of an IOMMU that snoops is not asked: its tables are not mapped
 * for DMA, and drivers leave the mask at 32 bits.
 */
void iopd_table_init_reach(struct iopd_tree *tree, unsigned int oas)
{
	u64 reach = min_not_zero(dma_get_mask(tree->dev),
				 tree->dev->bus_dma_limit);

	if (tree->coherent)
		reach = U64_MAX;
	reach = min(reach, DMA_BIT_MASK(oas));
	tree->reach = reach;
	tree->zone = iopd_zone_within(reach);
}

/**
 * iopd_table_init_cleaning() - have tables to come cleaned by the shortest way
 * @tree: the tree, whose root is publishable
 *
 * The root has been mapped for DMA, and was found where it is. Where that says
 * the same of all memory within reach, the way through the DMA API to the
 * cleaning, which is some 100 instructions, would tell nothing new.
 *
 * Context: any.
 */
void iopd_table_init_cleaning(struct iopd_tree *tree)
{
	if (!tree->coherent && compat_dma_is_identity(tree->dev))
		tree->line = compat_line_size();
}

/**
 * iopd_table_publishable() - clean a filled table so that a walker may find it
 * @tree: the tree
 * @table: the table, which no walker knows the way to
 *
 * All of the page is cleaned, once; by dma_map_single() where that may have
 * more to do. The walker is given physical addresses, so a mapping that is not
 * one-to-one (a bounce buffer, say) is none.
 *
 * Context: any.
 * Return: 0, -EFAULT when the page is not where the IOMMU could find it, or
 * -ENOMEM when it was not mapped for another reason, maybe for the moment.
 */
int iopd_table_publishable(struct iopd_tree *tree, u64 *table)
{
	size_t size = iopd_table_bytes(tree,
				       iopd_page_level(iopd_table_page(table)));
	phys_addr_t pa = virt_to_phys(table);
	dma_addr_t dma = pa;

	if (unlikely(pa + size - 1 > tree->reach))
		return -EFAULT;
	if (tree->line) {
		compat_clean_lines(table, size, tree->line);
	} else if (!tree->coherent) {
		dma = dma_map_single(tree->dev, table, size, DMA_TO_DEVICE);
		if (dma_mapping_error(tree->dev, dma))
			return -ENOMEM;
	}
	if (unlikely(dma != pa)) {
		dma_unmap_single(tree->dev, dma, size, DMA_TO_DEVICE);
		return -EFAULT;
	}
	/*
	 * The entries in it before the entry that leads to it: where the IOMMU
	 * is coherent, mapping has cleaned nothing.
	 */
	dma_wmb();
	return 0;
}

/**
 * iopd_table_reject() - a table could not be made publishable
 * @tree: the tree
 * @table: the table, which is gone after this
 * @why: what iopd_table_publishable() said
 * @gfp: how the table was allocated; on return how to allocate another
 *
 * There are two more zones at most, and each is tried once.
 *
 * Context: any in which pages may be freed.
 * Return: false when there is none left, with the reason in the log.
 */
bool iopd_table_reject(struct iopd_tree *tree, u64 *table, int why, gfp_t *gfp)
{
	struct page *page = iopd_table_page(table);
	gfp_t zone = *gfp & IOPD_GFP_ZONES ?: READ_ONCE(tree->zone);

	iopd_reclaim_note_live(-1);
	iopd_pages_reject(tree, page);

	zone = iopd_zone_below(zone);
	if (!zone) {
		dev_err_once(tree->dev,
			     "tables must be reached at their physical address: check the IOMMU's dma-ranges and DMA mask\n");
		return false;
	}
	/* Those that come after need not find that out. */
	if (why == -EFAULT)
		WRITE_ONCE(tree->zone, zone);
	*gfp = (*gfp & ~IOPD_GFP_ZONES) | zone;
	return true;
}

/**
 * iopd_table_free_unpublished() - a table that no walker has ever seen
 * @tree: the tree
 * @table: the table, which has been made publishable, and is not the root
 *
 * Context: any.
 */
void iopd_table_free_unpublished(struct iopd_tree *tree, u64 *table)
{
	struct page *page = iopd_table_page(table);

	iopd_table_unmap(tree, page);
	iopd_reclaim_note_live(-1);
	iopd_pages_return(tree, page);
}
