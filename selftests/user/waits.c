// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers that wait, one at a time, while a worker is in the middle of a batch:
 * which tree they wait for, which task they lend their priority, and what a
 * fatal signal leaves undone.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "batch.h"
#include "owner.h"
#include "pgtable.h"
#include "reclaim-parts.h"

#define REAL_TIME	1
#define NORMAL		MAX_RT_PRIO

/* --- a task that comes in the middle of a batch --------------------------- */

/*
 * struct task - one that makes a call in the middle of a batch
 * @call: what it does, with
 * @with: that page table
 * @prio: its priority
 * @killed: a fatal signal has come before
 * @pages: it comes when so many pages of the batch have been freed
 * @came: it has come
 * @lent_to: what it was to wait for, with its priority lent to the holder
 * @waited: it was to wait, and lent nothing
 * @waits: how often it has waited on a queue
 */
static struct task {
	void (*call)(struct owner *with);
	struct owner *with;
	int prio;
	bool killed;
	unsigned int pages;
	bool came;
	const void *lent_to;
	bool waited;
	unsigned int waits;
} task;

static long returned;

static void run_task(void)
{
	struct shim_cpu cpu;

	task.came = true;
	shim_cpu_enter(&cpu);
	cpu.task.prio = task.prio;
	cpu.killed = task.killed;
	cpu.gives_up = true;
	task.call(task.with);
	task.lent_to = cpu.lent_to;
	task.waits = cpu.waits;
	task.waited = cpu.killed && !cpu.lent_to && !task.killed;
	shim_cpu_leave(&cpu);
}

static void on_free(phys_addr_t pa, size_t size)
{
	if (!task.call || task.came || task.pages--)
		return;
	run_task();
}

/* A worker frees a batch, and in the middle of it the task comes. */
static void during_a_batch(void (*call)(struct owner *with), struct owner *with, int prio)
{
	task = (struct task) { .call = call, .with = with, .prio = prio, .pages = 3 };
	while (!task.came)
		if (!shim_run_work() && !shim_pass_time())
			shim_panic("no batch is made");
	task.call = NULL;
}

static void close_spans(struct owner *o, unsigned int nr)
{
	make(o);
	map_spans(o, nr);
	io_pgtable_deferred_free(o->ops);
}

/* The hand of the worker whose batch is under way: it takes the first. */
static const void *hand_of_the_worker(void)
{
	return &iopd_reclaimer.hands[0];
}

static void expect_lent(const void *wanted, bool waits)
{
	if (task.lent_to != wanted)
		shim_panic("priority is lent to %ld, not %ld",
			   task.lent_to ? (struct rt_mutex *)task.lent_to -
			   iopd_reclaimer.hands : -1l,
			   wanted ? (struct rt_mutex *)wanted - iopd_reclaimer.hands : -1l);
	expect("the task waits", task.waited, waits);
	/* The batch is done when it has the mutex: there is nothing to wait for. */
	if (wanted)
		expect("waits on a queue", task.waits, 0);
}

/* --- drains --------------------------------------------------------------- */

static void drain(struct owner *with)
{
	returned = io_pgtable_deferred_drain();
}

/*
 * All that is pending is in the worker's hand, and nothing else to help with.
 */
static void a_drain_lends_to_the_worker(void)
{
	static struct owner o;

	close_spans(&o, 100);
	during_a_batch(drain, NULL, REAL_TIME);
	expect_lent(hand_of_the_worker(), false);
	expect("a drain that was killed", returned, -EINTR);
}

static void a_normal_drain_waits(void)
{
	static struct owner o;

	close_spans(&o, 100);
	during_a_batch(drain, NULL, NORMAL);
	expect_lent(NULL, true);
	expect("a drain that was killed", returned, -EINTR);
}

/* What it can free by itself is free before it lends anything. */
static void a_drain_frees_what_waits_first(void)
{
	static struct owner in_hand, waiting;

	close_spans(&in_hand, 200);
	close_spans(&waiting, 30);
	during_a_batch(drain, NULL, REAL_TIME);
	expect_lent(hand_of_the_worker(), false);
	expect("references to the one that waited",
	       atomic_read(&waiting.dev.references), 0);
	expect_within("pending", shim_stat("pending"), 64, 202);
}

static void a_killed_drain_frees_nothing(void)
{
	long freed = shim_stat("freed");
	static struct owner o;
	struct shim_cpu cpu;

	close_spans(&o, 100);
	shim_cpu_enter(&cpu);
	cpu.killed = true;
	expect("a drain that was killed", io_pgtable_deferred_drain(), -EINTR);
	shim_cpu_leave(&cpu);
	expect("freed", shim_stat("freed"), freed);
}

