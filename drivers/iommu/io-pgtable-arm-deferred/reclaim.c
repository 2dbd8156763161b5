// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reclaimer.
 *
 * Trees with something to free stand in a queue. A task that runs a batch (a
 * worker, or a helper) takes the first, frees a bounded number of its tables
 * with no lock held, and puts it back at the end: a small tree behind a huge
 * one waits for a few batches, not for all of them. Which queue, and which tree
 * a helper may take, is in epoch.c; what callers wait for, in wait.c.
 *
 * While a tree is busy it is out of the queue, so one task has it in hand at a
 * time, however many workers and helpers there are, and the lock hands over
 * what they have done to it. That task holds one of the reclaimer's hands
 * meanwhile, a mutex that nothing but a waiter for this very tree ever takes,
 * and only to lend priority.
 *
 * A tree lives until it has been handed over as a whole, has nothing pending,
 * waits for no grace period and is not awaited by the task that closed it: the
 * task that finds it so, under the lock, frees the structure after that. A tree
 * in a grace period is kept by in_grace, which its callback clears under the
 * lock, in which it also queues it again; it does not look at it after that,
 * since it may be gone.
 *
 * A tree that lives and has nothing to free any more rests, see trim.c. The
 * freeing itself is in batch.c, what an administrator may say in params.c, and
 * what happens when memory is short in shrink.c.
 *
 * Something waiting means that a worker is queued, is going to be in a moment,
 * or runs, or that a helper runs: each looks whether anything waits after it
 * has put its tree back, and queues a worker if so. Two that take the last two
 * trees see each other's.
 *
 * Nothing here allocates, fails, or touches the IOMMU or the domain that the
 * tables belonged to; all that is used of a page table is its struct iopd_tree,
 * which holds a reference to the IOMMU's struct device.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/module.h>
#include <linux/rtmutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <compat/rcu.h>
#include "batch.h"
#include "counter.h"
#include "cursor.h"
#include "pages.h"
#include "reclaim-parts.h"
#include "refill.h"
#include "table.h"
#include "trace.h"

struct iopd_reclaim_stats iopd_reclaim_stats;
DEFINE_PER_CPU(long, iopd_reclaim_live);

struct iopd_reclaimer iopd_reclaimer;

static int iopd_reclaim_init_workqueue(void)
{
	int ret = 0;

	/*
	 * Unbound, so that the scheduler finds a CPU that has time; one worker
	 * if nothing else is said, for more of them take all CPUs from all
	 * other tasks. Not freezable: it touches no hardware, and a
	 * hibernation needs the room.
	 */
	kernel_param_lock(THIS_MODULE);
	iopd_reclaimer.wq = alloc_workqueue("io-pgtable-deferred", WQ_UNBOUND |
					    WQ_MEM_RECLAIM | WQ_SYSFS,
					    iopd_reclaim_params.workers);
	if (!iopd_reclaimer.wq)
		ret = -ENOMEM;
	kernel_param_unlock(THIS_MODULE);
	return ret;
}

static void iopd_reclaim_exit_workqueue(void)
{
	struct workqueue_struct *wq = iopd_reclaimer.wq;

	/* Works that queue themselves need it until the last is done. */
	drain_workqueue(wq);
	kernel_param_lock(THIS_MODULE);
	iopd_reclaimer.wq = NULL;
	kernel_param_unlock(THIS_MODULE);
	destroy_workqueue(wq);
}

/**
 * iopd_reclaim_take_hand() - before a tree is made busy
 *
 * Context: any task; waits for nothing.
 * Return: a mutex that is held now, or NULL: there is one for more tasks than
 * the largest R-Car Gen3 runs at a time, and one without cannot be lent
 * priority.
 */
struct rt_mutex *iopd_reclaim_take_hand(void)
{
	unsigned int i;

	for (i = 0; i < IOPD_RECLAIM_HANDS; i++)
		if (rt_mutex_trylock(&iopd_reclaimer.hands[i]))
			return &iopd_reclaimer.hands[i];
	return NULL;
}

/**
 * iopd_reclaim_give_hand() - after it has been put back
 * @hand: what iopd_reclaim_take_hand() said
 *
 * Context: the task that took it, without the reclaimer's lock.
 */
void iopd_reclaim_give_hand(struct rt_mutex *hand)
{
	if (hand)
		rt_mutex_unlock(hand);
}

