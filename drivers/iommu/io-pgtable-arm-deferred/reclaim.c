// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reclaimer.
 *
 * Trees with something to free stand in one queue. Whoever runs a batch (a
 * worker, or a caller that lends a hand) takes the first, frees a bounded number
 * of its tables with no lock held, and puts it back at the end: a small tree
 * behind a huge one waits for a few batches, not for all of them.
 *
 * While a tree is busy it is out of the queue, so it is in one pair of hands at
 * a time, however many workers and helpers there are, and the lock hands over
 * what they have done to it. It lives until reclaim_put_back() finds, under the
 * lock, that it is closed, has nothing pending, and waits for no grace period:
 * then nobody else knows of it. A tree in a grace period is kept by in_grace,
 * which its callback clears under the lock, in which it also queues it again; it
 * does not look at it after that, since somebody may have freed it.
 *
 * A tree that lives and has nothing to free any more rests, see settle.c. The
 * freeing itself is in batch.c, what an administrator may say in params.c, and
 * what happens when memory is short in shrink.c.
 *
 * Something waiting means that a worker is queued or runs, or that a helper runs:
 * each looks whether anything waits after it has put its tree back, and queues a
 * worker if so. Two that take the last two trees see each other's.
 *
 * Nothing here allocates, fails, or touches the IOMMU or the domain that the tables
 * belonged to; all that is used of a page table is its struct iopt_tree, which
 * holds a reference to the IOMMU's struct device.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <compat/rcu.h>
#include "batch.h"
#include "cursor.h"
#include "pages.h"
#include "reclaimer.h"
#include "table.h"
#include "trace.h"

/*
 * How long somebody waits for a batch that others have in hand, or for a grace
 * period: many times either, so that after it they must be stuck.
 */
#define RECLAIM_PATIENCE	HZ

struct reclaim_stats reclaim_stats;
atomic_long_t reclaim_live;

struct reclaimer reclaimer;

