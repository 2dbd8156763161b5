// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page allocator: a list of free blocks for each order, and in front of
 * that of single pages one for each thread, as the kernel's CPUs have. Nothing
 * fails.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <sys/mman.h>

#include <linux/dma-mapping.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "shim.h"

/* Pages that a thread keeps, and moves at a time */
#define OWN_MAX		128
#define OWN_BATCH	63

phys_addr_t smp_phys_base = 0x48000000;
__thread int smp_readers;

static DEFINE_SPINLOCK(memory_lock);
static struct list_head blocks[SMP_ORDERS];
static unsigned long next_frame;
static pg_data_t node;

static __thread struct page *own[OWN_MAX];
static __thread unsigned int nr_own;

static void *reserve(unsigned long at, size_t size)
{
	void *map = mmap((void *)at, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 MAP_FIXED_NOREPLACE, -1, 0);

	if (map != (void *)at)
		shim_panic("no memory at 0x%lx", at);
	return map;
}

void shim_memory_init(void)
{
	unsigned int order;

	for (order = 0; order < SMP_ORDERS; order++)
		INIT_LIST_HEAD(&blocks[order]);
	reserve(SMP_LINEAR, SMP_FRAMES << PAGE_SHIFT);
	reserve((unsigned long)SMP_PAGES, SMP_FRAMES * sizeof(struct page));
}

/* With the lock. Blocks that have been split do not grow together again. */
static struct page *take_block(unsigned int order)
{
	unsigned long at = ALIGN(next_frame, 1ul << order);
	struct page *page;

	if (!list_empty(&blocks[order])) {
		page = list_first_entry(&blocks[order], struct page, lru);
		list_del(&page->lru);
		return page;
	}
	if (at + (1ul << order) > SMP_FRAMES)
		shim_panic("out of memory: more than %lu pages", SMP_FRAMES);
	next_frame = at + (1ul << order);
	return SMP_PAGES + at;
}

static struct page *take_single(void)
{
	if (!nr_own) {
		smp_lock(&memory_lock);
		while (nr_own < OWN_BATCH)
			own[nr_own++] = take_block(0);
		smp_unlock(&memory_lock);
	}
	return own[--nr_own];
}

static void give_single(struct page *page)
{
	unsigned int i;

	if (nr_own == OWN_MAX) {
		smp_lock(&memory_lock);
		for (i = 0; i < OWN_BATCH; i++)
			list_add(&own[--nr_own]->lru, &blocks[0]);
		smp_unlock(&memory_lock);
	}
	own[nr_own++] = page;
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (order) {
		smp_lock(&memory_lock);
		page = take_block(order);
		smp_unlock(&memory_lock);
	} else {
		page = take_single();
	}
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE << order);
	page->private = 0;
	return page;
}

void __free_pages(struct page *page, unsigned int order)
{
	if (!order) {
		give_single(page);
		return;
	}
	smp_lock(&memory_lock);
	list_add(&page->lru, &blocks[order]);
	smp_unlock(&memory_lock);
}

void split_page(struct page *page, unsigned int order)
{
}

unsigned long totalram_pages(void)
{
	return SMP_FRAMES;
}

unsigned int shim_group;

u64 dma_get_mask(struct device *dev)
{
	return DMA_BIT_MASK(64);
}

/* No stores are held back here but by the CPU. */
bool shim_buffers;

void shim_buffer(const volatile void *address, size_t size)
{
}

void shim_drain(void)
{
}

/*
 * The kernel's counters are each CPU's own as a rule: nothing is shared here.
 */
static __thread long counted[SHIM_NODE_STATS];

pg_data_t *page_pgdat(const struct page *page)
{
	return &node;
}

void mod_node_page_state(pg_data_t *pgdat, enum node_stat_item item, long delta)
{
	counted[item] += delta;
}

void mod_lruvec_page_state(struct page *page, enum node_stat_item item, int delta)
{
	counted[item] += delta;
}

void *kmalloc(size_t size, gfp_t gfp)
{
	void *object = aligned_alloc(64, ALIGN(size, 64));

	if (!object)
		shim_panic("out of memory");
	memset(object, 0, size);
	return object;
}

void kfree(const void *object)
{
	free((void *)object);
}

/* --- what each CPU has ---------------------------------------------------- */

/* Where the linker has put that of the first */
extern char __start_smp_percpu[], __stop_smp_percpu[];

/* Bytes of it */
#define PERCPU_ROOM	256

static char percpu[SMP_CPUS - 1][PERCPU_ROOM] __aligned(64);
__thread long smp_cpu_offset;

long smp_offset_of(unsigned int cpu)
{
	if (__stop_smp_percpu - __start_smp_percpu > PERCPU_ROOM)
		shim_panic("no room for what each CPU has");
	return cpu ? percpu[cpu - 1] - __start_smp_percpu : 0;
}

/* --- the walker snoops: none of this is to be called ---------------------- */

dma_addr_t dma_map_single_attrs(struct device *dev, void *address, size_t size,
				enum dma_data_direction dir, unsigned long attrs)
{
	shim_panic("mapped for DMA");
}

void dma_unmap_single_attrs(struct device *dev, dma_addr_t dma, size_t size,
			    enum dma_data_direction dir, unsigned long attrs)
{
	shim_panic("unmapped for DMA");
}

void dma_sync_single_for_device(struct device *dev, dma_addr_t dma, size_t size,
				enum dma_data_direction dir)
{
	shim_panic("synced for DMA");
}

size_t compat_line_size(void)
{
	return 0;
}

void shim_clean(const volatile void *address, size_t size)
{
	shim_panic("cleaned for DMA");
}
