/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs in <linux/iommu.h> and in what a driver behind it needs.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_IOMMU_H
#define COMPAT_IOMMU_H

#include <linux/iommu.h>
#include <linux/platform_device.h>
#include <linux/version.h>

/* Exported to modules since 6.1, but declared in a header private to the core. */
void iommu_dma_get_resv_regions(struct device *dev, struct list_head *list);

/*
 * Domains. Since 6.7 the core takes identity and blocked domains that always
 * exist and asks only for paging ones, naming the device. Before, it asked for
 * every type by number and knew no device.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define COMPAT_DOMAIN_OPS(by_device, by_type, identity, blocked)	\
	.domain_alloc_paging = (by_device),				\
	.identity_domain = (identity),					\
	.blocked_domain = (blocked)
#else
#define COMPAT_DOMAIN_OPS(by_device, by_type, identity, blocked)	\
	.domain_alloc = (by_type)
#endif

/* Since 6.19 the core says which domain a device comes from. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define COMPAT_ATTACH(name)						\
	name(struct iommu_domain *io, struct device *dev, struct iommu_domain *old)
#else
#define COMPAT_ATTACH(name)						\
	name(struct iommu_domain *io, struct device *dev)
#endif

/* Until 6.3 a group without a default domain was detached from everything. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define COMPAT_DETACH_OP(fn)	.detach_dev = (fn),
#else
#define COMPAT_DETACH_OP(fn)
#endif

/* Since 6.17 only the domain says which page sizes it takes. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define COMPAT_PGSIZES_OP(sizes)	.pgsize_bitmap = (sizes),
#else
#define COMPAT_PGSIZES_OP(sizes)
#endif

/* Since 6.9 of_xlate() may not change its arguments. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define COMPAT_XLATE_CONST	const
#else
#define COMPAT_XLATE_CONST
#endif

/* Since 6.4 the flush queue asks before it is used; before, DMA_FQ was a type. */
static inline bool compat_cap_deferred_flush(enum iommu_cap cap)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return cap == IOMMU_CAP_DEFERRED_FLUSH;
#else
	return false;
#endif
}

/* Until 6.11 the remove operation that returns nothing had a name of its own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define compat_remove	remove
#else
#define compat_remove	remove_new
#endif

/*
 * Until 6.8 a bus kept a pointer to the operations of the first IOMMU driver
 * for ever, and the default domain of a group could outlive the driver's module:
 * neither unbinding nor unloading is safe there. Supported from 6.12 on, the
 * first kernel of those that was looked at.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define COMPAT_UNLOADABLE	false
#else
#define COMPAT_UNLOADABLE	true
#endif

/* Does the core keep a pointer to @ops that nothing takes back? */
static inline bool compat_core_keeps(const struct iommu_ops *ops)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return platform_bus_type.iommu_ops == ops;
#else
	return !COMPAT_UNLOADABLE;
#endif
}

#endif /* COMPAT_IOMMU_H */
