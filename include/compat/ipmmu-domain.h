/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of ipmmu-ops.h for kernels, until 5.18, in which domains have no
 * operations of their own: the core calls these, and they those of the domain.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IPMMU_DOMAIN_H
#define COMPAT_IPMMU_DOMAIN_H

#include <linux/dma-iommu.h>

/* What the core has in place of the two domains that always exist */
static struct iommu_domain compat_identity, compat_blocked;

static struct compat_iommu_domain *compat_domain(struct iommu_domain *core)
{
	if (core == &compat_identity)
		return &ipmmu_identity_domain;
	if (core == &compat_blocked)
		return &ipmmu_blocked_domain;
	return container_of(core, struct compat_iommu_domain, core);
}

/*
 * Until 5.15 it was the driver that gave a domain of the DMA API what the core
 * keeps there. The type of a domain with a flush queue came with the change.
 */
#ifdef IOMMU_DOMAIN_DMA_FQ
static int compat_get_cookie(struct iommu_domain *core, unsigned int type)
{
	return 0;
}

static void compat_put_cookie(struct iommu_domain *core)
{
}
#else
static int compat_get_cookie(struct iommu_domain *core, unsigned int type)
{
	return type == IOMMU_DOMAIN_DMA ? iommu_get_dma_cookie(core) : 0;
}

static void compat_put_cookie(struct iommu_domain *core)
{
	if (core->type == IOMMU_DOMAIN_DMA)
		iommu_put_dma_cookie(core);
}

static bool compat_is_flush_queue(const struct iommu_domain *core,
				  enum iommu_attr attr)
{
	return attr == DOMAIN_ATTR_DMA_USE_FLUSH_QUEUE &&
	       core->type == IOMMU_DOMAIN_DMA;
}

static int compat_domain_get_attr(struct iommu_domain *core,
				  enum iommu_attr attr, void *data)
{
	if (!compat_is_flush_queue(core, attr))
		return -ENODEV;
	*(int *)data = compat_domain(core)->flush_queue;
	return 0;
}

static int compat_domain_set_attr(struct iommu_domain *core,
				  enum iommu_attr attr, void *data)
{
	if (!compat_is_flush_queue(core, attr))
		return -ENODEV;
	compat_domain(core)->flush_queue = *(int *)data;
	return 0;
}

#define COMPAT_ATTR_OPS							\
	.domain_get_attr = compat_domain_get_attr,			\
	.domain_set_attr = compat_domain_set_attr,
#endif

static struct iommu_domain *compat_domain_alloc(unsigned int type)
{
	struct compat_iommu_domain *domain;

	if (type == IOMMU_DOMAIN_IDENTITY)
		return &compat_identity;
	if (type == IOMMU_DOMAIN_BLOCKED)
		return &compat_blocked;
	if (!(type & __IOMMU_DOMAIN_PAGING))
		return NULL;

	domain = ipmmu_ops.domain_alloc_paging(NULL);
	if (IS_ERR(domain))
		return NULL;
	if (compat_get_cookie(&domain->core, type)) {
		ipmmu_paging_ops.free(domain);
		return NULL;
	}
	return &domain->core;
}

static void compat_domain_free(struct iommu_domain *core)
{
	if (!(core->type & __IOMMU_DOMAIN_PAGING))
		return;
	compat_put_cookie(core);
	ipmmu_paging_ops.free(compat_domain(core));
}

static int compat_attach_dev(struct iommu_domain *core, struct device *dev)
{
	if (core->type & __IOMMU_DOMAIN_PAGING)
		return ipmmu_paging_ops.attach_dev(compat_domain(core), dev);
	return compat_domain(core)->ops->attach_dev(compat_domain(core), dev);
}

/* A group without a default domain reaches nothing when it has no other. */
static void compat_detach_dev(struct iommu_domain *core, struct device *dev)
{
	ipmmu_blocked_domain.ops->attach_dev(&ipmmu_blocked_domain, dev);
}

#ifdef HAVE_MAP_PAGES
static int compat_map(struct iommu_domain *core, unsigned long iova,
		      phys_addr_t paddr, size_t pgsize, size_t pgcount, int prot,
		      gfp_t gfp, size_t *mapped)
{
	return ipmmu_paging_ops.map_pages(compat_domain(core), iova, paddr, pgsize,
					  pgcount, prot, gfp, mapped);
}

static size_t compat_unmap(struct iommu_domain *core, unsigned long iova,
			   size_t pgsize, size_t pgcount,
			   struct iommu_iotlb_gather *gather)
{
	return ipmmu_paging_ops.unmap_pages(compat_domain(core), iova, pgsize,
					    pgcount, gather);
}

#define COMPAT_MAP_OPS							\
	.map_pages = compat_map,					\
	.unmap_pages = compat_unmap,
#else
/* The parentheses keep the arguments that compat/iommu.h takes away. */
static int compat_map(struct iommu_domain *core, unsigned long iova,
		      phys_addr_t paddr, size_t size, int prot, gfp_t gfp)
{
	size_t mapped = 0;

	return (ipmmu_paging_ops.map)(compat_domain(core), iova, paddr, size, 1,
				      prot, gfp, &mapped);
}

/*
 * The flush queue relies on the entries being cleared before the caller queues
 * what was there; it has no barrier of its own.
 */
static size_t compat_unmap(struct iommu_domain *core, unsigned long iova,
			   size_t size, struct iommu_iotlb_gather *gather)
{
	struct compat_iommu_domain *domain = compat_domain(core);
	size_t unmapped;

	unmapped = (ipmmu_paging_ops.unmap)(domain, iova, size, 1, gather);
	if (domain->flush_queue)
		/* pairs with what orders the flush after the queueing */
		smp_wmb();
	return unmapped;
}

#define COMPAT_MAP_OPS							\
	.map = compat_map,						\
	.unmap = compat_unmap,
#endif

static void compat_flush_iotlb_all(struct iommu_domain *core)
{
	if (core->type & __IOMMU_DOMAIN_PAGING)
		ipmmu_paging_ops.flush_iotlb_all(compat_domain(core));
}

static void compat_iotlb_sync(struct iommu_domain *core,
			      struct iommu_iotlb_gather *gather)
{
	ipmmu_paging_ops.iotlb_sync(compat_domain(core), gather);
}

static phys_addr_t compat_iova_to_phys(struct iommu_domain *core,
				       dma_addr_t iova)
{
	if (!(core->type & __IOMMU_DOMAIN_PAGING))
		return core == &compat_identity ? iova : 0;
	return ipmmu_paging_ops.iova_to_phys(compat_domain(core), iova);
}

#ifndef COMPAT_ATTR_OPS
#define COMPAT_ATTR_OPS
#endif

#define COMPAT_DOMAIN_OPS						\
	COMPAT_ATTR_OPS							\
	COMPAT_MAP_OPS							\
	.domain_free = compat_domain_free,				\
	.attach_dev = compat_attach_dev,				\
	.detach_dev = compat_detach_dev,				\
	.flush_iotlb_all = compat_flush_iotlb_all,			\
	.iotlb_sync = compat_iotlb_sync,				\
	.iova_to_phys = compat_iova_to_phys,

#endif /* COMPAT_IPMMU_DOMAIN_H */
