// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many callers on the same tables: pages, blocks and whole tables are mapped
 * and unmapped in the same few slots of 2 MiB and 1 GiB, without a lock among
 * the callers, while each has a DMA engine copy through its pages. Tables
 * become empty, are cut off, and come back; blocks take their places; flushes
 * take random time, and some do not end in time.
 *
 * What must hold: a device reaches what is mapped, the whole time, and reads
 * and writes the right memory; it does not reach what is not mapped; no table
 * is freed while a cache of the IPMMU leads to it; all tables come back.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sched.h>

#include "kselftest.h"

#include "lib/options.h"
#include "lib/rig.h"
#include "lib/wrong.h"

/* Four that map and unmap and do the rest, two that copy most of the time */
#define BUSY		4
#define WORKERS		6

#define HELD		3	/* pages that a worker has mapped at a time */
#define OWN_PAGES	6	/* of the buffer, for each worker */
#define TRIES		64	/* to find something that is free */
#define CHURN		16	/* maps and unmaps of a page in a row */

#define SECONDS		15	/* by default, for both rounds together */

/*
 * The slots of 2 MiB: more of them than the library keeps empty tables, so that
 * those get cut off, and few enough for the workers to meet in each.
 */
#define GIBS		3
#define SLOTS_A_GIB	4
#define SLOTS		(GIBS * SLOTS_A_GIB)

static const u64 gibs[GIBS] = { 0, 1, 3 };
static const u64 indices[SLOTS_A_GIB] = { 0, 1, 255, 511 };

/* Where a worker maps to see whether the IPMMU has got over a failed flush */
#define RECOVER_BASE	(2 * HOST_1G)

/* Targets of blocks: never accessed, only translated to */
#define BLOCK_PADDR	(1ull << 38)

/*
 * Several RCU grace periods, after which a table that is let go is really freed
 */
#define STUCK_MS	80

enum count {
	MAPS, UNMAPS, COPIES, ABSENT, BLOCKS, FILLS, SPLITS, GIB_BLOCKS, LOOKUPS,
	REFUSED, UNKNOWN, COUNTS,
};

static const char * const count_names[COUNTS] = {
	[MAPS] = "pages mapped", [UNMAPS] = "unmapped", [COPIES] = "copies",
	[ABSENT] = "seen to be absent", [BLOCKS] = "blocks", [FILLS] = "tables filled",
	[SPLITS] = "blocks split", [GIB_BLOCKS] = "blocks of 1 GiB",
	[LOOKUPS] = "lookups", [REFUSED] = "refused after a failed flush",
	[UNKNOWN] = "not to be known after one",
};

struct held {
	unsigned int slot;
	u64 iova;
	unsigned int page;	/* of the worker's own */
};

/**
 * struct worker - a caller, with an engine of its own
 * @busy: does more than copying
 * @held: the pages it has mapped, each in a slot that it shares
 * @shadow: what its pages of the buffer hold
 * @wrong: what went wrong first, empty if nothing
 */
struct worker {
	pthread_t thread;
	unsigned int id;
	bool busy;
	struct pci_function dma;
	struct random r;
	struct held held[HELD];
	unsigned int nr_held;
	u8 *pages;
	u8 shadow[OWN_PAGES * HOST_PAGE];
	u64 count[COUNTS];
	u64 steps;
	struct wrong wrong;
};

/*
 * How many workers share a slot; -1 while one has it alone. It stands for
 * whatever gives out IOVAs to callers: between two owners of an address there
 * is this.
 */
static int users[SLOTS];

static struct rig rig;
static struct worker workers[WORKERS];
static unsigned int hot;	/* the slot that most go to at the moment */
static bool late;		/* flushes may fail */
static bool stop;
static bool splits;		/* this kernel splits blocks */
static u64 ops;			/* steps of each worker, 0 for no limit */

static bool stopped(const struct worker *w)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED) || w->wrong.text[0] ||
	       (ops && w->steps >= ops);
}

#define wrong(w, ...)	wrong_note(&(w)->wrong, &stop, __VA_ARGS__)