/* With the lock held: @tree, which waits, is the caller's. */
static void iopd_reclaim_make_busy(struct iopd_tree *tree,
				   struct rt_mutex *hand)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	iopd_reclaim_leave(tree);
	tree->state = IOPD_TREE_BUSY;
	tree->hand = hand;
	tree->sweep_pass = tree->sweep;
	list_splice_tail_init(&tree->pending, &tree->work);
}

static bool iopd_reclaim_has_tables(const struct iopd_tree *tree)
{
	return iopd_cursor_is_open(&tree->cursor) || !list_empty(&tree->work) ||
	       !list_empty(&tree->pending);
}

/**
 * iopd_reclaim_has_work() - is there anything to do for a tree right now?
 * @tree: the tree
 *
 * Sub-trees, and sweeps, in a grace period come back by themselves.
 *
 * Context: the reclaimer's lock is held.
 * Return: true if so.
 */
bool iopd_reclaim_has_work(const struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	return tree->sweep == IOPD_SWEEP_MARKS ||
	       tree->sweep == IOPD_SWEEP_CUTS || iopd_reclaim_has_tables(tree);
}

/* Nothing is left of all that was pending. */
static void iopd_reclaim_tree_done(struct iopd_tree *tree)
{
	u64 ns = ktime_to_ns(ktime_sub(ktime_get(), tree->since));

	trace_tree_done(tree, ns);
	iopd_hist_add(&iopd_reclaim_stats.queue_hist, ns);
	iopd_count(&iopd_reclaim_stats.trees_done, tree->whole);
}

static void iopd_reclaim_count(const struct iopd_reclaim_batch *b,
			       struct iopd_tree *tree)
{
	struct iopd_reclaim_stats *stats = &iopd_reclaim_stats;
	unsigned long ns = ktime_to_ns(ktime_sub(ktime_get(), b->start));

	lockdep_assert_held(&iopd_reclaimer.lock);
	trace_batch_end(tree, b->tables, b->scanned, b->reason, ns);
	iopd_count(&stats->pending, -b->tables);
	iopd_count(&stats->pending_pages, -b->nr_pages);
	iopd_count(&stats->freed, b->tables);
	iopd_count(&stats->freed_pages, b->nr_pages);
	iopd_count(&stats->batches, !!b->tables);
	iopd_count(&stats->helps, b->help);
	WRITE_ONCE(stats->longest_batch, max(stats->longest_batch, b->tables));
	WRITE_ONCE(stats->longest_batch_ns, max(stats->longest_batch_ns, ns));
	iopd_hist_add(&stats->batch_hist, ns);

	if (!b->tables)
		return;
	iopd_reclaim_pay(tree, b->tables);
	tree->freed += b->tables;
	iopd_count(&tree->pending_count, -b->tables);
	if (!tree->pending_count)
		iopd_reclaim_tree_done(tree);
}

/* With the lock held: does no other task know of the tree any more? */
static bool iopd_reclaim_is_gone(const struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	return tree->whole && tree->state == IOPD_TREE_IDLE &&
	       !tree->pending_count && !tree->in_grace && !tree->awaited &&
	       tree->sweep == IOPD_SWEEP_NONE;
}

/*
 * Return: true when the tree has come to its end and is the caller's to free.
 */
static bool iopd_reclaim_put_back(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	tree->hand = NULL;
	iopd_reclaim_sweep_next(tree);
	if (!iopd_reclaim_has_tables(tree))
		iopd_reclaim_rest(tree);
	if (iopd_reclaim_has_work(tree)) {
		tree->state = IOPD_TREE_QUEUED;
		iopd_reclaim_line_up(tree);
		return false;
	}
	tree->state = IOPD_TREE_IDLE;
	list_del_init(&tree->node);
	iopd_count(&iopd_reclaim_stats.trees, -1);
	return iopd_reclaim_is_gone(tree);
}

/**
 * iopd_reclaim_enqueue() - give a tree a place in the queue
 * @tree: a tree that has something to do; it may have a place already, or be
 *	  busy
 *
 * Context: the reclaimer's lock is held. The caller wakes a worker after that.
 */
