/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Passes over a live page table, in search of tables that have become empty.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_SWEEP_H
#define _IOPT_SWEEP_H

#include "tree.h"

/*
 * Tables in limbo with which a sweep waits for a flush: fewer than those for which an
 * unmapper would ask for one; and where the driver is not to be asked, so many that
 * it is not the library that keeps them.
 */
#define IOPT_SWEEP_LIMBO	48
#define IOPT_SWEEP_LIMBO_MAX	1024

/* How far a pass has come */
enum iopt_swept {
	IOPT_SWEPT_PART,	/* there is more to look at */
	IOPT_SWEPT_ALL,
	IOPT_SWEPT_FULL,	/* nothing is cut off before a flush */
};

enum iopt_swept iopt_sweep(struct iopt_tree *tree, unsigned long *pos, bool cuts,
			   unsigned int *scan);
bool iopt_sweep_has_room(struct iopt_tree *tree);
bool iopt_sweep_may_flush(struct iopt_tree *tree);
void iopt_sweep_flush(struct iopt_tree *tree);

#endif /* _IOPT_SWEEP_H */
