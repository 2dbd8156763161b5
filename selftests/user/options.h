/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers on the command line.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_OPTIONS_H
#define USER_OPTIONS_H

#include <linux/kernel.h>

/* --name=value, taken off the arguments */
static inline u64 option(int *argc, char **argv, const char *name, u64 otherwise)
{
	size_t len = strlen(name);
	int i;

	for (i = 1; i < *argc; i++) {
		char *end, *arg = argv[i];

		if (strncmp(arg, "--", 2) || strncmp(arg + 2, name, len) ||
		    arg[2 + len] != '=')
			continue;
		otherwise = strtoull(arg + 3 + len, &end, 0);
		if (*end) {
			fprintf(stderr, "%s: not a number\n", arg);
			exit(2);
		}
		memmove(&argv[i], &argv[i + 1], (*argc - i) * sizeof(*argv));
		--*argc;
		i--;
	}
	return otherwise;
}

#endif /* USER_OPTIONS_H */