void iopd_reclaim_enqueue(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	/*
	 * A tree that rests has no other; while it is busy they are not ours to
	 * see.
	 */
	if (!list_empty(&tree->pending))
		iopd_reclaim_end_rest(tree);
	if (tree->state != IOPD_TREE_IDLE)
		return;
	tree->state = IOPD_TREE_QUEUED;
	iopd_reclaim_line_up(tree);
	iopd_count(&iopd_reclaim_stats.trees, 1);
}

/**
 * iopd_reclaim_dequeue() - take a tree out of the queue
 * @tree: a tree that waits; it is to be lined up anew later:
 *	  iopd_reclaim_enqueue()
 *
 * Context: the reclaimer's lock is held.
 */
void iopd_reclaim_dequeue(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	iopd_reclaim_leave(tree);
	iopd_count(&iopd_reclaim_stats.trees, -1);
}

/* One more worker, if there are to be so many */
static void iopd_reclaim_wake(unsigned int worker)
{
	if (worker < READ_ONCE(iopd_reclaim_params.workers))
		queue_work(iopd_reclaimer.wq, &iopd_reclaimer.works[worker]);
}

/**
 * iopd_reclaim_kick() - wake the first worker
 *
 * Context: any.
 */
void iopd_reclaim_kick(void)
{
	iopd_reclaim_wake(0);
}

/*
 * A worker that is woken takes the CPU of the task that wakes it at that task's
 * next point to reschedule, and as one that has slept keeps it for as long as
 * the scheduler's slice is. The task is often in the middle of something: a
 * driver goes on to lock a mutex after it has freed a page table, and VFIO
 * holds one all the while. So the first batch is for a moment later, at least
 * IOPD_RECLAIM_MOMENT.
 */
#define IOPD_RECLAIM_MOMENT	(1 + DIV_ROUND_UP(HZ, 500))

static void iopd_reclaim_kick_later(void)
{
	queue_delayed_work(iopd_reclaimer.wq, &iopd_reclaimer.later,
			   IOPD_RECLAIM_MOMENT);
}

static void iopd_reclaim_later(struct work_struct *work)
{
	if (iopd_reclaim_is_waiting())
		iopd_reclaim_kick();
}

/**
 * iopd_reclaim_wake_waiters() - something may have come about that tasks wait
 * for
 *
 * There is a tree to help with, or what they wait for is done.
 *
 * Context: any, without the reclaimer's lock.
 */
void iopd_reclaim_wake_waiters(void)
{
	/*
	 * Pairs with the barrier in wait_event(): what they look at, then them.
	 */
	if (wq_has_sleeper(&iopd_reclaimer.done))
		wake_up_all(&iopd_reclaimer.done);
}

/*
 * The end of a batch. Return: false when the tree is to be trimmed before that,
 * for a drain that waits for no more than this.
 */
static bool iopd_reclaim_end_batch(const struct iopd_reclaim_batch *b,
				   struct iopd_tree *tree, bool *gone)
{
	unsigned long flags;
	bool ends;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	ends = !tree->trim;
	if (ends) {
		iopd_reclaim_count(b, tree);
		*gone = iopd_reclaim_put_back(tree);
	} else {
		iopd_reclaim_end_rest(tree);
	}
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return ends;
}

/*
 * Free a batch of a tree that is busy for the caller. Return: how many pages.
 */
static long iopd_reclaim_batch(struct iopd_tree *tree, struct rt_mutex *hand,
			       bool help)
{
	struct iopd_reclaim_batch b __uninitialized;
	bool gone = false;

	b.help = help;
	iopd_reclaim_run(&b, tree, READ_ONCE(iopd_reclaim_params.batch));
	iopd_reclaim_note_live(-(long)b.tables);
	while (!iopd_reclaim_end_batch(&b, tree, &gone))
		iopd_reclaim_trim_tree(tree);

	iopd_reclaim_give_hand(hand);
	if (gone)
		iopd_refill_release(tree);
	iopd_reclaim_trim_later();
	iopd_reclaim_sweep_later();
	iopd_reclaim_wake_waiters();
	return b.nr_pages;
}

/* Make the tree busy whose turn it is, of those that the ticket covers. */
static struct iopd_tree *iopd_reclaim_take(unsigned long ticket,
					   struct rt_mutex *hand)
{
	struct iopd_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree = iopd_reclaim_next(ticket);
	if (tree)
		iopd_reclaim_make_busy(tree, hand);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return tree;
}

