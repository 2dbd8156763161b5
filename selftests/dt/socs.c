// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's tables of SoCs against what is known of each, written down here
 * anew: geometry, 39 bits by default or not, DISCACHE and denial for each name
 * and revision that the kernel's driver for SoC numbers can report. Speaks
 * KTAP.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>

#include "encode.h"

/* A SoC as the kernel names it, and what is to hold there */
struct known {
	const char *soc_id;
	const char *revision;		/* NULL: the kernel has no driver */
	const char *ipmmu;		/* compatible, behind the vendor */
	unsigned int generation;
	bool va64;
	bool discache;
	bool denied;
};

static const struct known knowns[] = {
	{ "r8a774a1", "ES1.3", "ipmmu-r8a774a1", 3, true, false, true },
	{ "r8a774b1", "ES1.1", "ipmmu-r8a774b1", 3, true, true, false },
	{ "r8a774c0", "ES1.0", "ipmmu-r8a774c0", 3, false, true, false },
	{ "r8a774e1", "ES3.0", "ipmmu-r8a774e1", 3, true, false, false },
	{ "r8a7795", "ES1.0", "ipmmu-r8a7795", 3, true, true, true },
	{ "r8a7795", "ES1.1", "ipmmu-r8a7795", 3, true, true, true },
	{ "r8a7795", "ES2.0", "ipmmu-r8a7795", 3, true, true, true },
	{ "r8a7795", "ES3.0", "ipmmu-r8a7795", 3, true, false, false },
	{ "r8a7795", "ES3.1", "ipmmu-r8a7795", 3, true, false, false },
	{ "r8a7795", NULL, "ipmmu-r8a7795", 3, true, true, false },
	{ "r8a779m0", "ES3.0", "ipmmu-r8a7795", 3, true, false, false },
	{ "r8a779m1", "ES3.0", "ipmmu-r8a7795", 3, true, false, false },
	{ "r8a779m8", "ES3.0", "ipmmu-r8a7795", 3, true, false, false },
	{ "r8a779mb", "ES3.0", "ipmmu-r8a7795", 3, true, false, false },
	{ "r8a7796", "ES1.1", "ipmmu-r8a7796", 3, true, false, true },
	{ "r8a7796", NULL, "ipmmu-r8a7796", 3, true, false, true },
	{ "r8a77961", "ES3.0", "ipmmu-r8a77961", 3, true, false, false },
	{ "r8a779m2", "ES3.0", "ipmmu-r8a77961", 3, true, false, false },
	{ "r8a779m3", "ES3.0", "ipmmu-r8a77961", 3, true, false, false },
	{ "r8a77965", "ES1.1", "ipmmu-r8a77965", 3, true, true, false },
	{ "r8a77965", NULL, "ipmmu-r8a77965", 3, true, true, false },
	{ "r8a779m4", "ES1.1", "ipmmu-r8a77965", 3, true, true, false },
	{ "r8a779m5", "ES1.1", "ipmmu-r8a77965", 3, true, true, false },
	{ "r8a779md", "ES1.1", "ipmmu-r8a77965", 3, true, true, false },
	{ "r8a77970", "ES1.0", "ipmmu-r8a77970", 3, false, false, false },
	{ "r8a77980", "ES2.0", "ipmmu-r8a77980", 3, false, false, false },
	{ "r8a77990", "ES1.0", "ipmmu-r8a77990", 3, false, true, false },
	{ "r8a779m6", "ES1.1", "ipmmu-r8a77990", 3, false, true, false },
	{ "r8a77995", "ES1.1", "ipmmu-r8a77995", 3, false, false, false },
	{ "r8a779m7", "ES1.1", "ipmmu-r8a77995", 3, false, false, false },
	{ "r8a779a0", "ES1.0", "ipmmu-r8a779a0", 4, false, false, false },
	{ "r8a779f0", "ES1.2", "ipmmu-r8a779f0", 4, false, false, false },
	{ "r8a779g0", "ES2.0", "ipmmu-r8a779g0", 4, false, false, false },
	{ "r8a779h0", "ES1.0", "ipmmu-r8a779h0", 4, false, false, false },
	{ "r8a779h2", "ES1.0", "rcar-gen4-ipmmu-vmsa", 4, false, false, false },
};

/* Caches in A3xx, and some that are not */
static const char * const a3xx[] = {
	"fe6b0000.iommu", "fe6f0000.iommu", "fe980000.iommu", "fe990000.iommu",
	"ff8b0000.iommu",
};

