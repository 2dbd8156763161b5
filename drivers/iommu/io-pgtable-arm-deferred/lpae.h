/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMSAv8-64 and long-descriptor VMSAv8-32, stages 1 and 2: entries and
 * geometry, nothing else. No memory, no locks, no device: a program in user
 * space can include and test it. Section numbers are those of the Arm ARM, DDI
 * 0487.
 *
 * Words: a *table* holds *entries*; an entry is invalid, leads to a *table* of
 * the next level, or is a *leaf* (a page at the last level, a block above).
 * Levels count from 0 next to the root of a 48-bit table to 3. The *granule* is
 * the size of a page, and of every table but the root.
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

/* D8.2: granules of 4, 16 and 64 KiB */
#define LPAE_SHIFT_4K		12
#define LPAE_SHIFT_16K		14
#define LPAE_SHIFT_64K		16

/* An entry has 8 bytes. */
#define LPAE_ENTRY_SHIFT	3

/* D8.2.2: a stage 2 root may be this many tables side by side. */
#define LPAE_CONCATENATED_MAX	16

/*
 * D8.2.1: the widest address without FEAT_LPA, and with it, for which we need
 * 64 KiB
 */
#define LPAE_BITS		48
#define LPAE_BITS_64K		52

/* D8.3.1: descriptor formats */
#define LPAE_VALID		BIT_ULL(0)
#define LPAE_TYPE		GENMASK_ULL(1, 0)
#define LPAE_TYPE_BLOCK		1	/* above the last level */
#define LPAE_TYPE_TABLE		3	/* above the last level */
#define LPAE_TYPE_PAGE		3	/* at the last level */
#define LPAE_ADDRESS		GENMASK_ULL(47, LPAE_SHIFT_4K)

/*
 * D8.3.1: with the 64 KiB granule bits 51:48 of an address are kept where the
 * address has only zeroes, in bits 15:12.
 */
#define LPAE_HIGH_DISTANCE	(48 - 12)
#define LPAE_ADDRESS_64K	GENMASK_ULL(51, LPAE_SHIFT_64K)

/* D8.3.2: attributes of a leaf of either stage */
#define LPAE_SH			GENMASK_ULL(9, 8)
#define LPAE_SH_OUTER		2
#define LPAE_SH_INNER		3
#define LPAE_AF			BIT_ULL(10)
#define LPAE_XN			GENMASK_ULL(54, 53)	/* stage 1: PXN, UXN */

/* D8.3.2: of stage 1 */
#define LPAE_ATTR_INDEX		GENMASK_ULL(4, 2)
#define LPAE_NS			BIT_ULL(5)
#define LPAE_AP_UNPRIV		BIT_ULL(6)
#define LPAE_AP_RDONLY		BIT_ULL(7)
#define LPAE_NG			BIT_ULL(11)
/* D8.5.2: hardware takes AP_RDONLY away from such a leaf when it writes. */
#define LPAE_DBM		BIT_ULL(51)

/* D8.3.2: of stage 2 */
#define LPAE_S2_MEMATTR		GENMASK_ULL(5, 2)
#define LPAE_S2_MEMATTR_DEVICE	0x1	/* nGnRE */
#define LPAE_S2_MEMATTR_NC	0x5	/* normal, non-cacheable */
#define LPAE_S2_MEMATTR_WB	0xf	/* normal, write-back */
#define LPAE_S2_AP_READ		BIT_ULL(6)
#define LPAE_S2_AP_WRITE	BIT_ULL(7)

/* D8.3.2: attribute of an entry that leads to a table of stage 1 */
#define LPAE_NSTABLE		BIT_ULL(63)

/*
 * All but bit 0 of an invalid entry is left to software (D8.3.1). An entry from
 * which a table was detached keeps the number of the limbo that the table went
 * into; an entry that has never led anywhere is 0.
 */
#define LPAE_SW_STAMP		GENMASK_ULL(63, 2)

/*
 * Bits 58:55 are left to software (D8.3.2). An entry that leads to a table gets
 * this one once it has been cleaned to the point where a non-coherent walker
 * sees it. A mapper or unmapper that finds the bit clear has to clean the
 * entry, too, for the mapper that published it may not have come so far.
 */
#define LPAE_SW_CLEAN		BIT_ULL(55)

/*
 * Two more of these, about the table that the entry leads to: something under
 * it has been unmapped since the last sweep, and a sweep is about to cut it off
 * if it is empty. See sweep.c.
 */
#define LPAE_SW_TOUCHED		BIT_ULL(56)
#define LPAE_SW_CLOSING		BIT_ULL(57)

/* IOMMU_READ to IOMMU_PRIV: what lpae_leaf_attrs() looks at */
#define LPAE_PROT_BITS		6

/* What all leaves of a page table have in common */
#define LPAE_FLAG_STAGE2	BIT(0)
#define LPAE_FLAG_NS		BIT(1)	/* non-secure, where that is checked */
#define LPAE_FLAG_DIRTY		BIT(2)	/* hardware keeps the dirty state */

/* Memory types in the order of MAIR; drivers program the value as it is. */
enum lpae_attr_index {
	LPAE_ATTR_NC,
	LPAE_ATTR_CACHE,
	LPAE_ATTR_DEVICE,
	LPAE_ATTR_OUTER_CACHE,
	LPAE_ATTR_UNUSED,	/* this one and those up to the last */
	LPAE_ATTRS = 8,
};

