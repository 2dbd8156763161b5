// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the test module, one function for each.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "domain.h"

int domain_device(int fd, unsigned long command, const struct pci_function *pci)
{
	struct ipmmu_test_device arg = { .segment = pci->segment, .rid = pci->rid };

	return domain_ioctl(fd, command, &arg);
}

int domain_open(const struct pci_function *pci)
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

int domain_map(int fd, u64 iova, u64 paddr, u64 size, u32 prot)
{
	struct ipmmu_test_map arg = {
		.iova = iova, .paddr = paddr, .size = size, .prot = prot,
	};

	return domain_ioctl(fd, IPMMU_TEST_MAP, &arg);
}

int domain_unmap(int fd, u64 iova, u64 size)
{
	struct ipmmu_test_unmap arg = { .iova = iova, .size = size };
	int ret = domain_ioctl(fd, IPMMU_TEST_UNMAP, &arg);

	if (ret)
		return ret;
	return arg.unmapped == size ? 0 : -EIO;
}

int domain_unmap_later(int fd, u64 iova, u64 size, bool queued)
{
	struct ipmmu_test_later arg = {
		.iova = iova, .size = size, .queued = queued,
	};
	int ret = domain_ioctl(fd, IPMMU_TEST_UNMAP_LATER, &arg);

	if (ret)
		return ret;
	return arg.unmapped == size ? 0 : -EIO;
}

int domain_overtake(int fd, u64 iova, u64 second)
{
	struct ipmmu_test_overtake arg = { .iova = iova, .second = second };
	int ret = domain_ioctl(fd, IPMMU_TEST_OVERTAKE, &arg);

	if (ret)
		return ret;
	return arg.unmapped == HOST_PAGE ? 0 : -EIO;
}

u64 domain_lookup(int fd, u64 iova)
{
	struct ipmmu_test_lookup arg = { .iova = iova };

	return domain_ioctl(fd, IPMMU_TEST_LOOKUP, &arg) ? ~0ull : arg.paddr;
}

int domain_fill(int fd, u64 iova, u64 size, u64 stride)
{
	struct ipmmu_test_fill arg = {
		.iova = iova, .size = size, .stride = stride,
		.paddr = HOST_1G + HOST_PAGE, .prot = DOMAIN_RW,
	};

	return domain_ioctl(fd, IPMMU_TEST_FILL, &arg);
}

s64 domain_free(int fd)
{
	struct ipmmu_test_free arg = { 0 };
	int ret = domain_ioctl(fd, IPMMU_TEST_FREE, &arg);

	return ret ? ret : (s64)arg.ns;
}

u64 domain_faults(int fd, u64 *iova)
{
	struct ipmmu_test_faults arg = { 0 };

	domain_ioctl(fd, IPMMU_TEST_FAULTS, &arg);
	if (iova)
		*iova = arg.iova;
	return arg.count;
}

u8 *domain_buffer(int fd, u64 pages)
{
	struct ipmmu_test_buffer arg = { .pages = pages };
	void *buffer;

	if (domain_ioctl(fd, IPMMU_TEST_BUFFER, &arg))
		return NULL;
	buffer = mmap(NULL, pages * HOST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	return buffer == MAP_FAILED ? NULL : buffer;
}

u64 domain_page(int fd, u64 index)
{
	struct ipmmu_test_page arg = { .index = index };

	return domain_ioctl(fd, IPMMU_TEST_PAGE, &arg) ? ~0ull : arg.paddr;
}
