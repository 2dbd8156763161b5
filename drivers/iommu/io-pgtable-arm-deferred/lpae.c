// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMSAv8-64: what does not fit a line in the header. Pure functions.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/iommu.h>
#include <linux/kernel.h>

#include "lpae.h"

/**
 * lpae_geometry_init() - the shape of a tree for an input size
 * @geo: filled
 * @page_shift: log2 of the granule in bytes
 * @ias: bits of the input size
 *
 * The lowest level is always whole; what is left of the input size at the top
 * is the root, which may be smaller than a granule (D8.2.2).
 *
 * Return: false if there is no such tree: no more than a page, or too many
 * levels.
 */
bool lpae_geometry_init(struct lpae_geometry *geo, unsigned int page_shift,
			unsigned int ias)
{
	unsigned int bits = page_shift - LPAE_ENTRY_SHIFT;
	unsigned int levels;

	if (ias <= page_shift)
		return false;
	levels = DIV_ROUND_UP(ias - page_shift, bits);
	if (levels > LPAE_LEVELS)
		return false;

	geo->page_shift = page_shift;
	geo->bits = bits;
	geo->start = LPAE_LEVELS - levels;
	geo->root_shift = lpae_shift(geo, geo->start);
	geo->root_bits = ias - geo->root_shift;
	return true;
}

/**
 * lpae_geometry_concatenate() - have a tree begin a level further down
 * @geo: a tree of stage 2; not changed if that is not possible
 *
 * The root is then made of the tables that its entries would have led to
 * (D8.2.2).
 *
 * Return: false if those are too many.
 */
bool lpae_geometry_concatenate(struct lpae_geometry *geo)
{
	if (geo->start == LPAE_LAST_LEVEL ||
	    BIT(geo->root_bits) > LPAE_CONCATENATED_MAX)
		return false;

	geo->start++;
	geo->root_shift -= geo->bits;
	geo->root_bits += geo->bits;
	return true;
}

static u64 lpae_s1_memory_type(int prot)
{
	if (prot & IOMMU_MMIO)
		return FIELD_PREP(LPAE_ATTR_INDEX, LPAE_ATTR_DEVICE);
	if (prot & IOMMU_CACHE)
		return FIELD_PREP(LPAE_ATTR_INDEX, LPAE_ATTR_CACHE);
	return FIELD_PREP(LPAE_ATTR_INDEX, LPAE_ATTR_NC);
}

/*
 * Stage 1 knows no write-only leaf: a mapping to write is one to read, too
 * (D8.4.1). Where hardware keeps the dirty state, a leaf to write begins as
 * dirty: its owner would miss a write that came before the first look.
 */
static u64 lpae_s1_attrs(int prot, unsigned int flags)
{
	u64 attrs = LPAE_NG | lpae_s1_memory_type(prot);

	if (!(prot & IOMMU_WRITE))
		attrs |= LPAE_AP_RDONLY;
	else if (flags & LPAE_FLAG_DIRTY)
		attrs |= LPAE_DBM;
	if (!(prot & IOMMU_PRIV))
		attrs |= LPAE_AP_UNPRIV;
	if (flags & LPAE_FLAG_NS)
		attrs |= LPAE_NS;
	return attrs;
}

static u64 lpae_s2_memory_type(int prot)
{
	if (prot & IOMMU_MMIO)
		return FIELD_PREP(LPAE_S2_MEMATTR, LPAE_S2_MEMATTR_DEVICE);
	if (prot & IOMMU_CACHE)
		return FIELD_PREP(LPAE_S2_MEMATTR, LPAE_S2_MEMATTR_WB);
	return FIELD_PREP(LPAE_S2_MEMATTR, LPAE_S2_MEMATTR_NC);
}

/* Stage 2 has a bit each to read and to write, and no notion of privilege. */
static u64 lpae_s2_attrs(int prot)
{
	u64 attrs = lpae_s2_memory_type(prot);

	if (prot & IOMMU_READ)
		attrs |= LPAE_S2_AP_READ;
	if (prot & IOMMU_WRITE)
		attrs |= LPAE_S2_AP_WRITE;
	return attrs;
}

/**
 * lpae_leaf_attrs() - attributes of a leaf, without type and address
 * @prot: IOMMU_READ, IOMMU_WRITE and so on
 * @flags: what holds for all leaves, LPAE_FLAG_STAGE2 and so on
 *
 * The access flag is set, for no handler would take the fault.
 *
 * Return: the bits of an entry.
 */
u64 lpae_leaf_attrs(int prot, unsigned int flags)
{
	u64 attrs = flags & LPAE_FLAG_STAGE2 ? lpae_s2_attrs(prot) :
					       lpae_s1_attrs(prot, flags);

	if (prot & IOMMU_NOEXEC)
		attrs |= LPAE_XN;
	return attrs | LPAE_AF |
	       FIELD_PREP(LPAE_SH, prot & IOMMU_CACHE ? LPAE_SH_INNER :
							LPAE_SH_OUTER);
}

/**
 * lpae_size_encode() - the code of an output size in TCR_ELx.IPS, VTCR_EL2.PS
 * @oas: the size in bits
 * @code: filled if there is one (D19.2)
 *
 * Return: false if the size has no code.
 */
bool lpae_size_encode(unsigned int oas, u32 *code)
{
	static const u8 sizes[] = { 32, 36, 40, 42, 44, 48, 52 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] == oas) {
			*code = i;
			return true;
		}
	}
	return false;
}

/**
 * lpae_mair() - the memory types that leaves of stage 1 name by index
 *
 * One byte an index (D19.2, MAIR_EL1). No leaf names the upper four; they
 * hold what the kernel's own library puts there.
 *
 * Return: the value of MAIR.
 */
u64 lpae_mair(void)
{
	static const u8 types[LPAE_ATTRS] = {
		[LPAE_ATTR_NC] = 0x44,		/* normal, non-cacheable */
		[LPAE_ATTR_CACHE] = 0xff,	/* write-back, allocate */
		[LPAE_ATTR_DEVICE] = 0x04,	/* device nGnRE */
		[LPAE_ATTR_OUTER_CACHE] = 0xf4,	/* outer, for system caches */
		[LPAE_ATTR_UNUSED ... LPAE_ATTRS - 1] = 0xff,
	};
	unsigned int i;
	u64 mair = 0;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		mair |= (u64)types[i] << (8 * i);
	return mair;
}
