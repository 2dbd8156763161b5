/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of a test on its command line, each with a number.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_OPTIONS_H
#define IPMMU_LIB_OPTIONS_H

#include "types.h"

#define OPTIONS_MAX	4

struct number_option {
	const char *name;
	u64 *value;		/* stays as it is without the option */
};

/* Anything else on the command line ends the program, with a usage. */
void options_numbers(int argc, char **argv, const struct number_option *known,
		     unsigned int nr);

/* --seconds, or @normal */
u64 options_seconds(int argc, char **argv, u64 normal);

#endif /* IPMMU_LIB_OPTIONS_H */