static const char * const always_on[] = {
	"e67b0000.iommu", "e6740000.iommu", "e7740000.iommu", "fd800000.iommu",
	"febd0000.iommu", "ee480000.iommu", "eed80000.iommu", "fe6b0000.mmc",
};

static const struct ipmmu_soc *find(const char *compatible)
{
	const struct of_device_id *id;

	for (id = ipmmu_of_ids; id->compatible; id++)
		if (!strcmp(strchr(id->compatible, ',') + 1, compatible))
			return id->data;
	return NULL;
}

/* Returns what is wrong, or NULL */
static const char *check_geometry(const struct known *known, const struct ipmmu_soc *soc)
{
	bool gen4 = known->generation == 4;

	if (soc->contexts != (gen4 ? 16 : 8) || soc->utlbs != (gen4 ? 64 : 48))
		return "number of contexts or micro-TLBs";
	if (ipmmu_context_offset(soc, 7) != (gen4 ? 0x171c0 : 0x1c0))
		return "place of context 7";
	if (gen4 && (ipmmu_context_offset(soc, 8) != 0x18800 ||
		     ipmmu_context_offset(soc, 15) != 0x1f9c0))
		return "place of contexts 8 and 15";
	if (ipmmu_imsctlr_offset(soc) != (gen4 ? 0x1500 : 0x500))
		return "place of IMSCTLR";
	if (ipmmu_imuctr_offset(soc, 0) != (gen4 ? 0x3300 : 0x300) ||
	    ipmmu_imuctr_offset(soc, 47) != (gen4 ? 0x36f0 : 0x6f0))
		return "place of a micro-TLB";
	if (ipmmu_registers_size(soc) > (gen4 ? 0x20000 : 0x1000))
		return "size of the registers";
	return soc->va64 == known->va64 ? NULL : "default of va_bits";
}

static const char *check_restrictions(const struct known *known, const struct ipmmu_soc *soc)
{
	unsigned int i;

	if (!!ipmmu_soc_denied(soc) != known->denied)
		return "whether masters are denied";
	for (i = 0; i < ARRAY_SIZE(a3xx); i++)
		if (ipmmu_soc_needs_discache(soc, a3xx[i]) != known->discache)
			return "DISCACHE of a cache in A3xx";
	for (i = 0; i < ARRAY_SIZE(always_on); i++)
		if (ipmmu_soc_needs_discache(soc, always_on[i]))
			return "DISCACHE of a cache that is always on";
	return NULL;
}

static bool check_soc(unsigned int number, const struct known *known)
{
	const struct ipmmu_soc *soc = find(known->ipmmu);
	struct soc_device_attribute reported = {
		.family = known->generation == 4 ? "R-Car Gen4" : "R-Car Gen3",
		.soc_id = known->soc_id,
		.revision = known->revision,
	};
	const char *wrong;

	shim_soc = known->revision ? &reported : NULL;
	wrong = soc ? check_geometry(known, soc) : "the compatible string";
	if (!wrong)
		wrong = check_restrictions(known, soc);
	if (wrong)
		printf("# wrong: %s\n", wrong);
	printf("%sok %u %s %s behind %s\n", wrong ? "not " : "", number, known->soc_id,
	       known->revision ?: "of unknown revision", known->ipmmu);
	return !wrong;
}

/*
 * Every entry of the driver's table is checked, and no master is known by
 * accident
 */
static bool check_complete(unsigned int number)
{
	static const char * const sd[] = {
		"ee100000.mmc", "ee120000.mmc", "ee140000.mmc", "ee160000.mmc",
	};
	const struct of_device_id *id;
	bool good = !ipmmu_soc_knows("ee180000.mmc") && !ipmmu_soc_knows("ee100000.dma");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sd); i++)
		good &= ipmmu_soc_knows(sd[i]);
	for (id = ipmmu_of_ids; id->compatible; id++) {
		for (i = 0; i < ARRAY_SIZE(knowns); i++)
			if (!strcmp(strchr(id->compatible, ',') + 1, knowns[i].ipmmu))
				break;
		if (i == ARRAY_SIZE(knowns)) {
			printf("# not checked: %s\n", id->compatible);
			good = false;
		}
	}
	printf("%sok %u complete\n", good ? "" : "not ", number);
	return good;
}

int main(void)
{
	unsigned int i;
	bool good = true;

	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(knowns) + 1);
	for (i = 0; i < ARRAY_SIZE(knowns); i++)
		good &= check_soc(i + 1, &knowns[i]);
	good &= check_complete(i + 1);
	return !good;
}
