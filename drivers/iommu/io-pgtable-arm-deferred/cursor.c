// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk that takes a sub-tree apart: depth first, children before parents,
 * no recursion and no memory but the cursor. The sub-tree is nobody else's:
 * hardware has forgotten it and no other CPU knows the way to it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "cursor.h"
#include "table.h"

void iopt_cursor_close(struct iopt_cursor *cursor)
{
	cursor->top = 0;
	cursor->level = -1;
}

bool iopt_cursor_is_open(const struct iopt_cursor *cursor)
{
	return cursor->level >= cursor->top;
}

static void iopt_cursor_enter(struct iopt_cursor *cursor, int level, u64 *table,
			      unsigned long below)
{
	cursor->level = level;
	cursor->table[level] = table;
	cursor->below[level] = below;
	cursor->index[level] = 0;
}

/* Start on the sub-tree whose root is the table page @root. */
void iopt_cursor_open(struct iopt_cursor *cursor, struct page *root)
{
	cursor->top = iopt_page_level(root);
	iopt_cursor_enter(cursor, cursor->top, page_address(root),
			  iopt_page_below(root));
}

/* The next table under the one being emptied, or NULL when @scan ran out */
static u64 *iopt_cursor_child(struct iopt_cursor *cursor,
			      const struct lpae_geometry *geo,
			      unsigned int *scan)
{
	int level = cursor->level;
	unsigned int end = lpae_entries(geo, level);
	unsigned int index = cursor->index[level];
	u64 *found = NULL;

	while (index < end && *scan) {
		u64 entry = cursor->table[level][index++];

		--*scan;
		if (lpae_is_table(entry, level)) {
			found = iopt_table_of(entry);
			break;
		}
	}
	cursor->index[level] = index;
	/* The count says that there is one: the tree must have been damaged. */
	if (!found && index == end && WARN_ON_ONCE(cursor->below[level]))
		cursor->below[level] = 0;
	return found;
}

/*
 * iopt_cursor_next() - the next table that nothing is under any more
 * @scan: how many entries may be looked at; counted down
 *
 * Goes back up as soon as the count says that nothing is left under a table, so
 * that a sparse or block-mapped table is not read to its end.
 *
 * Return: the table, which is the caller's now, or NULL when @scan ran out. With
 * the sub-tree's root handed out the cursor is closed.
 */
u64 *iopt_cursor_next(struct iopt_cursor *cursor,
		      const struct lpae_geometry *geo, unsigned int *scan)
{
	while (cursor->below[cursor->level]) {
		int level = cursor->level;
		u64 *child = iopt_cursor_child(cursor, geo, scan);
		unsigned long below;

		if (!child) {
			if (!*scan)
				return NULL;
			continue;
		}
		below = iopt_page_below(iopt_table_page(child));
		cursor->below[level] -= below + 1;
		/* Most tables are of the last level: no need to go down there. */
		if (!below)
			return child;
		iopt_cursor_enter(cursor, level + 1, child, below);
	}
	return cursor->table[cursor->level--];
}
