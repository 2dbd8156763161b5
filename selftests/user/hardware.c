// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU. By the Arm ARM, D8, and not by what the library takes it to be.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>

#include "hardware.h"
#include "shim.h"

/* TG0 and TG1 number the granules each in their own way. */
static unsigned int granule_shift(unsigned int tg, bool upper)
{
	static const u8 tg0[] = { 12, 16, 14, 0 };
	static const u8 tg1[] = { 0, 14, 12, 16 };

	return upper ? tg1[tg] : tg0[tg];
}

static void init_stage_1(struct hw *hw, const struct io_pgtable_cfg *cfg)
{
	bool upper = cfg->quirks & IO_PGTABLE_QUIRK_ARM_TTBR1;
	unsigned int bits;

	hw->shift = granule_shift(cfg->arm_lpae_s1_cfg.tcr.tg, upper);
	hw->ias = 64 - cfg->arm_lpae_s1_cfg.tcr.tsz;
	hw->root = cfg->arm_lpae_s1_cfg.ttbr;
	hw->mair = cfg->arm_lpae_s1_cfg.mair;
	hw->bits = hw->shift - 3;
	bits = hw->ias - hw->shift;
	hw->start = HW_LEVELS - DIV_ROUND_UP(bits, hw->bits);
}

/*
 * SL0 says where to start, and the size how many tables lie side by side there
 */
static void init_stage_2(struct hw *hw, const struct io_pgtable_cfg *cfg)
{
	unsigned int sl = cfg->arm_lpae_s2_cfg.vtcr.sl;

	hw->shift = granule_shift(cfg->arm_lpae_s2_cfg.vtcr.tg, false);
	hw->ias = 64 - cfg->arm_lpae_s2_cfg.vtcr.tsz;
	hw->root = cfg->arm_lpae_s2_cfg.vttbr;
	hw->bits = hw->shift - 3;
	hw->start = (hw->shift == 12 ? 2 : 3) - (int)sl;
}

void hw_init(struct hw *hw, enum io_pgtable_fmt fmt,
	     const struct io_pgtable_cfg *cfg, struct choice *choice)
{
	memset(hw, 0, sizeof(*hw));
	hw->enabled = true;
	hw->coherent = cfg->coherent_walk;
	hw->choice = choice;
	if (fmt == ARM_32_LPAE_S2 || fmt == ARM_64_LPAE_S2)
		init_stage_2(hw, cfg);
	else
		init_stage_1(hw, cfg);
	hw->oas = cfg->oas;
	hw->wide = hw->shift == 16 && cfg->oas == 52;
	if (hw->root & (min(8u << (hw->ias - hw_shift(hw, hw->start)), 64u) - 1))
		shim_panic("a root at 0x%llx is not aligned", hw->root);
}

/* --- descriptors ---------------------------------------------------------- */

bool hw_is_table(u64 descriptor, int level)
{
	return level < HW_LEVELS - 1 && (descriptor & 3) == 3;
}

bool hw_is_leaf(u64 descriptor, int level)
{
	return (descriptor & 3) == (level < HW_LEVELS - 1 ? 1 : 3);
}

u64 hw_address(const struct hw *hw, u64 descriptor)
{
	u64 pa = descriptor & GENMASK_ULL(47, hw->shift);

	if (hw->wide)
		pa |= (descriptor >> 12 & 0xf) << 48;
	return pa;
}

unsigned int hw_entries(const struct hw *hw, int level)
{
	unsigned int bits = hw->bits;

	if (level == hw->start)
		bits = hw->ias - hw_shift(hw, level);
	return 1u << bits;
}

/* --- what is known -------------------------------------------------------- */

static const struct hw_cached *find_cached(const struct hw *hw, u64 iova)
{
	const struct hw_cached *best = NULL;
	unsigned int i;

	for (i = 0; i < HW_CACHE; i++) {
		const struct hw_cached *c = &hw->cache[i];

		if (iova - c->iova < c->size && (!best || c->level > best->level))
			best = c;
	}
	return best;
}

static void remember_table(struct hw *hw, u64 iova, int level, u64 table)
{
	u64 size = 1ull << hw_shift(hw, level - 1);

	hw->cache[hw->next_cached++ % HW_CACHE] = (struct hw_cached) {
		.iova = iova & ~(size - 1), .size = size,
		.table = table, .level = level,
	};
}

const struct hw_tlb *hw_find(const struct hw *hw, u64 iova)
{
	unsigned int i;

	for (i = 0; i < HW_TLB; i++)
		if (iova - hw->tlb[i].leaf.iova < hw->tlb[i].leaf.size)
			return &hw->tlb[i];
	return NULL;
}

void hw_remember(struct hw *hw, const struct hw_leaf *leaf)
{
	hw->tlb[hw->next_tlb++ % HW_TLB] = (struct hw_tlb) { .leaf = *leaf };
}

