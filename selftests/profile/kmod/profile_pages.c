// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the page allocator alone takes to free so many pages: done once, while
 * this is loaded.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../marks.h"

/* Above the tables of a full 39-bit space, of which there are 262,657 */
#define PROFILE_PAGES_MAX	BIT(20)

static unsigned int count;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "pages to free");

static noinline void profile_pages_free(struct page **pages, unsigned int nr)
{
	mark_begin();
	while (nr)
		__free_page(pages[--nr]);
	mark_end();
}

static int __init profile_pages_init(void)
{
	struct page **pages;
	unsigned int nr;

	if (!count || count > PROFILE_PAGES_MAX)
		return -EINVAL;
	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (nr = 0; nr < count; nr++) {
		pages[nr] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[nr])
			break;
	}
	profile_pages_free(pages, nr);
	kvfree(pages);
	return nr == count ? 0 : -ENOMEM;
}
module_init(profile_pages_init);

static void __exit profile_pages_exit(void)
{
}
module_exit(profile_pages_exit);

MODULE_DESCRIPTION("Frees pages, to be profiled");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
