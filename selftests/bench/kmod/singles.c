// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long each single call takes, with interrupts disabled: what the mean of
 * many does not show.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/align.h>
#include <linux/iommu.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include <compat/iommu-api.h>
#include "bench.h"

/* More than there are tables in a space of 39 bits below 128 GiB */
#define SINGLES_MAX	SZ_64K

static noinline int bench_single(struct iommu_domain *domain, u32 op, u64 iova)
{
	switch (op) {
	case IPMMU_BENCH_NOTHING:
		barrier();
		return 0;
	case IPMMU_BENCH_MAP_PAGES:
		return compat_map_atomic(domain, iova, SZ_1G, SZ_4K,
					 IOMMU_READ | IOMMU_WRITE);
	case IPMMU_BENCH_UNMAP:
		return iommu_unmap(domain, iova, SZ_4K) == SZ_4K ? 0 : -EIO;
	default:
		return -EINVAL;
	}
}

/*
 * In between others may have the CPU, as they have where a driver maps a buffer
 * now and then; in a burst they do not.
 */
static int bench_singles_loop(struct iommu_domain *domain,
			      const struct ipmmu_bench_singles *arg, u32 *ns)
{
	unsigned long flags;
	ktime_t start;
	int ret = 0;
	u32 i;

	for (i = 0; i < arg->calls && !ret; i++) {
		local_irq_save(flags);
		start = ktime_get();
		ret = bench_single(domain, arg->op, arg->iova + i * arg->step);
		ns[i] = ktime_to_ns(ktime_sub(ktime_get(), start));
		local_irq_restore(flags);
		if (!arg->burst)
			cond_resched();
	}
	return ret;
}

int bench_singles(struct bench_file *bf, struct ipmmu_bench_singles *arg)
{
	size_t size = arg->calls * sizeof(u32);
	u32 *ns;
	int ret;

	if (!bf->domain || !arg->calls || arg->calls > SINGLES_MAX ||
	    !IS_ALIGNED(arg->iova | arg->step, SZ_4K))
		return -EINVAL;
	ns = kvmalloc(size, GFP_KERNEL | __GFP_ZERO);
	if (!ns)
		return -ENOMEM;
	ret = bench_singles_loop(bf->domain, arg, ns);
	if (!ret && copy_to_user((void __user *)(unsigned long)arg->ns, ns, size))
		ret = -EFAULT;
	kvfree(ns);
	return ret;
}
