/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of tables: pages from the page allocator, many at a time.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_PAGES_H
#define _IOPT_PAGES_H

#include <linux/gfp.h>
#include <linux/percpu.h>

#include "tree.h"

struct page;

/* Pages that the library has from the page allocator, spares included */
DECLARE_PER_CPU(long, iopt_page_count);

/*
 * Bits of a caller's gfp that make no sense for a page that the kernel writes
 * to through its linear map and that the IOMMU's own DMA mask, not the
 * caller's, has to reach.
 */
#define IOPT_GFP_ZONES		(__GFP_DMA | __GFP_DMA32)
#define IOPT_GFP_DROPPED	(IOPT_GFP_ZONES | __GFP_HIGHMEM | __GFP_COMP)

struct page *iopt_pages_get(struct iopt_tree *tree, unsigned int order,
			    gfp_t gfp);
struct page *iopt_pages_alloc(struct iopt_tree *tree, gfp_t gfp);
void iopt_pages_make_ready(struct iopt_tree *tree);
void iopt_pages_reject(struct iopt_tree *tree, struct page *page);
void iopt_pages_return(struct iopt_tree *tree, struct page *page);
void iopt_pages_close(struct iopt_tree *tree);

/* For the task that has made the tree busy, or alone knows of it */
unsigned int iopt_pages_free(struct iopt_tree *tree, struct page **pages,
			     unsigned int nr);
unsigned int iopt_pages_held(const struct iopt_tree *tree);
bool iopt_pages_settle(struct iopt_tree *tree);
void iopt_pages_finish(struct iopt_tree *tree);

#endif /* _IOPT_PAGES_H */
