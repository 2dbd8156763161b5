// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page in each of some regions of 2 MiB in turn, mapped and unmapped at once:
 * each leaves a table empty that is wanted again soon.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/align.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/sizes.h>

#include <compat/iommu-api.h>
#include "bench.h"

/*
 * Regions that a space of 4 GiB has room for, which the in-tree driver ends at
 */
#define REGIONS_MAX	1024

static int bench_regions_unmap(struct iommu_domain *domain, u64 iova, bool queued)
{
	struct iommu_iotlb_gather gather;
	int ret;

	if (!queued)
		return iommu_unmap(domain, iova, SZ_4K) == SZ_4K ? 0 : -EIO;

	iommu_iotlb_gather_init(&gather);
	ret = compat_gather_queue(&gather, true);
	if (!ret && iommu_unmap_fast(domain, iova, SZ_4K, &gather) != SZ_4K)
		ret = -EIO;
	return ret;
}

/* With @count the flushes inside maps are counted, which takes longer. */
static int bench_regions_pair(struct iommu_domain *domain, u64 iova, bool queued,
			      struct bench_count *count)
{
	struct bench_count this = { 0 };
	int ret = 0;

	if (count)
		ret = bench_count_begin(&this, false);
	if (!ret)
		ret = compat_map(domain, iova, SZ_1G, SZ_4K,
				 IOMMU_READ | IOMMU_WRITE);
	if (ret)
		return ret;
	if (count) {
		bench_count_end(&this, false);
		count->flushes += this.flushes;
	}
	return bench_regions_unmap(domain, iova, queued);
}

static int bench_regions_loop(struct iommu_domain *domain,
			      const struct ipmmu_bench_regions *arg,
			      struct bench_count *count)
{
	u32 pair, region = 0;
	int ret = 0;

	for (pair = 1; pair <= arg->pairs && !ret; pair++) {
		ret = bench_regions_pair(domain, arg->iova + region * (u64)SZ_2M,
					 arg->queued, count);
		if (arg->queued && pair % IPMMU_BENCH_QUEUE == 0)
			iommu_flush_iotlb_all(domain);
		if (++region == arg->regions)
			region = 0;
	}
	/* Nothing that has been unmapped is left to be flushed. */
	if (arg->queued)
		iommu_flush_iotlb_all(domain);
	return ret;
}

/* Twice: for the time, and for the flushes */
int bench_regions(struct bench_file *bf, struct ipmmu_bench_regions *arg)
{
	struct bench_count all = { 0 }, maps = { 0 };
	ktime_t start;
	int ret;

	if (!bf->domain || !arg->regions || arg->regions > REGIONS_MAX ||
	    !IS_ALIGNED(arg->iova, SZ_2M))
		return -EINVAL;

	ret = bench_count_begin(&all, false);
	if (ret)
		return ret;
	start = ktime_get();
	ret = bench_regions_loop(bf->domain, arg, NULL);
	arg->ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	bench_count_end(&all, false);
	arg->flushes = all.flushes;

	if (!ret)
		ret = bench_regions_loop(bf->domain, arg, &maps);
	arg->map_flushes = maps.flushes;
	return ret;
}
