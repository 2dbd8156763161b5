/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that there is, for those parts of the shim that look at it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_ARENA_H
#define SHIM_ARENA_H

#include <linux/mm.h>

/* A test has some thousand tables at most; each has a page beside it. */
#define ARENA_FRAMES		20480
#define ARENA_SIZE		((size_t)ARENA_FRAMES << PAGE_SHIFT)
#define ARENA_ORDERS		11

/* Those of the lowest zone, which are taken only where it is asked for */
#define ARENA_LOW		4096

/*
 * struct frame - what the shim knows of a page; struct page is the library's
 * @head: it is the first of its block
 * @mapped: it is mapped for DMA, by a device that
 * @unmaps: wants to hear of the end of it
 */
struct frame {
	bool head;
	bool mapped;
	bool unmaps;
	u8 node;
	u8 group;
	u8 order;
};

extern char *arena;
extern char *arena_cleaned;
extern struct frame frames[ARENA_FRAMES];

#endif /* SHIM_ARENA_H */
