// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library beside the kernel's own io-pgtable-arm: what the hardware is
 * told, what calls return, and every descriptor, for all that a caller may
 * rightly do. (What it may not makes the kernel warn; edges.c asks for that.)
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

#define OPS_DEFAULT	4000		/* of a variant */
#define SCAN_ROOM	65536
#define LEAVES_MAX	6000
#define PATH_ROUNDS	201		/* maps and unmaps, */
#define PATH_OPS	20		/* and a look after so many */

/* Bits 58:55 are software's own */
#define HARDWARE_BITS	(~(0xfull << 55))
#define ADDRESS_BITS	0xfffffffff000ull
#define LEVELS		4

static __u64 seed;
static __u64 ops;

struct pair {
	struct iopd_create shape;
	struct model model;
	__u64 base;		/* the first IOVA */
	__u64 sizes[3];		/* of leaves, the smallest first */
	unsigned int nr_sizes;
	struct rng rng;
	struct iopd_leaf *leaves[2];
	int fd[2];		/* the library's, the kernel's */
};

static bool may_split;

/* --- a place that is free, or a part of what is there --------------------- */

/*
 * Addresses of the model count from the first IOVA, and stay below so many
 * bytes
 */
static __u64 space(const struct pair *p)
{
	return p->shape.ias > 34 ? 1ull << 34 : 1ull << p->shape.ias;
}

static __u64 pick_size(struct pair *p)
{
	__u64 dice = rng_below(&p->rng, 10);
	unsigned int i = dice < 6 ? 0 : dice < 9 ? 1 : 2;

	if (i >= p->nr_sizes || p->sizes[i] >= space(p))
		i = 0;
	return p->sizes[i];
}

static bool range_is_free(struct pair *p, __u64 iova, __u64 size)
{
	__u64 at;

	for (at = iova; at < iova + size; at += p->sizes[0])
		if (model_find(&p->model, at))
			return false;
	return true;
}

/* The kernel maps to the end of a table and lets the caller go on, as it may */
static const char *map_all(int fd, __u64 iova, __u64 paddr, __u64 size,
			   __u64 count, __u32 prot)
{
	__u64 done = 0, mapped;
	int ret;

	while (done < count) {
		ret = iopd_map(fd, iova + done * size, paddr + done * size,
			       size, count - done, prot, &mapped);
		if (ret || !mapped)
			return complain("map 0x%llx + %llu: %d, mapped 0x%llx",
					iova, done, ret, mapped);
		done += mapped / size;
	}
	return NULL;
}

static const char *unmap_all(int fd, __u64 iova, __u64 size, __u64 count)
{
	__u64 done = 0, unmapped;

	while (done < count) {
		unmapped = iopd_unmap(fd, iova + done * size, size,
				      count - done);
		if (!unmapped)
			return complain("unmap 0x%llx + %llu of 0x%llx: nothing",
					iova, done, size);
		done += unmapped / size;
	}
	return NULL;
}

static const char *do_map(struct pair *p)
{
	__u64 size = pick_size(p), paddr, iova;
	__u64 count = 1 + rng_below(&p->rng, size == p->sizes[0] ? 700 : 2);
	__u32 prot = rng_below(&p->rng, 64);
	const char *bad;

	if (!(prot & (IOPD_READ | IOPD_WRITE)))
		prot |= rng_below(&p->rng, 2) ? IOPD_READ : IOPD_WRITE;
	iova = rng_below(&p->rng, space(p) / size - count + 1) * size;
	paddr = (1 + rng_below(&p->rng, (1ull << p->shape.oas) / size - count)) *
		size;
	if (!range_is_free(p, iova, size * count))
		return NULL;
	model_map(&p->model, iova, paddr, size, count, prot);
	iova += p->base;
	bad = map_all(p->fd[0], iova, paddr, size, count, prot);
	if (!bad)
		bad = map_all(p->fd[1], iova, paddr, size, count, prot);
	return bad;
}

