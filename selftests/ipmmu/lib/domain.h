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

int domain_device(int fd, unsigned long command,
		  const struct pci_function *pci);

/* A file with an empty domain for @pci, which is not attached yet */
int domain_open(const struct pci_function *pci);

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

int domain_map(int fd, u64 iova, u64 paddr, u64 size, u32 prot);

/* -EIO when less than all of it was there to unmap */
int domain_unmap(int fd, u64 iova, u64 size);

/* The same, flushed by domain_sync() alone */
int domain_unmap_later(int fd, u64 iova, u64 size, bool queued);

/* One page, and the second while the flush for the first is waited for */
int domain_overtake(int fd, u64 iova, u64 second);

static inline int domain_sync(int fd)
{
	return domain_ioctl(fd, IPMMU_TEST_SYNC, NULL);
}

u64 domain_lookup(int fd, u64 iova);

/*
 * Fills with 4 KiB pages. What they lead to does not matter where tables are
 * counted alone: one page beyond 2 MiB alignment, so that no block fits.
 */
int domain_fill(int fd, u64 iova, u64 size, u64 stride);

/* Nanoseconds that the caller was held up, or a negative error number */
s64 domain_free(int fd);

u64 domain_faults(int fd, u64 *iova);

/*
 * Single pages, visible here and mappable there; NULL when there are none left
 */
u8 *domain_buffer(int fd, u64 pages);

u64 domain_page(int fd, u64 index);

#endif /* IPMMU_LIB_DOMAIN_H */
