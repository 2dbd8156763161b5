// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs: what was handed over before a wait began, told from what came later.
 *
 * A waiter ends the epoch that hand-overs belong to and gets its number, the
 * ticket. What is handed over from then on belongs to the next. A tree frees its
 * tables in the order of their hand-over, and counts how many of each epoch it
 * owes; so a ticket is done when no tree owes anything of its epoch or an older
 * one, however much comes in meanwhile.
 *
 * Trees stand in a queue for each epoch, by the oldest that they owe, and the
 * oldest goes first. Without waiters there is one epoch and one queue, in which
 * trees take turns. A helper takes no tree that its ticket does not cover.
 *
 * IOPT_EPOCHS are told apart. Where so many waiters have begun, with hand-overs
 * in between, and the oldest still waits, the ticket of the next one covers what
 * comes in until that has ended: all of what it waits for there was pending when
 * it began, too.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "hist.h"
#include "reclaimer.h"

static struct reclaim_epoch *reclaim_epoch(unsigned long number)
{
	return &reclaimer.epochs[number % IOPT_EPOCHS];
}

static void reclaim_begin_epoch(void)
{
	reclaimer.now++;
	reclaimer.ring_full = false;
}

/* The oldest come to their end, and with the first of them there is room again. */
static void reclaim_end_epochs(void)
{
	unsigned long first = reclaimer.first;

	while (!reclaim_epoch(first)->owed) {
		if (first == reclaimer.now && !reclaimer.ring_full)
			break;
		if (first == reclaimer.now)
			reclaim_begin_epoch();
		first++;
	}
	if (first == reclaimer.first)
		return;
	if (reclaimer.ring_full)
		reclaim_begin_epoch();
	/* Pairs with reclaim_ticket_is_done(): those tables are free. */
	smp_store_release(&reclaimer.first, first);
}

/**
 * reclaim_owe() - the tree has more to free
 * @tree: the tree
 * @count: how many tables, which belong to the epoch of now
 *
 * Context: the reclaimer's lock is held.
 */
void reclaim_owe(struct iopt_tree *tree, unsigned long count)
{
	tree->owed[reclaimer.now % IOPT_EPOCHS] += count;
	reclaim_epoch(reclaimer.now)->owed += count;
}

/**
 * reclaim_pay() - the tree has freed tables
 * @tree: the tree
 * @count: how many; they were its oldest
 *
 * Context: the reclaimer's lock is held.
 */
void reclaim_pay(struct iopt_tree *tree, unsigned long count)
{
	unsigned long number;

	for (number = reclaimer.first; count; number++) {
		unsigned long *owed = &tree->owed[number % IOPT_EPOCHS];
		unsigned long part = min(count, *owed);

		if (WARN_ON_ONCE(number > reclaimer.now))
			break;
		*owed -= part;
		reclaim_epoch(number)->owed -= part;
		count -= part;
	}
	reclaim_end_epochs();
}

/**
 * reclaim_oldest() - the oldest epoch that the tree owes anything of
 * @tree: the tree
 *
 * Context: the reclaimer's lock is held.
 * Return: its number; that of now if the tree owes nothing.
 */
unsigned long reclaim_oldest(const struct iopt_tree *tree)
{
	unsigned long number = reclaimer.first;

	while (number != reclaimer.now && !tree->owed[number % IOPT_EPOCHS])
		number++;
	return number;
}

/**
 * reclaim_queue_of() - the trees that wait in the queue of an epoch
 * @number: of the epoch, from reclaimer.first to reclaimer.now
 *
 * Context: the reclaimer's lock is held.
 * Return: the list, by iopt_tree.node.
 */
const struct list_head *reclaim_queue_of(unsigned long number)
{
	return &reclaim_epoch(number)->waiting;
}

/**
 * reclaim_line_up() - give the tree its place, behind others of its age
 * @tree: a tree in no queue, or among those that are busy
 *
 * Context: the reclaimer's lock is held.
 */
