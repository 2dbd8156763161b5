// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: its bytes are the decisions of a short life of page tables.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>

#include "shim.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const u8 *input, size_t size);

/* The first byte: what kind of a life it is */
#define SPARSE		BIT(0)
#define ALONE		BIT(1)
#define STEADY		BIT(2)

static void say_where(void)
{
	fprintf(stderr, "# operation %llu\n", world.number);
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t size)
{
	static bool loaded;
	u8 kind;

	if (!loaded) {
		shim_context = say_where;
		world_load();
		loaded = true;
	}
	if (size < 2)
		return 0;
	kind = input[0];
	choice_by_input(&world.choice, input + 1, size - 1);
	world.shape = nr_shapes;
	world.sparse = kind & SPARSE;
	world.alone = kind & ALONE;
	world.steady = kind & STEADY;
	world_begin();
	while (!world.choice.over)
		world_step();
	world_end();
	return 0;
}
