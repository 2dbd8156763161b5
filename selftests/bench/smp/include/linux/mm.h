/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses and struct pages by arithmetic, as in the kernel: a linear map at
 * an address that the compiler knows, and an array beside it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_MM_H
#define SMP_MM_H

#include_next <linux/mm.h>

#define SMP_ORDERS		11
#define SMP_FRAMES		(1ul << 16)
#define SMP_LINEAR		(1ul << 44)
#define SMP_PAGES		((struct page *)(1ul << 45))

/* A variable on arm64, too */
extern phys_addr_t smp_phys_base;

static inline phys_addr_t smp_virt_to_phys(const volatile void *address)
{
	return (unsigned long)address - SMP_LINEAR + smp_phys_base;
}

static inline void *smp_phys_to_virt(phys_addr_t pa)
{
	return (void *)(pa - smp_phys_base + SMP_LINEAR);
}

static inline struct page *smp_virt_to_page(const void *address)
{
	return &SMP_PAGES[((unsigned long)address - SMP_LINEAR) >> PAGE_SHIFT];
}

static inline void *smp_page_address(const struct page *page)
{
	return (void *)(SMP_LINEAR + ((page - SMP_PAGES) << PAGE_SHIFT));
}

static inline struct page *smp_pfn_to_page(unsigned long pfn)
{
	return SMP_PAGES + (pfn - PHYS_PFN(smp_phys_base));
}

static inline unsigned long smp_page_to_pfn(const struct page *page)
{
	return PHYS_PFN(smp_phys_base) + (page - SMP_PAGES);
}

#define virt_to_phys(address)	smp_virt_to_phys(address)
#define phys_to_virt(pa)	smp_phys_to_virt(pa)
#define virt_to_page(address)	smp_virt_to_page(address)
#define page_address(page)	smp_page_address(page)
#define pfn_to_page(pfn)	smp_pfn_to_page(pfn)
#define page_to_pfn(page)	smp_page_to_pfn(page)
#define page_to_nid(page)	((void)(page), 0)
#define VM_BUG_ON(condition)	((void)(condition))

#endif /* SMP_MM_H */
