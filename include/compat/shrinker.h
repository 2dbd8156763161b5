/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shrinkers: registered as part of something else until 6.6, allocated since.
 * Here they are always allocated. What they free beside slabs has a call of its
 * own to be told by from 6.4 on.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_SHRINKER_H
#define COMPAT_SHRINKER_H

#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *fmt, ...)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->flags = flags;
	return shrinker;
}

/*
 * The name came with 6.0, and only shows in debugfs. Gives up its memory if it
 * fails.
 */
static inline int compat_shrinker_register(struct shrinker *shrinker,
					   const char *name)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 0, 0)
	int ret = register_shrinker(shrinker);
#else
	int ret = register_shrinker(shrinker, "%s", name);
#endif

	if (ret)
		kfree(shrinker);
	return ret;
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline int compat_shrinker_register(struct shrinker *shrinker,
					   const char *name)
{
	shrinker_register(shrinker);
	return 0;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline void mm_account_reclaimed_pages(unsigned long pages)
{
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += pages;
}
#endif

#endif /* COMPAT_SHRINKER_H */
