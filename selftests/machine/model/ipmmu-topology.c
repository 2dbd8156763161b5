// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the IPMMUs of a machine are, and which platform devices lie behind
 * them: those of boards that exist, at their real addresses and so under their
 * real names, a small one, and one with more caches than the driver takes.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"

#include "ipmmu-qemu.h"

/* R-Car H3, r8a77951 */
static const struct ipmmu_place h3_caches[] = {
	{ 0xe6740000, 0 },	/* DS0 */
	{ 0xe7740000, 1 },	/* DS1 */
	{ 0xe6570000, 2 },	/* HC */
	{ 0xff8b0000, 3 },	/* IR */
	{ 0xec670000, 4 },	/* MP0 */
	{ 0xfd800000, 6 },	/* PV0 */
	{ 0xfd950000, 7 },	/* PV1 */
	{ 0xfd960000, 8 },	/* PV2 */
	{ 0xfd970000, 9 },	/* PV3 */
	{ 0xffc80000, 10 },	/* RT */
	{ 0xfe6b0000, 12 },	/* VC0 */
	{ 0xfe6f0000, 13 },	/* VC1 */
	{ 0xfebd0000, 14 },	/* VI0 */
	{ 0xfebe0000, 15 },	/* VI1 */
	{ 0xfe990000, 16 },	/* VP0 */
	{ 0xfe980000, 17 },	/* VP1 */
};

/* R-Car V4H, r8a779g0, whose caches have no bit in the root */
static const struct ipmmu_place v4h_caches[] = {
	{ 0xee480000 },		/* RT0 */
	{ 0xee4c0000 },		/* RT1 */
	{ 0xeed00000 },		/* DS0 */
	{ 0xeed40000 },		/* HC */
	{ 0xeed80000 },		/* IR */
	{ 0xeedc0000 },		/* VC */
	{ 0xeee00000 },		/* 3DG */
	{ 0xeee80000 },		/* VI0 */
	{ 0xeeec0000 },		/* VI1 */
	{ 0xeef00000 },		/* VIP0 */
	{ 0xeef40000 },		/* VIP1 */
};

static const struct ipmmu_place small_caches[] = {
	{ IPMMU_CACHE_BASE(0), 0 },
	{ IPMMU_CACHE_BASE(1), 1 },
};

/* One more than 32 */
static const struct ipmmu_place many_caches[] = {
	{ 0xf0000000, 0 }, { 0xf0010000, 1 }, { 0xf0020000, 2 }, { 0xf0030000, 3 },
	{ 0xf0040000, 4 }, { 0xf0050000, 5 }, { 0xf0060000, 6 }, { 0xf0070000, 7 },
	{ 0xf0080000, 8 }, { 0xf0090000, 9 }, { 0xf00a0000, 10 }, { 0xf00b0000, 11 },
	{ 0xf00c0000, 12 }, { 0xf00d0000, 13 }, { 0xf00e0000, 14 }, { 0xf00f0000, 15 },
	{ 0xf0100000, 16 }, { 0xf0110000, 17 }, { 0xf0120000, 18 }, { 0xf0130000, 19 },
	{ 0xf0140000, 20 }, { 0xf0150000, 21 }, { 0xf0160000, 22 }, { 0xf0170000, 23 },
	{ 0xf0180000, 24 }, { 0xf0190000, 25 }, { 0xf01a0000, 26 }, { 0xf01b0000, 27 },
	{ 0xf01c0000, 28 }, { 0xf01d0000, 29 }, { 0xf01e0000, 30 }, { 0xf01f0000, 31 },
	{ 0xf0200000, 32 },
};

