// SPDX-License-Identifier: GPL-2.0-only
/*
 * From what a driver asks for to the shape of the tables and the registers of
 * the hardware. What comes out is what the kernel's own library says for the
 * same input, in the kernel that this is built for.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/sizes.h>

#include <compat/io-pgtable.h>
#include "pgtable.h"

/* TCR_ELx and VTCR_EL2 (D19.2): the codes of SHx and xRGNx */
#define IOPD_TCR_SH_OUTER	2
#define IOPD_TCR_SH_INNER	3
#define IOPD_TCR_RGN_NC		0
#define IOPD_TCR_RGN_WBWA	1

/* VTCR_EL2.SL0 counts from the other end, and with 4 KiB from another level. */
#define IOPD_VTCR_SL_MASK	3

/**
 * struct iopd_granule - what a granule brings with it
 * @shift: log2 of its size
 * @sizes: of its leaves (D8.2.1)
 * @tg0: TCR_ELx.TG0 and VTCR_EL2.TG0
 * @tg1: TCR_ELx.TG1, which has other codes
 */
struct iopd_granule {
	unsigned int shift;
	unsigned long sizes;
	u8 tg0;
	u8 tg1;
};

static const struct iopd_granule iopd_granules[] = {
	{ LPAE_SHIFT_4K, SZ_4K | SZ_2M | SZ_1G, 0, 2 },
	{ LPAE_SHIFT_16K, SZ_16K | SZ_32M, 2, 1 },
	{ LPAE_SHIFT_64K, SZ_64K | SZ_512M, 1, 3 },
};

/* A leaf of level 1 with 64 KiB, for output sizes that only FEAT_LPA has */
#define IOPD_SIZE_4T		BIT(42)

/**
 * struct iopd_format - what a format takes
 * @stage2: it is one of stage 2
 * @ias: widest input size, 0 where the granule decides
 * @oas: widest output size, likewise
 * @quirks: known quirks
 */
struct iopd_format {
	bool stage2;
	u8 ias;
	u8 oas;
	unsigned long quirks;
};

#define IOPD_S2_QUIRKS	(IO_PGTABLE_QUIRK_NON_STRICT | IO_PGTABLE_QUIRK_NO_WARN)
#define IOPD_S1_QUIRKS	(IO_PGTABLE_QUIRK_ARM_NS | IO_PGTABLE_QUIRK_ARM_TTBR1 |	\
			 IO_PGTABLE_QUIRK_ARM_OUTER_WBWA | IO_PGTABLE_QUIRK_ARM_HD |	\
			 IOPD_S2_QUIRKS)

static const struct iopd_format iopd_formats[] = {
	[ARM_32_LPAE_S1] = { false, 32, 40, IOPD_S1_QUIRKS },
	[ARM_32_LPAE_S2] = { true, 40, 40, IOPD_S2_QUIRKS },
	[ARM_64_LPAE_S1] = { false, 0, 0, IOPD_S1_QUIRKS },
	[ARM_64_LPAE_S2] = { true, 0, 0, IOPD_S2_QUIRKS },
};

/*
 * The size of the CPU's pages if it is wanted, else the next smaller, else
 * larger
 */
static unsigned long iopd_pick_granule(unsigned long sizes)
{
	if (sizes & PAGE_SIZE)
		return PAGE_SIZE;
	if (sizes & ~PAGE_MASK)
		return BIT(__fls(sizes & ~PAGE_MASK));
	return sizes ? BIT(__ffs(sizes)) : 0;
}

static const struct iopd_granule *iopd_find_granule(unsigned long size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iopd_granules); i++)
		if (BIT(iopd_granules[i].shift) == size)
			return &iopd_granules[i];
	return NULL;
}

static const struct iopd_granule *
iopd_restrict(const struct iopd_format *format, struct io_pgtable_cfg *cfg)
{
	const struct iopd_granule *granule;
	unsigned long sizes;
	unsigned int bits;

	/* The 32-bit formats know the smallest granule only. */
	if (format->ias)
		cfg->pgsize_bitmap &= iopd_granules[0].sizes;
	granule = iopd_find_granule(iopd_pick_granule(cfg->pgsize_bitmap));
	if (!granule)
		return NULL;

	bits = granule->shift < LPAE_SHIFT_64K ? LPAE_BITS : LPAE_BITS_64K;
	sizes = granule->sizes;
	if (bits > LPAE_BITS && cfg->oas > LPAE_BITS)
		sizes |= IOPD_SIZE_4T;
	cfg->pgsize_bitmap &= sizes;
	cfg->ias = min(cfg->ias, bits);
	cfg->oas = min(cfg->oas, bits);
	return granule;
}

