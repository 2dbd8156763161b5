/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An IOMMU: a walker, its walk cache and its TLB, which forget when told.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_HARDWARE_H
#define USER_HARDWARE_H

#include <linux/io-pgtable.h>

#include "choice.h"

/* Few enough for entries to be pushed out, many enough for some to get old */
#define HW_TLB		24
#define HW_CACHE	24

#define HW_LEVELS	4

/*
 * struct hw_leaf - a translation
 * @iova: of the first byte of the leaf
 * @size: of it, 0 for no leaf
 * @descriptor: as read
 * @where: it is, for the hardware
 * @pa: of the first byte
 */
struct hw_leaf {
	u64 iova;
	u64 size;
	u64 descriptor;
	u64 where;
	u64 pa;
	int level;
};

/* A translation that is known; old is one that its user has unmapped */
struct hw_tlb {
	struct hw_leaf leaf;
	bool old;
};

/* A table that is known to hold what is at iova */
struct hw_cached {
	u64 iova;
	u64 size;	/* 0 for none */
	u64 table;
	int level;
};

struct hw {
	bool enabled;
	bool coherent;
	bool wide;	/* 52 bits of address in a descriptor */
	u64 root;
	unsigned int ias;
	unsigned int oas;
	unsigned int shift;
	unsigned int bits;
	int start;
	u64 mair;
	struct choice *choice;
	struct hw_tlb tlb[HW_TLB];
	struct hw_cached cache[HW_CACHE];
	unsigned int next_tlb;
	unsigned int next_cached;
};

/* As a driver sets up the registers from what the library returned */
void hw_init(struct hw *hw, enum io_pgtable_fmt fmt,
	     const struct io_pgtable_cfg *cfg, struct choice *choice);

/* How the tables look to a device that accesses iova; false for a fault */
bool hw_walk(struct hw *hw, u64 iova, struct hw_leaf *leaf);

/*
 * The entries as they are, from the root's on, by level; for tests alone.
 * Return: the level of the last, which is a leaf if there is one.
 */
int hw_entries_to(const struct hw *hw, u64 iova, u64 *entries, u64 *where);

/* The leaf as it is; false if there is none */
bool hw_peek(const struct hw *hw, u64 iova, struct hw_leaf *leaf);

/*
 * D8.5.2: a device writes where a leaf with DBM is read-only, and the hardware
 * makes it writable, in memory and in leaf. Return: whether there was anything
 * to do.
 */
bool hw_make_dirty(struct hw *hw, struct hw_leaf *leaf);

const struct hw_tlb *hw_find(const struct hw *hw, u64 iova);
void hw_remember(struct hw *hw, const struct hw_leaf *leaf);

/* The leaf is unmapped: to be known still is allowed, until the next flush */
void hw_age(struct hw *hw, u64 start, u64 end);

void hw_forget(struct hw *hw);
void hw_forget_cached(struct hw *hw);
void hw_forget_range(struct hw *hw, u64 start, u64 end);

/*
 * A flush by one address that names the size of the leaf, as the TTL of D8.13.5
 * does: leaves of another size stay, and so does what is known of tables.
 */
void hw_forget_page(struct hw *hw, u64 iova, u64 size);

/* Does the TLB know anything in there? */
bool hw_knows_leaf(const struct hw *hw, u64 start, u64 end);

/* Does the walk cache know a table in this memory? */
bool hw_knows(const struct hw *hw, u64 pa, size_t size);

static inline unsigned int hw_shift(const struct hw *hw, int level)
{
	return hw->shift + hw->bits * (HW_LEVELS - 1 - level);
}

/* What a descriptor says */
#define HW_READ_ONLY	(1ull << 7)
#define HW_DBM		(1ull << 51)
#define HW_SOFTWARE	(0xfull << 55)	/* 58:55, not the hardware's */
bool hw_is_table(u64 descriptor, int level);
bool hw_is_leaf(u64 descriptor, int level);
u64 hw_address(const struct hw *hw, u64 descriptor);
unsigned int hw_entries(const struct hw *hw, int level);

#endif /* USER_HARDWARE_H */
