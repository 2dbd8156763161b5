// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs: what was handed over before a wait began, told from what came later.
 *
 * A waiter ends the epoch that hand-overs belong to and gets its number, the
 * ticket. What is handed over from then on belongs to the next. A tree frees
 * its tables in the order of their hand-over, and counts how many of each epoch
 * it owes; so a ticket is done when no tree owes anything of its epoch or an
 * older one, however much comes in meanwhile.
 *
 * Trees stand in a queue for each epoch, by the oldest that they owe, and the
 * oldest goes first. Without waiters there is one epoch and one queue, in which
 * trees take turns. A helper takes no tree that its ticket does not cover.
 *
 * IOPD_EPOCHS are told apart. Where so many waiters have begun, with hand-overs
 * in between, and the oldest still waits, the ticket of the next one covers
 * what comes in until that has ended: all of what it waits for there was
 * pending when it began, too.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "hist.h"
#include "reclaim-parts.h"

static struct iopd_reclaim_epoch *iopd_reclaim_epoch(unsigned long number)
{
	return &iopd_reclaimer.epochs[number % IOPD_EPOCHS];
}

static void iopd_reclaim_begin_epoch(void)
{
	iopd_reclaimer.now++;
	iopd_reclaimer.ring_full = false;
}

/*
 * The oldest come to their end, and with the first of them there is room again.
 */
static void iopd_reclaim_end_epochs(void)
{
	unsigned long first = iopd_reclaimer.first;

	while (!iopd_reclaim_epoch(first)->owed) {
		if (first == iopd_reclaimer.now && !iopd_reclaimer.ring_full)
			break;
		if (first == iopd_reclaimer.now)
			iopd_reclaim_begin_epoch();
		first++;
	}
	if (first == iopd_reclaimer.first)
		return;
	if (iopd_reclaimer.ring_full)
		iopd_reclaim_begin_epoch();
	/* Pairs with iopd_reclaim_ticket_is_done(): those tables are free. */
	smp_store_release(&iopd_reclaimer.first, first);
}

/**
 * iopd_reclaim_owe() - the tree has more to free
 * @tree: the tree
 * @count: how many tables, which belong to the epoch of now
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_owe(struct iopd_tree *tree, unsigned long count)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	tree->owed[iopd_reclaimer.now % IOPD_EPOCHS] += count;
	iopd_reclaim_epoch(iopd_reclaimer.now)->owed += count;
}

/**
 * iopd_reclaim_pay() - the tree has freed tables
 * @tree: the tree
 * @count: how many; they were its oldest
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_pay(struct iopd_tree *tree, unsigned long count)
{
	unsigned long number;

	lockdep_assert_held(&iopd_reclaimer.lock);
	for (number = iopd_reclaimer.first; count; number++) {
		unsigned long *owed = &tree->owed[number % IOPD_EPOCHS];
		unsigned long part = min(count, *owed);

		if (WARN_ON_ONCE(number > iopd_reclaimer.now))
			break;
		*owed -= part;
		iopd_reclaim_epoch(number)->owed -= part;
		count -= part;
	}
	iopd_reclaim_end_epochs();
}

/**
 * iopd_reclaim_oldest() - the oldest epoch that the tree owes anything of
 * @tree: the tree
 *
 * Context: the reclaimer's lock is held.
 * Return: its number; that of now if the tree owes nothing.
 */
unsigned long iopd_reclaim_oldest(const struct iopd_tree *tree)
{
	unsigned long number = iopd_reclaimer.first;

	lockdep_assert_held(&iopd_reclaimer.lock);
	while (number != iopd_reclaimer.now &&
	       !tree->owed[number % IOPD_EPOCHS])
		number++;
	return number;
}

/**
 * iopd_reclaim_queue_of() - the trees that wait in the queue of an epoch
 * @number: of the epoch, from iopd_reclaimer.first to iopd_reclaimer.now
 *
 * Context: the reclaimer's lock is held.
 * Return: the list, by iopd_tree.node.
 */
const struct list_head *iopd_reclaim_queue_of(unsigned long number)
{
	return &iopd_reclaim_epoch(number)->waiting;
}

