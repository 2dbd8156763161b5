// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options with numbers, see options.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"

static void say_usage(const char *program, const struct number_option *known,
		      unsigned int nr)
{
	unsigned int i;

	fprintf(stderr, "usage: %s", program);
	for (i = 0; i < nr; i++)
		fprintf(stderr, " [--%s N]", known[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

static u64 to_number(const char *program, const char *text)
{
	char *end;
	u64 value = strtoull(text, &end, 0);

	if (*end || !*text) {
		fprintf(stderr, "%s: \"%s\" is no number\n", program, text);
		exit(2);
	}
	return value;
}

void options_numbers(int argc, char **argv, const struct number_option *known,
		     unsigned int nr)
{
	struct option options[OPTIONS_MAX + 1] = { 0 };
	unsigned int i;
	int c;

	for (i = 0; i < nr && i < OPTIONS_MAX; i++)
		options[i] = (struct option) {
			.name = known[i].name, .has_arg = required_argument,
			.val = i,
		};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			say_usage(argv[0], known, nr);
		*known[c].value = to_number(argv[0], optarg);
	}
	if (optind < argc)
		say_usage(argv[0], known, nr);
}

u64 options_seconds(int argc, char **argv, u64 normal)
{
	u64 seconds = normal;
	const struct number_option option = { "seconds", &seconds };

	options_numbers(argc, argv, &option, 1);
	return seconds;
}
