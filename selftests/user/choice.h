/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the tests take their decisions from: a seed, or the bytes of an input.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_CHOICE_H
#define USER_CHOICE_H

#include <linux/types.h>

/*
 * struct choice - decisions to come
 * @state: of the generator; by it alone, if there is no input
 * @input: bytes, NULL for none
 * @left: how many there are
 * @over: the input has been used up
 */
struct choice {
	u64 state;
	const u8 *input;
	size_t left;
	bool over;
};

void choice_by_seed(struct choice *choice, u64 seed);
void choice_by_input(struct choice *choice, const u8 *input, size_t size);

/* A number below limit, which is not 0 */
u64 choose(struct choice *choice, u64 limit);

/* True once in so many times */
bool once_in(struct choice *choice, u64 times);

/* A number below limit that is not worth bytes of an input */
u64 choose_freely(struct choice *choice, u64 limit);

#endif /* USER_CHOICE_H */