static const char *iopd_refusal(enum io_pgtable_fmt fmt,
				const struct io_pgtable_cfg *cfg)
{
	const struct iopd_format *format;

	if ((unsigned int)fmt >= ARRAY_SIZE(iopd_formats))
		return "format: only ARM_32_LPAE and ARM_64_LPAE, S1 and S2, are known";
	format = &iopd_formats[fmt];
	if (cfg->quirks & ~format->quirks)
		return format->stage2 ? "quirks: stage 2 has none" :
					"quirks: one is not known";
	if (cfg->coherent_walk && cfg->quirks & IO_PGTABLE_QUIRK_ARM_OUTER_WBWA)
		return "quirks: IO_PGTABLE_QUIRK_ARM_OUTER_WBWA is for walkers that do not snoop";
	if (compat_cfg_has_allocator(cfg))
		return "tables come from this library, not from cfg->alloc";
	if (format->ias && cfg->ias > format->ias)
		return "input size: too wide for the format";
	if (format->oas && cfg->oas > format->oas)
		return "output size: too wide for the format";
	if (!cfg->iommu_dev)
		return "iommu_dev is needed, to map and account the tables";
	return NULL;
}

static void iopd_set_s1(struct io_pgtable_cfg *cfg,
			const struct iopd_granule *granule, u32 ips)
{
	typeof(cfg->arm_lpae_s1_cfg) *s1 = &cfg->arm_lpae_s1_cfg;
	bool upper = cfg->quirks & IO_PGTABLE_QUIRK_ARM_TTBR1;
	bool outer = cfg->quirks & IO_PGTABLE_QUIRK_ARM_OUTER_WBWA;

	s1->tcr.ips = ips;
	s1->tcr.tg = upper ? granule->tg1 : granule->tg0;
	s1->tcr.tsz = 64 - cfg->ias;
	s1->tcr.sh = cfg->coherent_walk ? IOPD_TCR_SH_INNER : IOPD_TCR_SH_OUTER;
	s1->tcr.irgn = cfg->coherent_walk ? IOPD_TCR_RGN_WBWA : IOPD_TCR_RGN_NC;
	s1->tcr.orgn = outer ? IOPD_TCR_RGN_WBWA : s1->tcr.irgn;
	s1->mair = lpae_mair();
}

static void iopd_set_s2(struct io_pgtable_cfg *cfg,
			const struct iopd_granule *granule,
			const struct lpae_geometry *geo, u32 ps)
{
	typeof(cfg->arm_lpae_s2_cfg.vtcr) *vtcr = &cfg->arm_lpae_s2_cfg.vtcr;
	unsigned int sl = geo->start;

	if (granule->shift == LPAE_SHIFT_4K)
		sl++;
	vtcr->ps = ps;
	vtcr->tg = granule->tg0;
	vtcr->tsz = 64 - cfg->ias;
	vtcr->sl = ~sl & IOPD_VTCR_SL_MASK;
	vtcr->sh = cfg->coherent_walk ? IOPD_TCR_SH_INNER : IOPD_TCR_SH_OUTER;
	vtcr->irgn = cfg->coherent_walk ? IOPD_TCR_RGN_WBWA : IOPD_TCR_RGN_NC;
	vtcr->orgn = vtcr->irgn;
}