/* As many leaves of a run as may be, or a page out of a block */
static const char *do_unmap(struct pair *p)
{
	const struct run *run;
	__u64 first, iova, size, count;
	const char *bad;

	if (!p->model.nr)
		return NULL;
	run = &p->model.runs[rng_below(&p->rng,
				       p->model.nr)];
	size = run->leaf;
	count = (run->end - run->start) / size;
	first = rng_below(&p->rng, count);
	count = 1 + rng_below(&p->rng, count - first);
	iova = run->start + first * size;
	if (size > p->sizes[0] && may_split && !rng_below(&p->rng, 3)) {
		size /= p->model.entries;
		iova += rng_below(&p->rng, p->model.entries) * size;
		count = 1;
	}
	model_unmap(&p->model, iova, size, count, size * count);
	iova += p->base;
	bad = unmap_all(p->fd[0], iova, size, count);
	if (!bad)
		bad = unmap_all(p->fd[1], iova, size, count);
	return bad;
}

/* --- comparing ------------------------------------------------------------ */

static const char *compare_leaves(struct pair *p)
{
	__u64 nr[2], i;
	int k;

	for (k = 0; k < 2; k++) {
		struct iopd_scan scan = {
			.last = ~0ull, .capacity = SCAN_ROOM,
			.buffer = (uintptr_t)p->leaves[k],
		};

		iopd_scan(p->fd[k], &scan);
		nr[k] = scan.leaves;
	}
	if (nr[0] != nr[1] || nr[0] != model_leaves(&p->model) ||
	    nr[0] > SCAN_ROOM)
		return complain("%llu leaves, the kernel %llu, expected %llu",
				nr[0], nr[1], model_leaves(&p->model));
	for (i = 0; i < nr[0]; i++) {
		const struct iopd_leaf *a = &p->leaves[0][i];
		const struct iopd_leaf *b = &p->leaves[1][i];

		if (a->iova != b->iova || a->level != b->level ||
		    (a->descriptor ^ b->descriptor) & HARDWARE_BITS)
			return complain("0x%llx: 0x%llx, the kernel 0x%llx: 0x%llx",
					a->iova, a->descriptor, b->iova,
					b->descriptor);
	}
	return NULL;
}

static const char *compare_lookups(struct pair *p)
{
	unsigned int i;

	for (i = 0; i < 200; i++) {
		__u64 iova = rng_below(&p->rng, space(p)), ours, theirs;

		if (i % 2 && p->model.nr) {
			const struct run *run =
				&p->model.runs[rng_below(&p->rng, p->model.nr)];

			iova = run->start +
			       rng_below(&p->rng, run->end - run->start);
		}
		iova += p->base;
		ours = iopd_lookup(p->fd[0], iova);
		theirs = iopd_lookup(p->fd[1], iova);
		if (ours != theirs)
			return complain("lookup 0x%llx: 0x%llx, the kernel 0x%llx",
					iova, ours, theirs);
	}
	return NULL;
}

/* --- the way to a leaf ---------------------------------------------------- */

/* Tables lie where they lie; all else is the same */
static bool entries_agree(__u64 ours, __u64 theirs, int level)
{
	__u64 differ = (ours ^ theirs) & HARDWARE_BITS;

	if (level < LEVELS - 1 && (ours & 3) == 3)
		differ &= ~ADDRESS_BITS;
	return !differ;
}

static const char *compare_path(struct pair *p, __u64 iova)
{
	struct iopd_path path[2] = { { .iova = iova }, { .iova = iova } };
	int level, k;

	for (k = 0; k < 2; k++)
		if (iopd_path(p->fd[k], &path[k]))
			return complain("walk 0x%llx: errno %d", iova, errno);
	if (path[0].result != path[1].result)
		return complain("walk 0x%llx: %d, the kernel %d", iova,
				path[0].result, path[1].result);
	for (level = 0; level < LEVELS; level++)
		if (!entries_agree(path[0].entries[level],
				   path[1].entries[level], level))
			return complain("walk 0x%llx, level %d: 0x%llx, the kernel 0x%llx",
					iova, level, path[0].entries[level],
					path[1].entries[level]);
	return NULL;
}

/* Where nothing has been mapped yet, at either end of the space */
static const char *compare_empty_paths(struct pair *p)
{
	const char *bad = compare_path(p, p->base);

	if (bad)
		return bad;
	return compare_path(p, p->base + (1ull << p->shape.ias) - p->sizes[0]);
}

/*
 * At both ends of what is mapped, in the middle, and beside it in the same
 * table. Not farther away: an empty table may be there with one and not with
 * the other.
 */