/* A tree that comes after it is for others, though there is nothing to do. */
static void help_with_what_is_older(struct owner *with)
{
	unsigned long ticket = iopd_reclaim_ticket();

	close_spans(with, 30);
	returned = iopd_reclaim_help(ticket);
}

static void a_drain_leaves_alone_what_comes_later(void)
{
	static struct owner in_hand, later;

	close_spans(&in_hand, 100);
	during_a_batch(help_with_what_is_older, &later, NORMAL);
	expect("a batch of what comes later", returned, -ENOENT);
}

/* --- what rests, and is swept --------------------------------------------- */

static void (*usual_hook)(bool locked);

/* At the first access in a batch of a tree that holds pages, and is swept */
static void in_the_middle_of_a_sweep(bool locked)
{
	struct iopd_tree *tree = list_first_entry_or_null(&iopd_reclaimer.busy,
							  struct iopd_tree, node);

	shim_steps = 0;
	if (locked || !tree || !tree->held || !tree->sweep_pass)
		return;
	shim_steps = SHIM_NO_STEPS;
	shim_hook = usual_hook;
	run_task();
}

/* Return: how many pages are held of a tree of which a sweep is under way */
static long drain_during_a_sweep(struct owner *o, int prio)
{
	make(o);
	map_spans(o, 64);
	unmap_tables(o, 1, 50);
	flush_all(o);
	while (shim_run_rcu() || (shim_stat("pending") && shim_run_work()))
		;
	task = (struct task) { .call = drain, .prio = prio };
	usual_hook = shim_hook;
	shim_hook = in_the_middle_of_a_sweep;
	shim_pass_jiffies(HZ / 2);
	shim_steps = 0;
	while (!task.came)
		if (!shim_run_rcu() && !shim_run_work())
			shim_panic("no sweep is made");
	shim_steps = SHIM_NO_STEPS;
	task.call = NULL;
	return shim_stat("held");
}

/* The task that has it in hand trims it at the end of its batch. */
static void drains_have_what_is_swept_trimmed(void)
{
	static struct owner o;

	expect("held of what is swept", drain_during_a_sweep(&o, REAL_TIME), 0);
	expect_lent(hand_of_the_worker(), false);
	io_pgtable_deferred_free(o.ops);
	shim_run_all();
	expect("held of what is swept", drain_during_a_sweep(&o, NORMAL), 0);
	expect_lent(NULL, true);
	io_pgtable_deferred_free(o.ops);
}

/* --- more tasks than hands, and fewer workers than trees ------------------ */

/* One for which there is none works, and cannot be lent anything. */
static void there_may_be_no_hand(void)
{
	static struct owner o;
	unsigned int i;

	for (i = 0; i < IOPD_RECLAIM_HANDS; i++)
		if (!rt_mutex_trylock(&iopd_reclaimer.hands[i]))
			shim_panic("hand %u is taken", i);
	close_spans(&o, 100);
	during_a_batch(drain, NULL, REAL_TIME);
	expect_lent(NULL, true);
	shim_run_all();
	for (i = 0; i < IOPD_RECLAIM_HANDS; i++)
		rt_mutex_unlock(&iopd_reclaimer.hands[i]);
	expect("pending", shim_stat("pending"), 0);
}

static void run_all_work(struct owner *with)
{
	shim_run_all();
}

/*
 * The worker finds the only tree in the hand of a helper, and goes to sleep:
 * the helper sees to it that it goes on with what is left.
 */
static void a_helper_wakes_the_worker(void)
{
	static struct owner o;

	close_spans(&o, 200);
	task = (struct task) { .call = run_all_work, .prio = NORMAL, .pages = 3 };
	shim_shrink(10);
	task.call = NULL;
	if (!task.came || !shim_stat("pending"))
		shim_panic("the helper has freed all");
	shim_run_all();
	expect("pending", shim_stat("pending"), 0);
}

/* --- callers that free their own ------------------------------------------ */

static void close_own(struct owner *with)
{
	io_pgtable_deferred_free(with->ops);
}

/* It is none of theirs that the worker has in hand. */
static void a_caller_waits_for_its_own_alone(void)
{
	static struct owner others, own;
	long freed;

	make(&own);
	map_spans(&own, 100);
	close_spans(&others, 300);
	set("deferred", "0");
	freed = shim_stat("freed");
	during_a_batch(close_own, &own, REAL_TIME);
	expect_lent(NULL, false);
	expect("references to its own", atomic_read(&own.dev.references), 0);
	expect_within("freed", shim_stat("freed") - freed, 102, 102 + 64);
}

