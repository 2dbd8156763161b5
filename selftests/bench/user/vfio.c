// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO: map, unmap and close with 1 GiB of memory that lies scattered, as
 * most memory does.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define DEVICES		"/sys/bus/pci/drivers/%s/*/iommu_group"
#define SIZE		GIB

/* Beyond the window that drivers reserve for interrupt messages */
#define IOVA		GIB

struct vfio {
	int container;
	int group;
};

/* The group's number, from the link; -1 when the device is not with vfio-pci */
static int vfio_group_number(void)
{
	char target[PATH_MAX], path[64];
	ssize_t len = -1;
	glob_t found;

	snprintf(path, sizeof(path), DEVICES, "vfio-pci");
	if (glob(path, 0, NULL, &found))
		return -1;
	len = readlink(found.gl_pathv[0], target, sizeof(target) - 1);
	globfree(&found);
	if (len <= 0)
		return -1;
	target[len] = '\0';
	return atoi(strrchr(target, '/') + 1);
}

static void vfio_open(struct vfio *vfio, int number)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	vfio->group = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->container < 0 || vfio->group < 0)
		fail(path);
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container))
		fail("VFIO_GROUP_SET_CONTAINER");
	if (ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		fail("VFIO_SET_IOMMU");
}

static void vfio_close(struct vfio *vfio)
{
	close(vfio->group);
	close(vfio->container);
}

/*
 * Every other page first: neighbours are then no neighbours in memory, and each
 * page needs an entry of its own.
 */
static void *scattered(void)
{
	unsigned char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t first, offset;

	if (memory == MAP_FAILED)
		fail("1 GiB of memory");
	madvise(memory, SIZE, MADV_NOHUGEPAGE);
	for (first = 0; first < 2 * PAGE; first += PAGE)
		for (offset = first; offset < SIZE; offset += 2 * PAGE)
			memory[offset] = 1;
	return memory;
}

static uint64_t vfio_map(struct vfio *vfio, void *memory)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = IOVA,
		.size = SIZE,
	};
	uint64_t from = now();

	if (ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map))
		fail("VFIO_IOMMU_MAP_DMA");
	return now() - from;
}

static uint64_t vfio_unmap(struct vfio *vfio)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA,
		.size = SIZE,
	};
	uint64_t from = now();

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		fail("VFIO_IOMMU_UNMAP_DMA");
	return now() - from;
}

/*
 * All that VFIO does with its mutex held, and what the worker has of that time
 */
static void measure_close(int number, void *memory)
{
	struct vfio vfio;
	uint64_t from;

	vfio_open(&vfio, number);
	vfio_map(&vfio, memory);
	wait_reclaimed();
	from = now();
	vfio_close(&vfio);
	report("vfio_close_1g", now() - from);
	wait_reclaimed();
}

static void measure_close_wake(int number, void *memory)
{
	struct vfio vfio;
	uint64_t from, to;

	vfio_open(&vfio, number);
	vfio_map(&vfio, memory);
	wake_begin();
	from = now();
	vfio_close(&vfio);
	wait_reclaimed();
	to = now();
	wake_end();
	report("vfio_close_wake", wake_worst(from, to));
}

static void measure_group(int number)
{
	void *memory = scattered();
	struct vfio vfio;

	vfio_open(&vfio, number);
	report("vfio_map_1g", vfio_map(&vfio, memory));
	report("vfio_unmap_1g", vfio_unmap(&vfio));
	vfio_close(&vfio);
	measure_close(number, memory);
	measure_close_wake(number, memory);
	munmap(memory, SIZE);
}

void measure_vfio(void)
{
	static const char * const rows[] = {
		"vfio_map_1g", "vfio_unmap_1g", "vfio_close_1g", "vfio_close_wake",
	};
	int number = vfio_group_number();
	size_t i;

	tell("VFIO");
	if (number >= 0) {
		measure_group(number);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		report_note(rows[i], "refused");
}
