// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reclaimer.
 *
 * Trees with something to free stand in a queue. A task that runs a batch (a
 * worker, or a helper) takes the first, frees a bounded number of its tables with
 * no lock held, and puts it back at the end: a small tree behind a huge one waits
 * for a few batches, not for all of them. Which queue, and which tree a helper
 * may take, is in epoch.c; what callers wait for, in wait.c.
 *
 * While a tree is busy it is out of the queue, so one task has it in hand at a
 * time, however many workers and helpers there are, and the lock hands over
 * what they have done to it. That task holds one of the reclaimer's hands
 * meanwhile, a mutex that nothing but a waiter for this very tree ever takes,
 * and only to lend priority.
 *
 * A tree lives until it has been handed over as a whole, has nothing pending, waits
 * for no grace period and is not awaited by the task that closed it: the task that
 * finds it so, under the lock, frees the structure after that. A tree in a grace
 * period is kept by in_grace, which its callback clears under the lock, in which
 * it also queues it again; it does not look at it after that, since it may be
 * gone.
 *
 * A tree that lives and has nothing to free any more rests, see settle.c. The
 * freeing itself is in batch.c, what an administrator may say in params.c, and
 * what happens when memory is short in shrink.c.
 *
 * Something waiting means that a worker is queued, is going to be in a moment, or
 * runs, or that a helper runs: each looks whether anything waits after it has put
 * its tree back, and queues a worker if so. Two that take the last two trees see
 * each other's.
 *
 * Nothing here allocates, fails, or touches the IOMMU or the domain that the tables
 * belonged to; all that is used of a page table is its struct iopt_tree, which
 * holds a reference to the IOMMU's struct device.
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
#include "reclaimer.h"
#include "table.h"
#include "trace.h"

struct reclaim_stats reclaim_stats;
DEFINE_PER_CPU(long, reclaim_live);

struct reclaimer reclaimer;

static int reclaim_init_workqueue(void)
{
	int ret = 0;

	/*
	 * Unbound, so that the scheduler finds a CPU that has time; one worker
	 * if nothing else is said, for more of them take all CPUs from all
	 * other tasks. Not freezable: it touches no hardware, and a
	 * hibernation needs the room.
	 */
	kernel_param_lock(THIS_MODULE);
	reclaimer.wq = alloc_workqueue("io-pgtable-deferred",
				       WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_SYSFS,
				       reclaim_params.workers);
	if (!reclaimer.wq)
		ret = -ENOMEM;
	kernel_param_unlock(THIS_MODULE);
	return ret;
}

static void reclaim_exit_workqueue(void)
{
	struct workqueue_struct *wq = reclaimer.wq;

	/* Works that queue themselves need it until the last is done. */
	drain_workqueue(wq);
	kernel_param_lock(THIS_MODULE);
	reclaimer.wq = NULL;
	kernel_param_unlock(THIS_MODULE);
	destroy_workqueue(wq);
}

/**
 * reclaim_take_hand() - before a tree is made busy
 *
 * Context: any task; waits for nothing.
 * Return: a mutex that is held now, or NULL: there is one for more tasks than
 * the largest R-Car Gen3 runs at a time, and one without cannot be lent
 * priority.
 */
struct rt_mutex *reclaim_take_hand(void)
{
	unsigned int i;

	for (i = 0; i < RECLAIM_HANDS; i++)
		if (rt_mutex_trylock(&reclaimer.hands[i]))
			return &reclaimer.hands[i];
	return NULL;
}

/**
 * reclaim_give_hand() - after it has been put back
 * @hand: what reclaim_take_hand() said
 *
 * Context: the task that took it, without the reclaimer's lock.
 */
void reclaim_give_hand(struct rt_mutex *hand)
{
	if (hand)
		rt_mutex_unlock(hand);
}

/* With the lock held: @tree, which waits, is the caller's. */
static void reclaim_make_busy(struct iopt_tree *tree, struct rt_mutex *hand)
{
	reclaim_leave(tree);
	tree->state = IOPT_TREE_BUSY;
	tree->hand = hand;
	tree->sweep_pass = tree->sweep;
	list_splice_tail_init(&tree->pending, &tree->work);
}

static bool reclaim_has_tables(const struct iopt_tree *tree)
{
	return iopt_cursor_is_open(&tree->cursor) || !list_empty(&tree->work) ||
	       !list_empty(&tree->pending);
}

/**
 * reclaim_has_work() - is there anything to do for a tree right now?
 * @tree: the tree
 *
 * Sub-trees, and sweeps, in a grace period come back by themselves.
 *
 * Context: the reclaimer's lock is held.
 * Return: true if so.
 */