/* A part of its own is in the worker's hand, cut off before. */
static void a_caller_lends_for_its_own(int prio)
{
	static struct owner own;

	set("deferred", "1");
	make(&own);
	map_spans(&own, 150);
	unmap_tables(&own, 0, 100);
	flush_all(&own);
	while (shim_run_rcu())
		;
	set("deferred", "0");
	during_a_batch(close_own, &own, prio);
	expect_lent(prio == REAL_TIME ? hand_of_the_worker() : NULL, prio != REAL_TIME);
	shim_run_all();
	/* It was killed, and left the rest to the worker. */
	expect("references to its own", atomic_read(&own.dev.references), 0);
}

static void callers_lend_for_their_own(void)
{
	a_caller_lends_for_its_own(REAL_TIME);
	a_caller_lends_for_its_own(NORMAL);
}

static void a_killed_caller_leaves_it_to_the_worker(void)
{
	long freed = shim_stat("freed");
	static struct owner own;
	struct shim_cpu cpu;

	make(&own);
	map_spans(&own, 100);
	set("deferred", "0");
	shim_cpu_enter(&cpu);
	cpu.killed = true;
	io_pgtable_deferred_free(own.ops);
	shim_cpu_leave(&cpu);
	expect("freed by a caller that was killed", shim_stat("freed"), freed);
	shim_run_all();
	expect("freed by the worker", shim_stat("freed") - freed, 102);
	expect("references", atomic_read(&own.dev.references), 0);
}

/* --- callers above the limit ---------------------------------------------- */

static void close_it(struct owner *with)
{
	io_pgtable_deferred_free(with->ops);
}

/* Where the worker has all in hand but its own, that is what is freed. */
static void a_killed_caller_does_not_share(void)
{
	static struct owner first, second;
	struct shim_cpu cpu;
	long freed;

	make(&second);
	map_spans(&second, 100);
	close_spans(&first, 100);
	set_number("limit", 10);
	freed = shim_stat("freed");
	shim_cpu_enter(&cpu);
	cpu.killed = true;
	close_it(&second);
	shim_cpu_leave(&cpu);
	expect("freed by a caller that was killed", shim_stat("freed"), freed);
}

static void make_and_close(struct owner *with)
{
	make(with);
	io_pgtable_deferred_free(with->ops);
}

/*
 * The worker has everything in hand: a caller that makes a page table waits for
 * it a while, and goes on then.
 */
static void a_caller_goes_on_after_a_while(void)
{
	static struct owner first, next;

	close_spans(&first, 300);
	set_number("limit", 10);
	during_a_batch(make_and_close, &next, NORMAL);
	if (!next.ops)
		shim_panic("no page table where the worker has all in hand");
}

/* --- a mapper that is refused memory -------------------------------------- */

static void map_without_memory(struct owner *with)
{
	size_t mapped = 0;

	/* The first try of each fails. */
	shim_fail.after = 0;
	returned = with->ops->map_pages(with->ops, SZ_1G, SZ_1G, SZ_4K, 1, IOMMU_READ,
					GFP_KERNEL, &mapped);
	shim_fail.after = LONG_MAX;
}

static void a_mapper_lends_to_the_worker(int prio)
{
	static struct owner mapper, other;

	make(&mapper);
	close_spans(&other, 300);
	during_a_batch(map_without_memory, &mapper, prio);
	expect_lent(prio == REAL_TIME ? hand_of_the_worker() : NULL, false);
	expect("a map after that", returned, 0);
	io_pgtable_deferred_free(mapper.ops);
	shim_run_all();
}

static void mappers_lend_to_the_worker(void)
{
	a_mapper_lends_to_the_worker(REAL_TIME);
	a_mapper_lends_to_the_worker(NORMAL);
}

/*
 * Half of what was pending when it was refused is free before it tries again.
 */
static void a_mapper_frees_half(void)
{
	static struct owner mapper, other;
	long freed, offers, batches;

	make(&mapper);
	set("batch", "10");
	close_spans(&other, 198);
	map_page(&mapper, 0, SZ_4K);
	unmap_spans(&mapper, 0, 1);
	freed = shim_stat("freed");
	offers = shim_offers;
	batches = shim_traced("batch_end");
	map_without_memory(&mapper);
	batches = shim_traced("batch_end") - batches;
	expect("offers to reschedule, one after each batch", shim_offers - offers, batches);
	expect("a map after that", returned, 0);
	expect("sweeps that it has begun", shim_stat("sweeps"), 1);
	expect("freed before it tries again", shim_stat("freed") - freed, 100);
	io_pgtable_deferred_free(mapper.ops);
}

