// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tickets against a model that knows of every table when it was handed over: a
 * ticket is done when all that was handed over before it is free, and not
 * before. While more waits are under way than the library tells apart, it may
 * be late, and is never early.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>

#include "choice.h"
#include "options.h"
#include "reclaim-parts.h"
#include "shim.h"

#define TREES		6
#define HANDOVERS	4000
#define WAITERS		24

struct handover {
	unsigned int tree;
	unsigned long left;
};

struct waiter {
	unsigned long ticket;
	unsigned int before;	/* hand-overs there were when it began */
	bool waits;
	bool exact;		/* the library has told it from all others */
};

static struct iopd_tree trees[TREES];
static struct handover handovers[HANDOVERS];
static struct waiter waiters[WAITERS];
static unsigned int nr_handovers, oldest;
static unsigned long dones, lates;
static u64 seed, rounds;
static struct choice choice;

static u64 pick(u64 limit)
{
	return choose_freely(&choice, limit);
}

static void say_where(void)
{
	fprintf(stderr, "# again with --seed=%llu --rounds=%llu\n", seed, rounds);
}

static void lock(void)
{
	raw_spin_lock_irq(&iopd_reclaimer.lock);
}

static void unlock(void)
{
	raw_spin_unlock_irq(&iopd_reclaimer.lock);
}

static void hand_over(void)
{
	struct handover *h = &handovers[nr_handovers++];

	h->tree = pick(TREES);
	h->left = 1 + pick(pick(4) ? 5 : 300);
	lock();
	iopd_reclaim_owe(&trees[h->tree], h->left);
	unlock();
}

/* A tree frees in the order of hand-over. */
static unsigned long model_pay(unsigned int tree, unsigned long max)
{
	unsigned long paid = 0;
	unsigned int i;

	for (i = oldest; i < nr_handovers && paid < max; i++) {
		struct handover *h = &handovers[i];
		unsigned long part = h->tree == tree ? min(h->left, max - paid) : 0;

		h->left -= part;
		paid += part;
	}
	while (oldest < nr_handovers && !handovers[oldest].left)
		oldest++;
	return paid;
}

static void free_some(void)
{
	unsigned int tree = pick(TREES);
	unsigned long paid = model_pay(tree, 1 + pick(64));

	lock();
	iopd_reclaim_pay(&trees[tree], paid);
	unlock();
}

static unsigned int waiting(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < WAITERS; i++)
		nr += waiters[i].waits;
	return nr;
}

static void begin_wait(void)
{
	struct waiter *w = &waiters[pick(WAITERS)];

	if (w->waits)
		return;
	w->exact = waiting() < IOPD_EPOCHS - 1;
	w->before = nr_handovers;
	w->ticket = iopd_reclaim_ticket();
	w->waits = true;
}

static void check_waiters(void)
{
	unsigned int i;

	for (i = 0; i < WAITERS; i++) {
		struct waiter *w = &waiters[i];
		bool over = oldest >= w->before;
		bool done;

		if (!w->waits)
			continue;
		done = iopd_reclaim_ticket_is_done(w->ticket);
		if (done && !over)
			shim_panic("ticket %lu is done, hand-over %u of %u is not free",
				   w->ticket, oldest, w->before);
		if (over && !done && w->exact)
			shim_panic("ticket %lu waits for what came after it",
				   w->ticket);
		lates += over && !done;
		dones += done;
		w->waits = !done;
	}
}

/*
 * The oldest that a tree owes, by the model and by what it is to be taken for
 */
static void check_trees(void)
{
	unsigned int i, tree;

	for (tree = 0; tree < TREES; tree++) {
		unsigned long number;

		lock();
		number = iopd_reclaim_oldest(&trees[tree]);
		unlock();
		for (i = 0; i < WAITERS; i++) {
			struct waiter *w = &waiters[i];
			unsigned int at = oldest;

			if (!w->waits || !w->exact)
				continue;
			while (at < w->before && (handovers[at].tree != tree ||
						  !handovers[at].left))
				at++;
			if (at < w->before ? number > w->ticket : number <= w->ticket)
				shim_panic("tree %u: oldest %lu, ticket %lu, owes %u of %u",
					   tree, number, w->ticket, at, w->before);
		}
	}
}

static void step(void)
{
	/* Times of many waiters, and of few; of much to free, and little */
	unsigned int crowd = nr_handovers / 500 % 2 ? 40 : 4;

	switch (pick(8)) {
	case 0 ... 2:
		hand_over();
		break;
	case 3:
		if (pick(40) < crowd)
			begin_wait();
		break;
	default:
		free_some();
	}
}

static void run(void)
{
	memset(trees, 0, sizeof(trees));
	memset(waiters, 0, sizeof(waiters));
	nr_handovers = 0;
	oldest = 0;
	while (nr_handovers < HANDOVERS) {
		step();
		check_waiters();
		check_trees();
	}
	while (oldest < nr_handovers)
		free_some();
	check_waiters();
	if (waiting())
		shim_panic("%u wait for ever", waiting());
}

static void owe(unsigned int tree, unsigned long count)
{
	lock();
	iopd_reclaim_owe(&trees[tree], count);
	unlock();
}

static void pay(unsigned int tree, unsigned long count)
{
	lock();
	iopd_reclaim_pay(&trees[tree], count);
	unlock();
}

/*
 * As many waits as are told apart, and one more. With the end of the first
 * there is room, and what is handed over from then on is waited for by none.
 */
static void one_too_many(void)
{
	unsigned long tickets[IOPD_EPOCHS];
	unsigned int i;

	memset(trees, 0, sizeof(trees));
	for (i = 0; i < IOPD_EPOCHS; i++) {
		owe(0, 1);
		tickets[i] = iopd_reclaim_ticket();
	}
	if (iopd_reclaim_owed(tickets[IOPD_EPOCHS - 1]) != IOPD_EPOCHS)
		shim_panic("the last wait is for %lu tables",
			   iopd_reclaim_owed(tickets[IOPD_EPOCHS - 1]));
	pay(0, 1);
	owe(1, 5);
	for (i = 1; i < IOPD_EPOCHS; i++) {
		if (iopd_reclaim_ticket_is_done(tickets[i]))
			shim_panic("wait %u is over too early", i);
		pay(0, 1);
	}
	if (!iopd_reclaim_ticket_is_done(tickets[IOPD_EPOCHS - 1]))
		shim_panic("a wait is for what came when there was room again");
	pay(1, 5);
}

int main(int argc, char **argv)
{
	u64 i;

	seed = option(&argc, argv, "seed", 1);
	rounds = option(&argc, argv, "rounds", 20);
	shim_context = say_where;
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	choice_by_seed(&choice, seed);
	one_too_many();
	for (i = 0; i < rounds; i++)
		run();
	printf("# seed %llu: %lu waits, of a crowd late %lu times\n", seed, dones,
	       lates);
	shim_module_exit();
	return !dones || !lates;
}
