// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to page tables, at random, one thing in the middle of another.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <compat/dirty.h>
#include <compat/io-pgtable.h>
#include "pgtable.h"
#include "shim.h"
#include "world.h"

struct world world;

/* Calls that stand still at most; each has a stack of its own in a kernel */
#define DEPTH		2

/* More than the library keeps when they are empty */
#define SPARSE_TABLES	12

/* Leaves above which it is time to unmap: a look reads them all */
#define LEAVES_MAX	3000

/* Pages of the arena above which what is pending is freed first */
#define PAGES_MAX	4000

static u64 pick(u64 limit)
{
	return choose(&world.choice, limit);
}

/* --- what happens in the middle of something else ------------------------- */

static void interrupt(bool locked);

/* How many accesses to memory until something else happens, or never */
static void set_steps(void)
{
	/* A walk is ten of them, a map of some tables thousands. */
	static const u16 most[] = { 3, 8, 60, 500, 4000 };

	shim_steps = SHIM_NO_STEPS;
	if (world.meet)
		shim_steps = world.depth == 1 ? world.meet_after : SHIM_NO_STEPS;
	else if (!world.alone && world.depth < DEPTH && pick(world.sparse ? 12 : 3))
		shim_steps = pick(most[pick(world.sparse ? 3 : ARRAY_SIZE(most))]);
}

/* Whatever is called stands alone from here, or is interrupted. */
static long enter(void)
{
	long steps = shim_steps;

	world.depth++;
	set_steps();
	return steps;
}

static void leave(long steps)
{
	world.depth--;
	if (!world.depth)
		world.took = world.meet_after - shim_steps;
	shim_steps = steps;
}

/* --- where and what ------------------------------------------------------- */

static struct domain *pick_domain(void)
{
	return world.domains[pick(DOMAINS)];
}

static u64 page_of(const struct domain *d)
{
	return domain_leaf_size(d, 0);
}

static u64 pick_size(const struct domain *d)
{
	u64 dice = pick(100), size;

	if (world.sparse)
		dice /= 1 + (dice < 98);
	size = domain_leaf_size(d, dice < 70 ? 0 : dice < 94 ? 1 : 2);
	return size ? size : page_of(d);
}

/*
 * Half of the time at something that is there, else in one of a few places,
 * the ends of the space among them, so that neighbours meet.
 */
static u64 pick_anywhere(const struct domain *d, u64 size)
{
	const struct model *model = &d->model;
	u64 span = page_of(d) << d->hw.bits, iova, dice = pick(100);

	if (dice < 50 && model->nr) {
		const struct run *run = &model->runs[pick(model->nr)];

		iova = run->start + pick(run->end - run->start);
		if (dice < 10)
			iova += size;
		else if (dice < 20)
			iova = run->end;
	} else {
		iova = pick(3) * (domain_space(d) / 2);
		if (iova)
			iova -= span;
		iova += dice < 80 ? pick(2 * span) :
				    pick(2 * min(span << d->hw.bits,
						 domain_space(d) / 2));
	}
	iova &= ~(size - 1);
	return iova < domain_space(d) ? iova : domain_space(d) - size;
}

/* One of two pages in one of a few tables, which are empty as often as not */
static u64 pick_sparse(const struct domain *d, u64 size)
{
	u64 span = page_of(d) << d->hw.bits, spots = domain_space(d) / span;
	u64 spot = pick(min_t(u64, spots, SPARSE_TABLES));

	/* Half of them in other tables of the level above */
	if (spot % 2 && spots >> d->hw.bits > SPARSE_TABLES)
		spot <<= d->hw.bits;
	return (spot * span + pick(2) * page_of(d)) & ~(size - 1);
}

/* In the block of which a thread takes a part away; 0 if there is none */
static u64 pick_beside(const struct domain *d, u64 size)
{
	const struct flight *f = d->flights;
	u64 wide = f ? f->wide.end - f->wide.start : 0;

	if (!f || wide == f->range.end - f->range.start)
		return 0;
	return (f->wide.start + pick(wide)) & ~(size - 1);
}

