// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables at random against a model: what map and unmap say, what is found
 * by lookup and dump, what lies in memory, and what the emulated hardware sees.
 *
 *	random [--seed=N] [--ops=N]	or IOPD_SEED and IOPD_OPS
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"
#include "model.h"
#include "walker.h"
#include "witness.h"

/* A whole comparison now and then; about one in 600 operations is usual */
#define OPS_DEFAULT	100000
#define VARIANTS	8
#define OPS_A_LOOK	600
#define WALKS_A_LOOK	150

/* Above so many leaves it is time to unmap: a look reads them all */
#define LEAVES_MAX	12000
#define SCAN_ROOM	131072

static __u64 seed;
static __u64 ops;
static bool may_split;

struct test {
	struct iopd_create shape;
	struct model model;
	struct rng rng;
	struct iopd_leaf *leaves;
	__u64 tables_before;	/* of all programs, by the library's count */
	__u64 tables;		/* at the last look */
	__u64 number;	/* of the operation */
	bool walker;
	bool alone;
	int fd;
};

/* --- where and what ------------------------------------------------------- */

static __u64 space(const struct test *t)
{
	return 1ull << t->shape.ias;
}

static __u64 pick_size(struct test *t)
{
	__u64 dice = rng_below(&t->rng, 100);

	if (dice < 70)
		return SZ_4K;
	return dice < 94 ? SZ_2M : SZ_1G;
}

/*
 * Half of the time at something that is there, else in one of a few places,
 * the ends of the space among them, so that neighbours meet.
 */
static __u64 pick_iova(struct test *t, __u64 size)
{
	const struct model *model = &t->model;
	__u64 iova, dice = rng_below(&t->rng, 100);

	if (dice < 50 && model->nr) {
		const struct run *run = &model->runs[rng_below(&t->rng,
							       model->nr)];

		iova = run->start + rng_below(&t->rng, run->end - run->start);
		if (dice < 10)
			iova += size;
		else if (dice < 20)
			iova = run->end;
	} else {
		iova = rng_below(&t->rng, 3) * (space(t) / 2);
		if (iova == space(t))
			iova -= 2 * SZ_1G;
		iova += rng_below(&t->rng, dice < 80 ? 4 * SZ_2M : 2 * SZ_1G);
	}
	iova &= ~(size - 1);
	return iova < space(t) ? iova : space(t) - size;
}

static __u64 pick_count(struct test *t, __u64 iova, __u64 size)
{
	__u64 room = (space(t) - iova) / size;
	__u64 most = size == SZ_4K ? 1100 : size == SZ_2M ? 40 : 3;
	__u64 count;

	/* Mostly few, at times over several tables */
	if (rng_below(&t->rng, 4))
		most = size == SZ_4K ? 16 : 2;
	count = 1 + rng_below(&t->rng, most);
	return count < room ? count : room;
}

/* Never zero, for a lookup says nothing by zero */
static __u64 pick_paddr(struct test *t, __u64 size, __u64 count)
{
	__u64 starts = ((1ull << t->shape.oas) / size) - count;

	return (1 + rng_below(&t->rng, starts)) * size;
}

static __u32 pick_prot(struct test *t)
{
	__u32 prot = rng_below(&t->rng, 64);

	return prot & (IOPD_READ | IOPD_WRITE) ? prot : prot | IOPD_READ;
}

/* --- one operation -------------------------------------------------------- */

static const char *do_map(struct test *t)
{
	__u64 size = pick_size(t), iova = pick_iova(t, size), wanted;
	struct iopd_map arg = {
		.iova = iova, .pgsize = size,
		.pgcount = pick_count(t, iova, size),
		.prot = pick_prot(t),
		.flags = rng_below(&t->rng, 2) ? IOPD_ATOMIC : 0,
	};
	int result;

	arg.paddr = pick_paddr(t, size, arg.pgcount);
	wanted = model_map(&t->model, iova, arg.paddr, size, arg.pgcount,
			   arg.prot);
	result = wanted == size * arg.pgcount ? 0 : -EEXIST;

	if (ioctl(t->fd, IOPD_IOC_MAP, &arg))
		return complain("map: errno %d", errno);
	if (arg.result != result || arg.mapped != wanted)
		return complain("map 0x%llx size 0x%llx count %llu: %d, 0x%llx; not %d, 0x%llx",
				arg.iova, arg.pgsize, arg.pgcount, arg.result,
				arg.mapped, result, wanted);
	return NULL;
}

