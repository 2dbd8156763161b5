/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few calls that users of the IOMMU API make and that changed; for the test
 * modules.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IOMMU_API_H
#define COMPAT_IOMMU_API_H

#include <linux/err.h>
#include <linux/iommu.h>

static inline struct iommu_domain *compat_domain_alloc(struct device *dev)
{
#ifdef HAVE_PAGING_DOMAIN_ALLOC
	return iommu_paging_domain_alloc(dev);
#else
	struct iommu_domain *domain = iommu_domain_alloc(dev->bus);

	return domain ? domain : ERR_PTR(-ENOMEM);
#endif
}

static inline int compat_map(struct iommu_domain *domain, unsigned long iova,
			     phys_addr_t paddr, size_t size, int prot)
{
#ifdef HAVE_MAP_GFP
	return iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL);
#else
	return iommu_map(domain, iova, paddr, size, prot);
#endif
}

/*
 * Since 5.15 a caller says in the gather that it flushes later and everything.
 * Return: -EOPNOTSUPP where there is no way to say so.
 */
static inline int compat_gather_queue(struct iommu_iotlb_gather *gather,
				      bool queued)
{
#ifdef HAVE_GATHER_QUEUED
	gather->queued = queued;
	return 0;
#else
	return queued ? -EOPNOTSUPP : 0;
#endif
}

static inline bool compat_gather_is_queued(struct iommu_iotlb_gather *gather)
{
#ifdef HAVE_GATHER_QUEUED
	return iommu_iotlb_gather_queued(gather);
#else
	return false;
#endif
}

/*
 * Until 5.19 no group had an owner: drivers can bind all the time, and a group
 * that is attached to nothing is in its default domain instead of a blocking
 * one.
 */
#ifndef HAVE_DMA_OWNER
static inline int iommu_group_claim_dma_owner(struct iommu_group *group,
					      void *owner)
{
	return 0;
}

static inline void iommu_group_release_dma_owner(struct iommu_group *group)
{
}
#endif

/* The same by a caller that may not block */
static inline int compat_map_atomic(struct iommu_domain *domain,
				    unsigned long iova, phys_addr_t paddr,
				    size_t size, int prot)
{
#ifdef HAVE_MAP_GFP
	return iommu_map(domain, iova, paddr, size, prot, GFP_ATOMIC);
#else
	return iommu_map_atomic(domain, iova, paddr, size, prot);
#endif
}

#endif /* COMPAT_IOMMU_API_H */
