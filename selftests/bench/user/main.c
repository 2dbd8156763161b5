// SPDX-License-Identifier: GPL-2.0-only
/*
 * The measurements of one driver, or of one mode of it: see bench.h for what
 * comes out.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct measurement {
	const char *name;
	void (*run)(void);
} measurements[] = {
	{ "operations", measure_operations },
	{ "singles", measure_singles },
	{ "regions", measure_regions },
	{ "dma", measure_dma },
	{ "lazy", measure_lazy },
	{ "teardown", measure_teardown },
	{ "vfio", measure_vfio },
};

static void explain(void)
{
	size_t i;

	fprintf(stderr,
		"usage: bench VARIANT SPACE-GIB LARGEST-GIB MEASUREMENT...\nmeasurements:");
	for (i = 0; i < ARRAY_SIZE(measurements); i++)
		fprintf(stderr, " %s", measurements[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

static void run(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(measurements); i++)
		if (!strcmp(measurements[i].name, name))
			break;
	if (i == ARRAY_SIZE(measurements))
		explain();
	measurements[i].run();
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 5)
		explain();
	options.variant = argv[1];
	options.space = strtoull(argv[2], NULL, 10) * GIB;
	options.largest = strtoull(argv[3], NULL, 10) * GIB;
	pin(0);
	for (i = 4; i < argc; i++)
		run(argv[i]);
	return 0;
}
