/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Passes over a live page table, in search of tables that have become empty.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_SWEEP_H
#define _IOPD_SWEEP_H

#include "tree.h"

/*
 * Tables in limbo with which a sweep waits for a flush: fewer than those for
 * which an unmapper would ask for one; and where the driver is not to be asked,
 * so many that it is not the library that keeps them.
 */
#define IOPD_SWEEP_LIMBO	48
#define IOPD_SWEEP_LIMBO_MAX	1024

enum iopd_swept iopd_sweep(struct iopd_tree *tree, unsigned long *pos, bool cuts,
			   unsigned int *scan);
bool iopd_sweep_flush(struct iopd_tree *tree);

#endif /* _IOPD_SWEEP_H */