/**
 * struct lpae_geometry - the shape of a tree
 * @start: level of the root
 * @page_shift: log2 of the granule in bytes
 * @bits: how many bits of an address a table resolves
 * @root_bits: how many the root resolves; more than @bits if it is concatenated
 * @root_shift: log2 of the bytes that an entry of the root stands for
 */
struct lpae_geometry {
	int start;
	unsigned int page_shift;
	unsigned int bits;
	unsigned int root_bits;
	unsigned int root_shift;
};

/* Bytes of a table that is not the root */
static inline size_t lpae_table_size(const struct lpae_geometry *geo)
{
	return BIT(geo->page_shift);
}

/* Bytes of the root, whatever there is room for after them */
static inline size_t lpae_root_size(const struct lpae_geometry *geo)
{
	return BIT(geo->root_bits + LPAE_ENTRY_SHIFT);
}

static inline unsigned int lpae_shift(const struct lpae_geometry *geo, int level)
{
	return geo->page_shift + geo->bits * (LPAE_LAST_LEVEL - level);
}

static inline size_t lpae_leaf_size(const struct lpae_geometry *geo, int level)
{
	return BIT(lpae_shift(geo, level));
}

/*
 * The level whose leaves have @size bytes, a power of two that is one of them
 */
static inline int lpae_leaf_level(const struct lpae_geometry *geo, size_t size)
{
	unsigned int shift = __ffs(size);
	int level = LPAE_LAST_LEVEL;

	for (; shift > geo->page_shift; shift -= geo->bits)
		level--;
	return level;
}

/* Entries of a table of @level */
static inline unsigned int lpae_entries(const struct lpae_geometry *geo,
					int level)
{
	return BIT(level == geo->start ? geo->root_bits : geo->bits);
}

/*
 * Which entry of a table of @level is found by @at, an offset within the input
 * size
 */
static inline unsigned int lpae_index(const struct lpae_geometry *geo,
				      unsigned long at, int level)
{
	return (at >> lpae_shift(geo, level)) & (lpae_entries(geo, level) - 1);
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

/* Where a valid entry leads to */
static inline phys_addr_t lpae_address(const struct lpae_geometry *geo,
				       u64 entry)
{
	u64 pa = entry & LPAE_ADDRESS;

	if (likely(geo->page_shift < LPAE_SHIFT_64K))
		return pa;
	return (pa | pa << LPAE_HIGH_DISTANCE) & LPAE_ADDRESS_64K;
}

/* The other way round; an address that has no place in an entry loses bits. */
static inline u64 lpae_pack(const struct lpae_geometry *geo, phys_addr_t pa)
{
	if (likely(geo->page_shift < LPAE_SHIFT_64K))
		return pa & LPAE_ADDRESS;
	return (pa | pa >> LPAE_HIGH_DISTANCE) & LPAE_ADDRESS;
}

/* Everything in an entry that is not its address */
static inline u64 lpae_attributes(u64 entry)
{
	return entry & ~LPAE_ADDRESS;
}

/*
 * Write @nr leaves of @size bytes to @entry and on, the first of them for @pa
 */
static inline void lpae_fill(const struct lpae_geometry *geo, u64 *entry,
			     unsigned int nr, u64 attrs, phys_addr_t pa,
			     size_t size)
{
	const u64 *end = entry + nr;
	u64 leaf = attrs | lpae_pack(geo, pa);

	if (likely(geo->page_shift < LPAE_SHIFT_64K)) {
		/* The loop itself takes as many instructions as two stores. */
		for (; end - entry >= 4; entry += 4, leaf += 4 * size) {
			WRITE_ONCE(entry[0], leaf);
			WRITE_ONCE(entry[1], leaf + size);
			WRITE_ONCE(entry[2], leaf + 2 * size);
			WRITE_ONCE(entry[3], leaf + 3 * size);
		}
		for (; entry < end; entry++, leaf += size)
			WRITE_ONCE(*entry, leaf);
		return;
	}
	/* An address may cross bit 48 on the way. */
	for (; entry < end; entry++, pa += size)
		WRITE_ONCE(*entry, attrs | lpae_pack(geo, pa));
}

/* Type bits of a leaf at @level */
static inline u64 lpae_leaf_type(int level)
{
	return level < LPAE_LAST_LEVEL ? LPAE_TYPE_BLOCK : LPAE_TYPE_PAGE;
}

/*
 * Has hardware written to what a leaf of stage 1 maps, and told so? D8.5.2: a
 * leaf with DBM is clean while it is read-only.
 */
static inline bool lpae_is_dirty(u64 leaf)
{
	return (leaf & (LPAE_DBM | LPAE_AP_RDONLY)) == LPAE_DBM;
}

bool lpae_geometry_init(struct lpae_geometry *geo, unsigned int page_shift,
			unsigned int ias);
bool lpae_geometry_concatenate(struct lpae_geometry *geo);
u64 lpae_leaf_attrs(int prot, unsigned int flags);
bool lpae_size_encode(unsigned int oas, u32 *code);
u64 lpae_mair(void);

#endif /* _LPAE_H */