static u64 pick_iova(const struct domain *d, u64 size)
{
	u64 beside = pick_beside(d, size);

	if (beside && pick(2))
		return beside;
	if (world.sparse && pick(50))
		return pick_sparse(d, size);
	return pick_anywhere(d, size);
}

static u64 pick_count(const struct domain *d, u64 iova, u64 size)
{
	/* Output addresses may be fewer, and 0 is none of them. */
	u64 room = min((domain_space(d) - iova) / size,
		       (1ull << d->shape->oas) / size - 1);
	u64 entries = 1ull << d->hw.bits;
	u64 most = size == page_of(d) ? 2 * entries + 100 : 6;

	if (world.sparse && pick(50))
		return 1;
	/* Mostly few, at times over several tables */
	if (pick(4))
		most = size == page_of(d) ? 16 : 2;
	return min(1 + pick(most), room);
}

/* Never zero, for a lookup says nothing by zero */
static u64 pick_paddr(const struct domain *d, u64 size, u64 count)
{
	u64 starts = (1ull << d->shape->oas) / size - max_t(u64, count, 1);

	return (1 + pick(starts)) * size;
}

static gfp_t pick_gfp(void)
{
	static const gfp_t more[] = {
		0, 0, __GFP_ACCOUNT, __GFP_ACCOUNT, __GFP_NOWARN | __GFP_ACCOUNT,
		__GFP_DMA32, __GFP_HIGHMEM | __GFP_ACCOUNT, __GFP_ZERO,
	};

	return (pick(2) ? GFP_KERNEL : GFP_ATOMIC) | more[pick(ARRAY_SIZE(more))];
}

static struct call pick_call(const struct domain *d)
{
	struct call call = { .size = pick_size(d) };

	call.iova = pick_iova(d, call.size);
	call.count = pick_count(d, call.iova, call.size);
	return call;
}

/* --- calls ---------------------------------------------------------------- */

static struct flight flight_of(const struct call *call, bool maps)
{
	return (struct flight) {
		.range = { call->iova, call->iova + call->size * call->count },
		.to = call->paddr, .maps = maps,
	};
}

/*
 * What is to come of a map, as far as nothing fails, and that of a failed one
 */
static void judge_map(struct domain *d, const struct call *call, int ret, u64 mapped,
		      bool refused)
{
	u64 count = call->count, wanted;

	if (mapped % call->size || mapped > call->size * count)
		shim_panic("map has mapped 0x%llx of 0x%llx", mapped,
			   call->size * count);
	if (ret == -ENOMEM || ret == -EIO) {
		if (!refused)
			shim_panic("map: %d, and nothing has failed", ret);
		count = mapped / call->size;
	}
	/* An empty table that is still there is in the way of a block, too. */
	if (ret == -EEXIST && !d->cfg.tlb && call->size > page_of(d))
		count = mapped / call->size;
	wanted = model_map(&d->model, call->iova, call->paddr, call->size, count,
			   call->prot);
	if (mapped != wanted)
		shim_panic("map 0x%llx size 0x%llx count %llu: %d, 0x%llx; expected 0x%llx",
			   call->iova, call->size, call->count, ret, mapped, wanted);
	if (ret == -ENOMEM || ret == -EIO)
		return;
	if (ret != (wanted == call->size * call->count ? 0 : -EEXIST))
		shim_panic("map 0x%llx size 0x%llx count %llu: %d, and 0x%llx mapped",
			   call->iova, call->size, call->count, ret, mapped);
}

/* The ends of what has been mapped, as a device sees them now */
static void walk_ends(struct domain *d, u64 iova, u64 bytes)
{
	if (!bytes)
		return;
	domain_check_walk(d, iova);
	domain_check_walk(d, iova + bytes - 1);
	domain_check_walk(d, iova + choose_freely(&world.choice, bytes));
}