static const char *do_unmap(struct test *t)
{
	struct iopd_unmap arg = {
		.flags = rng_below(&t->rng, 2) ? IOPD_ATOMIC : 0,
	};

	arg.pgsize = pick_size(t);
	/* Too much there: take away a lot */
	if (model_leaves(&t->model) > LEAVES_MAX)
		arg.pgsize = rng_below(&t->rng, 2) ? SZ_1G : SZ_2M;
	arg.iova = pick_iova(t, arg.pgsize);
	arg.pgcount = pick_count(t, arg.iova, arg.pgsize);
	if (!may_split && model_has_larger(&t->model, arg.iova, arg.pgsize,
					   arg.pgcount))
		return NULL;

	if (ioctl(t->fd, IOPD_IOC_UNMAP, &arg))
		return complain("unmap: errno %d", errno);
	if (model_unmap(&t->model, arg.iova, arg.pgsize, arg.pgcount,
			arg.unmapped))
		return NULL;
	return complain("unmap 0x%llx size 0x%llx count %llu: 0x%llx",
			arg.iova, arg.pgsize, arg.pgcount, arg.unmapped);
}

static const char *do_lookup(struct test *t)
{
	__u64 iova = pick_iova(t, SZ_4K) + rng_below(&t->rng, SZ_4K);
	__u64 wanted = model_lookup(&t->model, iova);
	__u64 paddr = iopd_lookup(t->fd, iova);

	if (paddr == wanted)
		return NULL;
	return complain("lookup 0x%llx: 0x%llx; expected 0x%llx", iova, paddr,
			wanted);
}

/* At times one does not complete: the library then sees to one that does */
static void do_flush(struct test *t)
{
	iopd_flush(t->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END |
		   (rng_below(&t->rng, 8) ? 0 : IOPD_FLUSH_TIMED_OUT));
}

static const char *do_one(struct test *t)
{
	__u64 dice = rng_below(&t->rng, 100);
	bool full = model_leaves(&t->model) > LEAVES_MAX;

	if (dice < 5) {
		do_flush(t);
		return NULL;
	}
	if (dice < 15)
		return do_lookup(t);
	if (dice < 58 && !full)
		return do_map(t);
	return do_unmap(t);
}

/* --- a look at the whole -------------------------------------------------- */

/*
 * The byte of MAIR for a mapping, as the architecture spells the memory types
 */
static unsigned int memory_type(__u32 prot)
{
	if (prot & IOPD_MMIO)
		return 0x04;			/* device nGnRE */
	return prot & IOPD_CACHE ? 0xff : 0x44;	/* write-back; non-cacheable */
}

/* Everything in a descriptor but the attribute index and what software keeps */
static __u64 descriptor(const struct test *t, const struct run *run,
			__u64 iova)
{
	__u64 desc = run->paddr + (iova - run->start);

	desc |= run->leaf == SZ_4K ? 3 : 1;
	desc |= 1 << 10 | 1 << 11;			/* AF, nG */
	desc |= run->prot & IOPD_CACHE ? 3 << 8 : 2 << 8;	/* SH */
	desc |= run->prot & IOPD_WRITE ? 0 : 1 << 7;	/* AP[2] */
	desc |= run->prot & IOPD_PRIV ? 0 : 1 << 6;	/* AP[1] */
	desc |= run->prot & IOPD_NOEXEC ? 3ull << 53 : 0;	/* UXN, PXN */
	desc |= t->shape.quirks & IOPD_QUIRK_ARM_NS ? 1 << 5 : 0;
	return desc;
}

static const char *check_leaf(const struct test *t, const struct run *run,
			      __u64 iova, const struct iopd_leaf *leaf)
{
	__u64 ignored = 0xfull << 55 | 7 << 2;
	__u64 wanted = descriptor(t, run, iova);
	unsigned int index = leaf->descriptor >> 2 & 7;
	unsigned int type = t->shape.mair >> (8 * index) & 0xff;

	if (leaf->iova == iova && (leaf->descriptor & ~ignored) == wanted &&
	    type == memory_type(run->prot))
		return NULL;
	return complain("leaf 0x%llx: 0x%llx type 0x%x; expected 0x%llx: 0x%llx type 0x%x",
			leaf->iova, leaf->descriptor, type, iova, wanted,
			memory_type(run->prot));
}

static const char *check_leaves(struct test *t)
{
	struct iopd_scan scan = {
		.last = ~0ull, .buffer = (uintptr_t)t->leaves,
		.capacity = SCAN_ROOM,
	};
	__u64 n = 0, iova;
	const char *bad = NULL;
	size_t i;

	iopd_sweep(t->fd);
	iopd_scan(t->fd, &scan);
	if (scan.leaves != model_leaves(&t->model))
		return complain("%llu leaves; expected %llu", scan.leaves,
				model_leaves(&t->model));
	t->tables = scan.tables;
	if (scan.tables != model_tables(&t->model))
		return complain("%llu tables after a sweep; expected %llu",
				scan.tables, model_tables(&t->model));
	if (scan.leaves > SCAN_ROOM)
		return complain("more leaves than the test has room for");
	for (i = 0; i < t->model.nr && !bad; i++) {
		const struct run *run = &t->model.runs[i];

		for (iova = run->start; iova < run->end && !bad;
		     iova += run->leaf)
			bad = check_leaf(t, run, iova, &t->leaves[n++]);
	}
	return bad;
}

