// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ipmmu-bench. What fails here is a benchmark that measures nothing, so
 * it ends at once.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "bench.h"

static void command(int fd, unsigned long request, void *arg, const char *what)
{
	if (ioctl(fd, request, arg))
		fail(what);
}

int device_open(void)
{
	int fd = open("/dev/" IPMMU_BENCH_NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/" IPMMU_BENCH_NODE);
	return fd;
}

void device_attach(int fd)
{
	command(fd, IPMMU_BENCH_ATTACH, NULL, "attach");
}

void device_detach(int fd)
{
	command(fd, IPMMU_BENCH_DETACH, NULL, "detach");
}

uint64_t device_free(int fd)
{
	struct ipmmu_bench_free arg = { 0 };

	command(fd, IPMMU_BENCH_FREE, &arg, "domain free");
	return arg.ns;
}

uint64_t device_tables(int fd)
{
	struct ipmmu_bench_tables arg = { 0 };

	command(fd, IPMMU_BENCH_TABLES, &arg, "count of tables");
	return arg.count;
}

void device_pages(int fd, struct ipmmu_bench_pages *pages)
{
	command(fd, IPMMU_BENCH_PAGES, pages, "page allocator");
}

void device_dma(int fd, struct ipmmu_bench_dma *dma)
{
	command(fd, IPMMU_BENCH_DMA, dma, "DMA interface");
}

void device_singles(int fd, struct ipmmu_bench_singles *singles)
{
	command(fd, IPMMU_BENCH_SINGLES, singles, "single calls");
}

void device_regions(int fd, struct ipmmu_bench_regions *regions)
{
	command(fd, IPMMU_BENCH_REGIONS, regions, "regions in turn");
}

void device_run(int fd, struct ipmmu_bench_range *range)
{
	static const char * const names[] = {
		[IPMMU_BENCH_NOTHING] = "empty loop",
		[IPMMU_BENCH_MAP_PAGES] = "map of pages",
		[IPMMU_BENCH_MAP_BLOCKS] = "map of blocks",
		[IPMMU_BENCH_UNMAP] = "unmap",
		[IPMMU_BENCH_LOOKUP] = "iova_to_phys",
	};

	command(fd, IPMMU_BENCH_RANGE, range, names[range->op]);
}

uint64_t device_range(int fd, enum ipmmu_bench_op op, uint64_t iova,
		      uint64_t size, uint64_t step)
{
	struct ipmmu_bench_range range = {
		.op = op,
		.iova = iova,
		.size = size,
		.step = step,
	};

	device_run(fd, &range);
	return range.ns;
}

/*
 * All tables that a domain full of pages has, up to size: a page in every 2 MiB
 * brings them about. What else the last tables hold is never looked at when a
 * domain is freed, by any of the drivers, and takes long to put there.
 */
void device_fill(int fd, uint64_t size)
{
	struct ipmmu_bench_range range = {
		.op = IPMMU_BENCH_MAP_PAGES,
		.size = size,
		.step = 2 * MIB,
		.length = PAGE,
	};

	device_run(fd, &range);
}

/* Such a domain, with no device behind it */
int device_filled(uint64_t size)
{
	int fd = device_open();

	device_attach(fd);
	device_fill(fd, size);
	device_detach(fd);
	return fd;
}