int do_map(struct domain *d, const struct call *call)
{
	struct flight flight = flight_of(call, true);
	unsigned long failed = shim_fail.failed + d->failed, doubts = d->failed;
	size_t mapped = 0;
	long steps;
	int ret;

	if (!flight_begin(d, &flight))
		return -EBUSY;
	steps = enter();
	shim_cpu->atomic = !gfpflags_allow_blocking(call->gfp);
	ret = d->ops->map_pages(d->ops, d->base + call->iova, call->paddr, call->size,
				call->count, call->prot, call->gfp, &mapped);
	shim_cpu->atomic = false;
	leave(steps);
	flight_end(d, &flight);
	/* What a device knows of the range is in doubt until then. */
	if (mapped && d->good < doubts)
		shim_panic("map 0x%llx: %d, and of %lu failed flushes %lu are made good",
			   call->iova, ret, doubts, d->good);
	/* Without callbacks only the caller makes a failed flush good. */
	judge_map(d, call, ret, mapped,
		  failed != shim_fail.failed + d->failed ||
		  (ret == -EIO && !d->cfg.tlb));
	walk_ends(d, call->iova, mapped);
	return ret;
}

/*
 * A part of a block could not be split off for want of memory. Where that needs
 * two tables one may have come to be: the block is smaller, and maps the same.
 */
static void follow_failed_unmap(struct domain *d, u64 iova)
{
	struct io_pgtable_deferred_run seen;
	const struct run *run = model_find(&d->model, iova);
	unsigned long at = d->base + iova;

	io_pgtable_deferred_next_run(d->ops, &at, &seen);
	while (run && seen.count && seen.iova - d->base <= iova && run->leaf > seen.pgsize) {
		model_split(&d->model, iova);
		run = model_find(&d->model, iova);
	}
}

/*
 * Has what was there before this call been mapped over something unflushed, or
 * is another caller that takes the block apart yet to have it flushed, or to
 * make a flush of it good that has failed?
 */
static bool is_unflushed(const struct domain *d, u64 start, u64 end)
{
	const struct flight *f;
	unsigned int i;

	if (iopd_is_stale(iopd_from_ops(d->ops)))
		return true;
	if (d->apart.start < end && start < d->apart.end)
		return true;
	for (f = d->flights; f; f = f->next)
		if (f->wide.start < end && start < f->wide.end)
			return true;
	for (i = 0; i < d->nr_unflushed; i++)
		if (d->unflushed[i].start < end && start < d->unflushed[i].end)
			return true;
	return false;
}

/*
 * Of these leaves alone, as a driver does that flushes by address. What else is
 * known of the range the library has had flushed.
 */
static void flush_gathered(struct domain *d, const struct gather *gather, u64 start,
			   u64 done)
{
	struct hw_leaf leaf;
	u64 at;

	gather_flush(d, gather);
	if (hw_knows_leaf(&d->hw, start, start + done))
		shim_panic("%s: part of 0x%llx at 0x%llx is unmapped, and was not gathered",
			   d->shape->name, done, start);
	at = start + choose_freely(&world.choice, done);
	if (hw_walk(&d->hw, at, &leaf))
		shim_panic("a walk at 0x%llx finds 0x%llx, which is unmapped and flushed",
			   at, leaf.descriptor);
}

static void unmapped_unflushed(struct domain *d, const struct flight *flight)
{
	domain_unflushed(d, flight->range.start, flight->range.end);
	if (flight->wide.end - flight->wide.start > flight->range.end - flight->range.start)
		domain_apart(d, flight->wide);
}

/* The call itself, during which others may come between */
static u64 unmap_pages(struct domain *d, const struct call *call,
		       struct gather *gather)
{
	long steps;
	u64 done;

	gather_begin(d, gather, d->shape->flags & SHAPE_GATHERS && !(call->prot & 1));
	steps = enter();
	shim_cpu->atomic = true;
	done = d->ops->unmap_pages(d->ops, d->base + call->iova, call->size,
				   call->count, &gather->gather);
	shim_cpu->atomic = false;
	leave(steps);
	/* The caller flushes, and that begins with a barrier. */
	wmb();
	return done;
}

