// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages and objects, which fail when asked to, and are missed when gone.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <linux/slab.h>

#include "arena.h"
#include "quiet.h"
#include "shim.h"

/*
 * Blocks that have been freed are not used again before as many others: a CPU
 * that still goes to one is found, be it a reader that came too late.
 */
#define QUARANTINE	256

/* What is in a page that has not been zeroed: a valid entry, to nowhere */
#define GARBAGE		0xa7

/* The word of a page, by the one that had it before */
#define LEFT_THERE	(~0ul)

char *arena;
char *arena_cleaned;
struct frame frames[ARENA_FRAMES];
/* Which are allocated: apart, for all threads may look whether one is */
static bool used[ARENA_FRAMES];
static struct page pages[ARENA_FRAMES];
phys_addr_t shim_phys_base = 0x48000000;

static pthread_mutex_t memory_mutex = PTHREAD_MUTEX_INITIALIZER;

/* The lowest, which DMA and DMA32 are both, and all others */
enum zone { LOW, NORMAL, ZONES };

/* Freed blocks of a zone and an order, in the order in which they were freed */
static struct fifo {
	unsigned int frame[ARENA_FRAMES];
	unsigned int first;
	unsigned int nr;
} fifos[ZONES][ARENA_ORDERS];

/* Where a zone has frames that were never taken, and where it ends */
static unsigned int next_frame[ZONES] = { 1, ARENA_LOW + 1 };
static const unsigned int end_frame[ZONES] = { ARENA_LOW, ARENA_FRAMES };

long shim_pages, shim_objects;
unsigned int shim_group;
void (*shim_on_free)(phys_addr_t pa, size_t size);
struct shim_fail shim_fail = { .after = LONG_MAX };
phys_addr_t shim_reach;
bool shim_narrow;

static long charged[SHIM_GROUPS];
static long node_stats[SHIM_NODES][SHIM_NODE_STATS];
static long group_stats[SHIM_GROUPS][SHIM_NODE_STATS];
static pg_data_t nodes[SHIM_NODES];

static void *reserve(void)
{
	void *map = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		shim_panic("no memory for the arena");
	return map;
}

void shim_memory_init(void)
{
	unsigned int i;

	if (arena)
		return;
	for (i = 0; i < SHIM_NODES; i++)
		nodes[i].nid = i;
	arena = reserve();
	arena_cleaned = reserve();
	ASAN_POISON_MEMORY_REGION(arena, ARENA_SIZE);
	ASAN_POISON_MEMORY_REGION(pages, sizeof(pages));
}

/* --- failing -------------------------------------------------------------- */

bool shim_fails(void)
{
	unsigned long call = __atomic_add_fetch(&shim_fail.calls, 1, __ATOMIC_RELAXED);
	bool fails = shim_fail.every && call % shim_fail.every == 0;

	if (shim_fail.after != LONG_MAX && shim_fail.after-- <= 0) {
		shim_fail.after = LONG_MAX;
		fails = true;
	}
	if (fails)
		__atomic_fetch_add(&shim_fail.failed, 1, __ATOMIC_RELAXED);
	return fails;
}

/* A machine that is short of memory has none for those that may be refused. */
static bool hurried_fails(gfp_t gfp)
{
	static unsigned long calls;

	return shim_fail.hurried && gfp & __GFP_NORETRY &&
	       __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % shim_fail.hurried == 0;
}

/* May the caller allocate here, in this way? */
static void check_gfp(gfp_t gfp, const char *what)
{
	if (shim_cpu->locks)
		shim_panic("%s is allocated with a raw spinlock held", what);
	if (shim_cpu->reclaims && !(gfp & __GFP_NOMEMALLOC))
		shim_panic("%s is allocated from the reserves", what);
	if (gfpflags_allow_blocking(gfp))
		might_sleep();
	else
		shim_step();
}

/* --- pages ---------------------------------------------------------------- */

static enum zone zone_of(unsigned int frame)
{
	return frame < ARENA_LOW ? LOW : NORMAL;
}

static bool fifo_take(enum zone zone, unsigned int order, unsigned int *frame)
{
	struct fifo *fifo = &fifos[zone][order];

	if (!fifo->nr)
		return false;
	*frame = fifo->frame[fifo->first];
	fifo->first = (fifo->first + 1) % ARENA_FRAMES;
	fifo->nr--;
	return true;
}

static void fifo_put(unsigned int order, unsigned int frame)
{
	struct fifo *fifo = &fifos[zone_of(frame)][order];

	fifo->frame[(fifo->first + fifo->nr++) % ARENA_FRAMES] = frame;
}

/* The first part of a larger block; the others are blocks of their own now. */
static bool fifo_split(enum zone zone, unsigned int order, unsigned int *frame)
{
	unsigned int larger = order + 1, i;

	while (larger < ARENA_ORDERS && !fifo_take(zone, larger, frame))
		larger++;
	if (larger >= ARENA_ORDERS)
		return false;
	for (i = 1; i < 1u << (larger - order); i++)
		fifo_put(order, *frame + (i << order));
	return true;
}

