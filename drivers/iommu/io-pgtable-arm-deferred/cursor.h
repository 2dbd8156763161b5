/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk through a detached sub-tree that hands out its tables one by one, each
 * after all that are under it, and can stop after any.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_CURSOR_H
#define _IOPD_CURSOR_H

#include "tree.h"

void iopd_cursor_close(struct iopd_cursor *cursor);
bool iopd_cursor_is_open(const struct iopd_cursor *cursor);
void iopd_cursor_open(struct iopd_cursor *cursor, struct page *root);
unsigned int iopd_cursor_take(struct iopd_cursor *cursor,
			      const struct lpae_geometry *geo,
			      struct page **pages, unsigned int max,
			      unsigned int *scan);

#endif /* _IOPD_CURSOR_H */
