// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA interface with a flush queue: what is unmapped waits in the queue
 * with its IOVA, and is flushed with all else a few milliseconds later. Blocks
 * of 2 MiB, whole tables and single pages are mapped and unmapped by several
 * threads, so that a slot that held a table gets a block, and the other way
 * round, as soon as the queue gives its IOVA back; the engine copies through
 * them meanwhile.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sys/ioctl.h>

#include "kselftest.h"

#include "kmod/ipmmu_dma_api.h"
#include "lib/options.h"
#include "lib/setup.h"
#include "lib/wrong.h"

#define WORKERS		4
#define SECONDS		8	/* by default, for both rounds together */
#define COPY_MAX	0x3000	/* over two page ends */

/* Slots that have to change hands, each way, and ns more to wait for that */
#define CHANGES		5
#define MORE_NS		120000000000ull

/* The queue's timer is 10 ms; several times that on a busy machine */
#define QUEUE_MS	200

/*
 * Tables beyond those there were, and ms until they have gone; 2 s are promised
 */
#define MORE_TABLES	8
#define SWEEP_MS	20000

#define RECLAIM_MS	20000
#define STUCK_MS	40

enum kind { NOTHING, BLOCK, TABLE };

static const struct shape {
	u64 size;
	bool contiguous;
} shapes[] = {
	{ HOST_2M, true }, { HOST_2M, true },
	{ HOST_2M, false }, { HOST_2M, false },
	{ 2 * HOST_2M, false },
	{ 16 * HOST_PAGE, false },
};

#define BUFFERS		ARRAY_SIZE(shapes)	/* of each worker */

struct buffer {
	u32 id;
	const struct shape *shape;
	u8 *bytes;
	u64 iova;
	bool mapped;
};

/**
 * struct worker - a thread that maps and unmaps its buffers
 * @bases: where its buffers have been last, to see that nothing is left
 * @wrong: what went wrong first, empty if nothing
 */
struct worker {
	pthread_t thread;
	struct random r;
	struct buffer buffers[BUFFERS];
	u64 bases[64];
	unsigned int nr_bases;
	u64 maps, copies, refused, changed[2];
	struct wrong wrong;
};

static struct worker workers[WORKERS];
static struct pci_function witness, engine;
static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static int fd;
static bool late;
static bool stop;

/*
 * What each 2 MiB of the 39-bit space had last; an IOVA has one owner at a
 * time.
 */
static u8 slots[1 << 18];

#define wrong(w, ...)	wrong_note(&(w)->wrong, &stop, __VA_ARGS__)

static void slots_note(struct worker *w, const struct buffer *b)
{
	u8 kind = b->shape->contiguous ? BLOCK : TABLE;
	u64 iova;
	u8 *slot;

	for (iova = b->iova; iova + HOST_2M <= b->iova + b->shape->size;
	     iova += HOST_2M) {
		slot = &slots[iova / HOST_2M % ARRAY_SIZE(slots)];
		if (*slot != NOTHING && *slot != kind)
			w->changed[kind == BLOCK]++;
		*slot = kind;
	}
}

static bool buffer_map(struct worker *w, struct buffer *b)
{
	struct ipmmu_dma_api_map arg = { .id = b->id };

	if (ioctl(fd, IPMMU_DMA_API_MAP, &arg)) {
		/*
		 * After a flush that failed nothing is mapped until one has
		 * not.
		 */
		w->refused++;
		return late || wrong(w, "map of %#llx: %s", b->shape->size,
				     strerror(errno));
	}
	b->iova = arg.iova;
	b->mapped = true;
	w->bases[w->nr_bases++ % ARRAY_SIZE(w->bases)] = b->iova;
	w->maps++;
	slots_note(w, b);
	return true;
}

static bool buffer_unmap(struct worker *w, struct buffer *b)
{
	struct ipmmu_dma_api_map arg = { .id = b->id };

	b->mapped = false;
	return !ioctl(fd, IPMMU_DMA_API_UNMAP, &arg) ||
	       wrong(w, "unmap at %#llx: %s", b->iova, strerror(errno));
}

static enum dma_status engine_copy(u64 src, u64 dst, u64 len)
{
	enum dma_status status;

	pthread_mutex_lock(&engine_lock);
	status = engine_run(&engine, DMA_COPY, src, dst, len);
	pthread_mutex_unlock(&engine_lock);
	return status;
}

