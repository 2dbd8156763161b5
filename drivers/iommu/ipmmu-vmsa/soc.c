// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of SoCs: geometry of their IPMMUs, restrictions, and which masters are
 * known to work behind one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pci.h>
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
 * VMSAv8-64 has been seen at work on H3, M3-W, M3-W+ and M3-N, whose silicon
 * RZ/G2H, M and N share, and on S4 and V4H. The rest keeps to 32 bits.
 */
static const struct ipmmu_soc gen3 = {
	GEN3,
	.va64 = true,
};

static const struct ipmmu_soc gen3_discache = {
	GEN3,
	.va64 = true,
	.has_discache = true,
};

static const struct ipmmu_soc gen3_small = {
	GEN3,
};

static const struct ipmmu_soc gen3_small_discache = {
	GEN3,
	.has_discache = true,
};

static const struct ipmmu_soc gen4 = {
	GEN4,
	.va64 = true,
};

static const struct ipmmu_soc gen4_plain = {
	GEN4,
};

const struct of_device_id ipmmu_of_ids[] = {
	{ .compatible = "renesas,ipmmu-r8a774a1", .data = &gen3 },
	{ .compatible = "renesas,ipmmu-r8a774b1", .data = &gen3 },
	{ .compatible = "renesas,ipmmu-r8a774c0", .data = &gen3_small },
	{ .compatible = "renesas,ipmmu-r8a774e1", .data = &gen3 },
	{ .compatible = "renesas,ipmmu-r8a7795", .data = &gen3_discache },
	{ .compatible = "renesas,ipmmu-r8a7796", .data = &gen3 },
	{ .compatible = "renesas,ipmmu-r8a77961", .data = &gen3 },
	{ .compatible = "renesas,ipmmu-r8a77965", .data = &gen3_discache },
	{ .compatible = "renesas,ipmmu-r8a77970", .data = &gen3_small },
	{ .compatible = "renesas,ipmmu-r8a77980", .data = &gen3_small },
	{ .compatible = "renesas,ipmmu-r8a77990", .data = &gen3_small_discache },
	{ .compatible = "renesas,ipmmu-r8a77995", .data = &gen3_small },
	{ .compatible = "renesas,ipmmu-r8a779a0", .data = &gen4_plain },
	{ .compatible = "renesas,ipmmu-r8a779f0", .data = &gen4 },
	{ .compatible = "renesas,ipmmu-r8a779g0", .data = &gen4 },
	{ .compatible = "renesas,ipmmu-r8a779h0", .data = &gen4_plain },
	{ .compatible = "renesas,rcar-gen4-ipmmu-vmsa", .data = &gen4_plain },
	{ }
};
MODULE_DEVICE_TABLE(of, ipmmu_of_ids);

/* H3 before ES3.0, M3-N and E3: caches in power domains A3xx must not cache. */
static const struct soc_device_attribute discache_socs[] = {
	{ .soc_id = "r8a7795", .revision = "ES1.*" },
	{ .soc_id = "r8a7795", .revision = "ES2.*" },
	{ .soc_id = "r8a77965" },
	{ .soc_id = "r8a77990" },
	{ }
};

static const char * const discache_names[] = {
	"fe6b0000.iommu",	/* VC0 */
	"fe6f0000.iommu",	/* VC1 */
	"fe980000.iommu",	/* VP1 */
	"fe990000.iommu",	/* VP0 */
	"ff8b0000.iommu",	/* IR */
};

/**
 * ipmmu_soc_needs_discache() - must this cache IPMMU run without caching?
 * @soc: the SoC
 * @dev: the cache IPMMU
 */
bool ipmmu_soc_needs_discache(const struct ipmmu_soc *soc, struct device *dev)
{
	return soc->has_discache &&
	       match_string(discache_names, ARRAY_SIZE(discache_names),
			    dev_name(dev)) >= 0 &&
	       soc_device_match(discache_socs);
}

/* Families where masters are let in one by one. */
static const struct soc_device_attribute opt_in_socs[] = {
	{ .family = "R-Car Gen3" },
	{ .family = "R-Car Gen4" },
	{ .family = "RZ/G2" },
	{ }
};

/* Where the IPMMU cannot be trusted with any. */
static const struct soc_device_attribute denied_socs[] = {
	{ .soc_id = "r8a774a1" },
	{ .soc_id = "r8a7795", .revision = "ES2.*" },
	{ .soc_id = "r8a7796" },
	{ }
};

/* The four SD controllers. */
static const char * const known_masters[] = {
	"ee100000.mmc", "ee120000.mmc", "ee140000.mmc", "ee160000.mmc",
};

/**
 * ipmmu_soc_allows() - may this master be put behind an IPMMU here?
 * @dev: the master
 * @more: names let in beyond those known to work
 * @count: how many
 */
bool ipmmu_soc_allows(struct device *dev, char * const *more, unsigned int count)
{
	if (!soc_device_match(opt_in_socs))
		return true;
	if (soc_device_match(denied_socs))
		return false;

	return dev_is_pci(dev) ||
	       match_string(known_masters, ARRAY_SIZE(known_masters),
			    dev_name(dev)) >= 0 ||
	       match_string((const char * const *)more, count, dev_name(dev)) >= 0;
}
