/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Doubly linked lists.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_LIST_H
#define SHIM_LIST_H

#include <linux/kernel.h>

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void shim_list_link(struct list_head *a, struct list_head *b)
{
	WRITE_ONCE(a->next, b);
	b->prev = a;
}

/* Everything from first to last goes between a and b. */
static inline void shim_list_insert(struct list_head *a, struct list_head *first,
				    struct list_head *last, struct list_head *b)
{
	shim_list_link(last, b);
	shim_list_link(a, first);
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	shim_list_insert(head, entry, entry, head->next);
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	shim_list_insert(head->prev, entry, entry, head);
}

static inline void list_del(struct list_head *entry)
{
	shim_list_link(entry->prev, entry->next);
	/* A walk that goes on from here falls. */
	entry->next = (void *)0x100;
	entry->prev = (void *)0x122;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add_tail(entry, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline bool list_empty_careful(const struct list_head *head)
{
	return list_empty(head);
}

static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline bool list_is_last(const struct list_head *entry,
				const struct list_head *head)
{
	return entry->next == head;
}

static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		shim_list_insert(head, list->next, list->prev, head->next);
}

static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		shim_list_insert(head->prev, list->next, list->prev, head);
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	INIT_LIST_HEAD(list);
}

static inline void list_splice_tail_init(struct list_head *list,
					 struct list_head *head)
{
	list_splice_tail(list, head);
	INIT_LIST_HEAD(list);
}

/*
 * An empty list is replaced, too: the second link is from what the first has
 * changed.
 */
static inline void list_replace(struct list_head *old, struct list_head *entry)
{
	shim_list_link(entry, old->next);
	shim_list_link(old->prev, entry);
}

static inline void list_replace_init(struct list_head *old, struct list_head *entry)
{
	list_replace(old, entry);
	INIT_LIST_HEAD(old);
}

static inline void list_cut_position(struct list_head *list, struct list_head *head,
				     struct list_head *last)
{
	if (list_empty(head) || last == head) {
		INIT_LIST_HEAD(list);
		return;
	}
	list->next = head->next;
	list->next->prev = list;
	shim_list_link(head, last->next);
	list->prev = last;
	last->next = list;
}

#define list_entry(p, type, member)		container_of(p, type, member)
#define list_first_entry(head, type, member)	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member)			\
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(p, member)					\
	list_entry((p)->member.next, typeof(*(p)), member)
#define list_prev_entry(p, member)					\
	list_entry((p)->member.prev, typeof(*(p)), member)
#define list_entry_is_head(p, head, member)	(&(p)->member == (head))

#define list_for_each(p, head)						\
	for (p = (head)->next; p != (head); p = p->next)
#define list_for_each_safe(p, n, head)					\
	for (p = (head)->next, n = p->next; p != (head); p = n, n = p->next)
#define list_for_each_entry(p, head, member)				\
	for (p = list_first_entry(head, typeof(*p), member);		\
	     &p->member != (head); p = list_next_entry(p, member))
#define list_for_each_entry_reverse(p, head, member)			\
	for (p = list_last_entry(head, typeof(*p), member);		\
	     &p->member != (head); p = list_prev_entry(p, member))
#define list_for_each_entry_safe(p, n, head, member)			\
	for (p = list_first_entry(head, typeof(*p), member),		\
	     n = list_next_entry(p, member);				\
	     &p->member != (head); p = n, n = list_next_entry(n, member))

#endif /* SHIM_LIST_H */
