// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of SoCs: geometry of their IPMMUs, restrictions, and which masters are
 * known to work behind one.
 *
 * A SoC is told by the compatible string of its IPMMU. What the kernel calls
 * the SoC is no help: one die is sold under several names there (M3-N is
 * r8a77965, r8a779m4 and r8a779m5, E3 is also r8a779m6), and the IPMMU is that
 * of the die. The name of the SoC is looked at for one thing that no compatible
 * string has, the revision of H3.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sys_soc.h>

#include "soc.h"

#define GEN3				\
	.contexts = 8,			\
	.utlbs = 48,			\
	.context_stride = 0x40,		\
	.ttsel_mask = GENMASK(7, 4)

#define GEN4				\
	.contexts = 16,			\
	.utlbs = 64,			\
	.context_base = 0x10000,	\
	.context_stride = 0x1040,	\
	.utlb_base = 0x3000,		\
	.control_base = 0x1000,		\
	.ttsel_mask = GENMASK(8, 4)

/*
 * H3 before ES3.0, whose IPMMU the in-tree driver uses for no master: until
 * Linux 6.4 both are on its list, then ES1.x was dropped from the kernel
 * altogether.
 */
static const struct soc_device_attribute h3_early[] = {
	{ .revision = "ES1.*" },
	{ .revision = "ES2.*" },
	{ }
};

/*
 * VMSAv8-64 tables of stage 1 have been walked by H3, M3-W, M3-W+ and M3-N,
 * whose dies RZ/G2H, M and N share. S4 and V4H have walked such tables as stage
 * 2, which says little of the other stage. The rest has walked none.
 *
 * DISCACHE is what the firmware sets for the caches that are powered at boot,
 * on H3 before ES3.0, M3-N and E3; those in power domains A3xx are left to us.
 * RZ/G2N and RZ/G2E are the dies of M3-N and E3 in other packages, so it is set
 * there, too. Were that wrong, some accesses would take longer; the other
 * mistake would have a master use what its cache should have forgotten.
 */
static const struct ipmmu_soc rz_g2m = {
	.name = "RZ/G2M", GEN3, .va64 = true, .denied = true,
};

static const struct ipmmu_soc rz_g2n = {
	.name = "RZ/G2N", GEN3, .va64 = true, .discache = true,
};

static const struct ipmmu_soc rz_g2e = {
	.name = "RZ/G2E", GEN3, .discache = true,
};

static const struct ipmmu_soc rz_g2h = {
	.name = "RZ/G2H", GEN3, .va64 = true,
};

static const struct ipmmu_soc rcar_h3 = {
	.name = "R-Car H3", GEN3, .va64 = true, .discache = true, .denied = true,
	.only = h3_early,
};

static const struct ipmmu_soc rcar_m3_w = {
	.name = "R-Car M3-W", GEN3, .va64 = true, .denied = true,
};

static const struct ipmmu_soc rcar_m3_w_plus = {
	.name = "R-Car M3-W+", GEN3, .va64 = true,
};

static const struct ipmmu_soc rcar_m3_n = {
	.name = "R-Car M3-N", GEN3, .va64 = true, .discache = true,
};

static const struct ipmmu_soc rcar_v3m = {
	.name = "R-Car V3M", GEN3,
};

static const struct ipmmu_soc rcar_v3h = {
	.name = "R-Car V3H", GEN3,
};

static const struct ipmmu_soc rcar_e3 = {
	.name = "R-Car E3", GEN3, .discache = true,
};

static const struct ipmmu_soc rcar_d3 = {
	.name = "R-Car D3", GEN3,
};

static const struct ipmmu_soc rcar_v3u = {
	.name = "R-Car V3U", GEN4,
};

static const struct ipmmu_soc rcar_s4 = {
	.name = "R-Car S4-8", GEN4,
};

static const struct ipmmu_soc rcar_v4h = {
	.name = "R-Car V4H", GEN4,
};

static const struct ipmmu_soc rcar_v4m = {
	.name = "R-Car V4M", GEN4,
};

static const struct ipmmu_soc rcar_gen4 = {
	.name = "this SoC of R-Car Gen4", GEN4,
};

