/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors in pointers.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_ERR_H
#define SHIM_ERR_H

#define IS_ERR(p)	((unsigned long)(p) >= -4095ul)
#define PTR_ERR(p)	((long)(p))
#define ERR_PTR(e)	((void *)(long)(e))

#endif /* SHIM_ERR_H */
