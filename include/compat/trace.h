/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs in the macros that make tracepoints.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_TRACE_H
#define COMPAT_TRACE_H

#include <linux/version.h>

/* Since 6.10 the string is remembered from __string(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define compat_assign_str(dst, src)	__assign_str(dst)
#else
#define compat_assign_str(dst, src)	__assign_str(dst, src)
#endif

#endif /* COMPAT_TRACE_H */