/* And all of it before it fails */
static void a_mapper_that_fails_has_freed_all(void)
{
	static struct owner mapper, other;
	size_t mapped = 0;

	make(&mapper);
	set("batch", "10");
	close_spans(&other, 198);
	shim_fail.every = 1;
	returned = mapper.ops->map_pages(mapper.ops, SZ_1G, SZ_1G, SZ_4K, 1, IOMMU_READ,
					 GFP_KERNEL, &mapped);
	shim_fail.every = 0;
	expect("a map without memory", returned, -ENOMEM);
	expect("pending after that", shim_stat("pending"), 0);
	io_pgtable_deferred_free(mapper.ops);
}

static void a_killed_mapper_frees_nothing(void)
{
	static struct owner mapper, other;
	struct shim_cpu cpu;
	long freed;

	make(&mapper);
	close_spans(&other, 200);
	freed = shim_stat("freed");
	shim_cpu_enter(&cpu);
	cpu.killed = true;
	map_without_memory(&mapper);
	shim_cpu_leave(&cpu);
	expect("freed by a mapper that was killed", shim_stat("freed"), freed);
	io_pgtable_deferred_free(mapper.ops);
}

/* --- trees that are trimmed ----------------------------------------------- */

/* Tables are handed over, and the worker that is woken finds the tree busy. */
static void hand_over(struct owner *with)
{
	long pending = shim_stat("pending");

	flush_all(with);
	while (shim_run_rcu() || shim_run_work())
		;
	expect("pending of a tree that is trimmed", shim_stat("pending") - pending, 4);
}

/* When it is put back they are not forgotten. */
static void a_trim_leaves_nothing_behind(void)
{
	static struct owner o;

	set("sweep_ms", "0");
	make(&o);
	map_spans(&o, 64);
	unmap_tables(&o, 1, 50);
	flush_all(&o);
	while (shim_run_rcu() || (shim_stat("pending") && shim_run_work()))
		;
	if (!shim_stat("held"))
		shim_panic("no page waits for the others of its chunks");
	unmap_tables(&o, 55, 4);
	task = (struct task) { .call = hand_over, .with = &o, .prio = NORMAL };
	/* By a task that is short of memory, beside the worker */
	shim_shrink(1);
	expect("a hand-over in the middle of a trim", task.came, true);
	task.call = NULL;
	while (shim_run_work())
		;
	expect("pending after the trim", shim_stat("pending"), 0);
	io_pgtable_deferred_free(o.ops);
}

static void hand_over_and_drain(struct owner *with)
{
	flush_all(with);
	while (shim_run_rcu())
		;
	drain(with);
}

/* What comes in while a tree is trimmed is in the hand of the task that does. */
static void a_drain_lends_to_the_one_that_trims(void)
{
	static struct owner o;

	set("sweep_ms", "0");
	make(&o);
	map_spans(&o, 64);
	unmap_tables(&o, 1, 50);
	flush_all(&o);
	while (shim_run_rcu() || (shim_stat("pending") && shim_run_work()))
		;
	unmap_tables(&o, 55, 4);
	task = (struct task) { .call = hand_over_and_drain, .with = &o, .prio = REAL_TIME };
	shim_shrink(1);
	expect("a drain in the middle of a trim", task.came, true);
	task.call = NULL;
	expect_lent(hand_of_the_worker(), false);
	shim_run_all();
	io_pgtable_deferred_free(o.ops);
}

/* --- tasks that are woken ------------------------------------------------- */

/*
 * struct sleeper - a task that waits for the reclaimer, and does not run
 *
 * The worker may not get a CPU for long, where real-time tasks have them. So a
 * tree that has its turn is told to those that wait, who then free it by
 * themselves: they do not depend on a batch of the worker's.
 */
static struct sleeper {
	unsigned int wakes;
} sleeper;

static void sleep_from_here(void)
{
	shim_wait_begin(&iopd_reclaimer.done);
	sleeper.wakes = iopd_reclaimer.done.wakes;
}

static void expect_woken(const char *by)
{
	if (iopd_reclaimer.done.wakes == sleeper.wakes)
		shim_panic("a task that waits is not woken by %s", by);
	shim_wait_end(&iopd_reclaimer.done);
}