/* A worker that leaves others waiting wakes the next one first. */
static void iopd_reclaim_batch_by_worker(unsigned int worker)
{
	struct rt_mutex *hand = iopd_reclaim_take_hand();
	struct iopd_tree *tree = iopd_reclaim_take(IOPD_RECLAIM_ANY, hand);

	if (!tree) {
		iopd_reclaim_give_hand(hand);
		return;
	}
	if (iopd_reclaim_is_waiting())
		iopd_reclaim_wake(worker + 1);
	iopd_reclaim_batch(tree, hand, false);
}

/*
 * One batch, and to the end of the workqueue: kworkers reschedule between items
 * on every kernel, and flushing or freezing never waits for more than this.
 *
 * The parameter may be lowered before the batch and while it runs. The first
 * worker may be asleep then, having found all trees in the hands of others: it
 * goes on.
 */
static void iopd_reclaim_work(struct work_struct *work)
{
	unsigned int worker = work - iopd_reclaimer.works;

	if (worker < READ_ONCE(iopd_reclaim_params.workers))
		iopd_reclaim_batch_by_worker(worker);
	if (!iopd_reclaim_is_waiting())
		return;
	if (worker < READ_ONCE(iopd_reclaim_params.workers))
		queue_work(iopd_reclaimer.wq, work);
	else
		iopd_reclaim_kick();
}

/* The worker may have found everything taken and gone to sleep meanwhile. */
static long iopd_reclaim_batch_by_helper(struct iopd_tree *tree,
					 struct rt_mutex *hand)
{
	long pages;

	if (!tree) {
		iopd_reclaim_give_hand(hand);
		return -ENOENT;
	}
	pages = iopd_reclaim_batch(tree, hand, true);
	if (iopd_reclaim_is_waiting())
		iopd_reclaim_kick_later();
	return pages;
}

/**
 * iopd_reclaim_help() - free a batch of what a ticket covers
 * @ticket: the ticket, or IOPD_RECLAIM_ANY
 *
 * Context: a task; holds no lock that freeing a page could need.
 * Return: how many pages, or -ENOENT when none of that has its turn.
 */
long iopd_reclaim_help(unsigned long ticket)
{
	struct rt_mutex *hand = iopd_reclaim_take_hand();

	return iopd_reclaim_batch_by_helper(iopd_reclaim_take(ticket, hand),
					    hand);
}

/**
 * iopd_reclaim_help_tree() - free a batch of a tree
 * @tree: a tree that stays, for it is awaited; another task may have it in hand
 *
 * Context: as iopd_reclaim_help().
 * Return: how many pages, or -ENOENT when the tree is not waiting.
 */
long iopd_reclaim_help_tree(struct iopd_tree *tree)
{
	struct rt_mutex *hand = iopd_reclaim_take_hand();
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	taken = tree->state == IOPD_TREE_QUEUED;
	if (taken)
		iopd_reclaim_make_busy(tree, hand);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	return iopd_reclaim_batch_by_helper(taken ? tree : NULL, hand);
}

static void iopd_reclaim_count_in(struct iopd_tree *tree, unsigned long count,
				  unsigned long pages)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	if (!tree->pending_count)
		tree->since = ktime_get();
	iopd_count(&tree->pending_count, count);
	iopd_reclaim_owe(tree, count);
	iopd_count(&iopd_reclaim_stats.pending, count);
	iopd_count(&iopd_reclaim_stats.pending_pages, pages);
	trace_tree_queued(tree, count);
}

static bool iopd_reclaim_begin_grace(struct iopd_tree *tree)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	tree->in_grace = !list_empty(&tree->ungraced);
	list_splice_init(&tree->ungraced, &tree->grace);
	return tree->in_grace;
}

/*
 * No lookup is in these sub-trees any more; some others may have come in. Of a
 * tree that was closed meanwhile there may be nothing left but itself.
 */
static void iopd_reclaim_graced(struct rcu_head *rcu)
{
	struct iopd_tree *tree = container_of(rcu, struct iopd_tree, rcu);
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	list_splice_tail_init(&tree->grace, &tree->pending);
	if (iopd_reclaim_begin_grace(tree))
		call_rcu_hurry(&tree->rcu, iopd_reclaim_graced);
	iopd_reclaim_enqueue(tree);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);

	iopd_reclaim_kick();
	iopd_reclaim_wake_waiters();
}

