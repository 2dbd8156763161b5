/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /dev/ipmmu-test takes: the kernel's IOMMU interface on one domain for
 * each open file. Shared by the test module and the tests.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_TEST_H
#define IPMMU_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IPMMU_TEST_NODE		"ipmmu-test"

/* A PCI function; rid is bus << 8 | device << 3 | function */
struct ipmmu_test_device {
	__u32 segment;
	__u32 rid;
};

/* Known once a device was attached: 6.1 builds the page table only then */
struct ipmmu_test_info {
	__u64 aperture_start;
	__u64 aperture_end;
	__u64 page_sizes;
};

#define IPMMU_TEST_PROT_READ	0x1
#define IPMMU_TEST_PROT_WRITE	0x2

struct ipmmu_test_map {
	__u64 iova;
	__u64 paddr;
	__u64 size;
	__u32 prot;
	__u32 pad;
	__u64 ns;		/* out: time spent in the call */
};

struct ipmmu_test_unmap {
	__u64 iova;
	__u64 size;
	__u64 unmapped;		/* out: bytes */
	__u64 ns;		/* out */
};

/*
 * Unmaps, and leaves the flush for IPMMU_TEST_SYNC, which makes it for all such
 * unmaps since the last one: of what was gathered, or where one was queued of
 * everything, as a queue does.
 */
struct ipmmu_test_later {
	__u64 iova;
	__u64 size;
	__u32 queued;
	__u32 pad;
	__u64 unmapped;		/* out: bytes */
};

/*
 * Unmaps the page at iova, and in the midst of it, as the flush for that is
 * waited for, the page at second, with a flush of its own.
 */
struct ipmmu_test_overtake {
	__u64 iova;
	__u64 second;
	__u64 unmapped;		/* out: bytes of the second */
};

struct ipmmu_test_lookup {
	__u64 iova;
	__u64 paddr;		/* out: 0 when there is nothing */
};

/*
 * Pages of 4 KiB and never a block, whatever the size: with stride 0 every page
 * of the range, else one page every stride bytes. Each 2 MiB of IOVA lead to
 * the same 2 MiB from paddr on, which must differ from iova in bits 20:12.
 */
struct ipmmu_test_fill {
	__u64 iova;
	__u64 size;
	__u64 stride;
	__u64 paddr;
	__u32 prot;
	__u32 pad;
	__u64 mapped;		/* out: bytes, also when the call failed */
};

struct ipmmu_test_free {
	__u64 ns;		/* out: time the caller spent in the free */
};

struct ipmmu_test_faults {
	__u64 count;		/* out: since the domain was allocated */
	__u64 iova;		/* out: of the last one */
	__u32 flags;		/* out: IOMMU_FAULT_READ or IOMMU_FAULT_WRITE */
	__u32 pad;
};

/*
 * Single pages that belong to the file; mmap() at offset 0 shows them in turn
 */
struct ipmmu_test_buffer {
	__u64 pages;
};

struct ipmmu_test_page {
	__u64 index;
	__u64 paddr;		/* out */
};

#define IPMMU_TEST_ALLOC	_IOW(0xd5, 0, struct ipmmu_test_device)
#define IPMMU_TEST_INFO		_IOR(0xd5, 1, struct ipmmu_test_info)
#define IPMMU_TEST_CLAIM	_IOW(0xd5, 2, struct ipmmu_test_device)
#define IPMMU_TEST_ATTACH	_IOW(0xd5, 3, struct ipmmu_test_device)
#define IPMMU_TEST_DETACH	_IOW(0xd5, 4, struct ipmmu_test_device)
#define IPMMU_TEST_RELEASE	_IOW(0xd5, 5, struct ipmmu_test_device)
#define IPMMU_TEST_MAP		_IOWR(0xd5, 6, struct ipmmu_test_map)
#define IPMMU_TEST_UNMAP	_IOWR(0xd5, 7, struct ipmmu_test_unmap)
#define IPMMU_TEST_LOOKUP	_IOWR(0xd5, 8, struct ipmmu_test_lookup)
#define IPMMU_TEST_FILL		_IOWR(0xd5, 9, struct ipmmu_test_fill)
#define IPMMU_TEST_FREE		_IOR(0xd5, 10, struct ipmmu_test_free)
#define IPMMU_TEST_FAULTS	_IOR(0xd5, 11, struct ipmmu_test_faults)
#define IPMMU_TEST_BUFFER	_IOW(0xd5, 12, struct ipmmu_test_buffer)
#define IPMMU_TEST_PAGE		_IOWR(0xd5, 13, struct ipmmu_test_page)
#define IPMMU_TEST_UNMAP_LATER	_IOWR(0xd5, 14, struct ipmmu_test_later)
#define IPMMU_TEST_SYNC		_IO(0xd5, 15)
#define IPMMU_TEST_OVERTAKE	_IOWR(0xd5, 16, struct ipmmu_test_overtake)

#endif /* IPMMU_TEST_H */
