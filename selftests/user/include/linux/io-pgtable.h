/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables for IO: the contract between drivers and formats.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_IO_PGTABLE_H
#define SHIM_IO_PGTABLE_H

#include <linux/iommu.h>

enum io_pgtable_fmt {
	ARM_32_LPAE_S1,
	ARM_32_LPAE_S2,
	ARM_64_LPAE_S1,
	ARM_64_LPAE_S2,
	ARM_V7S,
	ARM_MALI_LPAE,
};

#define IO_PGTABLE_QUIRK_ARM_NS		BIT(0)
#define IO_PGTABLE_QUIRK_NO_PERMS	BIT(1)
#define IO_PGTABLE_QUIRK_ARM_MTK_EXT	BIT(3)
#define IO_PGTABLE_QUIRK_ARM_TTBR1	BIT(5)
#define IO_PGTABLE_QUIRK_ARM_OUTER_WBWA	BIT(6)
#define IO_PGTABLE_QUIRK_ARM_HD		BIT(7)
#define IO_PGTABLE_QUIRK_ARM_S2FWB	BIT(8)
#define IO_PGTABLE_QUIRK_NO_WARN	BIT(9)

struct iommu_flush_ops {
	void (*tlb_flush_all)(void *cookie);
	void (*tlb_flush_walk)(unsigned long iova, size_t size, size_t granule,
			       void *cookie);
	void (*tlb_add_page)(struct iommu_iotlb_gather *gather,
			     unsigned long iova, size_t granule, void *cookie);
};

struct io_pgtable_cfg {
	unsigned long quirks;
	unsigned long pgsize_bitmap;
	unsigned int ias;
	unsigned int oas;
	bool coherent_walk;
	const struct iommu_flush_ops *tlb;
	struct device *iommu_dev;
	void *(*alloc)(void *cookie, size_t size, gfp_t gfp);
	void (*free)(void *cookie, void *pages, size_t size);

	union {
		struct {
			u64 ttbr;
			struct {
				u32 ips:3;
				u32 tg:2;
				u32 sh:2;
				u32 orgn:2;
				u32 irgn:2;
				u32 tsz:6;
			} tcr;
			u64 mair;
		} arm_lpae_s1_cfg;

		struct {
			u64 vttbr;
			struct {
				u32 ps:3;
				u32 tg:2;
				u32 sh:2;
				u32 orgn:2;
				u32 irgn:2;
				u32 sl:2;
				u32 tsz:6;
			} vtcr;
		} arm_lpae_s2_cfg;

		struct {
			u64 transtab;
			u64 memattr;
		} arm_mali_lpae_cfg;
	};
};

/* The walk of a page table: the tables' entries on the way to an IOVA */
struct arm_lpae_io_pgtable_walk_data {
	u64 ptes[4];
};

struct io_pgtable_ops {
	int (*map_pages)(struct io_pgtable_ops *ops, unsigned long iova,
			 phys_addr_t paddr, size_t pgsize, size_t pgcount,
			 int prot, gfp_t gfp, size_t *mapped);
	size_t (*unmap_pages)(struct io_pgtable_ops *ops, unsigned long iova,
			      size_t pgsize, size_t pgcount,
			      struct iommu_iotlb_gather *gather);
	phys_addr_t (*iova_to_phys)(struct io_pgtable_ops *ops,
				    unsigned long iova);
	int (*pgtable_walk)(struct io_pgtable_ops *ops, unsigned long iova,
			    void *wd);
	int (*read_and_clear_dirty)(struct io_pgtable_ops *ops,
				    unsigned long iova, size_t size,
				    unsigned long flags,
				    struct iommu_dirty_bitmap *dirty);
};

struct io_pgtable {
	enum io_pgtable_fmt fmt;
	void *cookie;
	struct io_pgtable_cfg cfg;
	struct io_pgtable_ops ops;
};

static inline void io_pgtable_tlb_flush_all(struct io_pgtable *iop)
{
	if (iop->cfg.tlb && iop->cfg.tlb->tlb_flush_all)
		iop->cfg.tlb->tlb_flush_all(iop->cookie);
}

static inline void io_pgtable_tlb_flush_walk(struct io_pgtable *iop,
					     unsigned long iova, size_t size,
					     size_t granule)
{
	if (iop->cfg.tlb && iop->cfg.tlb->tlb_flush_walk)
		iop->cfg.tlb->tlb_flush_walk(iova, size, granule, iop->cookie);
}

static inline void io_pgtable_tlb_add_page(struct io_pgtable *iop,
					   struct iommu_iotlb_gather *gather,
					   unsigned long iova, size_t granule)
{
	if (iop->cfg.tlb && iop->cfg.tlb->tlb_add_page)
		iop->cfg.tlb->tlb_add_page(gather, iova, granule, iop->cookie);
}

#endif /* SHIM_IO_PGTABLE_H */
