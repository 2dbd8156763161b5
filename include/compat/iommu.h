/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/iommu.h>, and what a driver behind it needs, as the newest kernel has
 * them. The other half, with the functions that older kernels call, is
 * ipmmu-ops.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IOMMU_H
#define COMPAT_IOMMU_H

#include <linux/dma-map-ops.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>

/*
 * Exported to modules always, but since 6.0 declared in a header of the core's
 * own.
 */
void iommu_dma_get_resv_regions(struct device *dev, struct list_head *list);

#ifndef HAVE_CAP_DEFERRED_FLUSH
/* Until 6.4 the flush queue was a type of domain, or an attribute of one. */
#define IOMMU_CAP_DEFERRED_FLUSH	((enum iommu_cap)-1)
#endif

#ifndef HAVE_RESV_REGION_GFP
#define iommu_alloc_resv_region(start, length, prot, type, gfp)		\
	iommu_alloc_resv_region(start, length, prot, type)
#endif

#ifndef HAVE_DEVM_PM_RUNTIME_ENABLE
static inline void compat_pm_runtime_disable(void *dev)
{
	pm_runtime_disable(dev);
}

static inline int devm_pm_runtime_enable(struct device *dev)
{
	pm_runtime_enable(dev);
	return devm_add_action_or_reset(dev, compat_pm_runtime_disable, dev);
}
#endif

/*
 * Until 5.15 tables were mapped and unmapped page by page, and the core never
 * asked for more. The names go for initialisers, the arguments for calls and
 * functions.
 */
#ifndef HAVE_MAP_PAGES
#define map_pages	map
#define unmap_pages	unmap
#define map(ops, iova, paddr, pgsize, pgcount, prot, gfp, mapped)	\
	map(ops, iova, paddr, pgsize, prot, gfp)
#define unmap(ops, iova, pgsize, pgcount, gather)			\
	unmap(ops, iova, pgsize, gather)
#define ipmmu_unbound_map(ops, iova, paddr, pgsize, pgcount, prot, gfp, mapped) \
	ipmmu_unbound_map(ops, iova, paddr, pgsize, prot, gfp)
#define ipmmu_unbound_unmap(ops, iova, pgsize, pgcount, gather)		\
	ipmmu_unbound_unmap(ops, iova, pgsize, gather)
#endif

#ifndef HAVE_IOMMU_DOMAIN_OPS
/*
 * Until 5.18 a domain had the operations of its driver, all in one struct,
 * which the core put there. Here it has its own, as later, and the core's view
 * of it comes first. @flush_queue says what later kernels have a type of domain
 * for.
 */
struct compat_iommu_domain {
	union {
		struct iommu_domain core;
		struct {
			unsigned int type;
			const struct iommu_domain_ops *ops;
			unsigned long pgsize_bitmap;
			iommu_fault_handler_t handler;
			void *handler_token;
			struct iommu_domain_geometry geometry;
		};
	};
	bool flush_queue;
};

#define compat_same_place(member)					\
	static_assert(offsetof(struct compat_iommu_domain, member) ==	\
		      offsetof(struct iommu_domain, member))
compat_same_place(type);
compat_same_place(pgsize_bitmap);
compat_same_place(geometry);

static inline int compat_report_iommu_fault(struct compat_iommu_domain *domain,
					    struct device *dev,
					    unsigned long iova, int flags)
{
	return report_iommu_fault(&domain->core, dev, iova, flags);
}

#define report_iommu_fault	compat_report_iommu_fault
#define iommu_domain		compat_iommu_domain

struct iommu_domain_ops {
	int (*attach_dev)(struct iommu_domain *domain, struct device *dev);
	int (*map_pages)(struct iommu_domain *domain, unsigned long iova,
			 phys_addr_t paddr, size_t pgsize, size_t pgcount,
			 int prot, gfp_t gfp, size_t *mapped);
	size_t (*unmap_pages)(struct iommu_domain *domain, unsigned long iova,
			      size_t pgsize, size_t pgcount,
			      struct iommu_iotlb_gather *gather);
	void (*flush_iotlb_all)(struct iommu_domain *domain);
	void (*iotlb_sync)(struct iommu_domain *domain,
			   struct iommu_iotlb_gather *gather);
	phys_addr_t (*iova_to_phys)(struct iommu_domain *domain, dma_addr_t iova);
	void (*free)(struct iommu_domain *domain);
};
#endif

#if !defined(HAVE_DOMAIN_ALLOC_PAGING) || !defined(HAVE_CONST_OF_XLATE)
#define COMPAT_IOMMU_OPS

/*
 * The operations that the driver has. Until 6.7 the core asked for domains of
 * every type by number and knew no device, until 6.9 of_xlate() was free to
 * change its arguments: ipmmu-ops.h has what the core calls.
 */
struct compat_iommu_ops {
	bool (*capable)(struct device *dev, enum iommu_cap cap);
	struct iommu_domain *(*domain_alloc_paging)(struct device *dev);
	struct iommu_device *(*probe_device)(struct device *dev);
	void (*release_device)(struct device *dev);
	struct iommu_group *(*device_group)(struct device *dev);
	void (*get_resv_regions)(struct device *dev, struct list_head *list);
	int (*of_xlate)(struct device *dev, const struct of_phandle_args *args);
	const struct iommu_domain_ops *default_domain_ops;
	struct iommu_domain *identity_domain;
	struct iommu_domain *blocked_domain;
	struct module *owner;
};

#define iommu_ops	compat_iommu_ops
#endif

#if defined(HAVE_DETACH_DEV) && defined(HAVE_IOMMU_DOMAIN_OPS)
extern struct iommu_domain ipmmu_blocked_domain;

/*
 * Until 6.3 a group without a default domain was detached from everything, and
 * reaches nothing then.
 */
static inline void compat_detach_dev(struct iommu_domain *domain,
				     struct device *dev)
{
	ipmmu_blocked_domain.ops->attach_dev(&ipmmu_blocked_domain, dev);
}

#define attach_dev	detach_dev = compat_detach_dev, .attach_dev
#endif

/* Until 6.19 the core did not say which domain a device comes from. */
#ifndef HAVE_ATTACH_FROM
#define ipmmu_paging_attach(io, dev, old)	ipmmu_paging_attach(io, dev)
#define ipmmu_identity_attach(io, dev, old)	ipmmu_identity_attach(io, dev)
#define ipmmu_blocked_attach(io, dev, old)	ipmmu_blocked_attach(io, dev)
#endif

#endif /* COMPAT_IOMMU_H */