/* What every map and unmap would work out again otherwise */
static void iopd_set_paths(struct iopd *iopd, const struct iopd_format *format,
			   const struct io_pgtable_cfg *cfg)
{
	unsigned int flags = 0, prot;

	if (format->stage2)
		flags |= LPAE_FLAG_STAGE2;
	if (cfg->quirks & IO_PGTABLE_QUIRK_ARM_NS)
		flags |= LPAE_FLAG_NS;
	if (cfg->quirks & IO_PGTABLE_QUIRK_ARM_HD)
		flags |= LPAE_FLAG_DIRTY;
	for (prot = 0; prot < ARRAY_SIZE(iopd->attrs); prot++)
		iopd->attrs[prot] = lpae_leaf_attrs(prot, flags);

	iopd->table_attrs = LPAE_TYPE_TABLE;
	if (flags & LPAE_FLAG_NS)
		iopd->table_attrs |= LPAE_NSTABLE;
	iopd->gathers = cfg->tlb && cfg->tlb->tlb_add_page &&
			!(cfg->quirks & IO_PGTABLE_QUIRK_NON_STRICT);
	iopd->last = GENMASK(cfg->ias - 1, 0);
	/* The upper half of a split space ends where all addresses end. */
	iopd->base = cfg->quirks & IO_PGTABLE_QUIRK_ARM_TTBR1 ? ~iopd->last : 0;
}

/* The levels there are, and with that the largest leaf */
static const char *iopd_set_geometry(struct lpae_geometry *geo,
				     const struct iopd_format *format,
				     const struct iopd_granule *granule,
				     struct io_pgtable_cfg *cfg)
{
	if (!lpae_geometry_init(geo, granule->shift, cfg->ias))
		return "input size: no more than a page";
	if (format->stage2 && compat_concatenates(geo->start, granule->shift, cfg) &&
	    !lpae_geometry_concatenate(geo) && COMPAT_CONCATENATES_OR_FAILS)
		return "input size: stage 2 may not have so many tables for a root";

	/* No leaf is larger than what an entry of the root stands for. */
	cfg->pgsize_bitmap &= GENMASK(lpae_shift(geo, geo->start), 0);
	return NULL;
}

/* Which level has leaves of which size: looked up by each call */
static void iopd_set_levels(struct iopd *iopd)
{
	const struct lpae_geometry *geo = &iopd->tree.geo;
	unsigned int shift;

	for (shift = 0; shift < ARRAY_SIZE(iopd->levels); shift++)
		iopd->levels[shift] = iopd->iop.cfg.pgsize_bitmap & BIT(shift) ?
				      lpae_leaf_level(geo, BIT(shift)) :
				      IOPD_NO_LEVEL;
}

/**
 * iopd_format_init() - everything about a page table but its memory
 * @iopd: the page table; iop.cfg says what is wanted, and gets what is served
 *	  and the registers, but for the address of the root
 * @fmt: its format
 *
 * Return: NULL, or why there can be no such page table, in words for the log.
 */
const char *iopd_format_init(struct iopd *iopd, enum io_pgtable_fmt fmt)
{
	struct io_pgtable_cfg *cfg = &iopd->iop.cfg;
	struct lpae_geometry *geo = &iopd->tree.geo;
	const char *refusal = iopd_refusal(fmt, cfg);
	const struct iopd_granule *granule;
	u32 size;

	if (refusal)
		return refusal;
	granule = iopd_restrict(&iopd_formats[fmt], cfg);
	if (!granule)
		return "page sizes: 4, 16 or 64 KiB must be among them";
	if (!lpae_size_encode(cfg->oas, &size))
		return "output size: 32, 36, 40, 42, 44, 48 or, with pages of 64 KiB, 52 bits";
	refusal = iopd_set_geometry(geo, &iopd_formats[fmt], granule, cfg);
	if (refusal)
		return refusal;

	iopd->iop.fmt = fmt;
	if (iopd_formats[fmt].stage2)
		iopd_set_s2(cfg, granule, geo, size);
	else
		iopd_set_s1(cfg, granule, size);
	iopd_set_levels(iopd);
	iopd_set_paths(iopd, &iopd_formats[fmt], cfg);
	return NULL;
}

/**
 * iopd_format_set_root() - the root is there: the hardware can be told
 * @iopd: the page table; the address goes into iop.cfg
 */
void iopd_format_set_root(struct iopd *iopd)
{
	struct io_pgtable_cfg *cfg = &iopd->iop.cfg;
	phys_addr_t root = virt_to_phys(iopd->root);

	if (iopd_formats[iopd->iop.fmt].stage2)
		cfg->arm_lpae_s2_cfg.vttbr = root;
	else
		cfg->arm_lpae_s1_cfg.ttbr = root;
}
