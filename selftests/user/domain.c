// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page table under test, and the driver that it has.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/sizes.h>
#include <linux/slab.h>

#include "domain.h"
#include "shim.h"

/* --- the driver ----------------------------------------------------------- */

void bracket_begin(struct domain *d, struct bracket *bracket)
{
	io_pgtable_deferred_flush_begin(d->ops, &bracket->limbo);
	/*
	 * One that has failed meanwhile may be among those that the library has
	 * seen.
	 */
	bracket->failed = d->failing;
	bracket->open = true;
	bracket->done = false;
}

void bracket_forget(struct domain *d, struct bracket *bracket)
{
	/* Writing to a register begins with it. */
	wmb();
	hw_forget(&d->hw);
	d->nr_unflushed = 0;
	d->apart = (struct range) { };
	bracket->done = true;
}

void bracket_end(struct domain *d, struct bracket *bracket, bool completed)
{
	if (completed && !bracket->done)
		bracket_forget(d, bracket);
	/* Others may look before the library returns. */
	if (completed)
		d->good = max(d->good, bracket->failed);
	else
		d->failing++;
	io_pgtable_deferred_flush_end(d->ops, &bracket->limbo, completed);
	bracket->open = false;
	if (completed)
		d->flushes++;
	else
		d->failed++;
}

void domain_flush(struct domain *d, bool completed)
{
	struct bracket bracket;

	bracket_begin(d, &bracket);
	shim_step();
	bracket_end(d, &bracket, completed);
}

void domain_flush_settled(struct domain *d, bool completed)
{
	struct bracket bare;

	if (!io_pgtable_deferred_is_settled(d->ops)) {
		domain_flush(d, completed);
		return;
	}
	if (completed) {
		bracket_forget(d, &bare);
		return;
	}
	d->failing++;
	io_pgtable_deferred_flush_failed(d->ops);
	d->failed++;
}

static void flush_for_library(struct domain *d)
{
	domain_flush(d, !d->fails);
}

static void tlb_flush_all(void *cookie)
{
	flush_for_library(cookie);
}

static void tlb_flush_walk(unsigned long iova, size_t size, size_t granule,
			   void *cookie)
{
	struct domain *d = cookie;
	u64 at = iova - d->base;

	if (!size || at >= domain_space(d) || size > domain_space(d) - at ||
	    granule != d->shape->granule)
		shim_panic("0x%zx bytes at 0x%lx are flushed, for tables of 0x%zx", size,
			   iova, granule);
	flush_for_library(cookie);
}

/* A run of leaves of one size makes one entry. */
static void tlb_add_page(struct iommu_iotlb_gather *gather, unsigned long iova,
			 size_t granule, void *cookie)
{
	struct gather *g = container_of(gather, struct gather, gather);
	struct domain *d = cookie;
	struct leaves *last = g->nr ? &g->leaves[g->nr - 1] : NULL;

	if (!granule || iova - d->base >= domain_space(d))
		shim_panic("a leaf of 0x%zx at 0x%lx is gathered", granule, iova);
	iova -= d->base;
	if (last && last->size == granule && last->start + last->count * granule == iova) {
		last->count++;
		return;
	}
	if (g->nr == GATHERED)
		shim_panic("leaves of more than %u runs are gathered", GATHERED);
	g->leaves[g->nr++] = (struct leaves) { iova, granule, 1 };
}

void gather_begin(struct domain *d, struct gather *g, bool queued)
{
	iommu_iotlb_gather_init(&g->gather);
	g->nr = 0;
	g->gather.queued = queued;
	if (!(d->shape->flags & SHAPE_GATHERS)) {
		/* It flushes everything, if it flushes. */
		g->gather.start = 0;
		g->gather.end = ULONG_MAX;
	}
}

void gather_flush(struct domain *d, const struct gather *g)
{
	unsigned int i;
	u64 nr;

	for (i = 0; i < g->nr; i++)
		for (nr = 0; nr < g->leaves[i].count; nr++)
			hw_forget_page(&d->hw, g->leaves[i].start + nr * g->leaves[i].size,
				       g->leaves[i].size);
}