static bool slot_share(unsigned int slot)
{
	int old = __atomic_load_n(&users[slot], __ATOMIC_RELAXED);

	while (old >= 0)
		if (__atomic_compare_exchange_n(&users[slot], &old, old + 1, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static void slot_unshare(unsigned int slot)
{
	__atomic_sub_fetch(&users[slot], 1, __ATOMIC_RELEASE);
}

static bool slot_take(unsigned int slot)
{
	int none = 0;

	return __atomic_compare_exchange_n(&users[slot], &none, -1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void slot_give(unsigned int slot)
{
	__atomic_store_n(&users[slot], 0, __ATOMIC_RELEASE);
}

static u64 slot_iova(unsigned int slot)
{
	return gibs[slot / SLOTS_A_GIB] * HOST_1G +
	       indices[slot % SLOTS_A_GIB] * HOST_2M;
}

/*
 * 1 if it is mapped, 0 if it was refused because a flush had failed, which is
 * right as long as flushes are late, -1 if it went wrong.
 */
static int try_map(struct worker *w, u64 iova, u64 paddr, u64 size)
{
	int ret = domain_map(rig.fd, iova, paddr, size, DOMAIN_RW);

	if (!ret)
		return 1;
	if (ret == -EIO && late) {
		w->count[REFUSED]++;
		return 0;
	}
	wrong(w, "map of %#llx at %#llx: %s", size, iova, strerror(-ret));
	return -1;
}

static bool worker_unmap(struct worker *w, u64 iova, u64 size)
{
	int ret = domain_unmap(rig.fd, iova, size);

	w->count[UNMAPS]++;
	return !ret || wrong(w, "unmap of %#llx at %#llx: %s", size, iova,
			     strerror(-ret));
}

/* Does the engine get to @paddr? The caller has it mapped. */
static bool present(struct worker *w, u64 iova, u64 paddr)
{
	u64 seen = engine_translate(&w->dma, iova, random_below(&w->r, 2) ?
				    DMA_TRANSLATE_READ : DMA_TRANSLATE_WRITE);

	return seen == paddr || wrong(w, "%#llx leads to %#llx, not %#llx", iova,
				      seen, paddr);
}

/*
 * Has every flush that failed before now been made good by a later one? If so,
 * and not before, a map is taken.
 */
static bool recovered(struct worker *w)
{
	u64 iova = RECOVER_BASE + w->id * HOST_PAGE;

	if (!late)
		return true;
	if (try_map(w, iova, rig_page(&rig, 0), HOST_PAGE) != 1) {
		w->count[UNKNOWN]++;
		return false;
	}
	return worker_unmap(w, iova, HOST_PAGE);
}

/*
 * The caller has unmapped it; no thread maps there until it lets go of the
 * slot.
 */
static bool absent(struct worker *w, u64 iova)
{
	u64 seen;

	if (!recovered(w))
		return !w->wrong.text[0];
	seen = engine_translate(&w->dma, iova, DMA_TRANSLATE_READ);
	w->count[ABSENT]++;
	return seen == ~0ull || wrong(w, "%#llx is unmapped and leads to %#llx",
				      iova, seen);
}

static u64 own_paddr(const struct worker *w, unsigned int page)
{
	return rig_page(&rig, w->id * OWN_PAGES + page);
}

static bool holds(const struct worker *w, u64 iova)
{
	unsigned int i;

	for (i = 0; i < w->nr_held; i++)
		if (w->held[i].iova == iova)
			return true;
	return false;
}

static unsigned int any_slot(struct worker *w)
{
	return random_below(&w->r, 2) ? __atomic_load_n(&hot, __ATOMIC_RELAXED) :
					random_below(&w->r, SLOTS);
}

/* Each worker has every WORKERS'th page of a slot: neighbours are others'. */
static bool hold(struct worker *w)
{
	struct held *h = &w->held[w->nr_held];
	unsigned int index;
	int ret;

	h->slot = any_slot(w);
	if (!slot_share(h->slot))
		return true;
	index = random_below(&w->r, 512 / WORKERS) * WORKERS + w->id;
	h->iova = slot_iova(h->slot) + index * HOST_PAGE;
	h->page = random_below(&w->r, OWN_PAGES);
	ret = holds(w, h->iova) ? 0 :
	      try_map(w, h->iova, own_paddr(w, h->page), HOST_PAGE);
	if (ret <= 0) {
		slot_unshare(h->slot);
		return !ret;
	}
	w->nr_held++;
	w->count[MAPS]++;
	return present(w, h->iova + 8, own_paddr(w, h->page) + 8);
}

static bool drop(struct worker *w, unsigned int i)
{
	struct held h = w->held[i];

	w->held[i] = w->held[--w->nr_held];
	if (!worker_unmap(w, h.iova, HOST_PAGE))
		return false;
	/* Faults are slow: not each time */
	if (!random_below(&w->r, 4) && !absent(w, h.iova))
		return false;
	slot_unshare(h.slot);
	return true;
}

/*
 * The same, over and over, without the engine, which is slow: tables become
 * empty, die and come back as fast as can be. A page in a table that no walk
 * finds any more is not found by the kernel either.
 */
static bool churn(struct worker *w)
{
	unsigned int slot = any_slot(w), round;
	u64 page = w->id + WORKERS * random_below(&w->r, 512 / WORKERS);
	u64 iova = slot_iova(slot) + page * HOST_PAGE;
	u64 paddr = own_paddr(w, 0);
	int ret = 1;

	if (!slot_share(slot))
		return true;
	for (round = 0; round < CHURN && !holds(w, iova); round++) {
		ret = try_map(w, iova, paddr, HOST_PAGE);
		if (ret <= 0)
			break;
		w->count[MAPS]++;
		if (domain_lookup(rig.fd, iova) != paddr)
			return wrong(w, "%#llx is mapped and not found", iova);
		if (!worker_unmap(w, iova, HOST_PAGE))
			return false;
	}
	slot_unshare(slot);
	return ret >= 0;
}

/* From one page to another, through two of those that are mapped */
static bool worker_copy(struct worker *w)
{
	const struct held *src = &w->held[random_below(&w->r, w->nr_held)];
	const struct held *dst = &w->held[random_below(&w->r, w->nr_held)];
	u64 len = 1 + random_below(&w->r, HOST_PAGE);
	u64 offset = random_below(&w->r, HOST_PAGE - len + 1);
	u8 *shadow = w->shadow + dst->page * HOST_PAGE;

	if (src->page == dst->page)
		return present(w, src->iova, own_paddr(w, src->page));
	if (engine_run(&w->dma, DMA_COPY, src->iova + offset, dst->iova + offset,
		       len) != DMA_OK)
		return wrong(w, "copy from %#llx to %#llx stopped after %llu of %llu bytes",
			     src->iova + offset, dst->iova + offset,
			     pci_get(&w->dma, DMA_RESULT), len);
	memcpy(shadow + offset, w->shadow + src->page * HOST_PAGE + offset, len);
	w->count[COPIES]++;
	return !memcmp(shadow, w->pages + dst->page * HOST_PAGE, HOST_PAGE) ||
	       wrong(w, "wrong data after a copy from %#llx to %#llx", src->iova,
		     dst->iova);
}

/* A page is taken out of a block, which others go on using */
static bool worker_split(struct worker *w, u64 iova, u64 paddr)
{
	u64 at = random_below(&w->r, 510) * HOST_PAGE + HOST_PAGE;

	w->count[SPLITS]++;
	return worker_unmap(w, iova + at, HOST_PAGE) && absent(w, iova + at) &&
	       present(w, iova + at - 1, paddr + at - 1) &&
	       present(w, iova + at + HOST_PAGE, paddr + at + HOST_PAGE) &&
	       worker_unmap(w, iova, at) &&
	       worker_unmap(w, iova + at + HOST_PAGE, HOST_2M - at - HOST_PAGE);
}

static bool worker_block(struct worker *w, u64 iova)
{
	u64 paddr = BLOCK_PADDR + random_below(&w->r, 512) * HOST_2M;
	u64 at = random_below(&w->r, HOST_2M);
	int ret = try_map(w, iova, paddr, HOST_2M);

	if (ret <= 0)
		return !ret;
	w->count[BLOCKS]++;
	if (!present(w, iova + at, paddr + at))
		return false;
	if (splits && !random_below(&w->r, 4))
		return worker_split(w, iova, paddr);
	return worker_unmap(w, iova, HOST_2M) && absent(w, iova + at);
}

/* All pages of the slot in one call, and away in one or two */
static bool worker_fill(struct worker *w, u64 iova)
{
	u64 at = random_below(&w->r, 512) * HOST_PAGE;
	int ret = domain_fill(rig.fd, iova, HOST_2M, 0);

	if (ret == -EIO && late) {
		w->count[REFUSED]++;
		return true;
	}
	if (ret)
		return wrong(w, "fill at %#llx: %s", iova, strerror(-ret));
	w->count[FILLS]++;
	if (!present(w, iova + at, HOST_1G + HOST_PAGE + at))
		return false;
	if (random_below(&w->r, 2))
		return worker_unmap(w, iova, HOST_2M) && absent(w, iova + at);
	return worker_unmap(w, iova, HOST_2M / 2) &&
	       worker_unmap(w, iova + HOST_2M / 2, HOST_2M / 2) && absent(w, iova + at);
}

/* A slot that no other thread is in */
static bool whole_slot(struct worker *w)
{
	unsigned int tries, slot;
	bool good;

	for (tries = 0; tries < TRIES; tries++) {
		slot = any_slot(w);
		if (slot_take(slot))
			break;
	}
	if (tries == TRIES)
		return true;
	good = random_below(&w->r, 2) ? worker_block(w, slot_iova(slot)) :
					worker_fill(w, slot_iova(slot));
	slot_give(slot);
	return good;
}

static bool gib_block(struct worker *w, unsigned int gib)
{
	u64 iova = gibs[gib] * HOST_1G;
	u64 at = random_below(&w->r, HOST_1G);
	int ret = try_map(w, iova, BLOCK_PADDR, HOST_1G);

	if (ret <= 0)
		return !ret;
	w->count[GIB_BLOCKS]++;
	return present(w, iova + at, BLOCK_PADDR + at) &&
	       worker_unmap(w, iova, HOST_1G) && absent(w, iova + at);
}

/*
 * A GiB that no other thread is in: the table above the slots' tables goes, too
 */
static bool whole_gib(struct worker *w)
{
	unsigned int gib = random_below(&w->r, GIBS);
	unsigned int first = gib * SLOTS_A_GIB, taken = 0;
	bool good = true;

	while (taken < SLOTS_A_GIB && slot_take(first + taken))
		taken++;
	if (taken == SLOTS_A_GIB)
		good = gib_block(w, gib);
	while (taken--)
		slot_give(first + taken);
	return good;
}

/*
 * What others have there changes under it: it must come back, and with no more
 */
static bool look(struct worker *w)
{
	domain_lookup(rig.fd, slot_iova(any_slot(w)) +
		      random_below(&w->r, HOST_2M));
	w->count[LOOKUPS]++;
	return true;
}

static bool step(struct worker *w)
{
	unsigned int dice = random_below(&w->r, w->busy ? 32 : 128);

	if (!w->nr_held || (w->nr_held < HELD && dice < 10))
		return hold(w);
	switch (dice) {
	case 0 ... 11:
		return drop(w, random_below(&w->r, w->nr_held));
	case 12 ... 14:
		return !w->busy || whole_slot(w);
	case 15:
		return !w->busy || whole_gib(w);
	case 16 ... 18:
		return look(w);
	case 19:
		return !w->busy || churn(w);
	default:
		return worker_copy(w);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool good = true;

	while (good && !stopped(w)) {
		good = step(w);
		w->steps++;
	}
	while (good && w->nr_held)
		good = drop(w, w->nr_held - 1);
	return NULL;
}

/* The busy ones are nailed to a CPU each, as far as there are CPUs */
static int worker_start(struct worker *w)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	w->steps = 0;
	if (pthread_create(&w->thread, NULL, work, w))
		return -1;
	if (!w->busy)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(w->id % cpus, &set);
	pthread_setaffinity_np(w->thread, sizeof(set), &set);
	return 0;
}

/* The rig has the first engine, and it is the first worker's. */
static const char *worker_open(struct worker *w, unsigned int id, struct random *r)
{
	w->id = id;
	w->busy = id < BUSY;
	w->r.state = random_next(r) | 1;
	w->pages = rig.buffer + id * OWN_PAGES * HOST_PAGE;
	random_fill(&w->r, w->pages, sizeof(w->shadow));
	memcpy(w->shadow, w->pages, sizeof(w->shadow));
	if (!id) {
		w->dma = rig.dma;
		return NULL;
	}
	if (engine_open(&w->dma, id))
		return "fewer ipmmu-dma devices than workers";
	return domain_attach(rig.fd, &w->dma) ? "an engine cannot be attached" : NULL;
}

static void worker_close(struct worker *w)
{
	if (!w->id || !w->dma.bar)
		return;
	domain_release(rig.fd, &w->dma);
	pci_close(&w->dma);
}

static bool running(u64 end)
{
	bool some = false;
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		some |= !ops || __atomic_load_n(&workers[i].steps, __ATOMIC_RELAXED) < ops;
	return some && !__atomic_load_n(&stop, __ATOMIC_RELAXED) && host_ns() < end;
}

static void counts_show(void)
{
	u64 sum;
	unsigned int i, w;

	printf("#");
	for (i = 0; i < COUNTS; i++) {
		for (sum = 0, w = 0; w < WORKERS; w++) {
			sum += workers[w].count[i];
			workers[w].count[i] = 0;
		}
		printf(" %llu %s%s", sum, count_names[i], i < COUNTS - 1 ? "," : "\n");
	}
}

/* One round: 0 when all went well. @frees gets how many tables it has freed */
static int hammer(struct random *r, u64 ns, bool with_late, long long *frees)
{
	long long before = reclaimer("freed");
	u64 end = host_ns() + ns;
	unsigned int i;
	int bad = 0;

	late = with_late;
	stop = false;
	for (i = 0; i < WORKERS; i++)
		if (worker_start(&workers[i]))
			ksft_exit_fail_msg("no thread\n");
	while (running(end)) {
		__atomic_store_n(&hot, random_below(r, SLOTS), __ATOMIC_RELAXED);
		witness_vary_flushes(&rig.witness, r, late, STUCK_MS);
	}
	pci_set(&rig.witness, WITNESS_FLUSH_DELAY_NS, 1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (wrong_show(&workers[i].wrong, i))
			bad = -1;
	}
	counts_show();
	reclaimer_wait(RIG_BACK_MS);
	*frees = reclaimer("freed") - before;
	printf("# %lld tables freed\n", *frees);
	fflush(stdout);
	return bad;
}

/* Before 6.14 a part of a block can be unmapped. */
static bool kernel_splits(void)
{
	return host_before(6, 14);
}

/*
 * --seconds for both rounds together, --ops for each worker in a round;
 * whichever is over first. Return: nanoseconds for all rounds.
 */
static u64 parse_options(int argc, char **argv)
{
	u64 seconds = 0;
	const struct number_option options[] = {
		{ "seconds", &seconds }, { "ops", &ops },
	};

	options_numbers(argc, argv, options, ARRAY_SIZE(options));
	/* With operations alone there is no other end. */
	if (!seconds)
		seconds = ops ? UINT32_MAX : SECONDS;
	return seconds * 1000000000ull;
}

static void setup(struct random *r)
{
	const char *problem = setup_domains();
	unsigned int i;

	if (problem)
		ksft_exit_skip("%s\n", problem);
	/*
	 * Tables that are empty go at once: many in a run, under the feet of
	 * others
	 */
	parameter_set(RECLAIMER_PARAMETERS, "sweep_ms", "1");
	problem = rig_open(&rig, WORKERS * OWN_PAGES);
	for (i = 0; !problem && i < WORKERS; i++)
		problem = worker_open(&workers[i], i, r);
	if (problem)
		ksft_exit_skip("%s\n", problem);
}

static int teardown(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		worker_close(&workers[i]);
	return rig_close(&rig);
}

int main(int argc, char **argv)
{
	u64 ns = parse_options(argc, argv) / 2;
	long long frees = 0, late_frees = 0;
	struct random r;
	int bad;

	ksft_print_header();
	r = random_seeded();
	setup(&r);
	ksft_set_plan(5);
	splits = kernel_splits();
	ksft_test_result(!setup_test_module("ipmmu_watch"),
			 "hammer.freed_and_cleaned_are_watched\n");
	bad = hammer(&r, ns, false, &frees);
	ksft_test_result(!bad, "hammer.flushes_end\n");
	/* After something went wrong it is not known what is mapped. */
	bad = bad ?: hammer(&r, ns, true, &late_frees);
	ksft_test_result(!bad, "hammer.flushes_are_late\n");
	/* Else nothing of what this is about has happened. */
	ksft_test_result(frees > SLOTS && late_frees > 0,
			 "hammer.tables_come_and_go\n");
	ksft_test_result(!teardown(), "hammer.verdict\n");
	parameter_set(RECLAIMER_PARAMETERS, "sweep_ms", "250");
	setup_run("rmmod ipmmu_watch 2>/dev/null");
	ksft_finished();
}