static int reclaim_init_workqueue(void)
{
	int ret = 0;

	/*
	 * Unbound, so that the scheduler finds a CPU that has time; one worker
	 * if nothing else is said, for more of them take all CPUs from
	 * everybody else. Not freezable: it touches no hardware, and a
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

/* The epoch that somebody may be waiting for goes first. */
static void reclaim_take_work(struct iopt_tree *tree)
{
	unsigned int epoch = !reclaimer.epoch;

	if (iopt_cursor_is_open(&tree->cursor) || !list_empty(&tree->work))
		return;
	if (list_empty(&tree->pending[epoch]))
		epoch = !epoch;
	list_splice_init(&tree->pending[epoch], &tree->work);
	tree->epoch = epoch;
}

static struct iopt_tree *reclaim_take(void)
{
	struct iopt_tree *tree;
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	tree = list_first_entry_or_null(&reclaimer.waiting, struct iopt_tree,
					node);
	if (tree) {
		list_move_tail(&tree->node, &reclaimer.busy);
		tree->state = IOPT_TREE_BUSY;
		reclaim_take_work(tree);
	}
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
	return tree;
}

bool reclaim_has_work(const struct iopt_tree *tree)
{
	/* Sub-trees in a grace period come back by themselves. */
	return iopt_cursor_is_open(&tree->cursor) || !list_empty(&tree->work) ||
	       !list_empty(&tree->pending[0]) || !list_empty(&tree->pending[1]);
}

static void reclaim_count(const struct reclaim_batch *b, struct iopt_tree *tree)
{
	struct reclaim_stats *stats = &reclaim_stats;
	unsigned long ns = ktime_to_ns(ktime_sub(ktime_get(), b->start));

	trace_batch_end(tree, b->tables, b->scanned, b->reason, ns);
	tree->pending_count -= b->tables;
	tree->freed += b->tables;
	iopt_count(&reclaimer.outstanding[tree->epoch], -b->tables);

	iopt_count(&stats->pending, -b->tables);
	iopt_count(&stats->freed, b->tables);
	iopt_count(&stats->batches, !!b->tables);
	iopt_count(&stats->helps, b->help);
	WRITE_ONCE(stats->longest_batch, max(stats->longest_batch, b->tables));
	WRITE_ONCE(stats->longest_batch_ns, max(stats->longest_batch_ns, ns));
	iopt_hist_add(&stats->batch_hist, ns);
}

/* Return: true when the tree has come to its end and is the caller's to free. */
static bool reclaim_put_back(struct iopt_tree *tree)
{
	u64 ns;

	if (reclaim_has_work(tree)) {
		tree->state = IOPT_TREE_QUEUED;
		list_move_tail(&tree->node, &reclaimer.waiting);
		return false;
	}

	reclaim_rest(tree);
	iopt_count(&reclaim_stats.trees, -1);
	if (tree->in_grace)
		return false;

	ns = ktime_to_ns(ktime_sub(ktime_get(), tree->since));
	trace_tree_done(tree, ns);
	iopt_hist_add(&reclaim_stats.queue_hist, ns);
	if (!tree->closed)
		return false;
	iopt_count(&reclaim_stats.trees_done, 1);
	return true;
}

/* The tree has something that can be freed: give it a place in the queue. */
void reclaim_enqueue(struct iopt_tree *tree)
{
	if (tree->state == IOPT_TREE_RESTING)
		reclaim_end_rest(tree);
	else if (tree->state != IOPT_TREE_IDLE)
		return;
	tree->state = IOPT_TREE_QUEUED;
	list_move_tail(&tree->node, &reclaimer.waiting);
	iopt_count(&reclaim_stats.trees, 1);
}

/* One more worker, if there are to be so many */
static void reclaim_wake(unsigned int worker)
{
	if (worker < READ_ONCE(reclaim_params.workers))
		queue_work(reclaimer.wq, &reclaimer.works[worker]);
}

void reclaim_kick(void)
{
	reclaim_wake(0);
}

/*
 * reclaim_wake_waiters() - for those who wait for something to do, or for
 * everything to be done
 */
void reclaim_wake_waiters(void)
{
	/* Pairs with the barrier in wait_event(): what they look at, then them. */
	if (wq_has_sleeper(&reclaimer.done))
		wake_up_all(&reclaimer.done);
}

/* No worker: somebody who lends a hand */
#define RECLAIM_HELPER		RECLAIM_WORKERS_MAX

/*
 * Free a batch of whatever has its turn. A worker that leaves others waiting
 * wakes the next one first. Return: how many tables, or -ENOENT when nothing was
 * waiting.
 */
static long reclaim_batch(unsigned int worker)
{
	struct reclaim_batch b compat_uninitialized;
	struct iopt_tree *tree = reclaim_take();
	unsigned long flags;
	bool gone;

	if (!tree)
		return -ENOENT;
	if (worker != RECLAIM_HELPER && reclaim_is_waiting())
		reclaim_wake(worker + 1);

	b.help = worker == RECLAIM_HELPER;
	reclaim_run(&b, tree, READ_ONCE(reclaim_params.batch));
	reclaim_note_live(-(long)b.tables);

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	reclaim_count(&b, tree);
	gone = reclaim_put_back(tree);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);

	if (gone)
		iopt_tree_release(tree);
	reclaim_settle_later();
	reclaim_wake_waiters();
	return b.tables;
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
		reclaim_batch(worker);
	if (!reclaim_is_waiting())
		return;
	if (worker < READ_ONCE(reclaim_params.workers))
		queue_work(reclaimer.wq, work);
	else
		reclaim_kick();
}

/*
 * One batch by a caller. The worker may have found everything taken and gone to
 * sleep meanwhile, so it is told of what is left.
 */
long reclaim_help(void)
{
	long tables;

	trace_help(READ_ONCE(reclaim_stats.pending),
		   READ_ONCE(reclaim_params.limit));
	tables = reclaim_batch(RECLAIM_HELPER);
	if (reclaim_is_waiting())
		reclaim_kick();
	return tables;
}

static void reclaim_count_in(struct iopt_tree *tree, unsigned long count)
{
	if (!tree->pending_count)
		tree->since = ktime_get();
	tree->pending_count += count;
	iopt_count(&reclaimer.outstanding[reclaimer.epoch], count);
	iopt_count(&reclaim_stats.pending, count);
	trace_tree_queued(tree, count);
}