/**
 * iopd_reclaim_line_up() - give the tree its place, behind others of its age
 * @tree: a tree in no queue, or among those that are busy
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_line_up(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	list_move_tail(&tree->node,
		       &iopd_reclaim_epoch(iopd_reclaim_oldest(tree))->waiting);
	iopd_count(&iopd_reclaimer.nr_waiting, 1);
}

/**
 * iopd_reclaim_leave() - out of the queue, and to those of which a batch is
 * freed
 * @tree: a tree that waits
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_leave(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	list_move_tail(&tree->node, &iopd_reclaimer.busy);
	iopd_count(&iopd_reclaimer.nr_waiting, -1);
}

/**
 * iopd_reclaim_next() - the tree whose turn it is
 * @ticket: only those that it covers. With IOPD_RECLAIM_ANY that is one that
 *	 owes nothing, too: it waits for its end
 *
 * Context: the reclaimer's lock is held.
 * Return: the tree, still in its queue, or NULL.
 */
struct iopd_tree *iopd_reclaim_next(unsigned long ticket)
{
	struct iopd_tree *tree = NULL;
	unsigned long number;
	unsigned int i;

	lockdep_assert_held(&iopd_reclaimer.lock);
	for (i = 0; i < IOPD_EPOCHS && !tree; i++) {
		number = iopd_reclaimer.first + i;
		if (number > ticket)
			break;
		tree = list_first_entry_or_null(&iopd_reclaim_epoch(number)->waiting,
						struct iopd_tree, node);
	}
	return tree;
}

/**
 * iopd_reclaim_is_waiting_for() - has a tree that the ticket covers its turn?
 * @ticket: the ticket
 *
 * Context: any; takes no lock, so that the answer may be old when it comes.
 * Return: true if there is one.
 */
bool iopd_reclaim_is_waiting_for(unsigned long ticket)
{
	unsigned long first = READ_ONCE(iopd_reclaimer.first);
	unsigned int i;

	for (i = 0; i < IOPD_EPOCHS && first + i <= ticket; i++)
		if (!list_empty(&iopd_reclaim_epoch(first + i)->waiting))
			return true;
	return false;
}

/**
 * iopd_reclaim_ticket() - begin to wait for what is pending
 *
 * Where nothing has come in since the last waiter began, both wait for the
 * same.
 *
 * Context: any; takes the reclaimer's lock.
 * Return: the ticket, never 0.
 */
unsigned long iopd_reclaim_ticket(void)
{
	unsigned long flags, ticket;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	ticket = iopd_reclaimer.now;
	if (!iopd_reclaim_epoch(ticket)->owed)
		ticket--;
	else if (iopd_reclaimer.now - iopd_reclaimer.first == IOPD_EPOCHS - 1)
		iopd_reclaimer.ring_full = true;
	else
		iopd_reclaim_begin_epoch();
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return ticket;
}

/**
 * iopd_reclaim_ticket_is_done() - is all free that was pending then?
 * @ticket: what iopd_reclaim_ticket() said
 *
 * Context: any; takes no lock. With the answer true the caller sees what the
 * tasks that freed those tables have written.
 * Return: true if so.
 */
bool iopd_reclaim_ticket_is_done(unsigned long ticket)
{
	/* Pairs with iopd_reclaim_end_epochs() */
	return smp_load_acquire(&iopd_reclaimer.first) > ticket;
}

/**
 * iopd_reclaim_owed() - how much is not free of what a ticket waits for
 * @ticket: the ticket
 *
 * Context: any; takes the reclaimer's lock.
 * Return: a number of tables.
 */
unsigned long iopd_reclaim_owed(unsigned long ticket)
{
	unsigned long flags, number, owed = 0;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	for (number = iopd_reclaimer.first; number <= iopd_reclaimer.now;
	     number++)
		if (number <= ticket)
			owed += iopd_reclaim_epoch(number)->owed;
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return owed;
}

/**
 * iopd_reclaim_init_epochs() - the first epoch, with nothing in it
 */
void iopd_reclaim_init_epochs(void)
{
	unsigned int i;

	for (i = 0; i < IOPD_EPOCHS; i++)
		INIT_LIST_HEAD(&iopd_reclaimer.epochs[i].waiting);
	/* So that no ticket is 0 */
	iopd_reclaimer.first = 2;
	iopd_reclaimer.now = 2;
}
