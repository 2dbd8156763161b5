// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which leaves the hardware has written through: what is reported is what was
 * written, and nothing that was written is lost.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "domain.h"
#include "shim.h"

#define PROT_LOOK	(PROT_STAYS | PROT_WRITTEN | PROT_SEEN)

/*
 * Only a walker that snoops may write to the tables: with others a CPU could
 * have the line, and neither would see what the other has written.
 */
bool domain_tracks(const struct domain *d)
{
	return d->hw.coherent && d->shape->quirks & IO_PGTABLE_QUIRK_ARM_HD;
}

bool domain_is_watched(const struct domain *d, const struct hw_leaf *leaf)
{
	return leaf->iova < d->watched.end && d->watched.start < leaf->iova + leaf->size;
}

/* Where an unmapper takes a block apart there may be smaller leaves already. */
static void follow_split(struct domain *d, u64 iova, u64 size)
{
	const struct run *run = model_find(&d->model, iova);

	while (run && run->leaf > size) {
		model_split(&d->model, iova);
		run = model_find(&d->model, iova);
	}
}

void dirty_written(struct domain *d, struct hw_leaf *leaf)
{
	struct hw_leaf live;

	if (!hw_make_dirty(&d->hw, leaf))
		return;
	/*
	 * Through the walk cache it may have been one of a table that is cut
	 * off.
	 */
	if (!hw_peek(&d->hw, leaf->iova, &live) || live.where != leaf->where)
		return;
	follow_split(d, leaf->iova, leaf->size);
	model_change(&d->model, leaf->iova, leaf->iova + leaf->size,
		     domain_is_watched(d, leaf) ? PROT_WRITTEN : 0, PROT_CLEAN);
}

/* --- a look --------------------------------------------------------------- */

/* The mapper there does not know yet that its leaf is not as it has made it. */
static bool somebody_maps(const struct domain *d, const struct range *where)
{
	const struct flight *f;

	for (f = d->flights; f; f = f->next)
		if (f->maps && f->range.start < where->end && where->start < f->range.end)
			return true;
	return false;
}

void dirty_begin(struct domain *d, struct range asked, bool clears)
{
	d->asked = asked;
	d->watched = domain_widen(d, asked);
	d->calm = !d->flights;
	d->calls_then = d->calls;
	d->clears = clears && !somebody_maps(d, &d->watched);
	model_change(&d->model, d->watched.start, d->watched.end, PROT_STAYS, 0);
}

/* Has no other call been at work since the look began? */
static bool is_calm(const struct domain *d)
{
	return d->calm && d->calls == d->calls_then;
}

struct look {
	struct iommu_dirty_bitmap bitmap;
	struct domain *d;
};

/* Is a leaf of size at start to be counted as reported? */
static bool is_there(struct domain *d, u64 start, u64 size)
{
	const struct run *run;
	struct hw_leaf live;

	if (hw_peek(&d->hw, start, &live))
		follow_split(d, start, live.size);
	run = model_find(&d->model, start);
	/* The mapper of it has not come back yet. */
	if (!run && flight_at(d, start))
		return false;
	/* Since it was read it may have become part of a block. */
	return !run || run->leaf <= size;
}

static void record(struct iommu_dirty_bitmap *bitmap, unsigned long iova,
		   unsigned long size)
{
	struct domain *d = container_of(bitmap, struct look, bitmap)->d;
	u64 start = iova - d->base, end = start + size;
	struct range wide;

	if (!is_there(d, start, size))
		return;
	/* There may be a block at the edge by now. */
	wide = domain_widen(d, d->watched);
	/*
	 * Or there may have been one, which has come apart since it was read.
	 */
	if ((start < wide.start || end > wide.end) &&
	    (is_calm(d) || end <= d->asked.start || start >= d->asked.end))
		shim_panic("0x%lx at 0x%llx is reported, without having been asked for", size,
			   start);
	model_change(&d->model, max(start, wide.start), min(end, wide.end),
		     PROT_SEEN, 0);
}

