// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a walker that does not snoop sees: memory as it was when last cleaned.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <sched.h>

#include "arena.h"
#include "shim.h"

static struct frame *frame_of(dma_addr_t dma)
{
	return &frames[(dma - shim_phys_base) >> PAGE_SHIFT];
}

#ifdef SHIM_THREADS
/*
 * A line is cleaned at one moment. No thread is to learn anything from having
 * waited for this lock: the detector of races does not see it.
 */
static int cleaning;

static void clean_begin(void)
{
	while (__atomic_exchange_n(&cleaning, 1, __ATOMIC_RELAXED))
		sched_yield();
	barrier();
}

static void clean_end(void)
{
	barrier();
	__atomic_store_n(&cleaning, 0, __ATOMIC_RELAXED);
}
#else
static void clean_begin(void)
{
}

static void clean_end(void)
{
}
#endif

/*
 * Byte by byte what was asked for. Hardware cleans whole lines, and may clean
 * more at any time: that must not be counted on.
 */
void shim_clean(const volatile void *address, size_t size)
{
	size_t at = virt_to_phys(address) - shim_phys_base;
	size_t i;

	if (!shim_is_allocated(shim_phys_base + at, size))
		shim_panic("memory is cleaned that is not allocated");
	if (IS_ALIGNED(at | size, sizeof(u64))) {
		for (i = at; i < at + size; i += sizeof(u64)) {
			clean_begin();
			__atomic_store_n((u64 *)(arena_cleaned + i),
					 __atomic_load_n((u64 *)(arena + i), SHIM_LOAD),
					 SHIM_STORE);
			clean_end();
		}
	} else {
		memcpy(arena_cleaned + at, arena + at, size);
	}
	shim_step();
}

u64 shim_word(phys_addr_t pa, bool cleaned)
{
	const char *from = cleaned ? arena_cleaned : arena;

	return __atomic_load_n((const u64 *)(from + (pa - shim_phys_base)),
			       __ATOMIC_ACQUIRE);
}

void shim_set_word(phys_addr_t pa, u64 word)
{
	if (!shim_is_allocated(pa, sizeof(word)))
		shim_panic("the walker writes 0x%llx, where there is no table", pa);
	__atomic_store_n((u64 *)(arena + (pa - shim_phys_base)), word,
			 __ATOMIC_RELEASE);
}

/* --- an IOMMU for which nothing is cleaned -------------------------------- */

/*
 * The walker snoops, but the library has not been told. It sees what has left
 * the store buffers: all that their CPU has stored before a barrier, and of the
 * rest some or other, for walks take words as they are, too. Stores that are
 * not marked as such are those to a table that is not reached yet: it goes in
 * as a whole when it is mapped for DMA. What one CPU has seen of another's
 * stores all observers see after a barrier of either (Arm ARM B2.3,
 * other-multi-copy atomic), and in here each sees all: so there is one buffer.
 */
#define BUFFERED	512

static struct store {
	const volatile void *address;
	size_t size;
} buffer[BUFFERED];
static unsigned int buffered;
bool shim_buffers;

static void let_out(const struct store *store)
{
	size_t at = (const volatile char *)store->address - arena;

	/* A page may have been freed meanwhile. */
	if (shim_is_allocated(shim_phys_base + at, store->size))
		memcpy(arena_cleaned + at, arena + at, store->size);
}

void shim_drain(void)
{
	while (buffered)
		let_out(&buffer[--buffered]);
}

void shim_buffer(const volatile void *address, size_t size)
{
	const volatile char *byte = address;

	if (byte < arena || byte >= arena + ARENA_SIZE)
		return;
	/* What has been in there for longest goes by itself. */
	if (buffered == BUFFERED) {
		let_out(&buffer[0]);
		memmove(&buffer[0], &buffer[1], --buffered * sizeof(buffer[0]));
	}
	buffer[buffered++] = (struct store) { address, size };
}

unsigned int shim_buffered(void)
{
	return buffered;
}

static void mark_mapped(struct device *dev, dma_addr_t dma, size_t size, bool mapped)
{
	dma_addr_t at;

	for (at = dma & PAGE_MASK; at < dma + size; at += PAGE_SIZE) {
		struct frame *frame = frame_of(at);

		if (frame->mapped == mapped && dev->ops)
			shim_panic("0x%llx is %s twice", at,
				   mapped ? "mapped" : "unmapped");
		frame->mapped = mapped;
		frame->unmaps = dev->ops;
	}
}

/* Where a mapping goes that is not one-to-one: to no memory at all */
#define MOVED		BIT_ULL(61)

bool shim_reach_moves, shim_reach_is_told;

size_t compat_line_size(void)
{
	return shim_reach && !shim_reach_is_told ? 0 : 64;
}

u64 dma_get_mask(struct device *dev)
{
	return shim_reach && shim_reach_is_told ? shim_reach - 1 : DMA_BIT_MASK(64);
}

static bool is_beyond_reach(phys_addr_t pa, size_t size)
{
	if (!shim_reach || pa + size <= shim_reach)
		return false;
	if (shim_reach_is_told)
		shim_panic("0x%llx is mapped for DMA, beyond the mask", pa);
	return true;
}

dma_addr_t dma_map_single_attrs(struct device *dev, void *address, size_t size,
				enum dma_data_direction dir, unsigned long attrs)
{
	phys_addr_t pa = virt_to_phys(address);

	shim_step();
	if (shim_fails())
		return DMA_MAPPING_ERROR;
	if (!shim_is_allocated(pa, size))
		shim_panic("0x%llx is mapped for DMA and not allocated", pa);
	if (is_beyond_reach(pa, size))
		return shim_reach_moves ? pa ^ MOVED : DMA_MAPPING_ERROR;
	if (dev->moves)
		return pa ^ MOVED;
	mark_mapped(dev, pa, size, true);
	if (dev->coherent)
		shim_stored(address, size);
	else if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		shim_clean(address, size);
	return pa;
}

void dma_unmap_single_attrs(struct device *dev, dma_addr_t dma, size_t size,
			    enum dma_data_direction dir, unsigned long attrs)
{
	if (dev->moves || (shim_reach && dma & MOVED))
		return;
	if (!shim_is_allocated(dma, size))
		shim_panic("0x%llx is unmapped for DMA and not allocated", dma);
	mark_mapped(dev, dma, size, false);
}

void dma_sync_single_for_device(struct device *dev, dma_addr_t dma, size_t size,
				enum dma_data_direction dir)
{
	if (!shim_is_allocated(dma, size) || !frame_of(dma)->mapped ||
	    !frame_of(dma + size - 1)->mapped)
		shim_panic("0x%llx is synced and not mapped for DMA", dma);
	if (!dev->coherent)
		shim_clean(phys_to_virt(dma), size);
}

void dma_sync_single_for_cpu(struct device *dev, dma_addr_t dma, size_t size,
			     enum dma_data_direction dir)
{
}