/* Beyond each block is a page that belongs to none. */
static bool find_frame(enum zone zone, unsigned int order, unsigned int *frame)
{
	unsigned int nr = 1u << order, at = ALIGN(next_frame[zone], nr);

	if (fifos[zone][order].nr <= QUARANTINE && at + nr < end_frame[zone]) {
		*frame = at;
		next_frame[zone] = at + nr + 1;
		return true;
	}
	return fifo_take(zone, order, frame) || fifo_split(zone, order, frame);
}

static void fill_block(unsigned int frame, unsigned int order, gfp_t gfp)
{
	char *block = arena + ((size_t)frame << PAGE_SHIFT);
	size_t size = PAGE_SIZE << order;

	ASAN_UNPOISON_MEMORY_REGION(block, size);
	memset(block, gfp & __GFP_ZERO ? 0 : GARBAGE, size);
	/* Zeroes, too, are in the cache only. */
	memset(arena_cleaned + (block - arena), GARBAGE, size);
}

static void init_frames(unsigned int frame, unsigned int order, int nid, gfp_t gfp)
{
	unsigned int group = gfp & __GFP_ACCOUNT ? shim_group : 0, i;

	ASAN_UNPOISON_MEMORY_REGION(&pages[frame], sizeof(*pages) << order);
	for (i = frame; i < frame + (1u << order); i++) {
		frames[i] = (struct frame) {
			.node = nid, .group = group, .head = i == frame,
			.order = order,
		};
		__atomic_store_n(&used[i], true, __ATOMIC_RELAXED);
		/* What the last to have it has left */
		memset(&pages[i], GARBAGE, sizeof(pages[i]));
		pages[i].private = LEFT_THERE;
		pages[i].lru.next = NULL;
		pages[i].memcg_data = group;
		atomic_set(&pages[i]._refcount, i == frame);
	}
	charged[group] += 1l << order;
	shim_pages += 1l << order;
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	enum zone zone = gfp & (__GFP_DMA | __GFP_DMA32) ? LOW : NORMAL;
	unsigned int frame;

	if (gfp & __GFP_HIGHMEM ||
	    (zone == LOW && !shim_reach && !shim_narrow && !shim_fail.every &&
	     shim_fail.after == LONG_MAX && !shim_fail.failed))
		shim_panic("a page from a zone that is not for tables: gfp 0x%x", gfp);
	if (order >= ARENA_ORDERS)
		shim_panic("a block of order %u", order);
	if (nid < NUMA_NO_NODE || nid >= SHIM_NODES)
		shim_panic("a page of node %d", nid);
	check_gfp(gfp, "a page");
	if (shim_fails() || hurried_fails(gfp))
		return NULL;

	quiet_lock(&memory_mutex);
	if (!find_frame(zone, order, &frame)) {
		/*
		 * Free pages do not grow together again; one there has to be.
		 */
		if (!order)
			shim_panic("the arena is full: %ld pages", shim_pages);
		shim_fail.failed++;
		quiet_unlock(&memory_mutex);
		return NULL;
	}
	fill_block(frame, order, gfp);
	init_frames(frame, order, nid == NUMA_NO_NODE ? 0 : nid, gfp);
	quiet_unlock(&memory_mutex);
	return &pages[frame];
}

/* The parts are blocks of their own from now on, and freed one by one. */
void split_page(struct page *page, unsigned int order)
{
	unsigned int first = page - pages, i;

	quiet_lock(&memory_mutex);
	if (!frames[first].head || frames[first].order != order)
		shim_panic("split of a block of order %u that is none", order);
	for (i = first; i < first + (1u << order); i++) {
		frames[i].head = true;
		frames[i].order = 0;
		atomic_set(&pages[i]._refcount, 1);
	}
	quiet_unlock(&memory_mutex);
}

static void check_free(unsigned int frame, unsigned int order)
{
	const struct frame *f = &frames[frame];
	unsigned int i;

	if (!used[frame])
		shim_panic("page %u is freed twice", frame);
	if (!f->head || f->order != order)
		shim_panic("page %u of a block of order %u is freed as order %u",
			   frame, f->order, order);
	for (i = 0; i < 1u << order; i++) {
		if (f[i].mapped && f[i].unmaps)
			shim_panic("page %u is freed and still mapped for DMA",
				   frame + i);
	}
}