int dirty_read(struct domain *d)
{
	struct iommu_iotlb_gather gather;
	struct look look = { .bitmap = { record, &gather }, .d = d };
	int ret;

	iommu_iotlb_gather_init(&gather);
	ret = d->ops->read_and_clear_dirty(d->ops, d->base + d->asked.start,
					   d->asked.end - d->asked.start,
					   d->clears ? 0 : IOMMU_DIRTY_NO_CLEAR,
					   &look.bitmap);
	/* What was made clean is known as it was, until the caller flushes. */
	hw_age(&d->hw, d->watched.start, d->watched.end);
	if (gather.start <= gather.end && choose_freely(d->hw.choice, 2))
		hw_forget_range(&d->hw, gather.start - d->base,
				gather.end - d->base + 1);
	return ret;
}

static const char *verdict(const struct domain *d, u32 prot, bool clean)
{
	bool seen = prot & PROT_SEEN;

	if (clean && !(prot & PROT_CLEAN) && !(seen && d->clears))
		return "has become clean, and was not reported";
	if (!(prot & PROT_STAYS) || prot & PROT_WRITTEN)
		return NULL;
	if (prot & PROT_CLEAN && seen)
		return "was clean, and is reported";
	if (prot & PROT_CLEAN && !clean)
		return "was clean, and no device has written there";
	if (!(prot & PROT_CLEAN) && !seen)
		return "was dirty, and is not reported";
	/* Where a block has come apart it is reported, and stays dirty. */
	if (!(prot & PROT_CLEAN) && clean != d->clears && (clean || is_calm(d)))
		return "was dirty, and is left as it should not be";
	return NULL;
}

/* What it was is not known, or has not been asked for. */
static bool is_free(const struct domain *d, const struct hw_leaf *leaf)
{
	const struct flight *flight = flight_at(d, leaf->iova);

	return (flight && range_has(flight->range, leaf->iova)) ||
	       leaf->iova >= d->asked.end || leaf->iova + leaf->size <= d->asked.start;
}

/* One leaf of a run. Return: its end. */
static u64 judge_leaf(struct domain *d, u64 iova, const struct run *run)
{
	const struct flight *flight = flight_at(d, iova);
	u32 prot = run->prot;
	struct hw_leaf leaf;
	const char *wrong;
	bool clean;

	if (!hw_peek(&d->hw, iova, &leaf)) {
		if (!flight || !range_has(flight->range, iova))
			shim_panic("nothing at 0x%llx after a look for dirty leaves", iova);
		return iova + (1ull << d->hw.shift);
	}
	if (!(leaf.descriptor & HW_DBM)) {
		/* What was there before it may have been. */
		if (prot & PROT_SEEN && prot & PROT_STAYS && !is_free(d, &leaf))
			shim_panic("0x%llx at 0x%llx is reported as dirty",
				   leaf.descriptor, iova);
		return leaf.iova + leaf.size;
	}
	clean = leaf.descriptor & HW_READ_ONLY;
	wrong = is_free(d, &leaf) ? NULL : verdict(d, prot, clean);
	if (wrong)
		shim_panic("0x%llx at 0x%llx %s", leaf.descriptor, iova, wrong);
	follow_split(d, iova, leaf.size);
	model_change(&d->model, leaf.iova, leaf.iova + leaf.size,
		     clean ? PROT_CLEAN : 0, clean ? 0 : PROT_CLEAN);
	return leaf.iova + leaf.size;
}

void dirty_end(struct domain *d)
{
	struct range wide = domain_widen(d, d->watched);
	u64 at = wide.start, end = wide.end;
	size_t i = 0;

	while (at < end) {
		while (i < d->model.nr && d->model.runs[i].end <= at)
			i++;
		if (i == d->model.nr || d->model.runs[i].start >= end)
			break;
		at = max(at, d->model.runs[i].start);
		at = judge_leaf(d, at, &d->model.runs[i]);
	}
	model_change(&d->model, wide.start, end, 0, PROT_LOOK);
	d->watched = (struct range) { };
	d->clears = false;
}
