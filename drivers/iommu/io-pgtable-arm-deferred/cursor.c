// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk that takes a sub-tree apart: depth first, children before parents,
 * no recursion and no memory but the cursor. The sub-tree has no other user:
 * hardware has forgotten it and no other CPU knows the way to it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "cursor.h"
#include "table.h"

/**
 * iopd_cursor_close() - have the cursor stand nowhere
 * @cursor: the cursor
 */
void iopd_cursor_close(struct iopd_cursor *cursor)
{
	cursor->top = 0;
	cursor->level = -1;
}

/**
 * iopd_cursor_is_open() - does the cursor stand in a sub-tree?
 * @cursor: the cursor
 *
 * Return: true until the root of that sub-tree has been handed out.
 */
bool iopd_cursor_is_open(const struct iopd_cursor *cursor)
{
	return cursor->level >= cursor->top;
}

static void iopd_cursor_enter(struct iopd_cursor *cursor, int level, u64 *table,
			      unsigned long below)
{
	cursor->level = level;
	cursor->table[level] = table;
	cursor->below[level] = below;
	cursor->index[level] = 0;
}

/**
 * iopd_cursor_open() - begin with a sub-tree
 * @cursor: a cursor that is closed
 * @root: page of the sub-tree's root, which has no other user
 */
void iopd_cursor_open(struct iopd_cursor *cursor, struct page *root)
{
	cursor->top = iopd_page_level(root);
	iopd_cursor_enter(cursor, cursor->top, page_address(root),
			  iopd_page_below(root));
}

/*
 * The tables of the last level under the one being emptied, up to a table that
 * has some under itself: that one is gone into. Return: how many were taken.
 */
static unsigned int iopd_cursor_gather(struct iopd_cursor *cursor,
				       const struct lpae_geometry *geo,
				       unsigned int end, struct page **pages,
				       unsigned int max, unsigned int *scan)
{
	int level = cursor->level;
	const u64 *table = cursor->table[level];
	unsigned int index = cursor->index[level];
	unsigned int stop = min(end, index + *scan);
	unsigned int first = index, nr = 0;
	unsigned long below = 0;
	struct page *page = NULL;

	/* Entries above the last level: one that leads on leads to a table. */
	while (index < stop && nr < max && nr < cursor->below[level]) {
		u64 entry = table[index++];

		if (!lpae_leads_on(entry))
			continue;
		page = pfn_to_page(lpae_address(geo, entry) >> PAGE_SHIFT);
		below = iopd_page_below(page);
		if (below)
			break;
		pages[nr++] = page;
	}
	*scan -= index - first;
	cursor->index[level] = index;
	cursor->below[level] -= nr;
	if (below) {
		cursor->below[level] -= below + 1;
		iopd_cursor_enter(cursor, level + 1, page_address(page), below);
	}
	return nr;
}

/**
 * iopd_cursor_take() - tables that nothing is under any more
 * @cursor: a cursor that is open
 * @geo: shape of the tree
 * @pages: filled with their pages, which are the caller's now
 * @max: how many at most
 * @scan: how many entries may be looked at; counted down
 *
 * Goes back up as soon as the count says that nothing is left under a table, so
 * that a sparse or block-mapped table is not read to its end.
 *
 * Return: how many were taken, 0 if @scan ran out before. With the sub-tree's
 * root handed out the cursor is closed.
 */
unsigned int iopd_cursor_take(struct iopd_cursor *cursor,
			      const struct lpae_geometry *geo,
			      struct page **pages, unsigned int max,
			      unsigned int *scan)
{
	unsigned int nr = 0;

	while (nr < max && *scan && iopd_cursor_is_open(cursor)) {
		int level = cursor->level;
		unsigned int end = lpae_entries(geo, level);

		if (!cursor->below[level]) {
			pages[nr++] = iopd_table_page(cursor->table[level]);
			cursor->level--;
			continue;
		}
		/* The count says there is one: else the tree is damaged. */
		if (WARN_ON_ONCE(cursor->index[level] == end)) {
			cursor->below[level] = 0;
			continue;
		}
		nr += iopd_cursor_gather(cursor, geo, end, pages + nr, max - nr,
					 scan);
	}
	return nr;
}