bool reclaim_has_work(const struct iopt_tree *tree)
{
	/* Sub-trees, and sweeps, in a grace period come back by themselves. */
	return tree->sweep == IOPT_SWEEP_MARKS ||
	       tree->sweep == IOPT_SWEEP_CUTS || reclaim_has_tables(tree);
}

/* Nothing is left of all that was pending. */
static void reclaim_tree_done(struct iopt_tree *tree)
{
	u64 ns = ktime_to_ns(ktime_sub(ktime_get(), tree->since));

	trace_tree_done(tree, ns);
	iopt_hist_add(&reclaim_stats.queue_hist, ns);
	iopt_count(&reclaim_stats.trees_done, tree->whole);
}

static void reclaim_count(const struct reclaim_batch *b, struct iopt_tree *tree)
{
	struct reclaim_stats *stats = &reclaim_stats;
	unsigned long ns = ktime_to_ns(ktime_sub(ktime_get(), b->start));

	trace_batch_end(tree, b->tables, b->scanned, b->reason, ns);
	iopt_count(&stats->pending, -b->tables);
	iopt_count(&stats->pending_pages, -b->nr_pages);
	iopt_count(&stats->freed, b->tables);
	iopt_count(&stats->freed_pages, b->nr_pages);
	iopt_count(&stats->batches, !!b->tables);
	iopt_count(&stats->helps, b->help);
	WRITE_ONCE(stats->longest_batch, max(stats->longest_batch, b->tables));
	WRITE_ONCE(stats->longest_batch_ns, max(stats->longest_batch_ns, ns));
	iopt_hist_add(&stats->batch_hist, ns);

	if (!b->tables)
		return;
	reclaim_pay(tree, b->tables);
	tree->freed += b->tables;
	iopt_count(&tree->pending_count, -b->tables);
	if (!tree->pending_count)
		reclaim_tree_done(tree);
}

/* With the lock held: does no other task know of the tree any more? */
static bool reclaim_is_gone(const struct iopt_tree *tree)
{
	return tree->whole && tree->state == IOPT_TREE_IDLE &&
	       !tree->pending_count && !tree->in_grace && !tree->awaited &&
	       tree->sweep == IOPT_SWEEP_NONE;
}

/* Return: true when the tree has come to its end and is the caller's to free. */
static bool reclaim_put_back(struct iopt_tree *tree)
{
	tree->hand = NULL;
	reclaim_sweep_next(tree);
	if (!reclaim_has_tables(tree))
		reclaim_rest(tree);
	if (reclaim_has_work(tree)) {
		tree->state = IOPT_TREE_QUEUED;
		reclaim_line_up(tree);
		return false;
	}
	tree->state = IOPT_TREE_IDLE;
	list_del_init(&tree->node);
	iopt_count(&reclaim_stats.trees, -1);
	return reclaim_is_gone(tree);
}

/**
 * reclaim_enqueue() - give a tree a place in the queue
 * @tree: a tree that has something to do; it may have a place already, or be
 *	  busy
 *
 * Context: the reclaimer's lock is held. The caller wakes a worker after that.
 */
void reclaim_enqueue(struct iopt_tree *tree)
{
	/* A tree that rests has no other; while it is busy they are not ours to see. */
	if (!list_empty(&tree->pending))
		reclaim_end_rest(tree);
	if (tree->state != IOPT_TREE_IDLE)
		return;
	tree->state = IOPT_TREE_QUEUED;
	reclaim_line_up(tree);
	iopt_count(&reclaim_stats.trees, 1);
}

/**
 * reclaim_dequeue() - take a tree out of the queue
 * @tree: a tree that waits; it is to be lined up anew later: reclaim_enqueue()
 *
 * Context: the reclaimer's lock is held.
 */
void reclaim_dequeue(struct iopt_tree *tree)
{
	reclaim_leave(tree);
	iopt_count(&reclaim_stats.trees, -1);
}

/* One more worker, if there are to be so many */
static void reclaim_wake(unsigned int worker)
{
	if (worker < READ_ONCE(reclaim_params.workers))
		queue_work(reclaimer.wq, &reclaimer.works[worker]);
}

/**
 * reclaim_kick() - wake the first worker
 *
 * Context: any.
 */
void reclaim_kick(void)
{
	reclaim_wake(0);
}

