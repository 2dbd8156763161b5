/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kernel the code is compiled as for.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_VERSION_H
#define SHIM_VERSION_H

#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))

/* The one whose interfaces the headers here have: SHIM_VERSION says another */
#ifdef SHIM_VERSION
#define LINUX_VERSION_CODE	SHIM_VERSION
#else
#define LINUX_VERSION_CODE	KERNEL_VERSION(6, 12, 0)
#endif

#endif /* SHIM_VERSION_H */
