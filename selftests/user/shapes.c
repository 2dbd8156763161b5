// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tables that the tests make.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/sizes.h>

#include "domain.h"

#define NS	IO_PGTABLE_QUIRK_ARM_NS
#define TTBR1	IO_PGTABLE_QUIRK_ARM_TTBR1
#define WBWA	IO_PGTABLE_QUIRK_ARM_OUTER_WBWA
#define HD	IO_PGTABLE_QUIRK_ARM_HD

/* name, format, granule, input size, output size, quirks, flags */
const struct shape shapes[] = {
	{ "lpae32 32/40 ns", ARM_32_LPAE_S1, SZ_4K, 32, 40, NS, 0 },
	{ "lpae32 32/32 coherent", ARM_32_LPAE_S1, SZ_4K, 32, 32, 0,
	  SHAPE_COHERENT },
	{ "lpae64 32/40 ns coherent gathers", ARM_64_LPAE_S1, SZ_4K, 32, 40, NS,
	  SHAPE_COHERENT | SHAPE_GATHERS },
	{ "lpae64 36/40 ns unmaps", ARM_64_LPAE_S1, SZ_4K, 36, 40, NS,
	  SHAPE_UNMAPS },
	{ "lpae64 39/40 snoops", ARM_64_LPAE_S1, SZ_4K, 39, 40, 0, SHAPE_SNOOPS },
	{ "lpae64 48/48 snoops unmaps", ARM_64_LPAE_S1, SZ_4K, 48, 48, 0,
	  SHAPE_SNOOPS | SHAPE_UNMAPS },
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
	{ "lpae32 s2 32/40", ARM_32_LPAE_S2, SZ_4K, 32, 40, 0, 0 },
	{ "lpae64 s2 40/40 concatenated", ARM_64_LPAE_S2, SZ_4K, 40, 40, 0, 0 },
	{ "lpae64 s2 42/42 concatenated coherent", ARM_64_LPAE_S2, SZ_4K, 42, 42, 0,
	  SHAPE_COHERENT | SHAPE_UNMAPS },
	{ "lpae64 s2 48/48 gathers", ARM_64_LPAE_S2, SZ_4K, 48, 48, 0,
	  SHAPE_GATHERS },
	{ "lpae64 39/40 upper half", ARM_64_LPAE_S1, SZ_4K, 39, 40, TTBR1, 0 },
	{ "lpae64 48/48 dirty", ARM_64_LPAE_S1, SZ_4K, 48, 48, HD, 0 },
	{ "lpae64 39/40 upper half dirty coherent", ARM_64_LPAE_S1, SZ_4K, 39, 40,
	  TTBR1 | HD, SHAPE_COHERENT },
	{ "lpae64 64K 42/44 dirty coherent gathers", ARM_64_LPAE_S1, SZ_64K, 42, 44, HD,
	  SHAPE_COHERENT | SHAPE_GATHERS },
	{ "lpae64 39/40 outer", ARM_64_LPAE_S1, SZ_4K, 39, 40, WBWA, 0 },
	{ "lpae64 16K 36/40", ARM_64_LPAE_S1, SZ_16K, 36, 40, NS, 0 },
	{ "lpae64 16K 47/48 upper half", ARM_64_LPAE_S1, SZ_16K, 47, 48, TTBR1, 0 },
	{ "lpae64 16K s2 48/48", ARM_64_LPAE_S2, SZ_16K, 48, 48, 0, 0 },
	{ "lpae64 64K 42/44 coherent", ARM_64_LPAE_S1, SZ_64K, 42, 44, 0,
	  SHAPE_COHERENT },
	{ "lpae64 64K 42/44 snoops unmaps", ARM_64_LPAE_S1, SZ_64K, 42, 44, 0,
	  SHAPE_SNOOPS | SHAPE_UNMAPS },
	{ "lpae64 64K 48/48", ARM_64_LPAE_S1, SZ_64K, 48, 48, NS, SHAPE_UNMAPS },
	{ "lpae64 64K 52/52", ARM_64_LPAE_S1, SZ_64K, 52, 52, 0, 0 },
	{ "lpae64 64K s2 46/48", ARM_64_LPAE_S2, SZ_64K, 46, 48, 0, 0 },
};

const unsigned int nr_shapes = ARRAY_SIZE(shapes);
