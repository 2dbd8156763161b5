// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table pages. A table is made in two steps: it is allocated, its first entries
 * are filled in by its maker, and only then it is cleaned, once, and may be
 * published by an entry that leads to it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <compat/mm.h>
#include "reclaim.h"
#include "table.h"

/*
 * Bits of a caller's gfp that make no sense for a page that the kernel writes
 * to through its linear map and that the IOMMU's own DMA mask, not the
 * caller's, has to reach.
 */
#define IOPT_GFP_DROPPED	(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | \
				 __GFP_COMP)

/*
 * iopt_table_alloc() - memory for a table of @level, near the IOMMU
 * @gfp: says whether it has to be zeroed, too
 *
 * Nothing but the caller knows of it yet.
 */
u64 *iopt_table_alloc(struct iopt_tree *tree, int level, gfp_t gfp)
{
	unsigned int order = iopt_table_order(tree, level);
	struct page *page;

	page = alloc_pages_node(dev_to_node(tree->dev), gfp & ~IOPT_GFP_DROPPED,
				order);
	if (!page)
		return NULL;

	iopt_page_init(page, level, 0, 0);
	compat_account_tables(page, BIT(order));
	atomic_long_inc(&tree->live);
	reclaim_note_live(1);
	return page_address(page);
}

/*
 * iopt_table_publishable() - clean a filled table so that a walker may find it
 *
 * dma_map_single() does the cleaning: all of the page, once. The walker is
 * given physical addresses, so a mapping that is not one-to-one (a bounce
 * buffer, say) is an error.
 *
 * Return: 0, or -ENOMEM when the IOMMU cannot reach the page.
 */
int iopt_table_publishable(struct iopt_tree *tree, u64 *table)
{
	size_t size = iopt_table_bytes(tree,
				       iopt_page_level(iopt_table_page(table)));
	phys_addr_t pa = virt_to_phys(table);
	dma_addr_t dma;

	/* Memory above 48 bits is out of reach of all granules but the largest. */
	if (unlikely(lpae_address(&tree->geo, lpae_pack(&tree->geo, pa)) != pa)) {
		dev_err_once(tree->dev,
			     "tables with this granule must be below 48 bits: check the IOMMU's DMA mask\n");
		return -ENOMEM;
	}

	if (tree->coherent) {
		/* The entries in it before the entry that leads to it */
		dma_wmb();
		return 0;
	}

	dma = dma_map_single(tree->dev, table, size, DMA_TO_DEVICE);
	if (dma_mapping_error(tree->dev, dma))
		return -ENOMEM;
	if (dma == pa)
		return 0;

	dma_unmap_single(tree->dev, dma, size, DMA_TO_DEVICE);
	dev_err_once(tree->dev,
		     "tables must be reached at their physical address: check the IOMMU's dma-ranges and DMA mask\n");
	return -ENOMEM;
}

/* A table that no walker has ever seen, and that is not mapped for DMA */
void iopt_table_free_unpublished(struct iopt_tree *tree, u64 *table)
{
	struct page *page = iopt_table_page(table);
	unsigned int order = iopt_table_order(tree, iopt_page_level(page));

	compat_account_tables(page, -(int)BIT(order));
	set_page_private(page, 0);
	atomic_long_dec(&tree->live);
	reclaim_note_live(-1);
	__free_pages(page, order);
}
