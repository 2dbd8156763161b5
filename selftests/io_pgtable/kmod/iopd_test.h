/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/iopd-test: one IO page table an open file, for tests from user space.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IOPD_TEST_H
#define IOPD_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOPD_DEVICE		"/dev/iopd-test"

/* Values of enum io_pgtable_fmt that are the same in every kernel */
#define IOPD_ARM_32_LPAE_S1	0
#define IOPD_ARM_32_LPAE_S2	1
#define IOPD_ARM_64_LPAE_S1	2
#define IOPD_ARM_64_LPAE_S2	3

#define IOPD_QUIRK_ARM_NS	0x1
#define IOPD_QUIRK_NON_STRICT	0x10	/* until 5.14; then something else's */
#define IOPD_QUIRK_ARM_TTBR1	0x20
#define IOPD_QUIRK_ARM_OUTER_WBWA	0x40	/* from 5.12 on */
#define IOPD_QUIRK_ARM_HD	0x80	/* from 6.7 on */

/* Values of IOMMU_READ and so on */
#define IOPD_READ		0x1
#define IOPD_WRITE		0x2
#define IOPD_CACHE		0x4
#define IOPD_NOEXEC		0x8
#define IOPD_MMIO		0x10
#define IOPD_PRIV		0x20

#define IOPD_COHERENT		0x1	/* the walker snoops */
#define IOPD_KERNEL		0x2	/* of the kernel's io-pgtable-arm */
#define IOPD_NO_TLB		0x4	/* no flush callbacks at all */
#define IOPD_ACCOUNT		0x8	/* the mapper's group is charged */
#define IOPD_BY_ADDRESS		0x10	/* the driver flushes leaf by leaf */
#define IOPD_WORKER_FLUSHES	0x20	/* the worker may ask for a flush */

/*
 * One table a file: -EBUSY for a second, -EOPNOTSUPP when the library says no
 */
struct iopd_create {
	__u32 fmt;
	__u32 ias;
	__u32 oas;
	__u32 flags;		/* IOPD_COHERENT and so on */
	__u64 quirks;
	__u64 pgsize_bitmap;	/* in: wanted; out: served */
	/* what the hardware is told; of stage 2: vttbr, ps and so on */
	__u64 ttbr;
	__u64 mair;		/* 0 for stage 2 */
	__u32 ips;
	__u32 tg;
	__u32 sh;
	__u32 orgn;
	__u32 irgn;
	__u32 tsz;
	__u32 sl;		/* 0 for stage 1 */
	__u32 pad;
};

#define IOPD_ATOMIC		0x1	/* GFP_ATOMIC, bottom halves off */

/* result and mapped, or unmapped, are the library's; ns is the time it took */
struct iopd_map {
	__u64 iova;
	__u64 paddr;
	__u64 pgsize;
	__u64 pgcount;
	__u32 prot;
	__u32 flags;		/* IOPD_ATOMIC */
	__u64 mapped;
	__u64 ns;
	__s32 result;
	__u32 pad;
};

struct iopd_unmap {
	__u64 iova;
	__u64 pgsize;
	__u64 pgcount;
	__u64 unmapped;
	__u64 ns;
	__u32 flags;		/* IOPD_ATOMIC */
	__u32 pad;
};

struct iopd_lookup {
	__u64 iova;
	__u64 paddr;
};

/*
 * The same map or unmap count times, stride apart, all to the same paddr. Stops
 * at the first that is not whole; done tells how many were.
 */
struct iopd_fill {
	__u64 iova;
	__u64 stride;
	__u64 count;
	__u64 paddr;
	__u64 pgsize;
	__u64 pgcount;
	__u32 prot;
	__s32 result;
	__u64 done;
	__u64 ns;
};

#define IOPD_FLUSH_BEGIN	0x1
#define IOPD_FLUSH_END		0x2	/* both: a flush in one go */
#define IOPD_FLUSH_TIMED_OUT	0x4	/* with END: it never completed */

struct iopd_flush {
	__u32 flags;
	__u32 pad;
	__u64 count;		/* tables the bracket took */
};

struct iopd_time {
	__u64 ns;
};

struct iopd_control {
	/* flushes the library asks for do not complete */
	__u32 time_out;
	/* one unmaps the page that it is asked for at */
	__u32 meet;
};

