// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table pages. A table is made in two steps: it is allocated, its first entries
 * are filled in by its maker, and only then it is cleaned, once, and may be
 * published by an entry that leads to it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "pages.h"
#include "reclaim.h"
#include "table.h"

/* Return: the table, or NULL if there is no @page */
static u64 *iopt_table_begin(struct page *page, int level)
{
	if (!page)
		return NULL;
	iopt_page_init(page, level, 0, 0);
	reclaim_note_live(1);
	return page_address(page);
}

/*
 * iopt_table_alloc() - memory for a table of @level, near the IOMMU
 * @gfp: says whether it has to be zeroed, too
 *
 * Nothing but the caller knows of it yet.
 */
u64 *iopt_table_alloc(struct iopt_tree *tree, int level, gfp_t gfp)
{
	return iopt_table_begin(iopt_pages_alloc(tree, gfp), level);
}

/* The same for the root, which comes first, and may have several pages */
u64 *iopt_table_alloc_root(struct iopt_tree *tree, gfp_t gfp)
{
	tree->root = iopt_pages_get(tree, tree->root_order, gfp);
	return iopt_table_begin(tree->root, tree->geo.start);
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
	if (unlikely(pa >> LPAE_BITS && tree->geo.page_shift < LPAE_SHIFT_64K)) {
		dev_err_once(tree->dev,
			     "tables with this granule must be below 48 bits: check the IOMMU's DMA mask\n");
		return -ENOMEM;
	}

	if (!tree->coherent) {
		dma = dma_map_single(tree->dev, table, size, DMA_TO_DEVICE);
		if (dma_mapping_error(tree->dev, dma))
			return -ENOMEM;
	}
	if (tree->coherent || dma == pa) {
		/*
		 * The entries in it before the entry that leads to it: where the
		 * IOMMU is coherent, mapping has cleaned nothing.
		 */
		dma_wmb();
		return 0;
	}

	dma_unmap_single(tree->dev, dma, size, DMA_TO_DEVICE);
	dev_err_once(tree->dev,
		     "tables must be reached at their physical address: check the IOMMU's dma-ranges and DMA mask\n");
	return -ENOMEM;
}

/* A table that no walker has ever seen, and that is not mapped for DMA */
void iopt_table_free_unpublished(struct iopt_tree *tree, u64 *table)
{
	struct page *page = iopt_table_page(table);

	reclaim_note_live(-1);
	if (page == tree->root)
		iopt_pages_free(tree, &page, 1);
	else
		iopt_pages_return(tree, page);
}
