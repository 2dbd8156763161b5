// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors, geometry and registers, held against what the Arm ARM (DDI 0487)
 * says, written down here as numbers: nothing of it is worked out the way that
 * lpae.h does it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/device.h>
#include <linux/sizes.h>

#include "lpae.h"
#include "shim.h"

static unsigned long checks;

/* The rest is where it was seen, for printf() */
#define expect(seen, wanted, fmt, ...)					\
do {									\
	u64 seen_ = (seen), wanted_ = (wanted);				\
									\
	checks++;							\
	if (seen_ != wanted_)						\
		shim_panic(#seen " is 0x%llx, not 0x%llx: " fmt, seen_,	\
			   wanted_, __VA_ARGS__);			\
} while (0)

/* --- geometry ------------------------------------------------------------- */

/*
 * D8.2: which bits of an address the levels resolve; the lowest level is the
 * last
 */
static const struct {
	unsigned int shift;
	u8 low[4];
	u64 leaf[4];
} granules[] = {
	{ 12, { 39, 30, 21, 12 }, { SZ_512G, SZ_1G, SZ_2M, SZ_4K } },
	{ 14, { 47, 36, 25, 14 }, { 1ull << 47, SZ_64G, SZ_32M, SZ_16K } },
	{ 16, { 55, 42, 29, 16 }, { 1ull << 55, SZ_4T, SZ_512M, SZ_64K } },
};

/* Where the root is, and how much of the address it resolves */
static const struct {
	unsigned int shift;
	unsigned int ias;
	bool ok;
	int start;
	unsigned int root_bits;
	unsigned int root_bytes;
	/* Tables side by side instead; 0 where they would be more than 16 */
	unsigned int tables;
} roots[] = {
	{ 12, 12, false },
	{ 12, 13, true, 3, 1, 16, 0 },
	{ 12, 21, true, 3, 9, SZ_4K, 0 },
	{ 12, 22, true, 2, 1, 16, 2 },
	{ 12, 30, true, 2, 9, SZ_4K, 0 },
	{ 12, 31, true, 1, 1, 16, 2 },
	{ 12, 32, true, 1, 2, 32, 4 },
	{ 12, 34, true, 1, 4, 128, 16 },
	{ 12, 35, true, 1, 5, 256, 0 },
	{ 12, 39, true, 1, 9, SZ_4K, 0 },
	{ 12, 40, true, 0, 1, 16, 2 },
	{ 12, 42, true, 0, 3, 64, 8 },
	{ 12, 43, true, 0, 4, 128, 16 },
	{ 12, 44, true, 0, 5, 256, 0 },
	{ 12, 48, true, 0, 9, SZ_4K, 0 },
	{ 12, 49, false },
	{ 14, 14, false },
	{ 14, 25, true, 3, 11, SZ_16K, 0 },
	{ 14, 36, true, 2, 11, SZ_16K, 0 },
	{ 14, 37, true, 1, 1, 16, 2 },
	{ 14, 40, true, 1, 4, 128, 16 },
	{ 14, 47, true, 1, 11, SZ_16K, 0 },
	{ 14, 48, true, 0, 1, 16, 2 },
	{ 16, 16, false },
	{ 16, 29, true, 3, 13, SZ_64K, 0 },
	{ 16, 33, true, 2, 4, 128, 16 },
	{ 16, 42, true, 2, 13, SZ_64K, 0 },
	{ 16, 46, true, 1, 4, 128, 16 },
	{ 16, 47, true, 1, 5, 256, 0 },
	{ 16, 48, true, 1, 6, 512, 0 },
	{ 16, 52, true, 1, 10, SZ_8K, 0 },
};

static unsigned int granule_of(unsigned int shift)
{
	return (shift - 12) / 2;
}