static bool reclaim_begin_grace(struct iopt_tree *tree)
{
	unsigned int epoch;

	tree->in_grace = false;
	for (epoch = 0; epoch < IOPT_EPOCHS; epoch++) {
		if (list_empty(&tree->ungraced[epoch]))
			continue;
		list_splice_tail_init(&tree->ungraced[epoch],
				      &tree->grace[epoch]);
		tree->in_grace = true;
	}
	return tree->in_grace;
}

/* Nobody looks at these sub-trees any more; some others may have come in. */
static void reclaim_graced(struct rcu_head *rcu)
{
	struct iopt_tree *tree = container_of(rcu, struct iopt_tree, rcu);
	unsigned long flags;
	unsigned int epoch;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	for (epoch = 0; epoch < IOPT_EPOCHS; epoch++)
		list_splice_tail_init(&tree->grace[epoch],
				      &tree->pending[epoch]);
	if (reclaim_begin_grace(tree))
		call_rcu_hurry(&tree->rcu, reclaim_graced);
	reclaim_enqueue(tree);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);

	reclaim_kick();
	reclaim_wake_waiters();
}

/*
 * reclaim_queue() - take sub-trees that a completed flush has released
 * @tables: their roots; left empty
 * @count: tables in all of them
 *
 * The rest of the tree is in use, so somebody may be looking at one of them:
 * they wait for a grace period, and then for the worker. The caller may be
 * anywhere: a flush happens in interrupts, too.
 */
void reclaim_queue(struct iopt_tree *tree, struct list_head *tables,
		   unsigned long count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	reclaim_count_in(tree, count);
	list_splice_tail_init(tables, &tree->ungraced[reclaimer.epoch]);
	if (!tree->in_grace && reclaim_begin_grace(tree))
		call_rcu_hurry(&tree->rcu, reclaim_graced);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);
}

/*
 * Free batches until there is no need to any more. While others have all there is
 * to do in their hands, wait for them.
 */
static void reclaim_help_until(bool (*enough)(unsigned int), unsigned int arg)
{
	while (!enough(arg)) {
		if (reclaim_batch(RECLAIM_HELPER) >= 0)
			cond_resched();
		else
			wait_event(reclaimer.done,
				   reclaim_is_waiting() || enough(arg));
	}
	/* What other trees have left goes on without us. */
	if (reclaim_is_waiting())
		reclaim_kick();
}

static bool reclaim_epoch_done(unsigned int epoch)
{
	return !READ_ONCE(reclaimer.outstanding[epoch]);
}

static bool reclaim_within_limit(unsigned int unused)
{
	return READ_ONCE(reclaim_stats.pending) <=
	       READ_ONCE(reclaim_params.limit);
}

static void reclaim_wait(void)
{
	unsigned int epoch;

	mutex_lock(&reclaimer.drain_lock);
	/*
	 * The other epoch is empty: the last one to hold the mutex has
	 * waited for that. What is handed over from here on goes there.
	 */
	raw_spin_lock_irq(&reclaimer.lock);
	epoch = reclaimer.epoch;
	reclaimer.epoch = !epoch;
	raw_spin_unlock_irq(&reclaimer.lock);

	reclaim_help_until(reclaim_epoch_done, epoch);
	while (reclaim_settle(true) >= 0)
		;
	mutex_unlock(&reclaimer.drain_lock);
}

/*
 * reclaim_close() - take the whole of a page table, which nobody looks at
 * @root: its root
 *
 * @tree belongs to the reclaimer from here on. Context: may sleep.
 */
void reclaim_close(struct iopt_tree *tree, struct page *root)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reclaimer.lock, flags);
	WRITE_ONCE(tree->closed, true);
	iopt_pages_close(tree);
	reclaim_count_in(tree, iopt_page_below(root) + 1);
	list_add_tail(&root->lru, &tree->pending[reclaimer.epoch]);
	reclaim_enqueue(tree);
	raw_spin_unlock_irqrestore(&reclaimer.lock, flags);

	if (!READ_ONCE(reclaim_params.deferred)) {
		reclaim_wait();
		return;
	}
	reclaim_kick();
	if (!reclaim_within_limit(0)) {
		trace_help(READ_ONCE(reclaim_stats.pending),
			   READ_ONCE(reclaim_params.limit));
		reclaim_help_until(reclaim_within_limit, 0);
	}
}