void reclaim_line_up(struct iopt_tree *tree)
{
	list_move_tail(&tree->node, &reclaim_epoch(reclaim_oldest(tree))->waiting);
	iopt_count(&reclaimer.nr_waiting, 1);
}

/**
 * reclaim_leave() - out of the queue, and to those of which a batch is freed
 * @tree: a tree that waits
 *
 * Context: the reclaimer's lock is held.
 */
void reclaim_leave(struct iopt_tree *tree)
{
	list_move_tail(&tree->node, &reclaimer.busy);
	iopt_count(&reclaimer.nr_waiting, -1);
}

/**
 * reclaim_next() - the tree whose turn it is
 * @ticket: only those that it covers. With RECLAIM_ANY that is one that owes
 *	 nothing, too: it waits for its end
 *
 * Context: the reclaimer's lock is held.
 * Return: the tree, still in its queue, or NULL.
 */
struct iopt_tree *reclaim_next(unsigned long ticket)
{
	struct iopt_tree *tree = NULL;
	unsigned long number;
	unsigned int i;

	for (i = 0; i < IOPT_EPOCHS && !tree; i++) {
		number = reclaimer.first + i;
		if (number > ticket)
			break;
		tree = list_first_entry_or_null(&reclaim_epoch(number)->waiting,
						struct iopt_tree, node);
	}
	return tree;
}

/**
 * reclaim_is_waiting_for() - has a tree that the ticket covers its turn?
 * @ticket: the ticket
 *
 * Context: any; takes no lock, so that the answer may be old when it comes.
 * Return: true if there is one.
 */
bool reclaim_is_waiting_for(unsigned long ticket)
{
	unsigned long first = READ_ONCE(reclaimer.first);
	unsigned int i;

	for (i = 0; i < IOPT_EPOCHS && first + i <= ticket; i++)
		if (!list_empty(&reclaim_epoch(first + i)->waiting))
			return true;
	return false;
}

/**
 * reclaim_ticket() - begin to wait for what is pending
 *
 * Where nothing has come in since the last waiter began, both wait for the
 * same.
 *
 * Context: any; takes the reclaimer's lock.
 * Return: the ticket, never 0.
 */
unsigned long reclaim_ticket(void)
{
	unsigned long flags, ticket;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	ticket = reclaimer.now;
	if (!reclaim_epoch(ticket)->owed)
		ticket--;
	else if (reclaimer.now - reclaimer.first == IOPT_EPOCHS - 1)
		reclaimer.ring_full = true;
	else
		reclaim_begin_epoch();
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return ticket;
}

/**
 * reclaim_ticket_is_done() - is all free that was pending then?
 * @ticket: what reclaim_ticket() said
 *
 * Context: any; takes no lock. With the answer true the caller sees what the
 * tasks that freed those tables have written.
 * Return: true if so.
 */
bool reclaim_ticket_is_done(unsigned long ticket)
{
	/* Pairs with reclaim_end_epochs() */
	return smp_load_acquire(&reclaimer.first) > ticket;
}

/**
 * reclaim_owed() - how much is not free of what a ticket waits for
 * @ticket: the ticket
 *
 * Context: any; takes the reclaimer's lock.
 * Return: a number of tables.
 */
unsigned long reclaim_owed(unsigned long ticket)
{
	unsigned long flags, number, owed = 0;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	for (number = reclaimer.first; number <= reclaimer.now; number++)
		if (number <= ticket)
			owed += reclaim_epoch(number)->owed;
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return owed;
}

/**
 * reclaim_init_epochs() - the first epoch, with nothing in it
 */
void reclaim_init_epochs(void)
{
	unsigned int i;

	for (i = 0; i < IOPT_EPOCHS; i++)
		INIT_LIST_HEAD(&reclaimer.epochs[i].waiting);
	/* So that no ticket is 0 */
	reclaimer.first = 2;
	reclaimer.now = 2;
}
