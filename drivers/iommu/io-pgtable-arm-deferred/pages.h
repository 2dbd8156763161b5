/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of tables: pages from the page allocator, many at a time.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_PAGES_H
#define _IOPD_PAGES_H

#include <linux/gfp.h>
#include <linux/percpu.h>

#include "tree.h"

struct page;

/* Pages that the library has from the page allocator, spares included */
DECLARE_PER_CPU(long, iopd_page_count);

/*
 * Bits of a caller's gfp that make no sense for a page that the kernel writes
 * to through its linear map and that the IOMMU's own DMA mask, not the
 * caller's, has to reach.
 */
#define IOPD_GFP_ZONES		(__GFP_DMA | __GFP_DMA32)
#define IOPD_GFP_DROPPED	(IOPD_GFP_ZONES | __GFP_HIGHMEM | __GFP_COMP)

struct page *iopd_pages_get(struct iopd_tree *tree, unsigned int order,
			    gfp_t gfp);
struct page *iopd_pages_alloc(struct iopd_tree *tree, gfp_t gfp);
void iopd_pages_make_ready(struct iopd_tree *tree);
void iopd_pages_reject(struct iopd_tree *tree, struct page *page);
void iopd_pages_return(struct iopd_tree *tree, struct page *page);
void iopd_pages_close(struct iopd_tree *tree);

/* For the task that has made the tree busy, or alone knows of it */
unsigned int iopd_pages_free(struct iopd_tree *tree, struct page **pages,
			     unsigned int nr);
unsigned int iopd_pages_held(const struct iopd_tree *tree);
bool iopd_pages_trim(struct iopd_tree *tree);
void iopd_pages_finish(struct iopd_tree *tree);

#endif /* _IOPD_PAGES_H */
