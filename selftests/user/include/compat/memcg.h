/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for the one of the library, which asks the kernel for the caller's
 * group.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_MEMCG_H
#define COMPAT_MEMCG_H

#include <linux/gfp.h>

#define COMPAT_NO_PAYER		0ULL
#define COMPAT_UNKNOWN_PAYER	(~0ULL)

extern unsigned int shim_group;

static inline u64 compat_payer(gfp_t gfp)
{
	return gfp & __GFP_ACCOUNT ? shim_group : COMPAT_NO_PAYER;
}

#endif /* COMPAT_MEMCG_H */