/* An address of one bit is found by the level that has it, at one place. */
static void check_indices(const struct lpae_geometry *geo, unsigned int ias)
{
	const u8 *low = granules[granule_of(geo->page_shift)].low;
	unsigned int bit;
	int level;

	for (bit = 0; bit < ias; bit++) {
		for (level = geo->start; level < 4; level++) {
			bool mine = bit >= low[level] &&
				    (level == geo->start || bit < low[level - 1]);

			expect(lpae_index(geo, 1ul << bit, level),
			       mine ? 1ull << (bit - low[level]) : 0,
			       "bit %u of %u, level %d, pages of 2^%u", bit, ias, level,
			       geo->page_shift);
		}
	}
}

static void check_sizes(const struct lpae_geometry *geo)
{
	const u64 *leaf = granules[granule_of(geo->page_shift)].leaf;
	int level;

	expect(lpae_table_size(geo), leaf[3], "pages of 2^%u", geo->page_shift);
	for (level = geo->start; level < 4; level++) {
		expect(lpae_leaf_size(geo, level), leaf[level], "level %d, pages of 2^%u",
		       level, geo->page_shift);
		expect(lpae_leaf_level(geo, leaf[level]), level, "pages of 2^%u",
		       geo->page_shift);
		if (level > geo->start)
			expect(lpae_entries(geo, level), leaf[3] / 8,
			       "level %d, pages of 2^%u", level, geo->page_shift);
	}
}

/* The root goes a level down, and gets the bits of that level. */
static void check_concatenated(const struct lpae_geometry *geo, unsigned int ias,
			       unsigned int tables)
{
	struct lpae_geometry down = *geo;

	expect(lpae_geometry_concatenate(&down), tables != 0, "%u bits, pages of 2^%u",
	       ias, geo->page_shift);
	if (!tables) {
		expect(memcmp(&down, geo, sizeof(down)), 0, "%u bits, pages of 2^%u",
		       ias, geo->page_shift);
		return;
	}
	expect(down.start, geo->start + 1, "%u bits, pages of 2^%u", ias,
	       geo->page_shift);
	expect(lpae_root_size(&down), (u64)tables << geo->page_shift,
	       "%u bits, pages of 2^%u", ias, geo->page_shift);
	check_indices(&down, ias);
	check_sizes(&down);
}

static void check_geometry(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		unsigned int shift = roots[i].shift, ias = roots[i].ias;
		struct lpae_geometry geo;

		expect(lpae_geometry_init(&geo, shift, ias), roots[i].ok,
		       "%u bits, pages of 2^%u", ias, shift);
		if (!roots[i].ok)
			continue;
		expect(geo.start, roots[i].start, "%u bits, pages of 2^%u", ias, shift);
		expect(lpae_root_size(&geo), roots[i].root_bytes,
		       "%u bits, pages of 2^%u", ias, shift);
		expect(lpae_entries(&geo, geo.start), 1ull << roots[i].root_bits,
		       "%u bits, pages of 2^%u", ias, shift);
		check_indices(&geo, ias);
		check_sizes(&geo);
		check_concatenated(&geo, ias, roots[i].tables);
	}
}

/* --- descriptors ---------------------------------------------------------- */

/* D8.3.1: bits 1:0, above the last level and there */
static const struct {
	u64 entry;
	bool table[2];
	bool leaf[2];
	bool valid;
} types[] = {
	{ 0, { false, false }, { false, false }, false },
	{ 1, { false, false }, { true, false }, true },
	{ 2, { false, false }, { false, false }, false },
	{ 3, { true, false }, { false, true }, true },
	{ 0xfffffffffffffffc, { false, false }, { false, false }, false },
	{ 0xfffffffffffffffd, { false, false }, { true, false }, true },
	{ 0xffffffffffffffff, { true, false }, { false, true }, true },
};

