// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd and VFIO's device nodes, call by call.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <glob.h>
#include <libgen.h>

#include "iommufd.h"

int iommufd_ioas(int fd, u32 *id)
{
	struct iommufd_ioas arg = { .size = sizeof(arg) };
	int ret = iommufd_call(fd, IOMMUFD_IOAS_ALLOC, &arg);

	*id = arg.out_id;
	return ret;
}

int iommufd_destroy(int fd, u32 id)
{
	struct iommufd_object arg = { .size = sizeof(arg), .id = id };

	return iommufd_call(fd, IOMMUFD_DESTROY, &arg);
}

u64 iommufd_last_iova(int fd, u32 ioas)
{
	struct iommufd_range ranges[IOVA_RANGES_MAX] = { 0 };
	struct iommufd_ranges arg = {
		.size = sizeof(arg), .ioas = ioas, .count = IOVA_RANGES_MAX,
		.ranges = (uintptr_t)ranges,
	};

	if (iommufd_call(fd, IOMMUFD_IOAS_RANGES, &arg) || !arg.count)
		return 0;
	return ranges[arg.count - 1].last;
}

int iommufd_map(int fd, u32 ioas, const void *memory, u64 iova, u64 length)
{
	struct iommufd_map arg = {
		.size = sizeof(arg), .ioas = ioas, .iova = iova, .length = length,
		.flags = IOMMUFD_MAP_FIXED | IOMMUFD_MAP_READ | IOMMUFD_MAP_WRITE,
		.memory = (uintptr_t)memory,
	};

	return iommufd_call(fd, IOMMUFD_IOAS_MAP, &arg);
}

int iommufd_unmap(int fd, u32 ioas, u64 iova, u64 length)
{
	struct iommufd_unmap arg = {
		.size = sizeof(arg), .ioas = ioas, .iova = iova, .length = length,
	};

	return iommufd_call(fd, IOMMUFD_IOAS_UNMAP, &arg);
}

int iommufd_hwpt(int fd, u32 device, u32 ioas, u32 flags, u32 *id)
{
	struct iommufd_hwpt arg = {
		.size = sizeof(arg), .device = device, .ioas = ioas, .flags = flags,
	};
	int ret = iommufd_call(fd, IOMMUFD_HWPT_ALLOC, &arg);

	*id = arg.out_id;
	return ret;
}

int iommufd_set_dirty(int fd, u32 hwpt, u32 flags)
{
	struct iommufd_dirty arg = {
		.size = sizeof(arg), .hwpt = hwpt, .flags = flags,
	};

	return iommufd_call(fd, IOMMUFD_SET_DIRTY, &arg);
}

int cdev_open(const struct pci_function *pci)
{
	char pattern[96], node[64];
	glob_t found;
	int fd = -1;

	pci_path(pci, "vfio-dev/vfio*", pattern, sizeof(pattern));
	if (!glob(pattern, 0, NULL, &found)) {
		snprintf(node, sizeof(node), "/dev/vfio/devices/%.32s",
			 basename(found.gl_pathv[0]));
		fd = open(node, O_RDWR | O_CLOEXEC);
	}
	globfree(&found);
	return fd;
}

int cdev_bind(int fd, int iommufd, u32 *device)
{
	struct cdev_bind arg = { .argsz = sizeof(arg), .iommufd = iommufd };
	int ret = iommufd_call(fd, CDEV_BIND, &arg);

	if (ret == -EPERM &&
	    !parameter_set(IOMMUFD_PARAMETERS, "allow_unsafe_interrupts", "1"))
		ret = iommufd_call(fd, CDEV_BIND, &arg);
	*device = arg.out_id;
	return ret;
}

int cdev_attach(int fd, u32 id)
{
	struct cdev_attach arg = { .argsz = sizeof(arg), .id = id };

	return iommufd_call(fd, CDEV_ATTACH, &arg);
}

int cdev_detach(int fd)
{
	struct cdev_detach arg = { .argsz = sizeof(arg) };

	return iommufd_call(fd, CDEV_DETACH, &arg);
}
