/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMSAv8-64 and long-descriptor VMSAv8-32 stage 1: entries and geometry, nothing
 * else. No memory, no locks, no device: whoever includes this can test it
 * anywhere. Section numbers are those of the Arm ARM, DDI 0487.
 *
 * Words: a *table* holds *entries*; an entry is invalid, leads to a *table* of the
 * next level, or is a *leaf* (a page at the last level, a block above). Levels
 * count from 0 next to the root of a 48-bit table to 3.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _LPAE_H
#define _LPAE_H

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/io-pgtable.h>
#include <linux/types.h>

#define LPAE_LEVELS		4
#define LPAE_LAST_LEVEL		(LPAE_LEVELS - 1)

/* D8.2.1: with the 4 KiB granule a table resolves 9 bits and fills a page. */
#define LPAE_PAGE_SHIFT		12
#define LPAE_LEVEL_BITS		9
#define LPAE_ENTRIES		BIT(LPAE_LEVEL_BITS)
#define LPAE_TABLE_SIZE		BIT(LPAE_PAGE_SHIFT)

/* D8.3.1: descriptor formats */
#define LPAE_VALID		BIT_ULL(0)
#define LPAE_TYPE		GENMASK_ULL(1, 0)
#define LPAE_TYPE_BLOCK		1	/* above the last level */
#define LPAE_TYPE_TABLE		3	/* above the last level */
#define LPAE_TYPE_PAGE		3	/* at the last level */
#define LPAE_ADDRESS		GENMASK_ULL(47, LPAE_PAGE_SHIFT)

/* D8.3.2: attributes of a stage 1 leaf */
#define LPAE_ATTR_INDEX		GENMASK_ULL(4, 2)
#define LPAE_NS			BIT_ULL(5)
#define LPAE_AP_UNPRIV		BIT_ULL(6)
#define LPAE_AP_RDONLY		BIT_ULL(7)
#define LPAE_SH			GENMASK_ULL(9, 8)
#define LPAE_SH_OUTER		2
#define LPAE_SH_INNER		3
#define LPAE_AF			BIT_ULL(10)
#define LPAE_NG			BIT_ULL(11)
#define LPAE_XN			GENMASK_ULL(54, 53)	/* PXN and UXN */

/* D8.3.2: attribute of an entry that leads to a table */
#define LPAE_NSTABLE		BIT_ULL(63)

/*
 * All but bit 0 of an invalid entry is left to software (D8.3.1). An entry from
 * which a table was detached keeps the number of the limbo that the table went
 * into; an entry that has never led anywhere is 0.
 */
#define LPAE_SW_STAMP		GENMASK_ULL(63, 2)

/*
 * Bits 58:55 are left to software (D8.3.2). An entry that leads to a table
 * gets this one once it has been cleaned to the point where a non-coherent
 * walker sees it; whoever finds it clear has to clean the entry too, for the
 * one who put it there may not have come so far.
 */
#define LPAE_SW_CLEAN		BIT_ULL(55)

/* IOMMU_READ to IOMMU_PRIV: what lpae_leaf_attrs() looks at */
#define LPAE_PROT_BITS		6

/* Memory types in the order of MAIR; drivers program the value as it is. */
enum lpae_attr_index {
	LPAE_ATTR_NC,
	LPAE_ATTR_CACHE,
	LPAE_ATTR_DEVICE,
	LPAE_ATTR_OUTER_CACHE,
};

/**
 * struct lpae_geometry - the shape of a tree
 * @start: level of the root
 * @root_entries: entries of the root, 2 to LPAE_ENTRIES
 */
struct lpae_geometry {
	int start;
	unsigned int root_entries;
};

static inline unsigned int lpae_shift(int level)
{
	return LPAE_PAGE_SHIFT + LPAE_LEVEL_BITS * (LPAE_LAST_LEVEL - level);
}

static inline size_t lpae_leaf_size(int level)
{
	return BIT(lpae_shift(level));
}

/* The level whose leaves have @size bytes, a power of two that is one of them */
static inline int lpae_leaf_level(size_t size)
{
	return LPAE_LAST_LEVEL -
	       (__ffs(size) - LPAE_PAGE_SHIFT) / LPAE_LEVEL_BITS;
}

/* Which entry of a table of @level an IOVA within the input size is found by */
static inline unsigned int lpae_index(unsigned long iova, int level)
{
	return (iova >> lpae_shift(level)) & (LPAE_ENTRIES - 1);
}

static inline unsigned int lpae_entries(const struct lpae_geometry *geo,
					int level)
{
	return level == geo->start ? geo->root_entries : LPAE_ENTRIES;
}

static inline bool lpae_is_table(u64 entry, int level)
{
	return level < LPAE_LAST_LEVEL &&
	       FIELD_GET(LPAE_TYPE, entry) == LPAE_TYPE_TABLE;
}

/* The same, where the level is known to be above the last */
static inline bool lpae_leads_on(u64 entry)
{
	return FIELD_GET(LPAE_TYPE, entry) == LPAE_TYPE_TABLE;
}

static inline bool lpae_is_leaf(u64 entry, int level)
{
	return FIELD_GET(LPAE_TYPE, entry) ==
	       (level < LPAE_LAST_LEVEL ? LPAE_TYPE_BLOCK : LPAE_TYPE_PAGE);
}

static inline bool lpae_is_valid(u64 entry)
{
	return entry & LPAE_VALID;
}

static inline phys_addr_t lpae_address(u64 entry)
{
	return entry & LPAE_ADDRESS;
}

/* Type bits of a leaf at @level */
static inline u64 lpae_leaf_type(int level)
{
	return level < LPAE_LAST_LEVEL ? LPAE_TYPE_BLOCK : LPAE_TYPE_PAGE;
}

/* Entry that leads to the table at @pa */
static inline u64 lpae_table_entry(phys_addr_t pa, bool ns)
{
	return pa | LPAE_TYPE_TABLE | (ns ? LPAE_NSTABLE : 0);
}

bool lpae_geometry_init(struct lpae_geometry *geo, unsigned int ias);
u64 lpae_leaf_attrs(int prot, bool ns);
bool lpae_ips_encode(unsigned int oas, u32 *ips);
u64 lpae_mair(void);

#endif /* _LPAE_H */
