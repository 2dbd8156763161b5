// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines for the report.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct options options;

void report(const char *row, double value)
{
	printf("row %s %s %.1f\n", options.variant, row, value);
	fflush(stdout);
}

void report_note(const char *row, const char *words)
{
	printf("note %s %s %s\n", options.variant, row, words);
	fflush(stdout);
}

void tell(const char *words)
{
	printf("progress %s %s\n", options.variant, words);
	fflush(stdout);
}

void fail(const char *what)
{
	printf("error %s %s: %s\n", options.variant, what, strerror(errno));
	fflush(stdout);
	exit(1);
}