static const struct iommu_flush_ops flushes = {
	.tlb_flush_all = tlb_flush_all,
	.tlb_flush_walk = tlb_flush_walk,
};

static const struct iommu_flush_ops gathers = {
	.tlb_flush_all = tlb_flush_all,
	.tlb_flush_walk = tlb_flush_walk,
	.tlb_add_page = tlb_add_page,
};

/* --- making and freeing --------------------------------------------------- */

/*
 * All sizes that the granule has leaves of; the library takes what it can
 * serve.
 */
static unsigned long all_sizes(unsigned int granule)
{
	switch (granule) {
	case SZ_4K:
		return SZ_4K | SZ_2M | SZ_1G;
	case SZ_16K:
		return SZ_16K | SZ_32M;
	default:
		return SZ_64K | SZ_512M | SZ_4T;
	}
}

static void init_cfg(struct domain *d)
{
	const struct shape *shape = d->shape;

	d->cfg.quirks = shape->quirks;
	d->cfg.pgsize_bitmap = all_sizes(shape->granule);
	d->cfg.ias = shape->ias;
	d->cfg.oas = shape->oas;
	d->cfg.coherent_walk = shape->flags & SHAPE_COHERENT;
	d->cfg.tlb = shape->flags & SHAPE_GATHERS ? &gathers : &flushes;
	if (shape->flags & SHAPE_NO_TLB)
		d->cfg.tlb = NULL;
	d->cfg.iommu_dev = &d->dev;
}

static void init_device(struct domain *d, const struct shape *shape,
			struct choice *choice)
{
	d->dev.name = shape->name;
	d->dev.node = choose_freely(choice, SHIM_NODES);
	d->dev.ops = shape->flags & SHAPE_UNMAPS ? "yes" : NULL;
	d->dev.coherent = shape->flags & SHAPE_SNOOPS;
	shim_buffers |= d->dev.coherent;
	shim_narrow |= shape->oas == 32;
}

struct domain *domain_new(const struct shape *shape, struct choice *choice)
{
	struct domain *d = calloc(1, sizeof(*d));

	if (!d)
		shim_panic("out of memory");
	d->shape = shape;
	init_device(d, shape, choice);
	init_cfg(d);
	d->ops = io_pgtable_deferred_alloc(shape->fmt, &d->cfg, d);
	if (!d->ops) {
		if (atomic_read(&d->dev.references))
			shim_panic("no page table, and yet a reference");
		free(d);
		return NULL;
	}
	if (choose_freely(choice, 2))
		io_pgtable_deferred_allow_flush(d->ops, false);
	hw_init(&d->hw, shape->fmt, &d->cfg, choice);
	if (d->hw.ias != shape->ias || d->hw.shift != (unsigned int)ilog2(shape->granule))
		shim_panic("the hardware is told of %u bits and pages of 2^%u",
			   d->hw.ias, d->hw.shift);
	model_init(&d->model, shape->ias);
	model_shape(&d->model, shape->granule, false);
	d->model.top = 1ull << hw_shift(&d->hw, d->hw.start);
	if (shape->quirks & IO_PGTABLE_QUIRK_ARM_TTBR1)
		d->base = ~0ull << shape->ias;
	return d;
}

/* The device stays, as long as the library holds on to it. */
static struct domain *dying;

void domain_free(struct domain *d)
{
	unsigned int i;

	if (d->flights)
		shim_panic("the test frees a page table in use");
	for (i = 0; i < BRACKETS; i++)
		if (d->brackets[i].open)
			bracket_end(d, &d->brackets[i], true);
	d->hw.enabled = false;
	/* The library asks for the flush, or is told that it has been made. */
	if (!d->fails && d->cfg.tlb && d->calls % 2) {
		io_pgtable_deferred_free(d->ops);
		if (hw_knows_leaf(&d->hw, 0, domain_space(d)))
			shim_panic("a page table is freed without a flush");
	} else {
		hw_forget(&d->hw);
		io_pgtable_deferred_free_flushed(d->ops);
	}
	d->ops = NULL;
	model_destroy(&d->model);
	/* Chained by a pointer that is of no other use any more */
	d->flights = (struct flight *)dying;
	dying = d;
}