static void check_types(void)
{
	unsigned int i;
	int level;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		u64 entry = types[i].entry;

		for (level = 0; level < 4; level++) {
			expect(lpae_is_table(entry, level), types[i].table[level == 3],
			       "0x%llx, level %d", entry, level);
			expect(lpae_is_leaf(entry, level), types[i].leaf[level == 3],
			       "0x%llx, level %d", entry, level);
		}
		expect(lpae_leads_on(entry), types[i].table[0], "0x%llx", entry);
		expect(lpae_is_valid(entry), types[i].valid, "0x%llx", entry);
	}
	for (level = 0; level < 4; level++)
		expect(lpae_leaf_type(level), level == 3 ? 3 : 1, "level %d", level);
}

#define R	IOMMU_READ
#define W	IOMMU_WRITE
#define C	IOMMU_CACHE
#define X	IOMMU_NOEXEC
#define M	IOMMU_MMIO
#define P	IOMMU_PRIV

/*
 * D8.3.2. Stage 1: DBM 51, nG 11, AF 10, SH 9:8, AP 7:6, NS 5, AttrIndx 4:2.
 * Stage 2: AF 10, SH 9:8, S2AP 7:6, MemAttr 5:2. Both: XN 54:53. A prot that
 * stage 1 cannot say, to write and not to read, reads, too.
 */
static const struct {
	int prot;
	unsigned int flags;
	u64 attrs;
} leaves[] = {
	{ R, 0, 0xec0 },
	{ W, 0, 0xe40 },
	{ R | W, 0, 0xe40 },
	{ R | C, 0, 0xfc4 },
	{ R | W | C, 0, 0xf44 },
	{ R | W | M, 0, 0xe48 },
	{ R | W | M | C, 0, 0xf48 },
	{ R | X, 0, 0x60000000000ec0 },
	{ R | P, 0, 0xe80 },
	{ R | W | P, 0, 0xe00 },
	{ R | W, LPAE_FLAG_NS, 0xe60 },
	{ R | W, LPAE_FLAG_DIRTY, 0x8000000000e40 },
	{ R, LPAE_FLAG_DIRTY, 0xec0 },
	{ R | W | C | X | P, LPAE_FLAG_NS | LPAE_FLAG_DIRTY, 0x68000000000f24 },
	{ R, LPAE_FLAG_STAGE2, 0x654 },
	{ W, LPAE_FLAG_STAGE2, 0x694 },
	{ R | W, LPAE_FLAG_STAGE2, 0x6d4 },
	{ R | W | C, LPAE_FLAG_STAGE2, 0x7fc },
	{ R | W | M, LPAE_FLAG_STAGE2, 0x6c4 },
	{ R | W | M | C, LPAE_FLAG_STAGE2, 0x7c4 },
	{ R | X, LPAE_FLAG_STAGE2, 0x60000000000654 },
	{ R | W | P, LPAE_FLAG_STAGE2, 0x6d4 },
	{ R | W, LPAE_FLAG_STAGE2 | LPAE_FLAG_NS | LPAE_FLAG_DIRTY, 0x6d4 },
};

static void check_attributes(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		expect(lpae_leaf_attrs(leaves[i].prot, leaves[i].flags), leaves[i].attrs,
		       "prot 0x%x, flags 0x%x", leaves[i].prot, leaves[i].flags);
}

/* D8.5.2: DBM and not read-only is dirty, whatever else there is. */
static void check_dirty(void)
{
	expect(lpae_is_dirty(0x8000040000e41), true, "%s", "DBM, to write");
	expect(lpae_is_dirty(0x8000040000ec1), false, "%s", "DBM, read-only");
	expect(lpae_is_dirty(0x40000e41), false, "%s", "to write");
	expect(lpae_is_dirty(0x40000ec1), false, "%s", "read-only");
}

/*
 * An address, the entry that leads there, and the same with all other bits set
 */