/* With @fails memory was refused, so that it may have come to an end early. */
static void check_unmapped(struct domain *d, const struct call *call, u64 done,
			   bool fails)
{
	u64 count = call->count;

	if (fails && done < count * call->size)
		count = done / call->size;
	if (!model_unmap(&d->model, call->iova, call->size, count, done))
		shim_panic("unmap 0x%llx size 0x%llx count %llu: 0x%llx; not 0x%llx, of 0x%llx",
			   call->iova, call->size, call->count, done,
			   model_lookup(&d->model, call->iova + done),
			   model_find(&d->model, call->iova + done) ?
			   model_find(&d->model, call->iova + done)->leaf : 0);
	if (count != call->count)
		follow_failed_unmap(d, call->iova + done);
}

u64 do_unmap(struct domain *d, const struct call *call)
{
	struct flight flight = flight_of(call, false);
	unsigned long failed = shim_fail.failed, refused = d->failed;
	u64 done, end = call->iova + call->size * call->count;
	struct gather gather;

	if (!COMPAT_SPLIT_BLOCKS && domain_has_larger(d, flight.range, call->size))
		return 0;
	if (!flight_begin(d, &flight))
		return 0;
	done = unmap_pages(d, call, &gather);
	flight_end(d, &flight);
	check_unmapped(d, call, done, failed != shim_fail.failed);
	/*
	 * If what the library asked for failed, it has it made good before any
	 * map.
	 */
	if (done && d->shape->flags & SHAPE_GATHERS && call->prot & 1 &&
	    d->failed == refused && !is_unflushed(d, call->iova, end))
		flush_gathered(d, &gather, call->iova, done);
	else
		unmapped_unflushed(d, &flight);
	return done;
}

void do_lookup(struct domain *d, u64 iova)
{
	const struct flight *flight = flight_at(d, iova);
	u64 wanted = model_lookup(&d->model, iova);
	unsigned long calls = d->calls;
	long steps = enter();
	u64 pa = d->ops->iova_to_phys(d->ops, d->base + iova);

	leave(steps);
	/*
	 * Another thread may have been there meanwhile, or is. What is beside
	 * stays.
	 */
	if ((flight && range_has(flight->range, iova)) || calls != d->calls)
		return;
	if (pa != wanted)
		shim_panic("lookup 0x%llx: 0x%llx; expected 0x%llx", iova, pa, wanted);
}

void do_dirty(struct domain *d, const struct call *call, bool clears)
{
	struct range asked = { call->iova, call->iova + call->size * call->count };
	long steps;
	int ret;

	/* One at a time is enough to keep apart which call has written when. */
	if (d->watched.end)
		return;
	dirty_begin(d, asked, clears);
	steps = enter();
	ret = dirty_read(d);
	leave(steps);
	dirty_end(d);
	if (ret != (d->shape->quirks & IO_PGTABLE_QUIRK_ARM_HD ? 0 : -EINVAL))
		shim_panic("a look for dirty leaves at 0x%llx: %d", call->iova, ret);
}

#ifdef COMPAT_HAS_PGTABLE_WALK
/*
 * The entries are those on the way, as the hardware finds them, and no others.
 */
static void judge_entries(const struct domain *d, u64 iova, int ret,
			  const struct arm_lpae_io_pgtable_walk_data *seen)
{
	u64 wanted[HW_LEVELS] = { }, where;
	int last = hw_entries_to(&d->hw, iova, wanted, &where), level;

	/* What is kept of a table that was there is not told. */
	if (!hw_is_leaf(wanted[last], last))
		wanted[last] = 0;
	for (level = 0; level < HW_LEVELS; level++)
		if ((seen->ptes[level] ^ wanted[level]) & ~HW_SOFTWARE)
			shim_panic("a walk to 0x%llx tells of 0x%llx at level %d, not 0x%llx",
				   iova, seen->ptes[level], level, wanted[level]);
	if (!ret != hw_is_leaf(wanted[last], last))
		shim_panic("a walk to 0x%llx ends at 0x%llx, and says %d", iova,
			   wanted[last], ret);
}