static const struct ipmmu_topology topologies[] = {
	{
		.name = "small",
		.geometry = &ipmmu_gen3,
		.compatible = "renesas,ipmmu-r8a7795",
		.root = IPMMU_MM_BASE,
		.spi = 196,
		.caches = G_N_ELEMENTS(small_caches),
		.cache = small_caches,
		.pci = { 0, 1 },
	},
	{
		.name = "h3",
		.geometry = &ipmmu_gen3,
		.compatible = "renesas,ipmmu-r8a7795",
		.root = 0xe67b0000,
		.spi = 196,
		.caches = G_N_ELEMENTS(h3_caches),
		.cache = h3_caches,
		.pci = { 2, 14 },
		.role = { [IPMMU_ROLE_STORAGE] = 1, [IPMMU_ROLE_DMA] = 0,
			  [IPMMU_ROLE_VIDEO] = 12 },
		.masters = true,
	},
	{
		.name = "v4h",
		.geometry = &ipmmu_gen4,
		.compatible = "renesas,ipmmu-r8a779g0",
		.fallback = "renesas,rcar-gen4-ipmmu-vmsa",
		.root = 0xeefc0000,
		.spi = 210,
		.no_bits = true,
		.caches = G_N_ELEMENTS(v4h_caches),
		.cache = v4h_caches,
		.pci = { 3, 1 },
		.role = { [IPMMU_ROLE_STORAGE] = 2, [IPMMU_ROLE_DMA] = 0,
			  [IPMMU_ROLE_VIDEO] = 7 },
		.masters = true,
	},
	{
		.name = "many",
		.geometry = &ipmmu_gen3,
		.compatible = "renesas,ipmmu-r8a7795",
		.root = IPMMU_MM_BASE,
		.spi = 196,
		.caches = G_N_ELEMENTS(many_caches),
		.cache = many_caches,
		.pci = { 0, 32 },
	},
};

const struct ipmmu_topology *ipmmu_topology(const char *name)
{
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(topologies); i++)
		if (!strcmp(topologies[i].name, name))
			return &topologies[i];
	return NULL;
}

#define STORAGE(n)	{ IPMMU_ROLE_STORAGE, n }
#define DMA(n)		{ IPMMU_ROLE_DMA, n }
#define VIDEO(n)	{ IPMMU_ROLE_VIDEO, n }

/*
 * The SD controllers are where every SoC has them. The DMA controller has
 * sixteen micro-TLBs, as all have. "fcp" are two on one; "video" two on one
 * each, and a third on both, which makes one group of what were two; "stray" is
 * behind two IPMMUs, and "same" on a micro-TLB of it; "cross" is behind two as
 * well, and "early" was on a micro-TLB of it before; "last" is on the last
 * micro-TLB, "beyond" on the one behind that and on two that exist.
 */
const struct ipmmu_master ipmmu_masters[] = {
	{ "mmc", 0xec100000, 1, { STORAGE(30) } },
	{ "mmc", 0xee100000, 1, { STORAGE(32) } },
	{ "mmc", 0xee120000, 1, { STORAGE(33) } },
	{ "mmc", 0xee140000, 1, { STORAGE(34) } },
	{ "mmc", 0xee160000, 1, { STORAGE(35) } },
	{ "dma-controller", 0xe6700000, 16,
	  { DMA(0), DMA(1), DMA(2), DMA(3), DMA(4), DMA(5), DMA(6), DMA(7),
	    DMA(8), DMA(9), DMA(10), DMA(11), DMA(12), DMA(13), DMA(14), DMA(15) } },
	{ "ethernet", 0xe6800000, 1, { DMA(16) } },
	{ "fcp", 0xfea20000, 1, { VIDEO(8) } },
	{ "fcp", 0xfea40000, 1, { VIDEO(8) } },
	{ "video", 0xe6e00000, 1, { VIDEO(20) } },
	{ "video", 0xe6e20000, 1, { VIDEO(21) } },
	{ "video", 0xe6e40000, 2, { VIDEO(20), VIDEO(21) } },
	{ "stray", 0xe6f00000, 2, { STORAGE(40), DMA(40) } },
	{ "same", 0xe6fa0000, 1, { STORAGE(40) } },
	{ "early", 0xe6f60000, 1, { DMA(42) } },
	{ "cross", 0xe6f80000, 2, { STORAGE(42), DMA(42) } },
	{ "last", 0xe6f20000, 1, { DMA(IPMMU_UTLB_LAST) } },
	{ "beyond", 0xe6f40000, 3, { DMA(44), DMA(IPMMU_UTLB_BEYOND), DMA(45) } },
};

const unsigned int ipmmu_master_count = G_N_ELEMENTS(ipmmu_masters);

unsigned int ipmmu_master_utlb(const struct ipmmu_topology *topology,
			       const struct ipmmu_spec *spec)
{
	switch (spec->utlb) {
	case IPMMU_UTLB_LAST:
		return topology->geometry->utlbs - 1;
	case IPMMU_UTLB_BEYOND:
		return topology->geometry->utlbs;
	default:
		return spec->utlb;
	}
}
