/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of the operations that only look the kernel has: none until 6.6.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_DIRTY_H
#define COMPAT_DIRTY_H

#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define COMPAT_HAS_DIRTY
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define COMPAT_HAS_PGTABLE_WALK
#endif

/* Where the bitmap is more than a stub, it is in a namespace. */
#if IS_ENABLED(CONFIG_IOMMUFD_DRIVER)
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS("IOMMUFD");
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
MODULE_IMPORT_NS(IOMMUFD);
#endif
#endif

#endif /* COMPAT_DIRTY_H */
