/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All page tables of a test, and what happens to them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_WORLD_H
#define USER_WORLD_H

#include "domain.h"

#define DOMAINS		3

/*
 * struct world - a test under way
 * @choice: where decisions come from
 * @domains: NULL where there is none
 * @shapes: which there may be, by number; all for nr_shapes
 * @depth: how many calls stand still while another is made
 * @number: of the operation, to do it again by
 * @sparse: pages by themselves in a few tables, which come and go
 * @alone: nothing happens during a call
 * @steady: no allocation and no flush fails
 * @meet: what happens in the middle of the outermost call, instead of anything
 * @meet_after: how many accesses to memory after its begin
 * @took: how many the last outermost call has made, without what it met
 */
struct world {
	struct choice choice;
	struct domain *domains[DOMAINS];
	unsigned int shape;
	unsigned int depth;
	unsigned long long number;
	bool sparse;
	bool alone;
	bool steady;
	void (*meet)(void);
	long meet_after;
	long took;
};

extern struct world world;

/* The library is loaded once, and once unloaded */
void world_load(void);
void world_unload(void);

void world_begin(void);
void world_step(void);
void world_look(void);
/* All page tables go, and with them everything that was ever allocated */
void world_end(void);

/* --- parts of it, for tests of their own ---------------------------------- */

struct call {
	u64 iova;
	u64 paddr;
	u64 size;
	u64 count;
	u32 prot;
	gfp_t gfp;
};

/*
 * The call, with its result held against the model; the library's return value
 */
int do_map(struct domain *d, const struct call *call);
u64 do_unmap(struct domain *d, const struct call *call);
void do_sweep(void);
void do_flush(struct domain *d, bool completed);
/* Looks for dirty leaves, and with clears makes them clean */
void do_dirty(struct domain *d, const struct call *call, bool clears);
void do_lookup(struct domain *d, u64 iova);
void do_walk(struct domain *d, u64 iova);

/* Work and callbacks until there is nothing left */
void world_run_all(void);
/* The same, and nothing is to be left that could be freed */
void world_rest(void);

#endif /* USER_WORLD_H */
