/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufd and VFIO's device nodes: the part of their interface that is used
 * here, which the headers of older systems lack, and short names for it. All
 * calls return 0 or a negative error number.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_IOMMUFD_H
#define IPMMU_IOMMUFD_H

#include "vfio.h"

#define IOMMUFD_NODE		"/dev/iommu"
#define IOMMUFD_PARAMETERS	"/sys/module/iommufd/parameters/"

/* Numbers of /dev/iommu's calls; each argument begins with its size */
#define IOMMUFD_CALL(number)	_IO(';', 0x80 + (number))
#define IOMMUFD_DESTROY		IOMMUFD_CALL(0)
#define IOMMUFD_IOAS_ALLOC	IOMMUFD_CALL(1)
#define IOMMUFD_IOAS_RANGES	IOMMUFD_CALL(4)
#define IOMMUFD_IOAS_MAP	IOMMUFD_CALL(5)
#define  IOMMUFD_MAP_FIXED	1
#define  IOMMUFD_MAP_WRITE	2
#define  IOMMUFD_MAP_READ	4
#define IOMMUFD_IOAS_UNMAP	IOMMUFD_CALL(6)
#define IOMMUFD_HWPT_ALLOC	IOMMUFD_CALL(9)
#define  IOMMUFD_HWPT_PARENT	1
#define  IOMMUFD_HWPT_DIRTY	2
#define IOMMUFD_SET_DIRTY	IOMMUFD_CALL(11)

/* Numbers of a device node's calls */
#define CDEV_BIND		_IO(VFIO_TYPE, VFIO_BASE + 18)
#define CDEV_ATTACH		_IO(VFIO_TYPE, VFIO_BASE + 19)
#define CDEV_DETACH		_IO(VFIO_TYPE, VFIO_BASE + 20)

struct iommufd_object {
	u32 size;
	u32 id;
};

struct iommufd_ioas {
	u32 size;
	u32 flags;
	u32 out_id;
};

struct iommufd_range {
	u64 start;
	u64 last;
};

struct iommufd_ranges {
	u32 size;
	u32 ioas;
	u32 count;
	u32 reserved;
	u64 ranges;
	u64 out_alignment;
};

struct iommufd_map {
	u32 size;
	u32 flags;
	u32 ioas;
	u32 reserved;
	u64 memory;
	u64 length;
	u64 iova;
};

struct iommufd_unmap {
	u32 size;
	u32 ioas;
	u64 iova;
	u64 length;
};

struct iommufd_hwpt {
	u32 size;
	u32 flags;
	u32 device;
	u32 ioas;
	u32 out_id;
	u32 reserved;
	u32 data_type;
	u32 data_length;
	u64 data;
};

struct iommufd_dirty {
	u32 size;
	u32 flags;
	u32 hwpt;
	u32 reserved;
};

struct cdev_bind {
	u32 argsz;
	u32 flags;
	int iommufd;
	u32 out_id;
};

struct cdev_attach {
	u32 argsz;
	u32 flags;
	u32 id;
};

struct cdev_detach {
	u32 argsz;
	u32 flags;
};

static inline int iommufd_call(int fd, unsigned long command, void *arg)
{
	return ioctl(fd, command, arg) ? -errno : 0;
}

static inline int iommufd_ioas(int fd, u32 *id)
{
	struct iommufd_ioas arg = { .size = sizeof(arg) };
	int ret = iommufd_call(fd, IOMMUFD_IOAS_ALLOC, &arg);

	*id = arg.out_id;
	return ret;
}

static inline int iommufd_destroy(int fd, u32 id)
{
	struct iommufd_object arg = { .size = sizeof(arg), .id = id };

	return iommufd_call(fd, IOMMUFD_DESTROY, &arg);
}

/*
 * The last address that a device attached to @ioas may use; 0 if that is not
 * told
 */
static inline u64 iommufd_last_iova(int fd, u32 ioas)
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

static inline int iommufd_map(int fd, u32 ioas, const void *memory, u64 iova, u64 length)
{
	struct iommufd_map arg = {
		.size = sizeof(arg), .ioas = ioas, .iova = iova, .length = length,
		.flags = IOMMUFD_MAP_FIXED | IOMMUFD_MAP_READ | IOMMUFD_MAP_WRITE,
		.memory = (uintptr_t)memory,
	};

	return iommufd_call(fd, IOMMUFD_IOAS_MAP, &arg);
}

static inline int iommufd_unmap(int fd, u32 ioas, u64 iova, u64 length)
{
	struct iommufd_unmap arg = {
		.size = sizeof(arg), .ioas = ioas, .iova = iova, .length = length,
	};

	return iommufd_call(fd, IOMMUFD_IOAS_UNMAP, &arg);
}

/* A domain for @device with what @ioas maps */
static inline int iommufd_hwpt(int fd, u32 device, u32 ioas, u32 flags, u32 *id)
{
	struct iommufd_hwpt arg = {
		.size = sizeof(arg), .device = device, .ioas = ioas, .flags = flags,
	};
	int ret = iommufd_call(fd, IOMMUFD_HWPT_ALLOC, &arg);

	*id = arg.out_id;
	return ret;
}

static inline int iommufd_set_dirty(int fd, u32 hwpt, u32 flags)
{
	struct iommufd_dirty arg = {
		.size = sizeof(arg), .hwpt = hwpt, .flags = flags,
	};

	return iommufd_call(fd, IOMMUFD_SET_DIRTY, &arg);
}

/* The node of a device that vfio-pci has */
static inline int cdev_open(const struct pci_function *pci)
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

/*
 * Where nothing isolates the MSIs of one device from another's, the
 * administrator has to say that this is accepted. Here it is.
 */
static inline int cdev_bind(int fd, int iommufd, u32 *device)
{
	struct cdev_bind arg = { .argsz = sizeof(arg), .iommufd = iommufd };
	int ret = iommufd_call(fd, CDEV_BIND, &arg);

	if (ret == -EPERM &&
	    !parameter_set(IOMMUFD_PARAMETERS, "allow_unsafe_interrupts", "1"))
		ret = iommufd_call(fd, CDEV_BIND, &arg);
	*device = arg.out_id;
	return ret;
}

/* @id: of an address space or of a domain */
static inline int cdev_attach(int fd, u32 id)
{
	struct cdev_attach arg = { .argsz = sizeof(arg), .id = id };

	return iommufd_call(fd, CDEV_ATTACH, &arg);
}

static inline int cdev_detach(int fd)
{
	struct cdev_detach arg = { .argsz = sizeof(arg) };

	return iommufd_call(fd, CDEV_DETACH, &arg);
}

#endif /* IPMMU_IOMMUFD_H */
