// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers use: the DMA interface, and the page allocator to compare with.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bits.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bench.h"

/* Above the tables of a full 39-bit space, of which there are 262,657 */
#define BENCH_PAGES_MAX		BIT(20)

/* Buffers at a time, as many as a busy device has in its ring */
#define BENCH_DMA_RING		64

static int bench_dma_round(struct device *dev, void *buffer,
			   struct ipmmu_bench_dma *arg)
{
	dma_addr_t addr[BENCH_DMA_RING];
	ktime_t start, middle;
	unsigned int i, j;

	start = ktime_get();
	for (i = 0; i < BENCH_DMA_RING; i++) {
		addr[i] = dma_map_single(dev, buffer, arg->size,
					 DMA_BIDIRECTIONAL);
		if (dma_mapping_error(dev, addr[i]))
			break;
	}
	middle = ktime_get();
	for (j = 0; j < i; j++)
		dma_unmap_single(dev, addr[j], arg->size, DMA_BIDIRECTIONAL);
	arg->unmap_ns += ktime_to_ns(ktime_sub(ktime_get(), middle));
	arg->map_ns += ktime_to_ns(ktime_sub(middle, start));
	return i == BENCH_DMA_RING ? 0 : -ENOMEM;
}

int bench_dma(struct bench_file *bf, struct ipmmu_bench_dma *arg)
{
	unsigned int order = get_order(arg->size), i;
	unsigned long buffer;
	int ret = 0;

	/* A domain of ours would be in the way of the device's own */
	if (bf->attached)
		return -EBUSY;
	if (!arg->size || !arg->calls || arg->calls % BENCH_DMA_RING ||
	    arg->size > SZ_2M)
		return -EINVAL;
	buffer = __get_free_pages(GFP_KERNEL, order);
	if (!buffer)
		return -ENOMEM;

	arg->map_ns = 0;
	arg->unmap_ns = 0;
	for (i = 0; i < arg->calls && !ret; i += BENCH_DMA_RING) {
		ret = bench_dma_round(bf->dev, (void *)buffer, arg);
		cond_resched();
	}
	free_pages(buffer, order);
	return ret;
}

static u64 bench_pages_alloc(struct page **pages, u64 count, u64 *got)
{
	ktime_t start = ktime_get();

	/* Each of these allocations is a point where others may run. */
	for (*got = 0; *got < count; ++*got) {
		pages[*got] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[*got])
			break;
	}
	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

static u64 bench_pages_free(struct page **pages, u64 count, bool polite)
{
	ktime_t start = ktime_get();
	u64 i;

	for (i = 0; i < count; i++) {
		__free_page(pages[i]);
		if (polite)
			cond_resched();
	}
	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

int bench_pages(struct ipmmu_bench_pages *arg)
{
	struct page **pages;
	u64 got;

	if (!arg->count || arg->count > BENCH_PAGES_MAX)
		return -EINVAL;
	pages = kvmalloc_array(arg->count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;

	arg->alloc_ns = bench_pages_alloc(pages, arg->count, &got);
	arg->free_ns = bench_pages_free(pages, got, arg->polite);
	kvfree(pages);
	return got == arg->count ? 0 : -ENOMEM;
}
