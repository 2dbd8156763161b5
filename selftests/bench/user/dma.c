// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA interface, in strict mode (each unmap flushes) and in lazy mode
 * (unmaps wait for a common flush), if the driver offers that.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Enough to fill and empty the lazy mode's queue of 256 several times */
#define CALLS		4096
#define BUFFER		4096

#define TYPE_FILE	"/sys/bus/pci/drivers/ipmmu_bench/*/iommu_group/type"

static void measure_mode(const char *mode)
{
	struct ipmmu_bench_dma dma = { .size = BUFFER, .calls = CALLS };
	int fd = device_open();
	char row[64];

	/* Once for the caches of the IOVA allocator */
	device_dma(fd, &dma);
	device_dma(fd, &dma);
	snprintf(row, sizeof(row), "dma_map_%s", mode);
	report(row, (double)dma.map_ns / CALLS);
	snprintf(row, sizeof(row), "dma_unmap_%s", mode);
	report(row, (double)dma.unmap_ns / CALLS);
	close(fd);
}

static bool set_lazy(const char *path)
{
	FILE *file = fopen(path, "w");
	char type[16] = "";

	/* What counts is what the file says then: it may be lazy already */
	if (file) {
		fputs("DMA-FQ\n", file);
		fclose(file);
	}
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(type, sizeof(type), file))
		type[0] = '\0';
	fclose(file);
	return !strcmp(type, "DMA-FQ\n");
}

void measure_lazy(void)
{
	glob_t found;

	tell("DMA interface, lazy");
	if (glob(TYPE_FILE, 0, NULL, &found))
		fail(TYPE_FILE);
	if (set_lazy(found.gl_pathv[0])) {
		measure_mode("lazy");
	} else {
		report_note("dma_map_lazy", "refused");
		report_note("dma_unmap_lazy", "refused");
	}
	globfree(&found);
}

void measure_dma(void)
{
	tell("DMA interface, strict");
	measure_mode("strict");
}
