// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a descriptor has to say for a mapping, and what a device has to see.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "domain.h"
#include "shim.h"

static bool is_stage_2(const struct domain *d)
{
	return d->shape->fmt == ARM_32_LPAE_S2 || d->shape->fmt == ARM_64_LPAE_S2;
}

/*
 * Stage 1: AF, nG, SH, AP[2:1], UXN and PXN, NS, and DBM where dirt is tracked
 */
static u64 stage_1(const struct domain *d, u32 prot)
{
	u64 descriptor = 1ull << 10 | 1ull << 11;

	descriptor |= prot & IOMMU_CACHE ? 3ull << 8 : 2ull << 8;
	if (!(prot & IOMMU_WRITE))
		descriptor |= 1ull << 7;
	else if (d->shape->quirks & IO_PGTABLE_QUIRK_ARM_HD)
		descriptor |= prot & PROT_CLEAN ? HW_DBM | HW_READ_ONLY : HW_DBM;
	descriptor |= prot & IOMMU_PRIV ? 0 : 1ull << 6;
	descriptor |= prot & IOMMU_NOEXEC ? 3ull << 53 : 0;
	descriptor |= d->shape->quirks & IO_PGTABLE_QUIRK_ARM_NS ? 1ull << 5 : 0;
	return descriptor;
}

/* Stage 2: AF, SH, S2AP, XN */
static u64 stage_2(u32 prot)
{
	u64 descriptor = 1ull << 10;

	descriptor |= prot & IOMMU_CACHE ? 3ull << 8 : 2ull << 8;
	descriptor |= prot & IOMMU_READ ? 1ull << 6 : 0;
	descriptor |= prot & IOMMU_WRITE ? 2ull << 6 : 0;
	descriptor |= prot & IOMMU_NOEXEC ? 3ull << 53 : 0;
	return descriptor;
}

/* The type of memory is compared apart, and 58:55 are software's. */
u64 domain_descriptor(const struct domain *d, u32 prot, int level, u64 *mask)
{
	u64 descriptor = is_stage_2(d) ? stage_2(prot) : stage_1(d, prot);
	u64 memory = is_stage_2(d) ? 0xf << 2 : 7 << 2;
	u64 address = GENMASK_ULL(47, d->hw.shift);

	if (d->hw.wide)
		address |= 0xf << 12;
	*mask = ~(memory | address | HW_SOFTWARE);
	return descriptor | (level < HW_LEVELS - 1 ? 1 : 3);
}

/* As a byte of MAIR, or as the four bits that stage 2 has in its place */
unsigned int domain_memory_type(const struct domain *d, u64 descriptor)
{
	if (is_stage_2(d))
		return descriptor >> 2 & 0xf;
	return d->hw.mair >> 8 * (descriptor >> 2 & 7) & 0xff;
}

/* Device nGnRE (stage 2: nGnRnE or nGnRE), write-back, or non-cacheable */
unsigned int domain_wanted_type(const struct domain *d, u32 prot)
{
	if (prot & IOMMU_MMIO)
		return is_stage_2(d) ? 0x1 : 0x04;
	if (prot & IOMMU_CACHE)
		return is_stage_2(d) ? 0xf : 0xff;
	return is_stage_2(d) ? 0x5 : 0x44;
}

static bool leaf_is_right(const struct domain *d, const struct hw_leaf *leaf,
			  u64 iova, const struct run *run)
{
	u64 mask, wanted = domain_descriptor(d, run->prot, leaf->level, &mask);

	/* How far the task that makes leaves clean has come is not known. */
	if (d->clears && domain_is_watched(d, leaf) && wanted & HW_DBM) {
		wanted &= ~HW_READ_ONLY;
		mask &= ~HW_READ_ONLY;
	}
	return leaf->pa + (iova - leaf->iova) == run->paddr + (iova - run->start) &&
	       leaf->size == run->leaf &&
	       (leaf->descriptor & mask) == wanted &&
	       domain_memory_type(d, leaf->descriptor) ==
	       domain_wanted_type(d, run->prot);
}

