// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated IPMMU's walker, through the registers of its witness.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "walker.h"
#include "witness.h"

#define WITNESS_SIZE	4096

static __u64 *registers;

static unsigned long read_id(const char *device, const char *name)
{
	char path[256], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", device, name);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strtoul(text, NULL, 16);
}

/* Memory decoding may be off, as no driver has the device */
static bool switch_on(const char *device)
{
	char path[256];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/enable", device);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ok = write(fd, "1", 1) == 1;
	close(fd);
	return ok;
}

static void map_registers(const char *device)
{
	char path[256];
	void *map;
	int fd;

	if (!switch_on(device))
		return;
	snprintf(path, sizeof(path), "%s/resource0", device);
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		return;
	map = mmap(NULL, WITNESS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	close(fd);
	if (map != MAP_FAILED)
		registers = map;
}

/*
 * Each access is one of 64 bits, and in this order, which relaxed atomics are
 */
static __u64 get(unsigned int offset)
{
	return __atomic_load_n(&registers[offset / sizeof(*registers)],
			       __ATOMIC_RELAXED);
}

static void put(unsigned int offset, __u64 value)
{
	__atomic_store_n(&registers[offset / sizeof(*registers)], value,
			 __ATOMIC_RELAXED);
}

bool witness_open(void)
{
	glob_t devices;
	size_t i;

	if (registers)
		return true;
	if (glob("/sys/bus/pci/devices/*", 0, NULL, &devices))
		return false;
	for (i = 0; i < devices.gl_pathc && !registers; i++)
		if (read_id(devices.gl_pathv[i], "vendor") == WITNESS_VENDOR &&
		    read_id(devices.gl_pathv[i], "device") == WITNESS_DEVICE)
			map_registers(devices.gl_pathv[i]);
	globfree(&devices);
	return registers && get(WITNESS_ID) == WITNESS_ID_VALUE;
}

/*
 * VMSAv8-32 resolves 32 bits, VMSAv8-64 on an IPMMU 33 to 40, and with 40 the
 * root is a second level of 1,024 entries, which no table here has.
 */
bool witness_knows(const struct iopd_create *shape)
{
	return shape->ias >= 32 && shape->ias <= 39 && shape->oas <= 40;
}

static __u64 walk_control(const struct iopd_create *shape)
{
	if (shape->ias == 32)
		return 0;
	return 1 | (__u64)shape->tsz << 8;
}

struct witness_result witness_walk(const struct iopd_create *shape,
				   __u64 iova)
{
	struct witness_result result;

	put(WITNESS_WALK_TTBR, shape->ttbr);
	put(WITNESS_WALK_CONTROL, walk_control(shape));
	put(WITNESS_WALK_IOVA, iova);
	result.status = get(WITNESS_WALK_STATUS);
	result.paddr = get(WITNESS_WALK_PA);
	result.prot = get(WITNESS_WALK_PROT);
	return result;
}
