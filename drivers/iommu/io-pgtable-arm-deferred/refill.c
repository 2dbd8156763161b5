// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks that are made ready for mappers that may not block.
 *
 * Clearing a chunk takes as long as clearing 16 tables, and a mapper with
 * interrupts disabled is not to pay for tables to come. So it takes a chunk
 * that has been cleared, or a single page, and asks for a chunk here. That is
 * one interrupt which the CPU sends to itself, for waking a task would take
 * longer than the map: once interrupts are enabled again a tasklet allocates
 * the chunk. One of them is kept ready for each page table that has asked.
 *
 * A page table may be freed meanwhile. It is taken off the list then; if the
 * tasklet has it in hand, a work frees the structure when the tasklet is done.
 * The chunk goes back then, for iopd_pages_close() has seen to it that a closed
 * tree takes none. So neither side waits for the other.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/workqueue.h>

#include "refill.h"

/**
 * struct refill - the one there is
 * @lock: guards the rest, and iopd_tree.asked; held for a few instructions
 * @trees: those that have asked, the longest first
 * @at: the one that a chunk is being allocated for
 * @orphaned: that one has been released meanwhile
 * @orphans: those that the tasklet was not done with when they were released
 * @kick: the way from a mapper to the tasklet
 * @tasklet: allocates a chunk for one tree at a time
 * @bury: frees the orphans
 */
static struct refill {
	raw_spinlock_t lock;
	struct list_head trees;
	struct iopd_tree *at;
	bool orphaned;
	struct list_head orphans;
	struct irq_work kick;
	struct tasklet_struct tasklet;
	struct work_struct bury;
} refill;

/**
 * iopd_refill_ask() - have a chunk made ready for the tree
 * @tree: the tree; one that has asked is not listed twice
 *
 * Context: any, interrupts included.
 */
void iopd_refill_ask(struct iopd_tree *tree)
{
	unsigned long flags;

	if (READ_ONCE(tree->asked))
		return;
	raw_spin_lock_irqsave(&refill.lock, flags);
	if (!tree->asked) {
		WRITE_ONCE(tree->asked, true);
		list_add_tail(&tree->refill_node, &refill.trees);
	}
	raw_spin_unlock_irqrestore(&refill.lock, flags);
	irq_work_queue(&refill.kick);
}

/* The tree has been released. Return: true if the tasklet has it in hand. */
static bool iopd_refill_has(struct iopd_tree *tree)
{
	unsigned long flags;
	bool has;

	raw_spin_lock_irqsave(&refill.lock, flags);
	has = refill.at == tree;
	if (has)
		refill.orphaned = true;
	else
		list_del_init(&tree->refill_node);
	raw_spin_unlock_irqrestore(&refill.lock, flags);
	return has;
}

/**
 * iopd_refill_release() - the last table is gone
 * @tree: a tree of which the caller is the last to know
 *
 * The structure goes now, or when the tasklet is done with it. The module may
 * go next: nothing of the page table is left, and the reclaimer waits for its
 * worker before it goes.
 *
 * Context: may sleep.
 */
void iopd_refill_release(struct iopd_tree *tree)
{
	if (!iopd_refill_has(tree))
		tree->ops->free(tree);
}

static struct iopd_tree *iopd_refill_take(void)
{
	struct iopd_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&refill.lock, flags);
	tree = list_first_entry_or_null(&refill.trees, struct iopd_tree,
					refill_node);
	if (tree)
		list_del_init(&tree->refill_node);
	WRITE_ONCE(refill.at, tree);
	raw_spin_unlock_irqrestore(&refill.lock, flags);
	return tree;
}

/* Return: true when others have asked meanwhile. */
static bool iopd_refill_put(struct iopd_tree *tree)
{
	unsigned long flags;
	bool more, orphaned;

	raw_spin_lock_irqsave(&refill.lock, flags);
	orphaned = refill.orphaned;
	if (orphaned)
		list_add(&tree->refill_node, &refill.orphans);
	refill.orphaned = false;
	WRITE_ONCE(refill.at, NULL);
	WRITE_ONCE(tree->asked, false);
	more = !list_empty(&refill.trees);
	raw_spin_unlock_irqrestore(&refill.lock, flags);

	if (orphaned)
		queue_work(system_highpri_wq, &refill.bury);
	return more;
}

/* One tree, so that others have the CPU in between when there are many. */
static void iopd_refill_run(struct tasklet_struct *tasklet)
{
	struct iopd_tree *tree = iopd_refill_take();

	if (!tree)
		return;
	tree->ops->make_ready(tree);
	if (iopd_refill_put(tree))
		tasklet_hi_schedule(&refill.tasklet);
}

static void iopd_refill_kicked(struct irq_work *kick)
{
	tasklet_hi_schedule(&refill.tasklet);
}

/* Letting go of a device may sleep. */
static void iopd_refill_bury(struct work_struct *work)
{
	struct iopd_tree *tree, *next;
	LIST_HEAD(orphans);

	raw_spin_lock_irq(&refill.lock);
	list_splice_init(&refill.orphans, &orphans);
	raw_spin_unlock_irq(&refill.lock);
	list_for_each_entry_safe(tree, next, &orphans, refill_node)
		tree->ops->free(tree);
}

/*
 * Looks at the tasklet, which reclaims nothing and waits for nothing, 50 us
 * apart
 */
#define IOPD_REFILL_LOOKS	100

/**
 * iopd_refill_wait() - wait until the tasklet has no tree in hand
 *
 * Context: may sleep.
 */
void iopd_refill_wait(void)
{
	unsigned int looks = 0;

	while (READ_ONCE(refill.at) && looks++ < IOPD_REFILL_LOOKS)
		usleep_range(50, 100);
	flush_work(&refill.bury);
}

/**
 * iopd_refill_init() - before the first page table
 */
void iopd_refill_init(void)
{
	raw_spin_lock_init(&refill.lock);
	INIT_LIST_HEAD(&refill.trees);
	INIT_LIST_HEAD(&refill.orphans);
	init_irq_work(&refill.kick, iopd_refill_kicked);
	tasklet_setup(&refill.tasklet, iopd_refill_run);
	INIT_WORK(&refill.bury, iopd_refill_bury);
}

/**
 * iopd_refill_exit() - after the last page table
 *
 * All page tables have been given back and their tables freed, so none asks any
 * more.
 *
 * Context: may sleep.
 */
void iopd_refill_exit(void)
{
	irq_work_sync(&refill.kick);
	tasklet_kill(&refill.tasklet);
	flush_work(&refill.bury);
}