static const struct {
	unsigned int shift;
	u64 pa;
	u64 packed;
	u64 with_all;
} addresses[] = {
	{ 12, 0, 0, 0xffff000000000fff },
	{ 12, 0x123456789000, 0x123456789000, 0xffff123456789fff },
	{ 12, 0xfffffffff000, 0xfffffffff000, 0xffffffffffffffff },
	{ 14, 0x123456788000, 0x123456788000, 0xffff123456788fff },
	{ 16, 0x123456780000, 0x123456780000, 0xffff123456780fff },
	{ 16, 0xf123456780000, 0x12345678f000, 0xffff12345678ffff },
	{ 16, 0x9000000000000, 0x9000, 0xffff000000009fff },
	{ 16, 0xfffffffff0000, 0xfffffffff000, 0xffffffffffffffff },
};

static void check_addresses(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		u64 pa = addresses[i].pa, all = addresses[i].with_all;
		struct lpae_geometry geo;

		lpae_geometry_init(&geo, addresses[i].shift, 36);
		expect(lpae_pack(&geo, pa), addresses[i].packed, "0x%llx", pa);
		expect(lpae_address(&geo, addresses[i].packed), pa, "0x%llx", pa);
		expect(lpae_address(&geo, all), pa, "0x%llx", all);
		expect(lpae_attributes(all), 0xffff000000000fff, "0x%llx", all);
	}
}

/* Leaves one after the other; the last line goes over bit 48. */
static const struct {
	unsigned int shift;
	u64 pa;
	u64 size;
	u64 entries[3];
} fills[] = {
	{ 12, 0x40000000, SZ_4K, { 0x40000e43, 0x40001e43, 0x40002e43 } },
	{ 12, 0x40000000, SZ_2M, { 0x40000e43, 0x40200e43, 0x40400e43 } },
	{ 14, 0x40000000, SZ_32M, { 0x40000e43, 0x42000e43, 0x44000e43 } },
	{ 16, 0xffffffff0000, SZ_64K, { 0xffffffff0e43, 0x1e43, 0x11e43 } },
};

static void check_fills(void)
{
	static const u64 untouched = 0x5555555555555555;
	unsigned int i, nr, k;

	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		for (nr = 0; nr <= 3; nr++) {
			u64 table[5] = { [0 ... 4] = untouched };
			struct lpae_geometry geo;

			lpae_geometry_init(&geo, fills[i].shift, 36);
			lpae_fill(&geo, &table[1], nr, 0xe43, fills[i].pa, fills[i].size);
			expect(table[0], untouched, "line %u", i);
			for (k = 0; k < 3; k++)
				expect(table[1 + k], k < nr ? fills[i].entries[k] : untouched,
				       "line %u, entry %u of %u", i, k, nr);
			expect(table[4], untouched, "line %u", i);
		}
	}
}

/* --- registers ------------------------------------------------------------ */

/* D19.2, PARange and IPS */
static void check_codes(void)
{
	static const u8 codes[] = {
		[32] = 1, [36] = 2, [40] = 3, [42] = 4, [44] = 5, [48] = 6, [52] = 7,
	};
	unsigned int oas;

	for (oas = 0; oas < 64; oas++) {
		unsigned int code = oas < ARRAY_SIZE(codes) ? codes[oas] : 0;
		u32 seen = 99;

		expect(lpae_size_encode(oas, &seen), code != 0, "%u bits", oas);
		expect(seen, code ? code - 1 : 99, "%u bits", oas);
	}
	/* Non-cacheable, write-back, device nGnRE, write-back outside alone */
	expect((u32)lpae_mair(), 0xf404ff44, "%s", "MAIR");
}

#define S4K	(SZ_4K | SZ_2M | SZ_1G)
#define S16K	(SZ_16K | SZ_32M)
#define S64K	(SZ_64K | SZ_512M)

#define NS	IO_PGTABLE_QUIRK_ARM_NS
#define TTBR1	IO_PGTABLE_QUIRK_ARM_TTBR1
#define WBWA	IO_PGTABLE_QUIRK_ARM_OUTER_WBWA
#define HD	IO_PGTABLE_QUIRK_ARM_HD