/*
 * reclaim_make_room() - free a batch for somebody who needs it done
 *
 * Where others have all of it in hand, or a grace period does, they get a while.
 * Context: may sleep. Return: false when there is nothing to hope for.
 */
bool reclaim_make_room(void)
{
	if (reclaim_help() >= 0) {
		cond_resched();
		return true;
	}
	return wait_event_timeout(reclaimer.done, reclaim_is_waiting() ||
				  !reclaim_has_pending(), RECLAIM_PATIENCE);
}

/*
 * reclaim_throttle() - lend a hand when too much is pending
 *
 * One batch: whoever makes tables gives at least as many back. Tables of live
 * trees cannot be had before their grace period ends, and one is long enough to
 * make a great many more: then there is nothing to do but wait. Context: may
 * sleep.
 */
void reclaim_throttle(void)
{
	if (!reclaim_within_limit(0))
		reclaim_make_room();
}

/* Wait until everything that is pending now has been freed. May sleep. */
void reclaim_drain(void)
{
	raw_spin_lock_irq(&reclaimer.lock);
	iopt_count(&reclaim_stats.drains, 1);
	raw_spin_unlock_irq(&reclaimer.lock);
	reclaim_wait();
}

/* Forget the longest batch and the histograms. */
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
	info->closed = tree->closed;
}

/*
 * reclaim_tree_infos() - describe the pending trees whose turn comes first
 * @max: how many at most; bounds the time under the lock
 *
 * Return: how many were described.
 */
unsigned int reclaim_tree_infos(struct reclaim_tree_info *infos,
				unsigned int max)
{
	struct iopt_tree *tree;
	unsigned int nr = 0;

	raw_spin_lock_irq(&reclaimer.lock);
	list_for_each_entry(tree, &reclaimer.busy, node)
		if (nr < max)
			reclaim_tell(&infos[nr++], tree);
	list_for_each_entry(tree, &reclaimer.waiting, node) {
		if (nr == max)
			break;
		reclaim_tell(&infos[nr++], tree);
	}
	raw_spin_unlock_irq(&reclaimer.lock);
	return nr;
}

void reclaim_tree_init(struct iopt_tree *tree)
{
	unsigned int epoch;

	for (epoch = 0; epoch < IOPT_EPOCHS; epoch++) {
		INIT_LIST_HEAD(&tree->ungraced[epoch]);
		INIT_LIST_HEAD(&tree->grace[epoch]);
		INIT_LIST_HEAD(&tree->pending[epoch]);
	}
	INIT_LIST_HEAD(&tree->node);
	INIT_LIST_HEAD(&tree->work);
	init_llist_head(&tree->returned);
	iopt_cursor_close(&tree->cursor);
}

int reclaim_init(void)
{
	unsigned int worker;
	int ret;

	raw_spin_lock_init(&reclaimer.lock);
	INIT_LIST_HEAD(&reclaimer.waiting);
	INIT_LIST_HEAD(&reclaimer.busy);
	mutex_init(&reclaimer.drain_lock);
	init_waitqueue_head(&reclaimer.done);
	for (worker = 0; worker < RECLAIM_WORKERS_MAX; worker++)
		INIT_WORK(&reclaimer.works[worker], reclaim_work);
	reclaim_init_settle();
	reclaim_init_params();

	ret = reclaim_init_workqueue();
	if (ret)
		return ret;

	ret = reclaim_init_shrinker();
	if (ret)
		reclaim_exit_workqueue();
	return ret;
}

/* Nobody has a page table any more, so nothing new comes in. */
void reclaim_exit(void)
{
	reclaim_exit_shrinker();
	reclaim_wait();
	/* The last callback may still be on its way out of here. */
	rcu_barrier();
	cancel_delayed_work_sync(&reclaimer.settle);
	reclaim_exit_workqueue();
	WARN_ON(atomic_long_read(&reclaim_live));
	WARN_ON(atomic_long_read(&iopt_pages));
}
