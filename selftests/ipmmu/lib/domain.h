/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain of the test module: one open file, and short names for its calls.
 * All return 0 or a negative error number.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_DOMAIN_H
#define IPMMU_LIB_DOMAIN_H

#include <sys/ioctl.h>

#include "../kmod/ipmmu_test.h"
#include "pci.h"

#define DOMAIN_RW	(IPMMU_TEST_PROT_READ | IPMMU_TEST_PROT_WRITE)

static inline int domain_ioctl(int fd, unsigned long command, void *arg)
{
	return ioctl(fd, command, arg) ? -errno : 0;
}

static inline int domain_device(int fd, unsigned long command,
				const struct pci_function *pci)
{
	struct ipmmu_test_device arg = { .segment = pci->segment, .rid = pci->rid };

	return domain_ioctl(fd, command, &arg);
}

/* A file with an empty domain for @pci, which is not attached yet */
static inline int domain_open(const struct pci_function *pci)
{
	int fd = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = domain_device(fd, IPMMU_TEST_ALLOC, pci);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static inline int domain_attach(int fd, const struct pci_function *pci)
{
	return domain_device(fd, IPMMU_TEST_ATTACH, pci);
}

static inline int domain_detach(int fd, const struct pci_function *pci)
{
	return domain_device(fd, IPMMU_TEST_DETACH, pci);
}

/* Off the domain and back to what the kernel had behind the device before */
static inline int domain_release(int fd, const struct pci_function *pci)
{
	return domain_device(fd, IPMMU_TEST_RELEASE, pci);
}

static inline int domain_info(int fd, struct ipmmu_test_info *info)
{
	return domain_ioctl(fd, IPMMU_TEST_INFO, info);
}

static inline int domain_map(int fd, u64 iova, u64 paddr, u64 size,
			     u32 prot)
{
	struct ipmmu_test_map arg = {
		.iova = iova, .paddr = paddr, .size = size, .prot = prot,
	};

	return domain_ioctl(fd, IPMMU_TEST_MAP, &arg);
}

/* -EIO when less than all of it was there to unmap */
static inline int domain_unmap(int fd, u64 iova, u64 size)
{
	struct ipmmu_test_unmap arg = { .iova = iova, .size = size };
	int ret = domain_ioctl(fd, IPMMU_TEST_UNMAP, &arg);

	if (ret)
		return ret;
	return arg.unmapped == size ? 0 : -EIO;
}

/* The same, flushed by domain_sync() alone */
static inline int domain_unmap_later(int fd, u64 iova, u64 size, bool queued)
{
	struct ipmmu_test_later arg = {
		.iova = iova, .size = size, .queued = queued,
	};
	int ret = domain_ioctl(fd, IPMMU_TEST_UNMAP_LATER, &arg);

	if (ret)
		return ret;
	return arg.unmapped == size ? 0 : -EIO;
}

/* One page, and the second while the flush for the first is waited for */
static inline int domain_overtake(int fd, u64 iova, u64 second)
{
	struct ipmmu_test_overtake arg = { .iova = iova, .second = second };
	int ret = domain_ioctl(fd, IPMMU_TEST_OVERTAKE, &arg);

	if (ret)
		return ret;
	return arg.unmapped == HOST_PAGE ? 0 : -EIO;
}

static inline int domain_sync(int fd)
{
	return domain_ioctl(fd, IPMMU_TEST_SYNC, NULL);
}

static inline u64 domain_lookup(int fd, u64 iova)
{
	struct ipmmu_test_lookup arg = { .iova = iova };

	return domain_ioctl(fd, IPMMU_TEST_LOOKUP, &arg) ? ~0ull : arg.paddr;
}

/*
 * Fills with 4 KiB pages. What they lead to does not matter to who only counts
 * tables: one page beyond 2 MiB alignment, so that no block fits.
 */
static inline int domain_fill(int fd, u64 iova, u64 size, u64 stride)
{
	struct ipmmu_test_fill arg = {
		.iova = iova, .size = size, .stride = stride,
		.paddr = HOST_1G + HOST_PAGE, .prot = DOMAIN_RW,
	};

	return domain_ioctl(fd, IPMMU_TEST_FILL, &arg);
}

/* Nanoseconds that the caller was held up, or a negative error number */
static inline s64 domain_free(int fd)
{
	struct ipmmu_test_free arg = { 0 };
	int ret = domain_ioctl(fd, IPMMU_TEST_FREE, &arg);

	return ret ? ret : (s64)arg.ns;
}

static inline u64 domain_faults(int fd, u64 *iova)
{
	struct ipmmu_test_faults arg = { 0 };

	domain_ioctl(fd, IPMMU_TEST_FAULTS, &arg);
	if (iova)
		*iova = arg.iova;
	return arg.count;
}

/*
 * Single pages, visible here and mappable there; NULL when there are none left
 */
static inline u8 *domain_buffer(int fd, u64 pages)
{
	struct ipmmu_test_buffer arg = { .pages = pages };
	void *buffer;

	if (domain_ioctl(fd, IPMMU_TEST_BUFFER, &arg))
		return NULL;
	buffer = mmap(NULL, pages * HOST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	return buffer == MAP_FAILED ? NULL : buffer;
}

static inline u64 domain_page(int fd, u64 index)
{
	struct ipmmu_test_page arg = { .index = index };

	return domain_ioctl(fd, IPMMU_TEST_PAGE, &arg) ? ~0ull : arg.paddr;
}

#endif /* IPMMU_LIB_DOMAIN_H */