/**
 * iopd_reclaim_queue() - take sub-trees that a completed flush has released
 * @tree: the tree that they were cut off from
 * @tables: their roots; left empty
 * @count: tables in all of them
 *
 * The rest of the tree is in use, so a lookup may be in one of them: they wait
 * for a grace period, and then for the worker.
 *
 * Context: any: a flush happens in interrupts, too.
 */
void iopd_reclaim_queue(struct iopd_tree *tree, struct list_head *tables,
			unsigned long count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	iopd_reclaim_count_in(tree, count, count << tree->table_order);
	list_splice_tail_init(tables, &tree->ungraced);
	if (!tree->in_grace && iopd_reclaim_begin_grace(tree))
		call_rcu_hurry(&tree->rcu, iopd_reclaim_graced);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
}

/*
 * Of a tree that is closed no lookup is left, so nothing of it waits for one.
 */
static void iopd_reclaim_close_locked(struct iopd_tree *tree, struct page *root,
				      unsigned long pages)
{
	lockdep_assert_held(&iopd_reclaimer.lock);
	WRITE_ONCE(tree->closed, true);
	tree->whole = true;
	iopd_pages_close(tree);
	iopd_reclaim_sweep_close(tree);
	iopd_reclaim_count_in(tree, iopd_page_below(root) + 1, pages);
	list_splice_tail_init(&tree->grace, &tree->pending);
	list_splice_tail_init(&tree->ungraced, &tree->pending);
	list_add_tail(&root->lru, &tree->pending);
	iopd_reclaim_enqueue(tree);
}

/* The caller does not wait for the tree any more. */
static void iopd_reclaim_let_go(struct iopd_tree *tree)
{
	unsigned long flags;
	bool gone;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree->awaited = false;
	gone = iopd_reclaim_is_gone(tree);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
	if (gone)
		iopd_refill_release(tree);
	else
		iopd_reclaim_kick_later();
}

/**
 * iopd_reclaim_close() - take the whole of a page table, which nothing uses any
 * more
 * @tree: its tree, which belongs to the reclaimer from here on
 * @root: its root
 *
 * Context: may sleep.
 */
void iopd_reclaim_close(struct iopd_tree *tree, struct page *root)
{
	unsigned long pages = (iopd_page_below(root) << tree->table_order) +
			      BIT(tree->root_order);
	bool own = !READ_ONCE(iopd_reclaim_params.deferred);
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	tree->awaited = own;
	iopd_reclaim_close_locked(tree, root, pages);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);

	if (own) {
		iopd_reclaim_free_own(tree);
		iopd_reclaim_let_go(tree);
		return;
	}
	iopd_reclaim_kick_later();
	iopd_reclaim_share(pages);
}

/**
 * iopd_reclaim_note() - count what no other change goes with
 * @counter: one of iopd_reclaim_stats
 * @nr: how many more
 *
 * Context: any; takes the reclaimer's lock.
 */
void iopd_reclaim_note(unsigned long *counter, unsigned long nr)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd_reclaimer.lock, flags);
	iopd_count(counter, nr);
	raw_spin_unlock_irqrestore(&iopd_reclaimer.lock, flags);
}

/**
 * iopd_reclaim_reset() - forget the longest batch and the histograms
 *
 * Context: a task with interrupts enabled.
 */
void iopd_reclaim_reset(void)
{
	raw_spin_lock_irq(&iopd_reclaimer.lock);
	WRITE_ONCE(iopd_reclaim_stats.longest_batch, 0);
	WRITE_ONCE(iopd_reclaim_stats.longest_batch_ns, 0);
	iopd_hist_reset(&iopd_reclaim_stats.batch_hist);
	iopd_hist_reset(&iopd_reclaim_stats.queue_hist);
	raw_spin_unlock_irq(&iopd_reclaimer.lock);
}

static void iopd_reclaim_tell(struct iopd_reclaim_tree_info *info,
			      const struct iopd_tree *tree)
{
	strscpy(info->dev, dev_name(tree->dev), sizeof(info->dev));
	info->pending = tree->pending_count;
	info->freed = tree->freed;
	info->age_ms = ktime_ms_delta(ktime_get(), tree->since);
	info->busy = tree->state == IOPD_TREE_BUSY;
	info->closed = tree->whole;
}