/* New data into the one, and through the engine into the other */
static bool buffer_copy(struct worker *w, struct buffer *src, struct buffer *dst)
{
	u64 len = 1 + random_below(&w->r, COPY_MAX);
	u64 from = random_below(&w->r, src->shape->size - len);
	u64 to = random_below(&w->r, dst->shape->size - len);

	random_fill(&w->r, src->bytes + from, len);
	if (engine_copy(src->iova + from, dst->iova + to, len) != DMA_OK)
		return wrong(w, "copy of %#llx from %#llx to %#llx refused", len,
			     src->iova + from, dst->iova + to);
	w->copies++;
	return !memcmp(src->bytes + from, dst->bytes + to, len) ||
	       wrong(w, "wrong data after a copy of %#llx from %#llx to %#llx",
		     len, src->iova + from, dst->iova + to);
}

static bool step(struct worker *w)
{
	struct buffer *a = &w->buffers[random_below(&w->r, BUFFERS)];
	struct buffer *b = &w->buffers[random_below(&w->r, BUFFERS)];

	if (!a->mapped)
		return buffer_map(w, a);
	if (a != b && b->mapped && random_below(&w->r, 2))
		return buffer_copy(w, a, b);
	return buffer_unmap(w, a);
}

static bool unmap_all(struct worker *w)
{
	unsigned int i;
	bool good = true;

	for (i = 0; i < BUFFERS; i++)
		if (w->buffers[i].mapped)
			good &= buffer_unmap(w, &w->buffers[i]);
	return good;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && step(w))
		;
	unmap_all(w);
	return NULL;
}

static void counts_show(void)
{
	u64 maps = 0, copies = 0, refused = 0;
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		maps += workers[i].maps;
		copies += workers[i].copies;
		refused += workers[i].refused;
	}
	printf("# so far %llu maps, %llu copies, %llu maps refused after a failed flush\n",
	       maps, copies, refused);
	fflush(stdout);
}

/*
 * Blocks where tables were, and tables where blocks were: else nothing was
 * tested
 */
static bool slots_changed(u64 *to_table, u64 *to_block)
{
	unsigned int i;

	*to_table = 0;
	*to_block = 0;
	for (i = 0; i < WORKERS; i++) {
		*to_table += __atomic_load_n(&workers[i].changed[0],
					     __ATOMIC_RELAXED);
		*to_block += __atomic_load_n(&workers[i].changed[1],
					     __ATOMIC_RELAXED);
	}
	return *to_table > CHANGES && *to_block > CHANGES;
}

/* The last round takes longer where a slow host has changed few slots yet. */
static bool round_goes_on(u64 end, bool is_last)
{
	u64 now = host_ns(), to_table, to_block;

	if (__atomic_load_n(&stop, __ATOMIC_RELAXED))
		return false;
	return now < end || (is_last && now < end + MORE_NS &&
			     !slots_changed(&to_table, &to_block));
}

static int round_run(struct random *r, u64 ns, bool with_late)
{
	u64 end = host_ns() + ns;
	unsigned int i;
	int bad = 0;

	late = with_late;
	stop = false;
	for (i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			ksft_exit_fail_msg("no thread\n");
	while (round_goes_on(end, with_late))
		witness_vary_flushes(&witness, r, late, STUCK_MS);
	pci_set(&witness, WITNESS_FLUSH_DELAY_NS, 1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (wrong_show(&workers[i].wrong, i))
			bad = -1;
	}
	counts_show();
	return bad;
}

static bool slots_change_hands(void)
{
	u64 to_table, to_block;
	bool enough = slots_changed(&to_table, &to_block);

	printf("# %llu times a table where a block was, %llu times a block where a table was\n",
	       to_table, to_block);
	return enough;
}

/*
 * A flush of the queue that failed is not tried again by itself: give it
 * another.
 */
static bool queue_empty(void)
{
	struct worker *w = &workers[0];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (!buffer_map(w, &w->buffers[0]) ||
		    (w->buffers[0].mapped && !buffer_unmap(w, &w->buffers[0])))
			return false;
		host_sleep_ms(QUEUE_MS);
	}
	return true;
}

/* Nothing is mapped, and the queue is empty: the engine reaches nothing. */
static bool all_gone(void)
{
	unsigned int i, j, bad = 0;
	u64 seen;

	for (i = 0; i < WORKERS; i++) {
		for (j = 0; j < ARRAY_SIZE(workers[i].bases); j++) {
			seen = engine_translate(&engine, workers[i].bases[j],
						DMA_TRANSLATE_READ);
			if (seen == ~0ull)
				continue;
			printf("# %#llx still leads to %#llx\n",
			       workers[i].bases[j], seen);
			bad++;
		}
	}
	return !bad;
}

