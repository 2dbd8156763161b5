// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain, and the time its operations take.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/align.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "bench.h"
#include <compat/iommu-api.h>

/*
 * Where things are mapped to. Nothing is ever read or written there: the device
 * stays silent, so any address will do that every output size holds. Pages get
 * one whose bits 20:12 always differ from the IOVA's, which is a multiple of
 * 64 KiB or follows on such a one: nowhere does a block fit.
 */
#define BENCH_PADDR		0x40000000ul
#define BENCH_PADDR_PAGES	(BENCH_PADDR + SZ_4K)

typedef int (*bench_call)(struct iommu_domain *domain, u64 iova, u64 size);

int bench_attach(struct bench_file *bf)
{
	struct iommu_domain *domain = bf->domain;
	int ret;

	if (bf->attached)
		return -EBUSY;
	if (!domain) {
		domain = compat_domain_alloc(bf->dev);
		if (IS_ERR(domain))
			return PTR_ERR(domain);
	}

	ret = iommu_attach_device(domain, bf->dev);
	if (ret && !bf->domain)
		iommu_domain_free(domain);
	if (ret)
		return ret;
	bf->domain = domain;
	bf->attached = true;
	return 0;
}

int bench_detach(struct bench_file *bf)
{
	if (!bf->attached)
		return -EINVAL;
	iommu_detach_device(bf->domain, bf->dev);
	bf->attached = false;
	return 0;
}

int bench_free(struct bench_file *bf, struct ipmmu_bench_free *arg)
{
	ktime_t start;

	if (!bf->domain || bf->attached)
		return -EINVAL;

	start = ktime_get();
	iommu_domain_free(bf->domain);
	arg->ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	bf->domain = NULL;
	return 0;
}

static noinline int bench_call_nothing(struct iommu_domain *domain, u64 iova,
				       u64 size)
{
	/* Keeps the compiler from seeing that nothing happens here */
	barrier();
	return 0;
}

/*
 * Every 2 MiB of a large range lead to the same memory, so that any size fits
 * the smallest output size.
 */
static noinline int bench_call_map_pages(struct iommu_domain *domain, u64 iova,
					 u64 size)
{
	return compat_map(domain, iova,
			  BENCH_PADDR_PAGES + (iova & (SZ_2M - 1)), size,
			  IOMMU_READ | IOMMU_WRITE);
}

static noinline int bench_call_map_blocks(struct iommu_domain *domain, u64 iova,
					  u64 size)
{
	return compat_map(domain, iova, BENCH_PADDR, size,
			  IOMMU_READ | IOMMU_WRITE);
}

static noinline int bench_call_unmap(struct iommu_domain *domain, u64 iova,
				     u64 size)
{
	return iommu_unmap(domain, iova, size) == size ? 0 : -EIO;
}

static noinline int bench_call_lookup(struct iommu_domain *domain, u64 iova,
				      u64 size)
{
	return iommu_iova_to_phys(domain, iova) ? 0 : -EIO;
}

static const bench_call bench_calls[] = {
	[IPMMU_BENCH_NOTHING] = bench_call_nothing,
	[IPMMU_BENCH_MAP_PAGES] = bench_call_map_pages,
	[IPMMU_BENCH_MAP_BLOCKS] = bench_call_map_blocks,
	[IPMMU_BENCH_UNMAP] = bench_call_unmap,
	[IPMMU_BENCH_LOOKUP] = bench_call_lookup,
};

/*
 * Filling a large domain takes its time, so others get theirs. A test that
 * measures an unmap wants the caller's part alone, and no worker in between.
 */
static int bench_loop(struct iommu_domain *domain,
		      const struct ipmmu_bench_range *arg)
{
	bool polite = arg->op == IPMMU_BENCH_MAP_PAGES && arg->step >= SZ_2M;
	u64 length = arg->length ? arg->length : arg->step;
	bench_call call = bench_calls[arg->op];
	u64 offset;
	int ret;

	for (offset = 0; offset < arg->size; offset += arg->step) {
		ret = call(domain, arg->iova + offset, length);
		if (ret)
			return ret;
		if (!polite)
			continue;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

int bench_range(struct bench_file *bf, struct ipmmu_bench_range *arg)
{
	struct bench_count count = { 0 };
	ktime_t start;
	int ret;

	if (!bf->domain || arg->op >= ARRAY_SIZE(bench_calls) || !arg->step ||
	    !IS_ALIGNED(arg->iova | arg->size | arg->step | arg->length, SZ_4K))
		return -EINVAL;

	ret = bench_count_begin(&count, arg->count);
	if (ret)
		return ret;
	start = ktime_get();
	ret = bench_loop(bf->domain, arg);
	arg->ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	bench_count_end(&count, arg->count);

	arg->mmio_reads = count.mmio_reads;
	arg->mmio_writes = count.mmio_writes;
	arg->flushes = count.flushes;
	arg->cleaned = count.cleaned;
	return ret;
}