/*
 * A worker that is woken takes the CPU of the task that wakes it at that task's next
 * point to reschedule, and as one that has slept keeps it for as long as the
 * scheduler's slice is. The task is often in the middle of something: a driver goes
 * on to lock a mutex after it has freed a page table, and VFIO holds one all the
 * while. So the first batch is for a moment later, at least RECLAIM_MOMENT.
 */
#define RECLAIM_MOMENT		(1 + DIV_ROUND_UP(HZ, 500))

static void reclaim_kick_later(void)
{
	queue_delayed_work(reclaimer.wq, &reclaimer.later, RECLAIM_MOMENT);
}

static void reclaim_later(struct work_struct *work)
{
	if (reclaim_is_waiting())
		reclaim_kick();
}

/**
 * reclaim_wake_waiters() - something may have come about that tasks wait for
 *
 * There is a tree to help with, or what they wait for is done.
 *
 * Context: any, without the reclaimer's lock.
 */
void reclaim_wake_waiters(void)
{
	/* Pairs with the barrier in wait_event(): what they look at, then them. */
	if (wq_has_sleeper(&reclaimer.done))
		wake_up_all(&reclaimer.done);
}

/*
 * The end of a batch. Return: false when the tree is to be settled before that, for
 * a drain that waits for no more than this.
 */
static bool reclaim_end_batch(const struct reclaim_batch *b,
			      struct iopt_tree *tree, bool *gone)
{
	unsigned long flags;
	bool ends;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	ends = !tree->settle;
	if (ends) {
		reclaim_count(b, tree);
		*gone = reclaim_put_back(tree);
	} else {
		reclaim_end_rest(tree);
	}
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return ends;
}

/* Free a batch of a tree that is busy for the caller. Return: how many pages. */
static long reclaim_batch(struct iopt_tree *tree, struct rt_mutex *hand,
			  bool help)
{
	struct reclaim_batch b __uninitialized;
	bool gone = false;

	b.help = help;
	reclaim_run(&b, tree, READ_ONCE(reclaim_params.batch));
	reclaim_note_live(-(long)b.tables);
	while (!reclaim_end_batch(&b, tree, &gone))
		reclaim_settle_tree(tree);

	reclaim_give_hand(hand);
	if (gone)
		iopt_tree_release(tree);
	reclaim_settle_later();
	reclaim_sweep_later();
	reclaim_wake_waiters();
	return b.nr_pages;
}

/* Make the tree busy whose turn it is, of those that the ticket covers. */
static struct iopt_tree *reclaim_take(unsigned long ticket,
				      struct rt_mutex *hand)
{
	struct iopt_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree = reclaim_next(ticket);
	if (tree)
		reclaim_make_busy(tree, hand);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return tree;
}

/* A worker that leaves others waiting wakes the next one first. */
static void reclaim_batch_by_worker(unsigned int worker)
{
	struct rt_mutex *hand = reclaim_take_hand();
	struct iopt_tree *tree = reclaim_take(RECLAIM_ANY, hand);

	if (!tree) {
		reclaim_give_hand(hand);
		return;
	}
	if (reclaim_is_waiting())
		reclaim_wake(worker + 1);
	reclaim_batch(tree, hand, false);
}

/*
 * One batch, and to the end of the workqueue: kworkers reschedule between items
 * on every kernel, and flushing or freezing never waits for more than this.
 *
 * The parameter may be lowered before the batch and while it runs. The first worker
 * may be asleep then, having found all trees in the hands of others: it goes on.
 */
static void reclaim_work(struct work_struct *work)
{
	unsigned int worker = work - reclaimer.works;

	if (worker < READ_ONCE(reclaim_params.workers))
		reclaim_batch_by_worker(worker);
	if (!reclaim_is_waiting())
		return;
	if (worker < READ_ONCE(reclaim_params.workers))
		queue_work(reclaimer.wq, work);
	else
		reclaim_kick();
}

/* The worker may have found everything taken and gone to sleep meanwhile. */
static long reclaim_batch_by_helper(struct iopt_tree *tree,
				    struct rt_mutex *hand)
{
	long pages;

	if (!tree) {
		reclaim_give_hand(hand);
		return -ENOENT;
	}
	pages = reclaim_batch(tree, hand, true);
	if (reclaim_is_waiting())
		reclaim_kick_later();
	return pages;
}

/**
 * reclaim_help() - free a batch of what a ticket covers
 * @ticket: the ticket, or RECLAIM_ANY
 *
 * Context: a task; holds no lock that freeing a page could need.
 * Return: how many pages, or -ENOENT when none of that has its turn.
 */
