/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the IOMMU API that page tables meet.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_IOMMU_H
#define SHIM_IOMMU_H

#include <linux/bits.h>
#include <linux/list.h>

#define IOMMU_READ		(1 << 0)
#define IOMMU_WRITE		(1 << 1)
#define IOMMU_CACHE		(1 << 2)
#define IOMMU_NOEXEC		(1 << 3)
#define IOMMU_MMIO		(1 << 4)
#define IOMMU_PRIV		(1 << 5)

#define IOMMU_DIRTY_NO_CLEAR	(1 << 0)

struct iommu_iotlb_gather {
	unsigned long start;
	unsigned long end;
	size_t pgsize;
	struct list_head freelist;
	bool queued;
};

/* What Kbuild says of a kernel that has it */
#define HAVE_GATHER_QUEUED
static inline bool iommu_iotlb_gather_queued(struct iommu_iotlb_gather *gather)
{
	return gather && gather->queued;
}

static inline void iommu_iotlb_gather_init(struct iommu_iotlb_gather *gather)
{
	memset(gather, 0, sizeof(*gather));
	gather->start = ULONG_MAX;
	INIT_LIST_HEAD(&gather->freelist);
}

static inline void
iommu_iotlb_gather_add_range(struct iommu_iotlb_gather *gather,
			     unsigned long iova, size_t size)
{
	gather->start = min(gather->start, iova);
	gather->end = max(gather->end, iova + size - 1);
}

/* Told of each dirty range by the test */
struct iommu_dirty_bitmap {
	void (*record)(struct iommu_dirty_bitmap *dirty, unsigned long iova,
		       unsigned long length);
	struct iommu_iotlb_gather *gather;
};

static inline void iommu_dirty_bitmap_record(struct iommu_dirty_bitmap *dirty,
					     unsigned long iova,
					     unsigned long length)
{
	if (dirty->record)
		dirty->record(dirty, iova, length);
	if (dirty->gather)
		iommu_iotlb_gather_add_range(dirty->gather, iova, length);
}

#endif /* SHIM_IOMMU_H */