const struct of_device_id ipmmu_of_ids[] = {
	{ .compatible = "renesas,ipmmu-r8a774a1", .data = &rz_g2m },
	{ .compatible = "renesas,ipmmu-r8a774b1", .data = &rz_g2n },
	{ .compatible = "renesas,ipmmu-r8a774c0", .data = &rz_g2e },
	{ .compatible = "renesas,ipmmu-r8a774e1", .data = &rz_g2h },
	{ .compatible = "renesas,ipmmu-r8a7795", .data = &rcar_h3 },
	{ .compatible = "renesas,ipmmu-r8a7796", .data = &rcar_m3_w },
	{ .compatible = "renesas,ipmmu-r8a77961", .data = &rcar_m3_w_plus },
	{ .compatible = "renesas,ipmmu-r8a77965", .data = &rcar_m3_n },
	{ .compatible = "renesas,ipmmu-r8a77970", .data = &rcar_v3m },
	{ .compatible = "renesas,ipmmu-r8a77980", .data = &rcar_v3h },
	{ .compatible = "renesas,ipmmu-r8a77990", .data = &rcar_e3 },
	{ .compatible = "renesas,ipmmu-r8a77995", .data = &rcar_d3 },
	{ .compatible = "renesas,ipmmu-r8a779a0", .data = &rcar_v3u },
	{ .compatible = "renesas,ipmmu-r8a779f0", .data = &rcar_s4 },
	{ .compatible = "renesas,ipmmu-r8a779g0", .data = &rcar_v4h },
	{ .compatible = "renesas,ipmmu-r8a779h0", .data = &rcar_v4m },
	{ .compatible = "renesas,rcar-gen4-ipmmu-vmsa", .data = &rcar_gen4 },
	{ }
};
MODULE_DEVICE_TABLE(of, ipmmu_of_ids);

static bool ipmmu_soc_is_among(const char *name, const char * const *names,
			       size_t count)
{
	return match_string(names, count, name) >= 0;
}

static const char * const discache_names[] = {
	"fe6b0000.iommu",	/* VC0 */
	"fe6f0000.iommu",	/* VC1 */
	"fe980000.iommu",	/* VP1 */
	"fe990000.iommu",	/* VP0 */
	"ff8b0000.iommu",	/* IR */
};

static const struct soc_device_attribute any_revision[] = {
	{ .revision = "*" },
	{ }
};

/**
 * ipmmu_soc_needs_discache() - must this cache IPMMU run without caching?
 * @soc: the SoC
 * @name: of the cache IPMMU's device
 *
 * Where the revision matters and is not known, the answer is the safe one.
 *
 * Return: true if so.
 */
bool ipmmu_soc_needs_discache(const struct ipmmu_soc *soc, const char *name)
{
	if (!soc->discache || !ipmmu_soc_is_among(name, discache_names,
						  ARRAY_SIZE(discache_names)))
		return false;

	return !soc->only || soc_device_match(soc->only) ||
	       !soc_device_match(any_revision);
}

/**
 * ipmmu_soc_denied() - is no master of this SoC to be put behind an IPMMU?
 * @soc: the SoC
 *
 * Return: the revisions that this holds for, "" if for all, or NULL if masters
 *	   are let in.
 */
const char *ipmmu_soc_denied(const struct ipmmu_soc *soc)
{
	const struct soc_device_attribute *match;

	if (!soc->denied)
		return NULL;
	if (!soc->only)
		return "";
	match = soc_device_match(soc->only);
	return match ? match->revision : NULL;
}

/* The four SD controllers, at the same place in each SoC. */
static const char * const known_masters[] = {
	"ee100000.mmc", "ee120000.mmc", "ee140000.mmc", "ee160000.mmc",
};

/**
 * ipmmu_soc_knows() - is this master known to work behind an IPMMU?
 * @name: of its device, which is not on PCI
 *
 * Return: true if it is in the list.
 */
bool ipmmu_soc_knows(const char *name)
{
	return ipmmu_soc_is_among(name, known_masters,
				  ARRAY_SIZE(known_masters));
}