void do_walk(struct domain *d, u64 iova)
{
	struct arm_lpae_io_pgtable_walk_data seen = { };
	const struct flight *flight = flight_at(d, iova);
	unsigned long calls = d->calls;
	bool calm = !d->flights;
	long steps = enter();
	int ret = d->ops->pgtable_walk(d->ops, d->base + iova, &seen);

	leave(steps);
	if (d->calls != calls || (flight && range_has(flight->range, iova)))
		return;
	if (!ret != !!model_find(&d->model, iova))
		shim_panic("a walk to 0x%llx: %d", iova, ret);
	/*
	 * While others are at work tables come and go, empty ones at any time.
	 */
	if (calm && world.alone)
		judge_entries(d, iova, ret, &seen);
}
#else
void do_walk(struct domain *d, u64 iova)
{
}
#endif

/* --- operations ----------------------------------------------------------- */

static bool is_full(const struct domain *d)
{
	return model_leaves(&d->model) > LEAVES_MAX || shim_pages > PAGES_MAX;
}

static void op_map(struct domain *d)
{
	struct call call = pick_call(d);

	if (is_full(d))
		return;
	call.paddr = pick_paddr(d, call.size, call.count);
	call.prot = pick(BIT(LPAE_PROT_BITS));
	if (!(call.prot & (IOMMU_READ | IOMMU_WRITE)))
		call.prot |= IOMMU_READ;
	call.gfp = pick_gfp();
	do_map(d, &call);
}

static void op_unmap(struct domain *d)
{
	struct call call = pick_call(d);

	/* Of a driver that gathers: does it flush at once? */
	call.prot = pick(2);
	do_unmap(d, &call);
}

/* Takes much away with a few calls */
static void op_clear(struct domain *d)
{
	u64 size = domain_leaf_size(d, 1);
	struct call call = { .size = size ? size : page_of(d) };

	call.iova = pick_iova(d, call.size);
	call.count = min((domain_space(d) - call.iova) / call.size, (u64)40);
	do_unmap(d, &call);
}

static void op_lookup(struct domain *d)
{
	u64 iova = pick_iova(d, 1);

	do_lookup(d, iova);
	do_walk(d, iova);
}

static void op_access(struct domain *d)
{
	u64 iova = pick_iova(d, 1);

	domain_access(d, iova, domain_tracks(d) && pick(2));
}

static void op_next_run(struct domain *d)
{
	struct io_pgtable_deferred_run run;
	unsigned long iova = d->base + pick_iova(d, page_of(d)), from = iova;
	u64 wanted, first;
	bool calm = !d->flights, more;
	long steps = enter();

	more = io_pgtable_deferred_next_run(d->ops, &iova, &run);
	leave(steps);
	if (!more || iova <= from)
		shim_panic("a dump at 0x%lx comes to its end, or goes on at 0x%lx",
			   from, iova);
	if (!run.count || !calm || steps != SHIM_NO_STEPS || shim_steps != SHIM_NO_STEPS)
		return;
	first = max(run.iova, from);
	wanted = model_lookup(&d->model, first - d->base);
	if (world.alone && wanted != run.paddr + (first - run.iova))
		shim_panic("a dump finds 0x%llx at 0x%llx; expected 0x%llx",
			   run.paddr, first, wanted);
}

void do_flush(struct domain *d, bool completed)
{
	long steps = enter();

	domain_flush(d, completed);
	leave(steps);
}

static void op_flush(struct domain *d)
{
	bool completed = world.steady || pick(8);
	long steps;

	if (pick(2)) {
		do_flush(d, completed);
		return;
	}
	steps = enter();
	domain_flush_settled(d, completed);
	leave(steps);
}

static void op_bracket(struct domain *d)
{
	struct bracket *bracket = &d->brackets[pick(BRACKETS)];

	if (!bracket->open)
		bracket_begin(d, bracket);
	else if (!bracket->done && pick(2))
		bracket_forget(d, bracket);
	else
		bracket_end(d, bracket, world.steady || bracket->done || pick(4));
}

