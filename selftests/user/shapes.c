// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tables that the tests make.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/sizes.h>

#include "domain.h"

#define NS	IO_PGTABLE_QUIRK_ARM_NS

/* name, format, granule, input size, output size, quirks, flags */
const struct shape shapes[] = {
	{ "lpae32 32/40 ns", ARM_32_LPAE_S1, SZ_4K, 32, 40, NS, 0 },
	{ "lpae32 32/32 coherent", ARM_32_LPAE_S1, SZ_4K, 32, 32, 0,
	  SHAPE_COHERENT },
	{ "lpae64 32/40 ns coherent gathers", ARM_64_LPAE_S1, SZ_4K, 32, 40, NS,
	  SHAPE_COHERENT | SHAPE_GATHERS },
	{ "lpae64 36/40 ns unmaps", ARM_64_LPAE_S1, SZ_4K, 36, 40, NS,
	  SHAPE_UNMAPS },
	{ "lpae64 39/40 ns", ARM_64_LPAE_S1, SZ_4K, 39, 40, NS, 0 },
	{ "lpae64 39/36 ns coherent", ARM_64_LPAE_S1, SZ_4K, 39, 36, NS,
	  SHAPE_COHERENT },
	{ "lpae64 48/48", ARM_64_LPAE_S1, SZ_4K, 48, 48, 0, 0 },
	{ "lpae64 48/44 ns gathers unmaps", ARM_64_LPAE_S1, SZ_4K, 48, 44, NS,
	  SHAPE_GATHERS | SHAPE_UNMAPS },
	{ "lpae64 40/42 root of 2", ARM_64_LPAE_S1, SZ_4K, 40, 42, 0, 0 },
	{ "lpae64 21/32 one level", ARM_64_LPAE_S1, SZ_4K, 21, 32, 0, 0 },
	{ "lpae64 30/36 two levels", ARM_64_LPAE_S1, SZ_4K, 30, 36, 0,
	  SHAPE_COHERENT },
	{ "lpae64 39/40 no callbacks", ARM_64_LPAE_S1, SZ_4K, 39, 40, 0,
	  SHAPE_NO_TLB },
};

const unsigned int nr_shapes = ARRAY_SIZE(shapes);
