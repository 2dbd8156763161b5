/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk through a detached sub-tree that hands out its tables one by one, each
 * after all that are under it, and can stop after any.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_CURSOR_H
#define _IOPT_CURSOR_H

#include "tree.h"

void iopt_cursor_close(struct iopt_cursor *cursor);
bool iopt_cursor_is_open(const struct iopt_cursor *cursor);
void iopt_cursor_open(struct iopt_cursor *cursor, struct page *root);
unsigned int iopt_cursor_take(struct iopt_cursor *cursor,
			      const struct lpae_geometry *geo,
			      struct page **pages, unsigned int max,
			      unsigned int *scan);

#endif /* _IOPT_CURSOR_H */