static void a_grace_period_wakes(void)
{
	static struct owner o;

	make(&o);
	map_spans(&o, 4);
	unmap_tables(&o, 0, 2);
	flush_all(&o);
	sleep_from_here();
	while (shim_run_rcu())
		;
	expect_woken("the end of a grace period");
	io_pgtable_deferred_free(o.ops);
}

/* The tree that is swept, for there is no other */
static void run_until(const struct owner *o, enum iopd_sweep_state sweep)
{
	const struct iopd *iopd = iopd_from_ops(o->ops);

	while (iopd->tree.sweep != sweep)
		if (!shim_run_work() && !shim_run_rcu())
			shim_panic("the sweep does not get to %d", sweep);
}

/* Between the passes of a sweep, and before the flush that is asked for */
static void a_sweep_wakes(void)
{
	static struct owner o;

	make(&o);
	io_pgtable_deferred_allow_flush(o.ops, true);
	map_spans(&o, 8);
	unmap_spans(&o, 0, 8);
	shim_pass_jiffies(HZ);
	run_until(&o, IOPD_SWEEP_GRACE);
	sleep_from_here();
	while (shim_run_rcu())
		;
	expect_woken("the end of a pass's grace period");
	run_until(&o, IOPD_SWEEP_FLUSH);
	sleep_from_here();
	run_until(&o, IOPD_SWEEP_NONE);
	expect_woken("the end of a sweep's flush");
	io_pgtable_deferred_free(o.ops);
}

/* --- what is due --------------------------------------------------------- */

/* Another task drains, as soon as no lock is held */
static void and_drain(bool locked)
{
	struct shim_cpu cpu;

	shim_steps = 0;
	if (locked)
		return;
	shim_steps = SHIM_NO_STEPS;
	shim_hook = usual_hook;
	shim_cpu_enter(&cpu);
	expect("a drain beside an unmap", io_pgtable_deferred_drain(), 0);
	shim_cpu_leave(&cpu);
}

/*
 * The sweep that an unmap makes due is begun by a drain, at each access of the
 * unmap: also when that was about to look for it.
 */
static void a_drain_begins_what_is_due(void)
{
	static struct owner o;
	unsigned int steps;

	usual_hook = shim_hook;
	for (steps = 0; steps < 100; steps++) {
		make(&o);
		map_spans(&o, 1);
		shim_hook = and_drain;
		shim_steps = steps;
		unmap_spans(&o, 0, 1);
		shim_steps = SHIM_NO_STEPS;
		shim_hook = usual_hook;
		io_pgtable_deferred_free(o.ops);
		shim_run_all();
	}
}

/*
 * ----------------------------------------------------------------------------
 */

static const struct owner_test tests[] = {
	{ "a drain lends to the worker", a_drain_lends_to_the_worker },
	{ "a normal drain waits", a_normal_drain_waits },
	{ "a drain frees what waits first", a_drain_frees_what_waits_first },
	{ "a drain leaves alone what comes later", a_drain_leaves_alone_what_comes_later },
	{ "a killed drain frees nothing", a_killed_drain_frees_nothing },
	{ "drains have what is swept trimmed", drains_have_what_is_swept_trimmed },
	{ "there may be no hand", there_may_be_no_hand },
	{ "a helper wakes the worker", a_helper_wakes_the_worker },
	{ "a caller waits for its own alone", a_caller_waits_for_its_own_alone },
	{ "callers lend for their own", callers_lend_for_their_own },
	{ "a killed caller leaves it to the worker", a_killed_caller_leaves_it_to_the_worker },
	{ "a killed caller does not share", a_killed_caller_does_not_share },
	{ "a caller goes on after a while", a_caller_goes_on_after_a_while },
	{ "mappers lend to the worker", mappers_lend_to_the_worker },
	{ "a mapper frees half", a_mapper_frees_half },
	{ "a mapper that fails has freed all", a_mapper_that_fails_has_freed_all },
	{ "a killed mapper frees nothing", a_killed_mapper_frees_nothing },
	{ "a trim leaves nothing behind", a_trim_leaves_nothing_behind },
	{ "a drain lends to the one that trims", a_drain_lends_to_the_one_that_trims },
	{ "a grace period wakes", a_grace_period_wakes },
	{ "a sweep wakes", a_sweep_wakes },
	{ "a drain begins what is due", a_drain_begins_what_is_due },
};

int main(int argc, char **argv)
{
	load_library();
	shim_on_free = on_free;
	run_tests(tests, ARRAY_SIZE(tests));
	return 0;
}