#define ADDRESS_BITS	0x0000fffffffff000ull
#define SOFTWARE_BITS	(0xfull << 55)

static bool run_has_leaf(const struct iopd_next_run *run, __u32 i,
			 const struct iopd_leaf *leaf)
{
	__u64 paddr = leaf->descriptor & ADDRESS_BITS;
	__u64 attributes = leaf->descriptor & ~(ADDRESS_BITS | SOFTWARE_BITS);

	return leaf->iova == run->start + i * run->pgsize &&
	       paddr == run->paddr + i * run->pgsize &&
	       attributes == (run->attributes & ~SOFTWARE_BITS) &&
	       leaf->level == run->level &&
	       run->pgsize == SZ_4K << 9 * (3 - run->level);
}

/* The library's dump has the leaves that the test has found, and no others */
static const char *check_dump(struct test *t)
{
	__u64 n = 0, leaves = model_leaves(&t->model), from = 0;
	struct iopd_next_run run = {};

	while (iopd_next_run(t->fd, &run)) {
		__u32 i;

		for (i = 0; i < run.count; i++, n++)
			if (n == leaves || !run_has_leaf(&run, i, &t->leaves[n]))
				return complain("dump: leaf %u of 0x%llx: 0x%llx",
						i, run.start, run.paddr);
		if (run.iova <= from)
			return complain("dump: on from 0x%llx is 0x%llx", from,
					run.iova);
		from = run.iova;
	}
	if (n != leaves)
		return complain("dump: %llu leaves of %llu", n, leaves);
	return NULL;
}