long reclaim_help(unsigned long ticket)
{
	struct rt_mutex *hand = reclaim_take_hand();

	return reclaim_batch_by_helper(reclaim_take(ticket, hand), hand);
}

/**
 * reclaim_help_tree() - free a batch of a tree
 * @tree: a tree that stays, for it is awaited; another task may have it in hand
 *
 * Context: as reclaim_help().
 * Return: how many pages, or -ENOENT when the tree is not waiting.
 */
long reclaim_help_tree(struct iopt_tree *tree)
{
	struct rt_mutex *hand = reclaim_take_hand();
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	taken = tree->state == IOPT_TREE_QUEUED;
	if (taken)
		reclaim_make_busy(tree, hand);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return reclaim_batch_by_helper(taken ? tree : NULL, hand);
}

static void reclaim_count_in(struct iopt_tree *tree, unsigned long count,
			     unsigned long pages)
{
	if (!tree->pending_count)
		tree->since = ktime_get();
	iopt_count(&tree->pending_count, count);
	reclaim_owe(tree, count);
	iopt_count(&reclaim_stats.pending, count);
	iopt_count(&reclaim_stats.pending_pages, pages);
	trace_tree_queued(tree, count);
}

static bool reclaim_begin_grace(struct iopt_tree *tree)
{
	tree->in_grace = !list_empty(&tree->ungraced);
	list_splice_init(&tree->ungraced, &tree->grace);
	return tree->in_grace;
}

/*
 * No lookup is in these sub-trees any more; some others may have come in. Of a tree
 * that was closed meanwhile there may be nothing left but itself.
 */
static void reclaim_graced(struct rcu_head *rcu)
{
	struct iopt_tree *tree = container_of(rcu, struct iopt_tree, rcu);
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	list_splice_tail_init(&tree->grace, &tree->pending);
	if (reclaim_begin_grace(tree))
		call_rcu_hurry(&tree->rcu, reclaim_graced);
	reclaim_enqueue(tree);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);

	reclaim_kick();
	reclaim_wake_waiters();
}

/**
 * reclaim_queue() - take sub-trees that a completed flush has released
 * @tree: the tree that they were cut off from
 * @tables: their roots; left empty
 * @count: tables in all of them
 *
 * The rest of the tree is in use, so a lookup may be in one of them: they wait
 * for a grace period, and then for the worker.
 *
 * Context: any: a flush happens in interrupts, too.
 */
void reclaim_queue(struct iopt_tree *tree, struct list_head *tables,
		   unsigned long count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	reclaim_count_in(tree, count, count << tree->table_order);
	list_splice_tail_init(tables, &tree->ungraced);
	if (!tree->in_grace && reclaim_begin_grace(tree))
		call_rcu_hurry(&tree->rcu, reclaim_graced);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
}

/* Of a tree that is closed no lookup is left, so nothing of it waits for one. */
static void reclaim_close_locked(struct iopt_tree *tree, struct page *root,
				 unsigned long pages)
{
	WRITE_ONCE(tree->closed, true);
	tree->whole = true;
	iopt_pages_close(tree);
	reclaim_sweep_close(tree);
	reclaim_count_in(tree, iopt_page_below(root) + 1, pages);
	list_splice_tail_init(&tree->grace, &tree->pending);
	list_splice_tail_init(&tree->ungraced, &tree->pending);
	list_add_tail(&root->lru, &tree->pending);
	reclaim_enqueue(tree);
}

/* The caller does not wait for the tree any more. */
static void reclaim_let_go(struct iopt_tree *tree)
{
	unsigned long flags;
	bool gone;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree->awaited = false;
	gone = reclaim_is_gone(tree);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	if (gone)
		iopt_tree_release(tree);
	else
		reclaim_kick_later();
}

/**
 * reclaim_close() - take the whole of a page table, which nothing uses any more
 * @tree: its tree, which belongs to the reclaimer from here on
 * @root: its root
 *
 * Context: may sleep.
 */
void reclaim_close(struct iopt_tree *tree, struct page *root)
{
	unsigned long pages = (iopt_page_below(root) << tree->table_order) +
			      BIT(tree->root_order);
	bool own = !READ_ONCE(reclaim_params.deferred);
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree->awaited = own;
	reclaim_close_locked(tree, root, pages);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);

	if (own) {
		reclaim_free_own(tree);
		reclaim_let_go(tree);
		return;
	}
	reclaim_kick_later();
	reclaim_share(pages);
}

/**
 * reclaim_note_swept() - count tables that a sweep has cut off
 * @nr: how many
 *
 * Context: any; takes the reclaimer's lock.
 */