void domain_bury(void)
{
	while (dying) {
		struct domain *d = dying;

		if (atomic_read(&d->dev.references))
			shim_panic("the page table \"%s\" is gone, but not its device",
				   d->shape->name);
		dying = (struct domain *)d->flights;
		free(d);
	}
}

u64 domain_leaf_size(const struct domain *d, unsigned int nr)
{
	unsigned long sizes = d->cfg.pgsize_bitmap;

	for (; nr && sizes; nr--)
		sizes &= sizes - 1;
	return sizes & -sizes;
}

/* --- which thread may do what where --------------------------------------- */

void domain_unflushed(struct domain *d, u64 start, u64 end)
{
	struct range *last;

	hw_age(&d->hw, start, end);
	if (d->nr_unflushed < UNFLUSHED) {
		d->unflushed[d->nr_unflushed++] = (struct range) { start, end };
		return;
	}
	last = &d->unflushed[UNFLUSHED - 1];
	last->start = min(last->start, start);
	last->end = max(last->end, end);
}

void domain_apart(struct domain *d, struct range wide)
{
	if (d->apart.end) {
		wide.start = min(wide.start, d->apart.start);
		wide.end = max(wide.end, d->apart.end);
	}
	d->apart = wide;
}

const struct range *domain_unflushed_at(const struct domain *d, u64 iova)
{
	unsigned int i;

	for (i = 0; i < d->nr_unflushed; i++)
		if (range_has(d->unflushed[i], iova))
			return &d->unflushed[i];
	return NULL;
}

/* A block at the edge is taken apart, whichever thread has the rest of it. */
struct range domain_widen(const struct domain *d, struct range narrow)
{
	const struct run *run = model_find(&d->model, narrow.start);
	struct range wide = narrow;

	if (run)
		wide.start = min(wide.start, ALIGN_DOWN(wide.start, run->leaf));
	run = model_find(&d->model, narrow.end - 1);
	if (run)
		wide.end = max(wide.end, ALIGN(wide.end, run->leaf));
	return wide;
}

bool domain_has_larger(const struct domain *d, struct range where, u64 size)
{
	size_t i;

	for (i = 0; i < d->model.nr; i++) {
		const struct run *run = &d->model.runs[i];

		if (run->leaf > size && run->start < where.end && where.start < run->end)
			return true;
	}
	return false;
}

bool flight_begin(struct domain *d, struct flight *flight)
{
	const struct flight *other;

	flight->wide = domain_widen(d, flight->range);
	for (other = d->flights; other; other = other->next)
		if (flight->range.start < other->range.end &&
		    other->range.start < flight->range.end)
			return false;
	d->calls++;
	flight->next = d->flights;
	d->flights = flight;
	return true;
}

void flight_end(struct domain *d, struct flight *flight)
{
	if (d->flights != flight)
		shim_panic("calls end in another order than they began");
	d->flights = flight->next;
}

static bool ranges_meet(struct range a, struct range b)
{
	return a.start < b.end && b.start < a.end;
}

bool flight_meets(const struct domain *d, struct range where)
{
	const struct flight *f;

	for (f = d->flights; f; f = f->next)
		if (ranges_meet(f->range, where) || ranges_meet(f->wide, where))
			return true;
	return false;
}

const struct flight *flight_at(const struct domain *d, u64 iova)
{
	const struct flight *f, *beside = NULL;

	for (f = d->flights; f; f = f->next) {
		if (range_has(f->range, iova))
			return f;
		if (range_has(f->wide, iova))
			beside = f;
	}
	return beside;
}