static void judge(const struct domain *d, u64 iova, const struct hw_leaf *leaf,
		  const char *how)
{
	const struct run *run = model_find(&d->model, iova);

	if (leaf && run) {
		if (!leaf_is_right(d, leaf, iova, run))
			shim_panic("%s 0x%llx: 0x%llx of 0x%llx; not 0x%llx of 0x%llx prot 0x%x",
				   how, iova, leaf->descriptor, leaf->size,
				   run->paddr + (iova - run->start), run->leaf,
				   run->prot);
	} else if (leaf) {
		shim_panic("%s at 0x%llx finds 0x%llx, where nothing is mapped",
			   how, iova, leaf->descriptor);
	} else if (run) {
		shim_panic("%s at 0x%llx finds nothing; mapped is 0x%llx",
			   how, iova, run->paddr + (iova - run->start));
	}
}

/* What is there, what is to be there, or what was and has not been flushed */
static bool may_be_seen(const struct domain *d, u64 iova, u64 pa, u64 *end)
{
	const struct run *run = model_find(&d->model, iova);
	const struct flight *flight = flight_at(d, iova);
	const struct range *unflushed = domain_unflushed_at(d, iova);

	if (run && run->paddr + (iova - run->start) == pa)
		*end = run->end;
	else if (flight && flight->maps && range_has(flight->range, iova) &&
		 pa == flight->to + (iova - flight->range.start))
		*end = flight->range.end;
	else if (unflushed)
		*end = unflushed->end;
	else
		return false;
	return true;
}

/*
 * While a call is under way in its range, a device may see what was there, what
 * is to be there, or nothing. What is left of a block at the edge stays all the
 * time, and a block that it sees may hold nothing that others have unmapped and
 * flushed.
 */
static void judge_in_flight(const struct domain *d, const struct flight *flight,
			    u64 iova, const struct hw_leaf *leaf)
{
	u64 at, end;

	if (!leaf) {
		if (model_find(&d->model, iova) && !range_has(flight->range, iova))
			shim_panic("a walk at 0x%llx finds nothing while a neighbour is unmapped",
				   iova);
		return;
	}
	for (at = leaf->iova; at - leaf->iova < leaf->size; at = end)
		if (!may_be_seen(d, at, leaf->pa + (at - leaf->iova), &end))
			shim_panic("a walk at 0x%llx in a call: 0x%llx, and that for 0x%llx",
				   iova, leaf->descriptor, at);
}

/* A walk, and a write if that is what the device is after */
static void access_by_walk(struct domain *d, u64 iova, bool writes)
{
	const struct flight *flight = flight_at(d, iova);
	struct hw_leaf leaf;
	bool found = hw_walk(&d->hw, iova, &leaf);

	if (flight)
		judge_in_flight(d, flight, iova, found ? &leaf : NULL);
	else if (model_find(&d->model, iova) || !domain_unflushed_at(d, iova))
		judge(d, iova, found ? &leaf : NULL, "a walk");
	if (!found)
		return;
	if (writes)
		dirty_written(d, &leaf);
	hw_remember(&d->hw, &leaf);
	if (domain_unflushed_at(d, iova))
		hw_age(&d->hw, leaf.iova, leaf.iova + leaf.size);
}

void domain_access(struct domain *d, u64 iova, bool writes)
{
	const struct hw_tlb *known = hw_find(&d->hw, iova);

	if (!d->hw.enabled)
		return;
	writes = writes && domain_tracks(d);
	if (known && !known->old && !flight_at(d, iova))
		judge(d, iova, &known->leaf, "the TLB");
	/* What it knows as read-only it has to look up again before a write. */
	if (known && writes && known->leaf.descriptor & HW_READ_ONLY) {
		hw_forget_range(&d->hw, known->leaf.iova,
				known->leaf.iova + known->leaf.size);
		known = NULL;
	}
	if (!known)
		access_by_walk(d, iova, writes);
}

void domain_check_walk(struct domain *d, u64 iova)
{
	struct hw_leaf leaf;
	bool found = hw_walk(&d->hw, iova, &leaf);

	if (model_find(&d->model, iova) || !domain_unflushed_at(d, iova))
		judge(d, iova, found ? &leaf : NULL, "a walk");
}