static void op_reclaim(void)
{
	long steps = enter();

	switch (pick(6)) {
	case 0:
	case 1:
		shim_run_rcu();
		break;
	case 2:
		shim_shrink(1 + pick(200));
		break;
	case 3:
		shim_pass_time();
		break;
	default:
		shim_run_work();
	}
	leave(steps);
}

/* A part of a block, where the library does not take it apart */
static void op_cut(struct domain *d)
{
	const struct call call = pick_call(d);
	const struct range range = { call.iova, call.iova + call.size * call.count };
	const struct run *run = model_find(&d->model, call.iova);
	long steps = shim_steps;

	if (COMPAT_SPLIT_BLOCKS || flight_meets(d, range) || !run ||
	    run->leaf <= call.size)
		return;
	/* Nothing else may come between, and be warned of. */
	shim_steps = SHIM_NO_STEPS;
	shim_warnings_expected = 1;
	if (d->ops->unmap_pages(d->ops, d->base + call.iova, call.size, call.count, NULL))
		shim_panic("a part of the block at 0x%llx is unmapped", call.iova);
	if (shim_warnings_expected)
		shim_panic("a part of the block at 0x%llx is asked for without a warning",
			   call.iova);
	shim_steps = steps;
}

/* A call that is refused, and changes nothing */
/* In one of the ways that there are */
static void spoil(struct domain *d, struct call *call, unsigned int *prot)
{
	switch (pick(7)) {
	case 0:
		call->iova += page_of(d) / 2;
		break;
	case 1:
		call->count = 0;
		break;
	case 2:
		call->size *= 2;
		if (call->size & d->cfg.pgsize_bitmap)
			call->size++;
		break;
	case 3:
		call->iova = domain_space(d) - call->size;
		call->count = 2;
		break;
	case 4:
		call->count = ~0ull / call->size;
		break;
	case 5:
		call->paddr = 1ull << d->shape->oas;
		break;
	default:
		*prot = IOMMU_CACHE;
	}
}

static void op_refused(struct domain *d)
{
	struct call call = pick_call(d);
	unsigned int prot = IOMMU_READ;
	size_t mapped = 0;

	call.paddr = pick_paddr(d, call.size, call.count);
	spoil(d, &call, &prot);
	if (!d->ops->map_pages(d->ops, d->base + call.iova, call.paddr, call.size,
			       call.count, prot, GFP_ATOMIC, &mapped) || mapped)
		shim_panic("map 0x%llx size 0x%llx count %llu to 0x%llx prot %u is not refused",
			   call.iova, call.size, call.count, call.paddr, prot);
}

static void op_dirty(struct domain *d)
{
	struct call call = pick_call(d);

	do_dirty(d, &call, pick(3));
}

static void op_seldom(struct domain *d)
{
	if (!pick(4))
		op_refused(d);
	else
		op_cut(d);
}

#define OPS	20

/* What is left is for the reclaimer. */
static void (*const ops[OPS])(struct domain *d) = {
	[0 ... 5] = op_map,
	[6 ... 10] = op_unmap,
	[11] = op_clear,
	[12] = op_lookup,
	[13 ... 14] = op_access,
	[15] = op_next_run,
	[16] = op_flush,
	[17] = op_bracket,
	[18] = op_seldom,
};

static void op_domain(struct domain *d)
{
	unsigned int op;

	/* Few have it: often enough. */
	if (d->shape->quirks & IO_PGTABLE_QUIRK_ARM_HD && !pick(8)) {
		op_dirty(d);
		return;
	}
	op = pick(OPS);
	if (ops[op])
		ops[op](d);
	else
		op_reclaim();
}

/* --- what only happens between calls -------------------------------------- */

static void op_free(unsigned int i)
{
	if (world.domains[i]) {
		domain_free(world.domains[i]);
		world.domains[i] = NULL;
	} else {
		unsigned int shape = world.shape < nr_shapes ? world.shape :
							       pick(nr_shapes);

		world.domains[i] = domain_new(&shapes[shape], &world.choice);
		if (!world.domains[i] && !shim_fail.failed)
			shim_panic("no page table \"%s\": %s", shapes[shape].name,
				   shim_message);
	}
}

