// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stage 1 walks of VMSAv8-32 and VMSAv8-64 tables with 4 KiB granule, judged as
 * strictly as the descriptor formats allow (Arm DDI 0487, "VMSAv8-64
 * translation table format descriptors"): every bit that must be zero is looked
 * at, and addresses end at 40 bits, the IPMMU's width.
 *
 * Copyright The ipmmu-deferred authors
 */
#include <string.h>

#include "ipmmu.h"

#define DESC_VALID		BIT64(0)
#define DESC_TABLE		BIT64(1)	/* a page at level 3 */
#define DESC_ADDRESS		(MASK64(IPMMU_ADDRESS_BITS) & ~MASK64(12))
#define DESC_BEYOND		(MASK64(52) & ~MASK64(IPMMU_ADDRESS_BITS))

#define TABLE_NS		BIT64(63)
#define TABLE_NO_WRITE		BIT64(62)
#define TABLE_NO_UNPRIVILEGED	BIT64(61)
#define TABLE_NOEXEC		BIT64(60)

#define LEAF_NOEXEC		BIT64(54)
#define LEAF_ACCESSED		BIT64(10)
#define LEAF_READ_ONLY		BIT64(7)
#define LEAF_UNPRIVILEGED	BIT64(6)
#define LEAF_NS			BIT64(5)
#define LEAF_ATTR(desc)		(((desc) >> 2) & 7)

/* What VMSAv8-64 can say here: the field has 5 bits, addresses have 40 */
#define TSZ64_MIN		24
#define TSZ64_MAX		31
#define TSZ32_MAX		7

bool ipmmu_format_valid(const struct ipmmu_format *format)
{
	if (format->va64)
		return format->tsz[0] >= TSZ64_MIN && format->tsz[0] <= TSZ64_MAX;
	return format->tsz[0] <= TSZ32_MAX && format->tsz[1] <= TSZ32_MAX;
}

/*
 * TTBR0 serves the bottom of the 40-bit input space, TTBR1 its top, so that
 * with both sizes 39 bits, bit 39 chooses between them.
 */
static int region64(const struct ipmmu_format *format, uint64_t iova, unsigned int *bits)
{
	uint64_t end = BIT64(IPMMU_ADDRESS_BITS);

	if (iova >= end || !ipmmu_format_valid(format))
		return -1;
	*bits = 64 - format->tsz[0];
	if (iova < BIT64(*bits))
		return 0;
	if (format->tsz[1] <= TSZ64_MIN || format->tsz[1] > TSZ64_MAX)
		return -1;
	*bits = 64 - format->tsz[1];
	return iova >= end - BIT64(*bits) ? 1 : -1;
}

/* With TSZ1 zero, TTBR1 serves all that TTBR0 leaves */
static int region32(const struct ipmmu_format *format, uint64_t iova, unsigned int *bits)
{
	uint64_t end = BIT64(32);
	uint64_t bottom;

	if (iova >= end || !ipmmu_format_valid(format))
		return -1;
	*bits = 32 - format->tsz[0];
	if (iova < BIT64(*bits))
		return 0;
	bottom = format->tsz[1] ? end - BIT64(32 - format->tsz[1]) : BIT64(*bits);
	*bits = 32 - format->tsz[1];
	return iova >= bottom ? 1 : -1;
}

/* The level follows from the size: 9 bits a level above the 12 of the page */
static unsigned int start_level(unsigned int bits)
{
	if (bits > ipmmu_level_shift(0))
		return 0;
	return bits > ipmmu_level_shift(1) ? 1 : 2;
}

/*
 * Fills @walk for the first read; @bits tells how many address bits count there
 */
bool ipmmu_format_start(const struct ipmmu_format *format, uint64_t iova,
			struct ipmmu_walk *walk, unsigned int *bits)
{
	int region = format->va64 ? region64(format, iova, bits) : region32(format, iova, bits);

	memset(walk, 0, sizeof(*walk));
	walk->prot = WITNESS_PROT_READ | WITNESS_PROT_WRITE | WITNESS_PROT_NONSECURE;
	walk->sequence = ~0ull;
	if (region < 0) {
		walk->status = WITNESS_WALK_TRANSLATION;
		walk->level = format->va64 ? 0 : 1;
		return false;
	}
	walk->level = start_level(*bits);
	walk->base = format->ttbr[region] & DESC_ADDRESS;
	return true;
}

static void no_access(struct ipmmu_walk *walk)
{
	walk->prot &= ~(uint32_t)(WITNESS_PROT_READ | WITNESS_PROT_WRITE);
}

/* A table's attributes bind everything below it */
static enum witness_walk take_table(struct ipmmu_walk *walk, uint64_t desc)
{
	if (desc & DESC_BEYOND)
		return WITNESS_WALK_FORMAT;
	if (!(desc & TABLE_NS))
		return WITNESS_WALK_SECURE;
	if (desc & TABLE_NO_UNPRIVILEGED)
		no_access(walk);
	if (desc & TABLE_NO_WRITE)
		walk->prot &= ~(uint32_t)WITNESS_PROT_WRITE;
	if (desc & TABLE_NOEXEC)
		walk->prot |= WITNESS_PROT_NOEXEC;
	walk->base = desc & DESC_ADDRESS;
	walk->level++;
	return WITNESS_WALK_OK;
}

/* Accesses of devices are unprivileged: a page for others alone is refused */
static enum witness_walk take_leaf(struct ipmmu_walk *walk, uint64_t desc)
{
	uint64_t offset = MASK64(ipmmu_level_shift(walk->level));

	if (desc & (DESC_BEYOND | (offset & ~MASK64(12))))
		return WITNESS_WALK_FORMAT;
	if (!(desc & LEAF_ACCESSED))
		return WITNESS_WALK_ACCESS;
	if (!(desc & LEAF_NS))
		return WITNESS_WALK_SECURE;
	if (!(desc & LEAF_UNPRIVILEGED))
		no_access(walk);
	if (desc & LEAF_READ_ONLY)
		walk->prot &= ~(uint32_t)WITNESS_PROT_WRITE;
	if (desc & LEAF_NOEXEC)
		walk->prot |= WITNESS_PROT_NOEXEC;
	walk->prot |= LEAF_ATTR(desc) << WITNESS_PROT_ATTR_SHIFT;
	walk->base = desc & DESC_ADDRESS;
	return WITNESS_WALK_OK;
}

/* Blocks exist at levels 1 and 2 only; level 3 must have the second bit set */
static bool is_reserved(unsigned int level, uint64_t desc)
{
	return !(desc & DESC_TABLE) && (level == 0 || level == 3);
}

/* Takes the descriptor in; *leaf tells that the walk has arrived */
static enum witness_walk take(struct ipmmu_walk *walk, uint64_t desc, bool *leaf)
{
	*leaf = walk->level == 3 || !(desc & DESC_TABLE);
	if (!(desc & DESC_VALID))
		return WITNESS_WALK_TRANSLATION;
	if (is_reserved(walk->level, desc))
		return WITNESS_WALK_FORMAT;
	return *leaf ? take_leaf(walk, desc) : take_table(walk, desc);
}

static uint64_t entry_address(const struct ipmmu_walk *walk, uint64_t iova)
{
	return walk->base + 8 * ((iova >> ipmmu_level_shift(walk->level)) & MASK64(9));
}

static bool fetch(const struct ipmmu_walker *walker, struct ipmmu_walk *walk, uint64_t iova)
{
	struct ipmmu_step *step = &walk->step[walk->steps];

	step->address = entry_address(walk, iova);
	if (!walker->read(walker->opaque, step->address, &step->descriptor)) {
		walk->status = WITNESS_WALK_ABORT;
		return false;
	}
	walk->steps++;
	return true;
}

/* The deepest cached table wins: less to read, and more that can be stale */
static void skip_cached(const struct ipmmu_walker *walker, uint64_t iova,
			struct ipmmu_walk *walk)
{
	unsigned int first = walk->level;
	unsigned int level;

	if (!walker->lookup)
		return;
	for (level = 3; level-- > first;) {
		if (walker->lookup(walker->opaque, level, iova, walk))
			return;
	}
}

enum witness_walk ipmmu_walk(const struct ipmmu_format *format, uint64_t iova,
			     const struct ipmmu_walker *walker, struct ipmmu_walk *walk)
{
	unsigned int bits;
	bool leaf = false;

	if (!ipmmu_format_start(format, iova, walk, &bits))
		return walk->status;
	/* TTBR1's part starts at index 0 of its table, so drop what chose it */
	skip_cached(walker, iova, walk);
	while (!leaf) {
		unsigned int level = walk->level;

		if (!fetch(walker, walk, iova & MASK64(bits)))
			return walk->status;
		walk->status = take(walk, walk->step[walk->steps - 1].descriptor, &leaf);
		if (walk->status != WITNESS_WALK_OK)
			return walk->status;
		if (!leaf && walker->store)
			walker->store(walker->opaque, level, iova, walk);
	}
	if (!(walk->prot & (WITNESS_PROT_READ | WITNESS_PROT_WRITE)))
		walk->status = WITNESS_WALK_PERMISSION;
	return walk->status;
}