/* TG, TSZ, IPS, SH, IRGN, ORGN as numbers of TCR; SL0 as one of VTCR */
static const struct format {
	enum io_pgtable_fmt fmt;
	u64 wanted;
	unsigned int ias;
	unsigned int oas;
	unsigned long quirks;
	bool coherent;
	u64 sizes;
	u8 tg;
	u8 tsz;
	u8 ips;
	u8 sl;
	u8 sh;
	u8 irgn;
	u8 orgn;
} formats[] = {
	{ ARM_32_LPAE_S1, S4K, 32, 40, 0, false, S4K, 0, 32, 2, 0, 2, 0, 0 },
	{ ARM_32_LPAE_S1, S4K | S64K, 32, 32, NS, true, S4K, 0, 32, 0, 0, 3, 1, 1 },
	{ ARM_32_LPAE_S2, S4K, 40, 40, 0, false, S4K, 0, 24, 2, 1, 2, 0, 0 },
	{ ARM_32_LPAE_S2, S4K, 32, 40, 0, false, S4K, 0, 32, 2, 1, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S4K, 48, 48, 0, false, S4K, 0, 16, 5, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S4K, 39, 36, TTBR1, false, S4K, 2, 25, 1, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S4K, 36, 42, WBWA, false, S4K, 0, 28, 3, 0, 2, 0, 1 },
	{ ARM_64_LPAE_S1, S4K, 30, 44, HD, true, SZ_4K | SZ_2M, 0, 34, 4, 0, 3, 1, 1 },
	{ ARM_64_LPAE_S1, S4K, 21, 32, 0, false, SZ_4K, 0, 43, 0, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S4K, 52, 52, 0, false, S4K, 0, 16, 5, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S16K, 47, 48, TTBR1, false, S16K, 1, 17, 5, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S16K, 36, 40, NS, true, S16K, 2, 28, 2, 0, 3, 1, 1 },
	{ ARM_64_LPAE_S1, S16K, 48, 52, 0, false, S16K, 2, 16, 5, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S64K, 42, 44, 0, false, S64K, 1, 22, 4, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S64K | SZ_4T, 52, 52, TTBR1, false, S64K | SZ_4T,
	  3, 12, 6, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S1, S64K | SZ_4T, 48, 48, 0, false, S64K, 1, 16, 5, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S4K, 40, 40, 0, false, S4K, 0, 24, 2, 1, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S4K, 39, 40, 0, true, S4K, 0, 25, 2, 1, 3, 1, 1 },
	{ ARM_64_LPAE_S2, S4K, 48, 48, 0, false, S4K, 0, 16, 5, 2, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S4K, 30, 36, 0, false, SZ_4K | SZ_2M, 0, 34, 1, 0, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S16K, 48, 48, 0, false, S16K, 2, 16, 5, 2, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S16K, 36, 40, 0, false, S16K, 2, 28, 2, 1, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S64K, 46, 48, 0, false, S64K, 1, 18, 5, 2, 2, 0, 0 },
	{ ARM_64_LPAE_S2, S64K, 42, 42, 0, true, S64K, 1, 22, 3, 1, 3, 1, 1 },
};

static void flush(void *cookie)
{
	struct io_pgtable_deferred_limbo limbo;
	struct io_pgtable_ops *ops = *(struct io_pgtable_ops **)cookie;

	io_pgtable_deferred_flush_begin(ops, &limbo);
	io_pgtable_deferred_flush_end(ops, &limbo, true);
}

static const struct iommu_flush_ops flushes = { .tlb_flush_all = flush };
static struct device device = { .name = "formats" };
static struct io_pgtable_ops *made;

static bool make(struct io_pgtable_cfg *cfg, enum io_pgtable_fmt fmt)
{
	shim_message[0] = '\0';
	shim_narrow = cfg->oas == 32;
	made = io_pgtable_deferred_alloc(fmt, cfg, &made);
	return made;
}

static void unmake(void)
{
	io_pgtable_deferred_free(made);
	while (shim_run_rcu() || shim_run_work())
		;
}

