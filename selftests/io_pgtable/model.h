/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page table ought to hold: leaves, in sorted runs. Knows nothing of
 * descriptors or memory.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IOPD_MODEL_H
#define IOPD_MODEL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Neighbouring leaves of one size, to neighbouring addresses */
struct run {
	__u64 start;
	__u64 end;		/* exclusive */
	__u64 paddr;
	__u64 leaf;		/* bytes of one */
	__u32 prot;
};

struct model {
	struct run *runs;
	size_t nr;
	size_t room;
	unsigned int ias;
	unsigned int entries;	/* of a table: a leaf splits into so many */
	__u64 page;		/* bytes of the smallest leaf */
	__u64 top;		/* bytes that an entry of the root stands for */
};

/*
 * 4 KiB, and a root of one table at most, unless model_shape() says otherwise
 */
void model_init(struct model *model, unsigned int ias);

/* pages of so many bytes; more tables than one may be the root */
void model_shape(struct model *model, __u64 page, bool concatenated);
void model_destroy(struct model *model);

/*
 * Return: the bytes that are mapped; fewer than asked for have met something,
 * be it larger or smaller
 */
__u64 model_map(struct model *model, __u64 iova, __u64 paddr, __u64 size,
		__u64 count, __u32 prot);

/*
 * Is it right that an unmap of count leaves has unmapped done bytes? Takes them
 * away if so. A table that is empty may be there still, and be unmapped as a
 * block is, or not.
 */
bool model_unmap(struct model *model, __u64 iova, __u64 size, __u64 count,
		 __u64 done);

/* Is nothing mapped in the leaf of size at iova? */
bool model_is_empty(const struct model *model, __u64 iova, __u64 size);

/* Is there a leaf in these count of size that is larger? */
bool model_has_larger(const struct model *model, __u64 iova, __u64 size,
		      __u64 count);

/* What is in [start, end) is gone; no leaf reaches over either */
void model_clear(struct model *model, __u64 start, __u64 end);

/* The leaf at iova is now a table of leaves that map the same */
void model_split(struct model *model, __u64 iova);

/* Bits of prot of what is in [start, end); no leaf reaches over either */
void model_change(struct model *model, __u64 start, __u64 end, __u32 set,
		  __u32 clear);

/* All that is in another one, which must not overlap */
void model_merge(struct model *model, const struct model *other);

const struct run *model_find(const struct model *model, __u64 iova);
__u64 model_lookup(const struct model *model, __u64 iova);
__u64 model_leaves(const struct model *model);

/* The tables that all this needs at least; the root counts */
__u64 model_tables(const struct model *model);

#endif /* IOPD_MODEL_H */