static bool tlb_overlaps(const struct hw_tlb *tlb, u64 start, u64 end)
{
	return tlb->leaf.size && tlb->leaf.iova < end &&
	       tlb->leaf.iova + tlb->leaf.size > start;
}

void hw_age(struct hw *hw, u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < HW_TLB; i++)
		if (tlb_overlaps(&hw->tlb[i], start, end))
			hw->tlb[i].old = true;
}

void hw_forget_cached(struct hw *hw)
{
	memset(hw->cache, 0, sizeof(hw->cache));
}

void hw_forget(struct hw *hw)
{
	memset(hw->tlb, 0, sizeof(hw->tlb));
	hw_forget_cached(hw);
}

void hw_forget_range(struct hw *hw, u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < HW_TLB; i++)
		if (tlb_overlaps(&hw->tlb[i], start, end))
			hw->tlb[i].leaf.size = 0;
}

void hw_forget_page(struct hw *hw, u64 iova, u64 size)
{
	unsigned int i;

	for (i = 0; i < HW_TLB; i++)
		if (hw->tlb[i].leaf.size == size && iova - hw->tlb[i].leaf.iova < size)
			hw->tlb[i].leaf.size = 0;
}

bool hw_knows_leaf(const struct hw *hw, u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < HW_TLB; i++)
		if (tlb_overlaps(&hw->tlb[i], start, end))
			return true;
	return false;
}

bool hw_knows(const struct hw *hw, u64 pa, size_t size)
{
	unsigned int i;

	for (i = 0; i < HW_CACHE; i++)
		if (hw->cache[i].size && hw->cache[i].table - pa < size)
			return true;
	return false;
}

/* --- walking -------------------------------------------------------------- */

/*
 * A walker that does not snoop finds a word as it was when last cleaned, or as
 * it is if the line has happened to be written back.
 */
static u64 read_entry(struct hw *hw, u64 table, u64 index)
{
	u64 pa = table + index * sizeof(u64);

	if (!shim_is_allocated(pa, sizeof(u64)))
		shim_panic("the walker reads 0x%llx, where there is no table", pa);
	return shim_word(pa, !hw->coherent && choose_freely(hw->choice, 4));
}

static bool leaf_of(const struct hw *hw, u64 iova, int level, u64 descriptor,
		    u64 where, struct hw_leaf *leaf)
{
	if (!hw_is_leaf(descriptor, level))
		return false;
	leaf->size = 1ull << hw_shift(hw, level);
	leaf->iova = iova & ~(leaf->size - 1);
	leaf->descriptor = descriptor;
	leaf->where = where;
	leaf->pa = hw_address(hw, descriptor);
	leaf->level = level;
	return true;
}

static u64 index_of(const struct hw *hw, u64 iova, int level)
{
	return iova >> hw_shift(hw, level) & (hw_entries(hw, level) - 1);
}

bool hw_walk(struct hw *hw, u64 iova, struct hw_leaf *leaf)
{
	const struct hw_cached *cached = find_cached(hw, iova);
	u64 table = cached ? cached->table : hw->root;
	int level = cached ? cached->level : hw->start;
	u64 descriptor, index;

	for (;; level++) {
		if (table >> hw->oas)
			shim_panic("an address size fault: a table at 0x%llx, with %u bits",
				   table, hw->oas);
		index = index_of(hw, iova, level);
		descriptor = read_entry(hw, table, index);
		if (!hw_is_table(descriptor, level))
			break;
		table = hw_address(hw, descriptor);
		remember_table(hw, iova, level + 1, table);
	}
	return leaf_of(hw, iova, level, descriptor, table + index * sizeof(u64), leaf);
}

int hw_entries_to(const struct hw *hw, u64 iova, u64 *entries, u64 *where)
{
	u64 table = hw->root;
	int level = hw->start;

	for (;; level++) {
		*where = table + index_of(hw, iova, level) * sizeof(u64);
		entries[level] = shim_word(*where, false);
		if (!hw_is_table(entries[level], level))
			return level;
		table = hw_address(hw, entries[level]);
	}
}

bool hw_peek(const struct hw *hw, u64 iova, struct hw_leaf *leaf)
{
	u64 entries[HW_LEVELS], where;
	int level = hw_entries_to(hw, iova, entries, &where);

	return leaf_of(hw, iova, level, entries[level], where, leaf);
}

bool hw_make_dirty(struct hw *hw, struct hw_leaf *leaf)
{
	if (~leaf->descriptor & (HW_DBM | HW_READ_ONLY))
		return false;
	leaf->descriptor &= ~HW_READ_ONLY;
	shim_set_word(leaf->where, leaf->descriptor);
	/* It had it as read-only. */
	hw_forget_range(hw, leaf->iova, leaf->iova + leaf->size);
	return true;
}