static const char *compare_paths(struct pair *p)
{
	const char *bad = NULL;
	size_t i;

	for (i = 0; i < p->model.nr && !bad; i++) {
		const struct run *run = &p->model.runs[i];
		__u64 inside = rng_below(&p->rng, run->end - run->start);

		bad = compare_path(p, p->base + run->start);
		if (!bad)
			bad = compare_path(p, p->base + run->start + inside);
		if (!bad)
			bad = compare_path(p, p->base + run->end - 1);
		if (!bad && run->leaf == p->sizes[0] &&
		    run->end % (run->leaf * p->model.entries))
			bad = compare_path(p, p->base + run->end);
	}
	return bad;
}

static const char *compare(struct pair *p)
{
	const char *bad = compare_leaves(p);

	return bad ? bad : compare_lookups(p);
}

static const char *play(struct pair *p)
{
	const char *bad = NULL;
	__u64 i;

	for (i = 0; i < ops && !bad; i++) {
		bool full = model_leaves(&p->model) > LEAVES_MAX;

		if (full || rng_below(&p->rng, 2))
			bad = do_unmap(p);
		else
			bad = do_map(p);
		if (!bad && i % 100 == 99)
			bad = compare(p);
	}
	return bad;
}

/* --- the harness ---------------------------------------------------------- */

FIXTURE(pair)
{
	struct pair p;
	struct iopd_create shapes[2];
};

FIXTURE_VARIANT(pair)
{
	struct iopd_create shape;
};

FIXTURE_VARIANT_ADD(pair, lpae32)
{
	.shape = {
		.fmt = IOPD_ARM_32_LPAE_S1, .ias = 32, .oas = 40,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae32_ns_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_32_LPAE_S1, .ias = 32, .oas = 36,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_39_ns)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 39, .oas = 40,
		.quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_39_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 39, .oas = 48,
		.flags = IOPD_COHERENT,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_48_ns)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 48, .oas = 48,
		.quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_44_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 44, .oas = 42,
		.flags = IOPD_COHERENT,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_39_upper_half)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 39, .oas = 44,
		.quirks = IOPD_QUIRK_ARM_TTBR1 | IOPD_QUIRK_ARM_OUTER_WBWA,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_39_flush_queue)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 39, .oas = 40,
		.quirks = IOPD_QUIRK_ARM_NS | IOPD_QUIRK_NON_STRICT,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_s2_flush_queue_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S2, .ias = 40, .oas = 40,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_NON_STRICT,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_16k)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 47, .oas = 48,
		.pgsize_bitmap = SZ_16K | SZ_32M,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_64k_52_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 52, .oas = 52,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_NS,
		.pgsize_bitmap = SZ_64K | SZ_512M,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_64k_upper_half)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 42, .oas = 40,
		.quirks = IOPD_QUIRK_ARM_TTBR1,
		.pgsize_bitmap = SZ_64K | SZ_512M,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae32_s2)
{
	.shape = {
		.fmt = IOPD_ARM_32_LPAE_S2, .ias = 40, .oas = 40,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_s2_48)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S2, .ias = 48, .oas = 48,
		.flags = IOPD_COHERENT,
		.pgsize_bitmap = SIZES,
	},
};

/* Sixteen tables for a root */
FIXTURE_VARIANT_ADD(pair, lpae64_s2_43)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S2, .ias = 43, .oas = 42,
		.pgsize_bitmap = SIZES,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_s2_16k)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S2, .ias = 48, .oas = 48,
		.pgsize_bitmap = SZ_16K | SZ_32M,
	},
};

FIXTURE_VARIANT_ADD(pair, lpae64_s2_64k_52)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S2, .ias = 52, .oas = 52,
		.pgsize_bitmap = SZ_64K | SZ_512M,
	},
};

/*
 * Where the kernel does not know the quirk, both refuse, and the rest is
 * skipped
 */
FIXTURE_VARIANT_ADD(pair, lpae64_48_dirty_coherent)
{
	.shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 48, .oas = 48,
		.flags = IOPD_COHERENT, .quirks = IOPD_QUIRK_ARM_HD,
		.pgsize_bitmap = SIZES,
	},
};

static void learn_shape(struct pair *p)
{
	__u64 bitmap = p->shape.pgsize_bitmap;

	for (; bitmap; bitmap &= bitmap - 1)
		p->sizes[p->nr_sizes++] = bitmap & -bitmap;
	model_init(&p->model, p->shape.ias);
	model_shape(&p->model, p->sizes[0], iopd_is_concatenated(&p->shape));
	if (p->shape.quirks & IOPD_QUIRK_ARM_TTBR1)
		p->base = ~0ull << p->shape.ias;
}

