// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the tests take their decisions from.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "choice.h"

/* Any odd number will do; the generator never leaves 0. */
#define SEED_FOR_ZERO	0x9e3779b97f4a7c15ull

void choice_by_seed(struct choice *choice, u64 seed)
{
	*choice = (struct choice) { .state = seed ? seed : SEED_FOR_ZERO };
}

void choice_by_input(struct choice *choice, const u8 *input, size_t size)
{
	*choice = (struct choice) {
		.state = SEED_FOR_ZERO, .input = input, .left = size,
	};
}

/* xorshift64* */
u64 choose_freely(struct choice *choice, u64 limit)
{
	u64 x = choice->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	choice->state = x;
	return (x * 0x2545f4914f6cdd1dull >> 8) % limit;
}

u64 choose(struct choice *choice, u64 limit)
{
	u64 value = 0, most = limit - 1;

	if (!choice->input)
		return choose_freely(choice, limit);
	/*
	 * As many bytes as the limit has, so that small choices stay in place
	 */
	for (; most; most >>= 8) {
		if (!choice->left) {
			choice->over = true;
			return 0;
		}
		value = value << 8 | *choice->input++;
		choice->left--;
	}
	return value % limit;
}

bool once_in(struct choice *choice, u64 times)
{
	return choose(choice, times) == times - 1;
}
