/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small objects, from malloc(), so that the sanitizers know of them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SLAB_H
#define SHIM_SLAB_H

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/overflow.h>

void *kmalloc(size_t size, gfp_t gfp);
void kfree(const void *object);

#define kzalloc(size, gfp)		kmalloc(size, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, size, gfp)	kmalloc(size_mul(n, size), gfp)
#define kcalloc(n, size, gfp)		kzalloc(size_mul(n, size), gfp)
#define kmalloc_node(size, gfp, node)	kmalloc(size, gfp)
#define kzalloc_node(size, gfp, node)	kzalloc(size, gfp)
#define kvzalloc(size, gfp)		kzalloc(size, gfp)
#define kvfree(object)			kfree(object)
#define kfree_rcu(object, member)	shim_kfree_rcu(object, &(object)->member)

void shim_kfree_rcu(void *object, struct rcu_head *head);

#endif /* SHIM_SLAB_H */