void reclaim_note_swept(unsigned int nr)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	iopt_count(&reclaim_stats.swept, nr);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
}

/**
 * reclaim_reset() - forget the longest batch and the histograms
 *
 * Context: a task with interrupts enabled.
 */
void reclaim_reset(void)
{
	raw_spin_lock_irq(&reclaimer.lock);
	WRITE_ONCE(reclaim_stats.longest_batch, 0);
	WRITE_ONCE(reclaim_stats.longest_batch_ns, 0);
	iopt_hist_reset(&reclaim_stats.batch_hist);
	iopt_hist_reset(&reclaim_stats.queue_hist);
	raw_spin_unlock_irq(&reclaimer.lock);
}

static void reclaim_tell(struct reclaim_tree_info *info,
			 const struct iopt_tree *tree)
{
	strscpy(info->dev, dev_name(tree->dev), sizeof(info->dev));
	info->pending = tree->pending_count;
	info->freed = tree->freed;
	info->age_ms = ktime_ms_delta(ktime_get(), tree->since);
	info->busy = tree->state == IOPT_TREE_BUSY;
	info->closed = tree->whole;
}

static unsigned int reclaim_tell_all(struct reclaim_tree_info *infos,
				     unsigned int max,
				     const struct list_head *trees)
{
	struct iopt_tree *tree;
	unsigned int nr = 0;

	list_for_each_entry(tree, trees, node) {
		if (nr == max)
			break;
		reclaim_tell(&infos[nr++], tree);
	}
	return nr;
}

/**
 * reclaim_tree_infos() - describe the pending trees whose turn comes first
 * @infos: filled
 * @max: how many at most; bounds the time under the lock
 *
 * Context: a task with interrupts enabled.
 * Return: how many were described.
 */
unsigned int reclaim_tree_infos(struct reclaim_tree_info *infos,
				unsigned int max)
{
	unsigned long number;
	unsigned int nr;

	raw_spin_lock_irq(&reclaimer.lock);
	nr = reclaim_tell_all(infos, max, &reclaimer.busy);
	for (number = reclaimer.first; number <= reclaimer.now; number++)
		nr += reclaim_tell_all(infos + nr, max - nr,
				       reclaim_queue_of(number));
	raw_spin_unlock_irq(&reclaimer.lock);
	return nr;
}

/**
 * reclaim_tree_init() - a tree of which nothing is pending
 * @tree: the tree, filled with zeroes
 */
void reclaim_tree_init(struct iopt_tree *tree)
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
	iopt_cursor_close(&tree->cursor);
}

/**
 * reclaim_init() - start the reclaimer
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM with nothing left behind.
 */
int reclaim_init(void)
{
	unsigned int worker, i;
	int ret;

	raw_spin_lock_init(&reclaimer.lock);
	INIT_LIST_HEAD(&reclaimer.busy);
	reclaim_init_epochs();
	init_waitqueue_head(&reclaimer.done);
	for (i = 0; i < RECLAIM_HANDS; i++)
		rt_mutex_init(&reclaimer.hands[i]);
	for (worker = 0; worker < RECLAIM_WORKERS_MAX; worker++)
		INIT_WORK(&reclaimer.works[worker], reclaim_work);
	INIT_DELAYED_WORK(&reclaimer.later, reclaim_later);
	reclaim_init_settle();
	reclaim_init_params();

	ret = reclaim_init_workqueue();
	if (ret)
		return ret;

	ret = reclaim_init_sweep();
	if (ret)
		goto err_workqueue;
	ret = reclaim_init_shrinker();
	if (ret)
		goto err_sweep;
	return 0;

err_sweep:
	reclaim_exit_sweep();
err_workqueue:
	reclaim_exit_workqueue();
	return ret;
}

/**
 * reclaim_exit() - stop the reclaimer, when all that is pending has been freed
 *
 * No page table is in use any more, so nothing new comes in.
 *
 * Context: may sleep.
 */
void reclaim_exit(void)
{
	reclaim_exit_shrinker();
	reclaim_drain_for_good();
	/* The last callback may still be on its way out of here. */
	rcu_barrier();
	cancel_delayed_work_sync(&reclaimer.later);
	cancel_delayed_work_sync(&reclaimer.settle);
	reclaim_exit_sweep();
	reclaim_exit_workqueue();
	WARN_ON(iopt_counter_sum(&reclaim_live));
	WARN_ON(iopt_counter_sum(&iopt_page_count));
}
