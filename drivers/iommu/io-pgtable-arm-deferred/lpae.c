// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMSAv8-64 stage 1: what does not fit a line in the header. Pure functions.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/kernel.h>

#include "lpae.h"

/* Widest input that a 4 KiB granule resolves without FEAT_LPA2 (D8.2.1) */
#define LPAE_MAX_IAS		48

/*
 * The lowest level is always whole; what is left of the input size at the top
 * is the root, which may be smaller than a page (D8.2.2).
 */
bool lpae_geometry_init(struct lpae_geometry *geo, unsigned int ias)
{
	unsigned int bits, levels;

	if (ias <= LPAE_PAGE_SHIFT || ias > LPAE_MAX_IAS)
		return false;

	bits = ias - LPAE_PAGE_SHIFT;
	levels = DIV_ROUND_UP(bits, LPAE_LEVEL_BITS);
	geo->start = LPAE_LEVELS - levels;
	geo->root_entries = BIT(bits - LPAE_LEVEL_BITS * (levels - 1));
	return true;
}

static u64 lpae_attr_index(int prot)
{
	if (prot & IOMMU_MMIO)
		return FIELD_PREP(LPAE_ATTR_INDEX, LPAE_ATTR_DEVICE);
	if (prot & IOMMU_CACHE)
		return FIELD_PREP(LPAE_ATTR_INDEX, LPAE_ATTR_CACHE);
	return FIELD_PREP(LPAE_ATTR_INDEX, LPAE_ATTR_NC);
}

/*
 * lpae_leaf_attrs() - attributes of a leaf, without type and address
 * @prot: IOMMU_READ, IOMMU_WRITE and so on
 * @ns: the leaf is reached by a walk that has to stay non-secure
 *
 * Stage 1 knows no write-only leaf: a mapping to write is one to read, too
 * (D8.4.1). The access flag is set, for nobody would take the fault.
 */
u64 lpae_leaf_attrs(int prot, bool ns)
{
	u64 attrs = LPAE_AF | LPAE_NG | lpae_attr_index(prot);

	if (!(prot & IOMMU_WRITE))
		attrs |= LPAE_AP_RDONLY;
	if (!(prot & IOMMU_PRIV))
		attrs |= LPAE_AP_UNPRIV;
	if (prot & IOMMU_NOEXEC)
		attrs |= LPAE_XN;
	if (ns)
		attrs |= LPAE_NS;

	return attrs | FIELD_PREP(LPAE_SH, prot & IOMMU_CACHE ?
					   LPAE_SH_INNER : LPAE_SH_OUTER);
}

/* TCR_ELx.IPS: the output sizes that have a code (D19.2, TCR_EL1) */
bool lpae_ips_encode(unsigned int oas, u32 *ips)
{
	static const u8 sizes[] = { 32, 36, 40, 42, 44, 48 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] == oas) {
			*ips = i;
			return true;
		}
	}
	return false;
}

/* One byte an index (D19.2, MAIR_EL1) */
u64 lpae_mair(void)
{
	static const u8 types[] = {
		[LPAE_ATTR_NC] = 0x44,		/* normal, non-cacheable */
		[LPAE_ATTR_CACHE] = 0xff,	/* write-back, allocate */
		[LPAE_ATTR_DEVICE] = 0x04,	/* device nGnRE */
		[LPAE_ATTR_OUTER_CACHE] = 0xf4,	/* outer only, for system caches */
	};
	unsigned int i;
	u64 mair = 0;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		mair |= (u64)types[i] << (8 * i);
	return mair;
}
