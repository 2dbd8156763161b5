/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page table under test: the library's, the model's and the hardware's side.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_DOMAIN_H
#define USER_DOMAIN_H

#include <linux/io-pgtable-arm-deferred.h>
#include <linux/device.h>

#include "../io_pgtable/model.h"
#include "hardware.h"

/* What page tables may look like; a line of shapes.c each */
struct shape {
	const char *name;
	enum io_pgtable_fmt fmt;
	unsigned int granule;	/* bytes of a page of the walker's */
	unsigned int ias;
	unsigned int oas;
	unsigned long quirks;
	unsigned int flags;
};

#define SHAPE_COHERENT	BIT(0)	/* the walker snoops */
#define SHAPE_GATHERS	BIT(1)	/* the driver flushes leaf by leaf */
#define SHAPE_UNMAPS	BIT(2)	/* DMA mappings have to be undone */
#define SHAPE_NO_TLB	BIT(3)	/* no flush callbacks at all */
#define SHAPE_SNOOPS	BIT(4)	/* the walker does, without a word */

extern const struct shape shapes[];
extern const unsigned int nr_shapes;

/* Flushes that have begun and not ended */
#define BRACKETS	3

struct bracket {
	struct io_pgtable_deferred_limbo limbo;
	bool open;
	bool done;	/* the hardware has forgotten */
	unsigned long failed;	/* flushes that had, when it began */
};

/* Ranges that were unmapped and not flushed; the last takes what has no room */
#define UNFLUSHED	12

struct range {
	u64 start;
	u64 end;
};

/*
 * struct flight - a call under way
 * @next: of the same page table
 * @range: what it is to map or unmap, and no other thread meanwhile
 * @wide: with the blocks at its edges, other parts of which are not its own
 * @to: where a map puts the range
 * @maps: it is a map
 */
struct flight {
	struct flight *next;
	struct range range;
	struct range wide;
	u64 to;
	bool maps;
};

/*
 * Of the prot of a run in the model, what only tests know: see dirty.c
 *
 * PROT_CLEAN: the leaves have been made clean, and not been written to since
 * PROT_STAYS: they have been there since the look for dirty ones began
 * PROT_WRITTEN: since then the hardware has made one of them dirty
 * PROT_SEEN: the look has found it dirty
 */
#define PROT_CLEAN	BIT(16)
#define PROT_STAYS	BIT(17)
#define PROT_WRITTEN	BIT(18)
#define PROT_SEEN	BIT(19)

/*
 * struct domain - a page table
 * @base: of the IOVAs; above the hole in the middle for TTBR1
 * @apart: where blocks were taken apart for unmaps that were not flushed
 * @asked: where a thread looks for dirty leaves
 * @watched: the same with the blocks at its edges
 * @clears: and makes them clean
 * @calm: no other call was under way when that began
 * @calls_then: what @calls was
 * @fails: flushes that the library asks for do not complete
 * @calls: to map or unmap, so far
 * @flushes: that have completed, whichever thread asked
 * @failed: that have not
 * @failing: and those that are about to say so
 * @good: how many of those, from the first on, a later flush has made good
 */
struct domain {
	const struct shape *shape;
	struct device dev;
	struct io_pgtable_cfg cfg;
	struct io_pgtable_ops *ops;
	struct model model;
	struct hw hw;
	u64 base;
	struct bracket brackets[BRACKETS];
	struct range unflushed[UNFLUSHED];
	unsigned int nr_unflushed;
	struct range apart;
	struct flight *flights;
	struct range asked;
	struct range watched;
	bool clears;
	bool calm;
	unsigned long calls_then;
	bool fails;
	unsigned long calls;
	unsigned long flushes;
	unsigned long failed;
	unsigned long failing;
	unsigned long good;
};

/* Return: NULL when the library has not made one */
struct domain *domain_new(const struct shape *shape, struct choice *choice);

/* Takes it from the hardware, flushes, and gives it to the library */
void domain_free(struct domain *d);

/* When nothing is pending any more: all that were freed have to be gone */
void domain_bury(void);

/* The levels' leaf sizes that may be mapped, smallest first; 0 past the last */
u64 domain_leaf_size(const struct domain *d, unsigned int nr);

static inline u64 domain_space(const struct domain *d)
{
	return 1ull << d->shape->ias;
}

/* Runs of leaves that a driver has to flush by their addresses */
#define GATHERED	64

struct leaves {
	u64 start;
	u64 size;
	u64 count;
};

struct gather {
	struct iommu_iotlb_gather gather;
	struct leaves leaves[GATHERED];
	unsigned int nr;
};

/* For an unmap whose flush follows at once, or waits in a queue */
void gather_begin(struct domain *d, struct gather *g, bool queued);
/* Leaf by leaf, each known by its own size, and no table */
void gather_flush(struct domain *d, const struct gather *g);

/* In steps, so that other things happen between them */
void bracket_begin(struct domain *d, struct bracket *bracket);
void bracket_forget(struct domain *d, struct bracket *bracket);
void bracket_end(struct domain *d, struct bracket *bracket, bool completed);
void domain_flush(struct domain *d, bool completed);
/* Without brackets, as a driver does where there is nothing to release */
void domain_flush_settled(struct domain *d, bool completed);

/* Unmapped, as far as the library is concerned */
void domain_unflushed(struct domain *d, u64 start, u64 end);
/*
 * Of a call that has taken blocks apart; a device may know them as they were.
 */
void domain_apart(struct domain *d, struct range wide);
const struct range *domain_unflushed_at(const struct domain *d, u64 iova);

/* False if a thread is busy there */
bool flight_begin(struct domain *d, struct flight *flight);
void flight_end(struct domain *d, struct flight *flight);
/* Is a call under way in there, or in a block that reaches into it? */
bool flight_meets(const struct domain *d, struct range where);
/* The call whose range it is, or else one at work in the same block */
const struct flight *flight_at(const struct domain *d, u64 iova);

static inline bool range_has(struct range r, u64 iova)
{
	return iova >= r.start && iova < r.end;
}

/* What a leaf ought to look like; the mask says which bits count */
u64 domain_descriptor(const struct domain *d, u32 prot, int level, u64 *mask);
unsigned int domain_memory_type(const struct domain *d, u64 descriptor);
unsigned int domain_wanted_type(const struct domain *d, u32 prot);

/* A device reads or writes at iova: is what comes of it right, here and now? */
void domain_access(struct domain *d, u64 iova, bool writes);

/* With the blocks at its edges */
struct range domain_widen(const struct domain *d, struct range narrow);

/*
 * Is there a larger leaf in the range? Leaves of size can be unmapped there
 * only where the library takes blocks apart.
 */
bool domain_has_larger(const struct domain *d, struct range where, u64 size);

/* Does the hardware keep the dirty state? */
bool domain_tracks(const struct domain *d);
/* Does a thread look for dirty leaves where this one is? */
bool domain_is_watched(const struct domain *d, const struct hw_leaf *leaf);
/* A device writes through a leaf, which is dirty from now on. */
void dirty_written(struct domain *d, struct hw_leaf *leaf);
/* The call that looks for dirty leaves, in steps */
void dirty_begin(struct domain *d, struct range asked, bool clears);
int dirty_read(struct domain *d);
void dirty_end(struct domain *d);

/* The same where no call is under way, and the table alone is to be seen */
void domain_check_walk(struct domain *d, u64 iova);

/* Everything: each leaf, each count. Return: how many tables are reached. */
unsigned long domain_check(struct domain *d);
void domain_check_swept(struct domain *d);

#endif /* USER_DOMAIN_H */
