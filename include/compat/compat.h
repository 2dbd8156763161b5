/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between kernel versions, force-included into each file: the
 * code itself is written for one kernel and asks no version. A name that the
 * kernel has too keeps the kernel's spelling and meaning; a name of ours starts
 * with compat_.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_H
#define COMPAT_H

#ifndef __ASSEMBLY__
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "ipmmu-deferred needs Linux 5.10 or newer"
#endif

/*
 * Debian's kernels zero every variable on the stack
 * (CONFIG_INIT_STACK_ALL_ZERO). For one that is filled in anyway, on a path
 * where a hundred instructions are a tenth of the whole. The kernel has the
 * name since 6.12.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized	__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#endif /* __ASSEMBLY__ */
#endif /* COMPAT_H */