/* Every table that was ever cut off is in limbo or has been freed */
static const char *check_counts(struct test *t)
{
	__u64 before, limbo, after;

	if (!t->alone)
		return NULL;
	iopd_drain();
	before = iopd_stat("live") - t->tables_before;
	limbo = iopd_flush(t->fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	iopd_drain();
	after = iopd_stat("live") - t->tables_before;
	if (before != t->tables + limbo || after != t->tables)
		return complain("%llu tables live, %llu in limbo, then %llu live; expected %llu",
				before, limbo, after, t->tables);
	return NULL;
}

static const char *check_edges_of_runs(struct test *t)
{
	__u64 last = 0;
	size_t i;

	for (i = 0; i < t->model.nr; i++) {
		const struct run *run = &t->model.runs[i];
		__u64 inside = run->end - 1;

		if (iopd_lookup(t->fd, run->start) != run->paddr ||
		    iopd_lookup(t->fd, inside) !=
		    run->paddr + (inside - run->start))
			return complain("lookup in [0x%llx, 0x%llx) is wrong",
					run->start, run->end);
		if (run->start != last && iopd_lookup(t->fd, run->start - 1))
			return complain("lookup below 0x%llx finds something",
					run->start);
		last = run->end;
	}
	if (last != space(t) && last && iopd_lookup(t->fd, last))
		return complain("lookup at 0x%llx finds something", last);
	return NULL;
}

static __u64 expected_prot(const struct test *t, __u32 prot)
{
	unsigned int index = 0;
	__u64 bits = WITNESS_PROT_READ;

	bits |= prot & IOPD_WRITE ? WITNESS_PROT_WRITE : 0;
	bits |= prot & IOPD_NOEXEC ? WITNESS_PROT_NOEXEC : 0;
	bits |= t->shape.quirks & IOPD_QUIRK_ARM_NS ?
		WITNESS_PROT_NONSECURE : 0;
	while ((t->shape.mair >> (8 * index) & 0xff) != memory_type(prot))
		index++;
	return bits | index << WITNESS_PROT_ATTR_SHIFT;
}

/*
 * Tables for the secure world are not for the IPMMU to see, and what is for the
 * privileged only is not for the devices behind it.
 */
static bool status_is_right(const struct test *t, const struct run *run,
			    __u64 status)
{
	bool secure = !(t->shape.quirks & IOPD_QUIRK_ARM_NS);

	if (!run)
		return status == WITNESS_WALK_TRANSLATION ||
		       (secure && status == WITNESS_WALK_SECURE);
	if (secure)
		return status == WITNESS_WALK_SECURE;
	if (run->prot & IOPD_PRIV)
		return status == WITNESS_WALK_PERMISSION;
	return status == WITNESS_WALK_OK;
}

static const char *check_walk(struct test *t, __u64 iova)
{
	const struct run *run = model_find(&t->model, iova);
	struct witness_result seen = witness_walk(&t->shape, iova);

	if (!status_is_right(t, run, seen.status))
		return complain("walk 0x%llx: status %llu, %s", iova,
				seen.status, run ? "mapped" : "not mapped");
	if (seen.status != WITNESS_WALK_OK)
		return NULL;
	if (seen.paddr == model_lookup(&t->model, iova) &&
	    seen.prot == expected_prot(t, run->prot))
		return NULL;
	return complain("walk 0x%llx: 0x%llx prot 0x%llx; expected 0x%llx prot 0x%llx",
			iova, seen.paddr, seen.prot,
			model_lookup(&t->model, iova),
			expected_prot(t, run->prot));
}

static const char *check_walks(struct test *t)
{
	const char *bad = NULL;
	unsigned int i;

	for (i = 0; i < WALKS_A_LOOK && t->walker && !bad; i++)
		bad = check_walk(t, pick_iova(t, SZ_4K) +
				    rng_below(&t->rng, SZ_4K));
	return bad;
}

static const char *look(struct test *t)
{
	const char *bad = check_leaves(t);

	if (!bad)
		bad = check_dump(t);
	if (!bad)
		bad = check_counts(t);
	if (!bad)
		bad = check_edges_of_runs(t);
	if (!bad)
		bad = check_walks(t);
	return bad;
}

static const char *play(struct test *t)
{
	const char *bad = NULL;

	for (t->number = 0; t->number < ops / VARIANTS && !bad; t->number++) {
		bad = do_one(t);
		if (!bad && !rng_below(&t->rng, OPS_A_LOOK))
			bad = look(t);
	}
	return bad ? bad : look(t);
}

/* --- the harness ---------------------------------------------------------- */

FIXTURE(table)
{
	struct test t;
};

FIXTURE_VARIANT(table)
{
	struct iopd_create shape;
};

FIXTURE_VARIANT_ADD(table, lpae32_ns)
{
	.shape = {
		.fmt = IOPD_ARM_32_LPAE_S1, .ias = 32, .oas = 40,
		.quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae32_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_32_LPAE_S1, .ias = 32, .oas = 32,
		.flags = IOPD_COHERENT,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae64_32_ns_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 32, .oas = 40,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae64_36_ns)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 36, .oas = 40,
		.quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae64_39_ns)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 39, .oas = 40,
		.quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae64_39_ns_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 39, .oas = 36,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae64_48)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 48, .oas = 48,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(table, lpae64_48_ns_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 48, .oas = 44,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_SETUP(table)
{
	struct test *t = &self->t;

	iopd_drain();
	memset(t, 0, sizeof(*t));
	t->tables_before = iopd_stat("live");
	t->alone = iopd_alone();
	t->shape = variant->shape;
	/* Variants differ even if only the flags do */
	rng_seed(&t->rng, seed ^ (__u64)t->shape.ias << 32 ^
			  t->shape.flags << 8 ^ t->shape.fmt);
	model_init(&t->model, t->shape.ias);
	t->leaves = malloc(SCAN_ROOM * sizeof(*t->leaves));
	ASSERT_NE(NULL, t->leaves);
	t->fd = iopd_open();
	ASSERT_EQ(0, iopd_create(t->fd, &t->shape));
	t->walker = witness_knows(&t->shape) && witness_open();
	TH_LOG("%s the walker of the emulated IPMMU",
	       t->walker ? "with" : "without");
}

FIXTURE_TEARDOWN(table)
{
	close(self->t.fd);
	model_destroy(&self->t.model);
	free(self->t.leaves);
}

TEST_F_TIMEOUT(table, agrees_with_the_model, 600)
{
	const char *bad = play(&self->t);

	ASSERT_EQ(NULL, bad) {
		TH_LOG("operation %llu of seed %llu: %s", self->t.number, seed,
		       bad);
	}
}

int main(int argc, char **argv)
{
	seed = iopd_option(&argc, argv, "seed", "IOPD_SEED", time(NULL));
	ops = iopd_option(&argc, argv, "ops", "IOPD_OPS", OPS_DEFAULT);
	iopd_require();
	may_split = kernel_splits_blocks();
	printf("# seed %llu, %llu operations; again with --seed=%llu --ops=%llu\n",
	       seed, ops, seed, ops);
	fflush(stdout);
	return test_harness_run(argc, argv);
}