static struct io_pgtable_cfg cfg_of(const struct format *f)
{
	return (struct io_pgtable_cfg) {
		.pgsize_bitmap = f->wanted, .ias = f->ias, .oas = f->oas,
		.quirks = f->quirks, .coherent_walk = f->coherent,
		.tlb = &flushes, .iommu_dev = &device,
	};
}

static void check_stage_1(const struct format *f, const struct io_pgtable_cfg *cfg,
			  unsigned int i)
{
	expect(cfg->arm_lpae_s1_cfg.tcr.tg, f->tg, "line %u", i);
	expect(cfg->arm_lpae_s1_cfg.tcr.tsz, f->tsz, "line %u", i);
	expect(cfg->arm_lpae_s1_cfg.tcr.ips, f->ips, "line %u", i);
	expect(cfg->arm_lpae_s1_cfg.tcr.sh, f->sh, "line %u", i);
	expect(cfg->arm_lpae_s1_cfg.tcr.irgn, f->irgn, "line %u", i);
	expect(cfg->arm_lpae_s1_cfg.tcr.orgn, f->orgn, "line %u", i);
	expect(shim_is_allocated(cfg->arm_lpae_s1_cfg.ttbr, 8), true, "line %u", i);
}

static void check_stage_2(const struct format *f, const struct io_pgtable_cfg *cfg,
			  unsigned int i)
{
	expect(cfg->arm_lpae_s2_cfg.vtcr.tg, f->tg, "line %u", i);
	expect(cfg->arm_lpae_s2_cfg.vtcr.tsz, f->tsz, "line %u", i);
	expect(cfg->arm_lpae_s2_cfg.vtcr.ps, f->ips, "line %u", i);
	expect(cfg->arm_lpae_s2_cfg.vtcr.sl, f->sl, "line %u", i);
	expect(cfg->arm_lpae_s2_cfg.vtcr.sh, f->sh, "line %u", i);
	expect(cfg->arm_lpae_s2_cfg.vtcr.irgn, f->irgn, "line %u", i);
	expect(cfg->arm_lpae_s2_cfg.vtcr.orgn, f->orgn, "line %u", i);
	expect(shim_is_allocated(cfg->arm_lpae_s2_cfg.vttbr, 8), true, "line %u", i);
}

/*
 * The entry of the root that leads to the table of a page: type, NSTable, and
 * bit 55, which is software's, where the walker does not snoop.
 */
static void check_table_entry(const struct format *f, u64 root, u64 page, unsigned int i)
{
	unsigned long iova = f->quirks & TTBR1 ? ~0ul << (64 - f->tsz) : 0;
	u64 wanted = 3, entry;

	if (f->quirks & NS)
		wanted |= 1ull << 63;
	if (!f->coherent)
		wanted |= 1ull << 55;
	if (made->map_pages(made, iova, page, page, 1, IOMMU_READ, GFP_KERNEL, NULL))
		shim_panic("no map at 0x%lx: line %u", iova, i);
	entry = shim_word(root, false);
	if (f->sizes == page)
		return;
	expect(entry & ~GENMASK_ULL(47, 12), wanted, "line %u", i);
	expect(shim_is_allocated(entry & GENMASK_ULL(47, 12), page), true, "line %u", i);
}

static void check_formats(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct format *f = &formats[i];
		struct io_pgtable_cfg cfg = cfg_of(f);
		bool stage_2 = f->fmt == ARM_32_LPAE_S2 || f->fmt == ARM_64_LPAE_S2;

		if (!make(&cfg, f->fmt))
			shim_panic("line %u: %s", i, shim_message);
		expect(cfg.pgsize_bitmap, f->sizes, "line %u", i);
		if (stage_2)
			check_stage_2(f, &cfg, i);
		else
			check_stage_1(f, &cfg, i);
		check_table_entry(f, stage_2 ? cfg.arm_lpae_s2_cfg.vttbr :
					       cfg.arm_lpae_s1_cfg.ttbr,
				  f->sizes & -f->sizes, i);
		unmake();
	}
}