static bool tables_back(long long before)
{
	u64 end = host_ns() + SWEEP_MS * 1000000ull;
	long long now;

	/* With no call from outside */
	while ((now = reclaimer("live")) > before + MORE_TABLES && host_ns() < end)
		host_sleep_ms(20);
	printf("# %lld tables before, %lld now\n", before, now);
	return before > 0 && now <= before + MORE_TABLES;
}

/*
 * Before 5.15 the queue was no type of domain, but one mode of all of the DMA
 * API's.
 */
static bool queue_of_all(void)
{
	char line[4096];

	return host_before(5, 15) &&
	       file_read("/proc/cmdline", line, sizeof(line)) > 0 &&
	       strstr(line, "iommu.strict=0");
}

/* The engine's group needs a queue: by iommu.strict=0, or asked for here */
static bool queue_wanted(void)
{
	char path[96], type[32];

	pci_path(&engine, "iommu_group/type", path, sizeof(path));
	if (file_read(path, type, sizeof(type)) <= 0)
		return false;
	if (!strcmp(type, "DMA\n") && !queue_of_all())
		file_write(path, "DMA-FQ");
	file_read(path, type, sizeof(type));
	printf("# type of the domain: %s", type);
	fflush(stdout);
	return !strcmp(type, "DMA-FQ\n") ||
	       (!strcmp(type, "DMA\n") && queue_of_all());
}

static const char *buffers_open(struct worker *w, u32 first)
{
	struct ipmmu_dma_api_alloc arg;
	struct buffer *b;
	unsigned int i;
	void *bytes;

	for (i = 0; i < BUFFERS; i++) {
		b = &w->buffers[i];
		b->id = first + i;
		b->shape = &shapes[i];
		arg = (struct ipmmu_dma_api_alloc) {
			.id = b->id, .contiguous = b->shape->contiguous,
			.size = b->shape->size,
		};
		if (ioctl(fd, IPMMU_DMA_API_ALLOC, &arg))
			return "no memory for buffers";
		bytes = mmap(NULL, b->shape->size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, (off_t)b->id * IPMMU_DMA_API_STRIDE);
		if (bytes == MAP_FAILED)
			return "a buffer cannot be mapped";
		b->bytes = bytes;
	}
	return NULL;
}

static const char *setup(struct random *r)
{
	const char *problem = setup_driver();
	unsigned int i;

	if (problem)
		return problem;
	if (setup_test_module("ipmmu_dma_api"))
		return "ipmmu_dma_api.ko does not load";
	if (witness_open(&witness))
		return "the witness does not answer";
	if (engine_open(&engine, 0))
		return "the ipmmu-dma device does not answer";
	fd = open("/dev/" IPMMU_DMA_API_NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return "/dev/ipmmu-dma-api does not open";
	for (i = 0; !problem && i < WORKERS; i++) {
		workers[i].r.state = random_next(r) | 1;
		problem = buffers_open(&workers[i], i * BUFFERS);
	}
	return problem;
}

static void teardown(void)
{
	unsigned int i, j;

	for (i = 0; i < WORKERS; i++)
		for (j = 0; j < BUFFERS; j++)
			munmap(workers[i].buffers[j].bytes,
			       workers[i].buffers[j].shape->size);
	close(fd);
	pci_close(&engine);
	setup_run("rmmod ipmmu_watch ipmmu_dma_api 2>/dev/null");
}

int main(int argc, char **argv)
{
	u64 ns = options_seconds(argc, argv, SECONDS) * 1000000000ull / 2;
	const char *problem;
	struct random r;
	long long live;
	int bad;

	ksft_print_header();
	r = random_seeded();
	problem = setup(&r);
	if (problem)
		ksft_exit_skip("%s\n", problem);
	if (!queue_wanted())
		ksft_exit_skip("the engine's domain has no queue: boot with iommu.strict=0\n");
	ksft_set_plan(7);
	live = reclaimer("live");
	witness_clear(&witness);
	ksft_test_result(!setup_test_module("ipmmu_watch"),
			 "lazy.freed_and_cleaned_are_watched\n");
	bad = round_run(&r, ns, false);
	ksft_test_result(!bad, "lazy.flushes_end\n");
	bad = bad ?: round_run(&r, ns, true);
	ksft_test_result(!bad, "lazy.flushes_are_late\n");
	ksft_test_result(slots_change_hands(), "lazy.slots_change_hands\n");
	ksft_test_result(queue_empty() && all_gone(), "lazy.unmapped_is_gone\n");
	ksft_test_result(tables_back(live), "lazy.tables_come_back\n");
	ksft_test_result(!verdict(&witness), "lazy.verdict\n");
	teardown();
	ksft_finished();
}
