/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own test harness, with time limits that go with the machine:
 * TIME_SCALE in the environment says how many times slower it is than the
 * limits were made for, as the emulated host measures when it boots. A test
 * that runs into its limit says so, and what the limit was.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SELFTESTS_KSELFTEST_HARNESS_H
#define SELFTESTS_KSELFTEST_HARNESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline unsigned int scaled_limit(unsigned int seconds)
{
	const char *scale = getenv("TIME_SCALE");
	unsigned long factor = scale ? strtoul(scale, NULL, 10) : 1;

	return seconds * (factor ? factor : 1);
}

/* The harness sets the alarm when a test begins, and sets it off at its end. */
static inline unsigned int limit_alarm(unsigned int seconds, const char *name,
				       bool ended_by_it)
{
	static unsigned int limit;

	if (seconds)
		limit = scaled_limit(seconds);
	else if (ended_by_it)
		fprintf(stderr, "# %s ran into its time limit of %u s\n", name,
			limit);
	return alarm(seconds ? limit : 0);
}

/* "t" is the harness's own name for the test that it waits for. */
#define alarm(seconds)	limit_alarm(seconds, t->name, t->timed_out)
#include_next <kselftest_harness.h>
#undef alarm

#endif /* SELFTESTS_KSELFTEST_HARNESS_H */