/* Which granule is taken with pages of 4, 16 and 64 KiB; 0 for none */
static const struct {
	u64 wanted;
	u64 sizes[3];
} picks[] = {
	{ S4K | S16K | S64K, { S4K, S16K, S64K } },
	{ S4K | S64K, { S4K, S4K, S64K } },
	{ S4K | S16K, { S4K, S16K, S16K } },
	{ S16K | S64K, { S16K, S16K, S64K } },
	{ S4K, { S4K, S4K, S4K } },
	{ S16K, { S16K, S16K, S16K } },
	{ S64K, { S64K, S64K, S64K } },
	{ SZ_2M | SZ_1G, { 0, 0, 0 } },
	{ 0, { 0, 0, 0 } },
};

static void check_picks(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(picks); i++) {
		u64 sizes = picks[i].sizes[(PAGE_SHIFT - 12) / 2];
		struct io_pgtable_cfg cfg = {
			.pgsize_bitmap = picks[i].wanted, .ias = 40, .oas = 40,
			.tlb = &flushes, .iommu_dev = &device,
		};

		expect(make(&cfg, ARM_64_LPAE_S1), sizes != 0, "line %u", i);
		if (!sizes)
			continue;
		expect(cfg.pgsize_bitmap, sizes, "line %u", i);
		unmake();
	}
}

static void *no_memory(void *cookie, size_t size, gfp_t gfp)
{
	return NULL;
}

/* What has no meaning is refused, with a word why. */
static const struct {
	enum io_pgtable_fmt fmt;
	struct io_pgtable_cfg cfg;
} refused[] = {
	{ ARM_V7S, { .pgsize_bitmap = S4K, .ias = 32, .oas = 32, .iommu_dev = &device } },
	{ ARM_MALI_LPAE, { .pgsize_bitmap = S4K, .ias = 32, .oas = 32, .iommu_dev = &device } },
	{ ARM_64_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 39, .oas = 40 } },
	{ ARM_64_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 39, .oas = 41, .iommu_dev = &device } },
	{ ARM_64_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 12, .oas = 40, .iommu_dev = &device } },
	{ ARM_64_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 39, .oas = 40, .iommu_dev = &device,
			    .alloc = no_memory } },
	{ ARM_64_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 39, .oas = 40, .iommu_dev = &device,
			    .quirks = WBWA, .coherent_walk = true } },
	{ ARM_64_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 39, .oas = 40, .iommu_dev = &device,
			    .quirks = IO_PGTABLE_QUIRK_ARM_MTK_EXT } },
	{ ARM_64_LPAE_S2, { .pgsize_bitmap = S4K, .ias = 40, .oas = 40, .iommu_dev = &device,
			    .quirks = NS } },
	{ ARM_64_LPAE_S2, { .pgsize_bitmap = S4K, .ias = 40, .oas = 40, .iommu_dev = &device,
			    .quirks = HD } },
	{ ARM_32_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 33, .oas = 40, .iommu_dev = &device } },
	{ ARM_32_LPAE_S1, { .pgsize_bitmap = S4K, .ias = 32, .oas = 42, .iommu_dev = &device } },
	{ ARM_32_LPAE_S1, { .pgsize_bitmap = S64K, .ias = 32, .oas = 40, .iommu_dev = &device } },
	{ ARM_32_LPAE_S2, { .pgsize_bitmap = S4K, .ias = 41, .oas = 40, .iommu_dev = &device } },
};

static void check_refused(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		struct io_pgtable_cfg cfg = refused[i].cfg;

		expect(make(&cfg, refused[i].fmt), false, "line %u", i);
		expect(shim_message[0] != '\0', true, "line %u", i);
	}
}

int main(void)
{
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	check_geometry();
	check_types();
	check_attributes();
	check_dirty();
	check_addresses();
	check_fills();
	check_codes();
	check_formats();
	check_picks();
	check_refused();
	shim_module_exit();
	printf("# %lu checks\n", checks);
	return !checks;
}