static void op_param(void)
{
	static const char * const batches[] = { "1", "2", "7", "64", "4096" };
	static const char * const limits[] = { "1", "20", "300", "100000" };

	switch (pick(3)) {
	case 0:
		shim_param_set("deferred", pick(4) ? "1" : "0");
		break;
	case 1:
		shim_param_set("batch", batches[pick(ARRAY_SIZE(batches))]);
		break;
	default:
		shim_param_set("limit", limits[pick(ARRAY_SIZE(limits))]);
	}
}

/*
 * Drivers whose flushes fail, allocations that fail, which group pays, which
 * caller hurries
 */
static void op_weather(struct domain *d)
{
	shim_group = 1 + pick(SHIM_GROUPS - 1);
	shim_resched = pick(3);
	if (world.steady)
		return;
	if (d)
		d->fails = !pick(8);
	shim_fail.every = pick(3) ? 0 : 3 + pick(40);
}

static void check_limits(void)
{
	if (shim_pages > PAGES_MAX)
		world_run_all();
}

void world_step(void)
{
	struct domain *d = pick_domain();
	unsigned int dice = pick(250);

	world.number++;
	check_limits();
	if (dice == 0)
		op_free(pick(DOMAINS));
	else if (dice == 1)
		op_param();
	else if (dice < 6)
		op_weather(d);
	else if (dice == 6)
		io_pgtable_deferred_drain();
	else if (d && model_leaves(&d->model) > LEAVES_MAX)
		op_clear(d);
	else if (d)
		op_domain(d);
	else
		op_free(pick(DOMAINS));
}

/* --- in the middle of a call ---------------------------------------------- */

static void other_cpu(void)
{
	/*
	 * In a moment another CPU may do a lot: unmap, flush, and free what
	 * that was.
	 */
	u64 calls = world.sparse ? 1 + pick(8) : 1;

	for (; calls; calls--) {
		struct domain *d = pick_domain();

		if (d)
			op_domain(d);
		else
			op_reclaim();
	}
}

/* A thread that waits for a lock comes when it has been given back. */
static void meet(bool locked)
{
	void (*what)(void) = world.meet;
	struct shim_cpu cpu;

	if (locked) {
		shim_steps = 0;
		return;
	}
	shim_cpu_enter(&cpu);
	what();
	shim_cpu_leave(&cpu);
	shim_steps = SHIM_NO_STEPS;
}

static void interrupt(bool locked)
{
	long steps;
	struct shim_cpu cpu;

	if (world.meet) {
		meet(locked);
		return;
	}
	steps = enter();

	/* Devices do not care for locks. */
	if (locked || !pick(3)) {
		struct domain *d = pick_domain();

		if (d)
			op_access(d);
	} else {
		shim_cpu_enter(&cpu);
		other_cpu();
		shim_cpu_leave(&cpu);
	}
	leave(steps);
	set_steps();
}

/* --- beginning and end ---------------------------------------------------- */

static void on_free(phys_addr_t pa, size_t size)
{
	unsigned int i;

	for (i = 0; i < DOMAINS; i++)
		if (world.domains[i] && hw_knows(&world.domains[i]->hw, pa, size))
			shim_panic("a table at 0x%llx is freed, and the walk cache knows it",
				   pa);
}

void world_load(void)
{
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not load: %s", shim_message);
	shim_on_free = on_free;
	shim_hook = interrupt;
}

void world_unload(void)
{
	shim_module_exit();
	if (shim_objects || shim_pages || shim_debugfs_files())
		shim_panic("%ld objects, %ld pages, %u files are left behind",
			   shim_objects, shim_pages, shim_debugfs_files());
}

void world_begin(void)
{
	world.number = 0;
	world.depth = 0;
	world.meet = NULL;
	memset(&shim_fail, 0, sizeof(shim_fail));
	shim_fail.after = LONG_MAX;
	shim_resched = 0;
	shim_narrow = false;
	shim_group = 1;
	shim_param_set("deferred", "1");
	shim_param_set("batch", "64");
	shim_param_set("limit", "100000");
}

