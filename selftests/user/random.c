// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables at random against a model.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>

#include "options.h"
#include "shim.h"
#include "world.h"

/* A whole look now and then; and everything goes at the end of a round. */
#define OPS_A_LOOK	300
#define OPS_A_ROUND	4000
/*
 * And now and then there is a rest, with no call for so long that all comes to
 * its end.
 */
#define OPS_A_REST	400

static u64 seed, ops, round;

static void say_where(void)
{
	fprintf(stderr, "# operation %llu; again with --seed=%llu --round=%llu --ops=%u\n",
		world.number, seed, round, OPS_A_ROUND);
}

static void play(u64 nr)
{
	world_begin();
	for (; nr; nr--) {
		world_step();
		if (!choose_freely(&world.choice, OPS_A_LOOK))
			world_look();
		if (!choose_freely(&world.choice, OPS_A_REST))
			world_rest();
	}
	world_end();
}

/* Every shape by itself in turn, and all together every other time */
static unsigned int shape_of(u64 round)
{
	return round % 2 ? nr_shapes : round / 2 % nr_shapes;
}

int main(int argc, char **argv)
{
	u64 left, first;

	seed = option(&argc, argv, "seed", 1);
	ops = option(&argc, argv, "ops", 200000);
	first = option(&argc, argv, "round", 0);
	shim_context = say_where;
	world_load();
	for (left = ops, round = first; left; round++) {
		u64 nr = min_t(u64, left, OPS_A_ROUND);

		choice_by_seed(&world.choice, seed * 1000003 + round);
		world.shape = shape_of(round);
		world.sparse = round % 4 >= 2;
		world.alone = round % 5 == 4;
		world.steady = round % 3 == 2;
		play(nr);
		left -= nr;
	}
	world_unload();
	printf("# seed %llu, %llu operations, %llu rounds\n", seed, ops,
	       round - first);
	return 0;
}