struct iopd_counters {
	__u64 flush_all;
	__u64 flush_walk;
	__u64 add_page;
	__u64 flush_walk_iova;	/* of the last call */
	__u64 flush_walk_size;
};

/* Valid leaf of the table, as it lies in memory; IOVAs count from the first */
struct iopd_leaf {
	__u64 iova;
	__u64 descriptor;
	__u64 level;
};

/* Every leaf from start to last by the test's own walk of the table */
struct iopd_scan {
	__u64 start;
	__u64 last;
	__u64 buffer;		/* struct iopd_leaf [capacity] */
	__u64 capacity;
	__u64 leaves;		/* found; may be more than capacity */
	__u64 tables;		/* the root counts */
};

/* The next run of leaves from iova on, as the library dumps them */
struct iopd_next_run {
	__u64 iova;		/* in: where from; out: where to go on */
	__u64 start;
	__u64 paddr;
	__u64 pgsize;
	__u64 attributes;
	__u32 count;		/* 0: none found so far */
	__u32 level;
	__u32 more;		/* 0: iova was past the end */
	__u32 pad;
};

/*
 * Dirty leaves of the range as the library finds them, told by the flush that
 * it asks for; -EOPNOTSUPP where the kernel has no such operation.
 */
struct iopd_dirty {
	__u64 iova;
	__u64 size;
	__u32 keep;		/* do not make them clean */
	__s32 result;
	__u64 start;		/* the least range with all that were found */
	__u64 end;		/* exclusive; 0 when none was */
};

/* A write by the hardware to a leaf: read-only goes away where DBM is set */
struct iopd_write {
	__u64 iova;
	__u32 done;		/* there was such a leaf, and it was clean */
	__u32 pad;
};

/* The entries on the way to iova, by level; 0 where the kernel has no walk */
struct iopd_path {
	__u64 iova;
	__u64 entries[4];
	__s32 result;
	__u32 pad;
};

/*
 * Foreign load: a thread of the kernel's that maps, unmaps and flushes tables
 * of this page table, one after the other, until it is told to stop or the file
 * is closed. -EBUSY for a second.
 */
struct iopd_load {
	__u32 on;
	__u32 pad;
};

#define IOPD_IOC_CREATE		_IOWR('i', 0xd0, struct iopd_create)
#define IOPD_IOC_MAP		_IOWR('i', 0xd1, struct iopd_map)
#define IOPD_IOC_UNMAP		_IOWR('i', 0xd2, struct iopd_unmap)
#define IOPD_IOC_LOOKUP		_IOWR('i', 0xd3, struct iopd_lookup)
#define IOPD_IOC_FILL		_IOWR('i', 0xd4, struct iopd_fill)
#define IOPD_IOC_STRIP		_IOWR('i', 0xd5, struct iopd_fill)
#define IOPD_IOC_FLUSH		_IOWR('i', 0xd6, struct iopd_flush)
#define IOPD_IOC_FREE		_IOR('i', 0xd7, struct iopd_time)
#define IOPD_IOC_DRAIN		_IOR('i', 0xd8, struct iopd_time)
#define IOPD_IOC_CONTROL	_IOW('i', 0xd9, struct iopd_control)
#define IOPD_IOC_COUNTERS	_IOR('i', 0xda, struct iopd_counters)
#define IOPD_IOC_SCAN		_IOWR('i', 0xdb, struct iopd_scan)
#define IOPD_IOC_NEXT_RUN	_IOWR('i', 0xdc, struct iopd_next_run)
#define IOPD_IOC_DIRTY		_IOWR('i', 0xdd, struct iopd_dirty)
#define IOPD_IOC_WRITE		_IOWR('i', 0xde, struct iopd_write)
#define IOPD_IOC_PATH		_IOWR('i', 0xdf, struct iopd_path)
#define IOPD_IOC_LOAD		_IOW('i', 0xe0, struct iopd_load)
/*
 * Hold up every grace period by reading, for ns nanoseconds or until it is
 * killed
 */
#define IOPD_IOC_READ		_IOW('i', 0xe1, struct iopd_time)
/* How long the callback of a plain call_rcu() takes to come */
#define IOPD_IOC_GRACE		_IOR('i', 0xe2, struct iopd_time)

#endif /* IOPD_TEST_H */
