/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists that need no lock.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_LLIST_H
#define SHIM_LLIST_H

#include <linux/atomic.h>
#include <linux/kernel.h>

struct llist_node {
	struct llist_node *next;
};

struct llist_head {
	struct llist_node *first;
};

#define LLIST_HEAD_INIT(name)	{ NULL }
#define LLIST_HEAD(name)	struct llist_head name = LLIST_HEAD_INIT(name)
#define llist_entry(p, type, member)	container_of(p, type, member)

static inline void init_llist_head(struct llist_head *head)
{
	head->first = NULL;
}

static inline bool llist_empty(const struct llist_head *head)
{
	return !READ_ONCE(head->first);
}

/* Return: whether the list was empty */
static inline bool llist_add_batch(struct llist_node *first, struct llist_node *last,
				   struct llist_head *head)
{
	struct llist_node *old = READ_ONCE(head->first);

	do {
		last->next = old;
	} while (!try_cmpxchg(&head->first, &old, first));
	return !old;
}

static inline bool llist_add(struct llist_node *node, struct llist_head *head)
{
	return llist_add_batch(node, node, head);
}

static inline struct llist_node *llist_del_all(struct llist_head *head)
{
	return xchg(&head->first, (struct llist_node *)NULL);
}

/* One at a time may take: nodes that come back meanwhile would deceive it. */
static inline struct llist_node *llist_del_first(struct llist_head *head)
{
	struct llist_node *first = READ_ONCE(head->first);

	while (first && !try_cmpxchg(&head->first, &first, READ_ONCE(first->next)))
		;
	return first;
}

#define llist_next(node)	((node)->next)
#define llist_for_each_entry(p, node, member)				\
	for (p = llist_entry(node, typeof(*p), member);			\
	     (void *)&p->member != NULL;				\
	     p = llist_entry(p->member.next, typeof(*p), member))

#endif /* SHIM_LLIST_H */