void world_run_all(void)
{
	shim_steps = SHIM_NO_STEPS;
	shim_run_all();
}

/*
 * Time passes, and what has become empty is looked for; others may come
 * between.
 */
void do_sweep(void)
{
	long steps = enter();

	shim_pass_time();
	while (shim_run_rcu() || shim_run_work())
		;
	leave(steps);
}

/*
 * Time passes, and there is nothing left that could be freed: the work for that
 * is queued, and comes to its end, without a drain, and without a page table
 * that is closed.
 */
void world_rest(void)
{
	world_run_all();
	if (shim_stat("pending") || shim_stat("pending_pages") || shim_stat("trees") ||
	    shim_stat("held") || shim_rcu_waiting())
		shim_panic("after a rest: pending %ld, %ld pages, trees %ld, held %ld, rcu %u",
			   shim_stat("pending"), shim_stat("pending_pages"),
			   shim_stat("trees"), shim_stat("held"), shim_rcu_waiting());
}

/* Tables that were cut off and not handed over yet */
static unsigned long in_limbo(const struct domain *d)
{
	struct iopd *iopd = iopd_from_ops(d->ops);
	unsigned long nr = iopd->limbo.count;
	unsigned int i;

	for (i = 0; i < BRACKETS; i++)
		nr += d->brackets[i].open ? d->brackets[i].limbo.count : 0;
	return nr;
}

void world_look(void)
{
	unsigned long nr = shim_stat("pending");
	unsigned int i;

	shim_steps = SHIM_NO_STEPS;
	/*
	 * What is unmapped and not flushed has left the store buffers some
	 * time.
	 */
	wmb();
	for (i = 0; i < DOMAINS; i++) {
		struct domain *d = world.domains[i];

		if (d)
			nr += domain_check(d) + in_limbo(d);
	}
	if ((long)nr != shim_stat("live"))
		shim_panic("%lu tables are reached, in limbo or pending; %ld are alive",
			   nr, shim_stat("live"));
}

static void check_counters(void)
{
	unsigned int i, item;

	for (item = 0; item < SHIM_NODE_STATS; item++) {
		for (i = 0; i < SHIM_NODES; i++)
			if (shim_node_stat(i, item))
				shim_panic("node %u: counter %u is %ld", i, item,
					   shim_node_stat(i, item));
		for (i = 0; i < SHIM_GROUPS; i++)
			if (shim_group_stat(i, item))
				shim_panic("group %u: counter %u is %ld", i, item,
					   shim_group_stat(i, item));
	}
	for (i = 0; i < SHIM_GROUPS; i++)
		if (shim_charged(i))
			shim_panic("group %u is charged %ld pages", i, shim_charged(i));
}

/*
 * With no call for a while, but for flushes, only tables that lead somewhere
 * are left.
 */
static void check_swept(void)
{
	unsigned int i;

	world_rest();
	for (i = 0; i < DOMAINS; i++) {
		if (!world.domains[i])
			continue;
		domain_flush(world.domains[i], true);
		domain_check_swept(world.domains[i]);
	}
}

void world_end(void)
{
	unsigned int i;

	shim_steps = SHIM_NO_STEPS;
	shim_fail.every = 0;
	world_look();
	check_swept();
	for (i = 0; i < DOMAINS; i++)
		if (world.domains[i])
			op_free(i);
	world_run_all();
	domain_bury();
	if (shim_pages || shim_stat("live") || shim_stat("pending") ||
	    shim_stat("trees") || shim_rcu_waiting() ||
	    atomic_long_read(&shim_module_refs))
		shim_panic("left: pages %ld tables %ld pending %ld trees %ld rcu %u refs %ld",
			   shim_pages, shim_stat("live"), shim_stat("pending"),
			   shim_stat("trees"), shim_rcu_waiting(),
			   atomic_long_read(&shim_module_refs));
	check_counters();
}