FIXTURE_SETUP(pair)
{
	struct pair *p = &self->p;
	int k, ret;

	memset(p, 0, sizeof(*p));
	rng_seed(&p->rng, seed);
	for (k = 0; k < 2; k++) {
		self->shapes[k] = variant->shape;
		if (k)
			self->shapes[k].flags |= IOPD_KERNEL;
		p->leaves[k] = malloc(SCAN_ROOM * sizeof(*p->leaves[k]));
		p->fd[k] = iopd_open();
		ASSERT_NE(NULL, p->leaves[k]);
		ret = iopd_create(p->fd[k], &self->shapes[k]);
		if (ret == -EOPNOTSUPP && !kernel_knows(variant->shape.quirks))
			SKIP(return, "this kernel does not know the quirk");
		ASSERT_EQ(0, ret);
	}
	p->shape = self->shapes[0];
	learn_shape(p);
}

FIXTURE_TEARDOWN(pair)
{
	int k;

	for (k = 0; k < 2; k++) {
		close(self->p.fd[k]);
		free(self->p.leaves[k]);
	}
	model_destroy(&self->p.model);
}

TEST_F(pair, same_registers)
{
	const struct iopd_create *ours = &self->shapes[0];
	const struct iopd_create *theirs = &self->shapes[1];

	EXPECT_EQ(NULL, iopd_registers_differ(ours, theirs));
	EXPECT_EQ(theirs->pgsize_bitmap, ours->pgsize_bitmap);
}

TEST_F_TIMEOUT(pair, same_descriptors, 300)
{
	const char *bad = play(&self->p);

	ASSERT_EQ(NULL, bad)
		TH_LOG("seed %llu: %s", seed, bad);
}

TEST_F_TIMEOUT(pair, same_paths, 300)
{
	struct iopd_path path = { .iova = self->p.base };
	struct pair *p = &self->p;
	const char *bad;
	unsigned int i;

	if (iopd_path(p->fd[0], &path) == -EOPNOTSUPP)
		SKIP(return, "this kernel does not walk to a leaf");
	bad = compare_empty_paths(p);
	for (i = 0; i < PATH_ROUNDS && !bad; i++) {
		bad = i % 3 == 2 ? do_unmap(p) : do_map(p);
		if (!bad && i % PATH_OPS == 0)
			bad = compare_paths(p);
	}
	ASSERT_EQ(NULL, bad)
		TH_LOG("seed %llu: %s", seed, bad);
	EXPECT_NE(0, model_leaves(&p->model));
}

/* What the driver is told of leaves that are unmapped, and of tables */
static void unmap_some(int fd, __u64 base, __u64 page, __u64 block,
		       struct iopd_counters *told)
{
	struct iopd_counters before;

	iopd_map(fd, base, block, page, 8, IOPD_READ, NULL);
	iopd_map(fd, base + block, block, block, 2, IOPD_READ, NULL);
	iopd_counters(fd, &before);
	iopd_unmap(fd, base, page, 8);
	iopd_unmap(fd, base + block, block, 2);
	iopd_counters(fd, told);
	told->add_page -= before.add_page;
}

TEST_F(pair, same_told)
{
	struct iopd_counters told[2];
	struct pair *p = &self->p;
	int k;

	for (k = 0; k < 2; k++)
		unmap_some(p->fd[k], p->base, p->sizes[0], p->sizes[1], &told[k]);
	/* What waits in a queue for its flush is not told of */
	EXPECT_EQ(variant->shape.quirks & IOPD_QUIRK_NON_STRICT ? 0 : 10,
		  told[0].add_page);
	EXPECT_EQ(told[1].add_page, told[0].add_page);
}

int main(int argc, char **argv)
{
	seed = iopd_option(&argc, argv, "seed", "IOPD_SEED", time(NULL));
	ops = iopd_option(&argc, argv, "ops", "IOPD_OPS", OPS_DEFAULT);
	iopd_require();
	may_split = kernel_splits_blocks();
	printf("# seed %llu, %llu operations a variant; again with --seed=%llu --ops=%llu\n",
	       seed, ops, seed, ops);
	fflush(stdout);
	return test_harness_run(argc, argv);
}