static unsigned int iopd_reclaim_tell_all(struct iopd_reclaim_tree_info *infos,
					  unsigned int max,
					  const struct list_head *trees)
{
	struct iopd_tree *tree;
	unsigned int nr = 0;

	lockdep_assert_held(&iopd_reclaimer.lock);
	list_for_each_entry(tree, trees, node) {
		if (nr == max)
			break;
		iopd_reclaim_tell(&infos[nr++], tree);
	}
	return nr;
}

/**
 * iopd_reclaim_tree_infos() - describe the pending trees whose turn comes first
 * @infos: filled
 * @max: how many at most; bounds the time under the lock
 *
 * Context: a task with interrupts enabled.
 * Return: how many were described.
 */
unsigned int iopd_reclaim_tree_infos(struct iopd_reclaim_tree_info *infos,
				     unsigned int max)
{
	unsigned long number;
	unsigned int nr;

	raw_spin_lock_irq(&iopd_reclaimer.lock);
	nr = iopd_reclaim_tell_all(infos, max, &iopd_reclaimer.busy);
	for (number = iopd_reclaimer.first; number <= iopd_reclaimer.now;
	     number++)
		nr += iopd_reclaim_tell_all(infos + nr, max - nr,
					    iopd_reclaim_queue_of(number));
	raw_spin_unlock_irq(&iopd_reclaimer.lock);
	return nr;
}

/**
 * iopd_reclaim_tree_init() - a tree of which nothing is pending
 * @tree: the tree, filled with zeroes
 */
void iopd_reclaim_tree_init(struct iopd_tree *tree)
{
	INIT_LIST_HEAD(&tree->ungraced);
	INIT_LIST_HEAD(&tree->grace);
	INIT_LIST_HEAD(&tree->pending);
	INIT_LIST_HEAD(&tree->node);
	INIT_LIST_HEAD(&tree->sweep_node);
	INIT_LIST_HEAD(&tree->flush_node);
	INIT_LIST_HEAD(&tree->rest_node);
	INIT_LIST_HEAD(&tree->work);
	init_llist_head(&tree->returned);
	iopd_cursor_close(&tree->cursor);
}

static void iopd_reclaim_init_works(void)
{
	unsigned int i;

	for (i = 0; i < IOPD_RECLAIM_HANDS; i++)
		rt_mutex_init(&iopd_reclaimer.hands[i]);
	for (i = 0; i < IOPD_RECLAIM_WORKERS_MAX; i++)
		INIT_WORK(&iopd_reclaimer.works[i], iopd_reclaim_work);
	INIT_DELAYED_WORK(&iopd_reclaimer.later, iopd_reclaim_later);
}

/**
 * iopd_reclaim_init() - start the reclaimer
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM with nothing left behind.
 */
int iopd_reclaim_init(void)
{
	int ret;

	raw_spin_lock_init(&iopd_reclaimer.lock);
	INIT_LIST_HEAD(&iopd_reclaimer.busy);
	iopd_reclaim_init_epochs();
	init_waitqueue_head(&iopd_reclaimer.done);
	iopd_reclaim_init_works();
	iopd_reclaim_init_trim();
	iopd_reclaim_init_params();

	ret = iopd_reclaim_init_workqueue();
	if (ret)
		return ret;

	ret = iopd_reclaim_init_sweep();
	if (ret)
		goto err_workqueue;
	ret = iopd_reclaim_init_shrinker();
	if (ret)
		goto err_sweep;
	return 0;

err_sweep:
	iopd_reclaim_exit_sweep();
err_workqueue:
	iopd_reclaim_exit_workqueue();
	return ret;
}

/**
 * iopd_reclaim_exit() - stop the reclaimer, when all that is pending has been
 * freed
 *
 * No page table is in use any more, so nothing new comes in.
 *
 * Context: may sleep.
 */
void iopd_reclaim_exit(void)
{
	iopd_reclaim_exit_shrinker();
	iopd_reclaim_drain_for_good();
	/* The last callback may still be on its way out of here. */
	rcu_barrier();
	cancel_delayed_work_sync(&iopd_reclaimer.later);
	cancel_delayed_work_sync(&iopd_reclaimer.trim);
	iopd_reclaim_exit_sweep();
	iopd_reclaim_exit_workqueue();
	WARN_ON(iopd_counter_sum(&iopd_reclaim_live));
	WARN_ON(iopd_counter_sum(&iopd_page_count));
}
