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

int iommufd_ioas(int fd, u32 *id);
int iommufd_destroy(int fd, u32 id);

/*
 * The last address that a device attached to @ioas may use; 0 if that is not
 * told
 */
u64 iommufd_last_iova(int fd, u32 ioas);

int iommufd_map(int fd, u32 ioas, const void *memory, u64 iova, u64 length);
int iommufd_unmap(int fd, u32 ioas, u64 iova, u64 length);

/* A domain for @device with what @ioas maps */
int iommufd_hwpt(int fd, u32 device, u32 ioas, u32 flags, u32 *id);

int iommufd_set_dirty(int fd, u32 hwpt, u32 flags);

/* The node of a device that vfio-pci has */
int cdev_open(const struct pci_function *pci);

/*
 * Where nothing isolates the MSIs of one device from another's, the
 * administrator has to say that this is accepted. Here it is.
 */
int cdev_bind(int fd, int iommufd, u32 *device);

/* @id: of an address space or of a domain */
int cdev_attach(int fd, u32 id);
int cdev_detach(int fd);

#endif /* IPMMU_IOMMUFD_H */