void __free_pages(struct page *page, unsigned int order)
{
	unsigned int frame = page - pages, i;
	char *block = page_address(page);
	size_t size = PAGE_SIZE << order;

	/*
	 * What it frees first may take locks that sleep on a real-time kernel.
	 */
	if (shim_cpu->locks)
		shim_panic("a page is freed with a raw spinlock held");
	shim_step();
	if (!atomic_dec_and_test(&page->_refcount))
		return;
	for (i = 0; i < 1u << order; i++)
		if (page[i].private && page[i].private != LEFT_THERE)
			shim_panic("a page is freed with 0x%lx in its word", page[i].private);
	if (shim_on_free)
		shim_on_free(page_to_phys(page), size);

	quiet_lock(&memory_mutex);
	check_free(frame, order);
	charged[frames[frame].group] -= 1l << order;
	shim_pages -= 1l << order;
	for (i = frame; i < frame + (1u << order); i++)
		__atomic_store_n(&used[i], false, __ATOMIC_RELAXED);
	/*
	 * A thread that comes now, without having been waited for, races with
	 * this.
	 */
	memset(block, GARBAGE, size);
	ASAN_POISON_MEMORY_REGION(block, size);
	ASAN_POISON_MEMORY_REGION(page, sizeof(*page) << order);
	fifo_put(order, frame);
	quiet_unlock(&memory_mutex);
}

bool shim_is_allocated(phys_addr_t pa, size_t size)
{
	size_t at = pa - shim_phys_base;
	unsigned int i;

	if (pa < shim_phys_base || at >= ARENA_SIZE || size > ARENA_SIZE - at)
		return false;
	for (i = at >> PAGE_SHIFT; i <= (at + size - 1) >> PAGE_SHIFT; i++)
		if (!__atomic_load_n(&used[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

/* --- addresses ------------------------------------------------------------ */

static size_t offset_of(const volatile void *address)
{
	size_t at = (const volatile char *)address - arena;

	if (at >= ARENA_SIZE)
		shim_panic("%p is not in the linear map", address);
	return at;
}

struct page *virt_to_page(const void *address)
{
	return &pages[offset_of(address) >> PAGE_SHIFT];
}

phys_addr_t virt_to_phys(const volatile void *address)
{
	return shim_phys_base + offset_of(address);
}

void *phys_to_virt(phys_addr_t pa)
{
	if (pa < shim_phys_base || pa - shim_phys_base >= ARENA_SIZE)
		shim_panic("0x%llx is not the address of any memory", pa);
	return arena + (pa - shim_phys_base);
}

struct page *pfn_to_page(unsigned long pfn)
{
	return virt_to_page(phys_to_virt(PFN_PHYS(pfn)));
}

unsigned long page_to_pfn(const struct page *page)
{
	return PHYS_PFN(shim_phys_base) + (page - pages);
}

void *page_address(const struct page *page)
{
	return arena + ((size_t)(page - pages) << PAGE_SHIFT);
}

int page_to_nid(const struct page *page)
{
	return frames[page - pages].node;
}

phys_addr_t shim_low_end(void)
{
	return shim_phys_base + PFN_PHYS(ARENA_LOW);
}

unsigned long totalram_pages(void)
{
	return ARENA_FRAMES;
}

/* --- what is counted ------------------------------------------------------ */

pg_data_t *page_pgdat(const struct page *page)
{
	return &nodes[page_to_nid(page)];
}

void mod_node_page_state(pg_data_t *pgdat, enum node_stat_item item, long delta)
{
	__atomic_fetch_add(&node_stats[pgdat->nid][item], delta, __ATOMIC_RELAXED);
}

/*
 * The node's counter and the group's. Pages of one kind may be counted
 * together, at any of them; that the sums are right is checked when nothing is
 * left.
 */
void mod_lruvec_page_state(struct page *page, enum node_stat_item item, int delta)
{
	const struct frame *frame = &frames[page - pages];

	if (!__atomic_load_n(&used[frame - frames], __ATOMIC_RELAXED))
		shim_panic("a page is counted that is not allocated");
	/*
	 * In that word the kernel sees whether a page is the tail of another.
	 */
	if ((unsigned long)data_race(page->lru.next) & 1)
		shim_panic("a page is counted that looks like a tail page");
	__atomic_fetch_add(&node_stats[frame->node][item], delta, __ATOMIC_RELAXED);
	__atomic_fetch_add(&group_stats[frame->group][item], delta, __ATOMIC_RELAXED);
}

long shim_charged(unsigned int group)
{
	return charged[group];
}

long shim_node_stat(int node, enum node_stat_item item)
{
	return node_stats[node][item];
}

long shim_group_stat(unsigned int group, enum node_stat_item item)
{
	return group_stats[group][item];
}

/* --- objects -------------------------------------------------------------- */

void *kmalloc(size_t size, gfp_t gfp)
{
	void *object;

	check_gfp(gfp, "an object");
	if (shim_fails())
		return NULL;
	/* Aligned as large ones are, or there would be no lines to speak of */
	object = aligned_alloc(SMP_CACHE_BYTES, ALIGN(size, SMP_CACHE_BYTES));
	if (!object)
		shim_panic("out of memory");
	memset(object, gfp & __GFP_ZERO ? 0 : GARBAGE, size);
	__atomic_fetch_add(&shim_objects, 1, __ATOMIC_RELAXED);
	return object;
}

void kfree(const void *object)
{
	if (shim_cpu->locks)
		shim_panic("an object is freed with a raw spinlock held");
	if (object)
		__atomic_fetch_sub(&shim_objects, 1, __ATOMIC_RELAXED);
	free((void *)object);
}
