/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/iopt-test: one IO page table an open file, for tests from user space.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IOPT_TEST_H
#define IOPT_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOPT_DEVICE		"/dev/iopt-test"

/* Values of enum io_pgtable_fmt that are the same in every kernel */
#define IOPT_ARM_32_LPAE_S1	0
#define IOPT_ARM_32_LPAE_S2	1
#define IOPT_ARM_64_LPAE_S1	2
#define IOPT_ARM_64_LPAE_S2	3

#define IOPT_QUIRK_ARM_NS	0x1
#define IOPT_QUIRK_NON_STRICT	0x10	/* until 5.14; then something else's */
#define IOPT_QUIRK_ARM_TTBR1	0x20
#define IOPT_QUIRK_ARM_OUTER_WBWA	0x40	/* from 5.12 on */
#define IOPT_QUIRK_ARM_HD	0x80	/* from 6.7 on */

/* Values of IOMMU_READ and so on */
#define IOPT_READ		0x1
#define IOPT_WRITE		0x2
#define IOPT_CACHE		0x4
#define IOPT_NOEXEC		0x8
#define IOPT_MMIO		0x10
#define IOPT_PRIV		0x20

#define IOPT_COHERENT		0x1	/* the walker snoops */
#define IOPT_KERNEL		0x2	/* the kernel's io-pgtable-arm instead */
#define IOPT_NO_TLB		0x4	/* no flush callbacks at all */
#define IOPT_ACCOUNT		0x8	/* tables are charged to who maps */
#define IOPT_BY_ADDRESS		0x10	/* the driver flushes leaf by leaf */
#define IOPT_WORKER_FLUSHES	0x20	/* the worker may ask the driver for a flush */

/* One table a file: -EBUSY for a second, -EOPNOTSUPP when the library says no */
struct iopt_create {
	__u32 fmt;
	__u32 ias;
	__u32 oas;
	__u32 flags;		/* IOPT_COHERENT and so on */
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

#define IOPT_ATOMIC		0x1	/* GFP_ATOMIC, bottom halves off */

/* result and mapped, or unmapped, are the library's; ns is the time it took */
struct iopt_map {
	__u64 iova;
	__u64 paddr;
	__u64 pgsize;
	__u64 pgcount;
	__u32 prot;
	__u32 flags;		/* IOPT_ATOMIC */
	__u64 mapped;
	__u64 ns;
	__s32 result;
	__u32 pad;
};

struct iopt_unmap {
	__u64 iova;
	__u64 pgsize;
	__u64 pgcount;
	__u64 unmapped;
	__u64 ns;
	__u32 flags;		/* IOPT_ATOMIC */
	__u32 pad;
};

struct iopt_lookup {
	__u64 iova;
	__u64 paddr;
};

/*
 * The same map or unmap count times, stride apart, all to the same paddr. Stops
 * at the first that is not whole; done tells how many were.
 */
struct iopt_fill {
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

#define IOPT_FLUSH_BEGIN	0x1
#define IOPT_FLUSH_END		0x2	/* both: a flush in one go */
#define IOPT_FLUSH_TIMED_OUT	0x4	/* with END: it never completed */

struct iopt_flush {
	__u32 flags;
	__u32 pad;
	__u64 count;		/* tables the bracket took */
};

struct iopt_time {
	__u64 ns;
};

struct iopt_control {
	__u32 time_out;		/* flushes the library asks for do not complete */
	__u32 meet;		/* one unmaps the page that it is asked for at */
};

struct iopt_counters {
	__u64 flush_all;
	__u64 flush_walk;
	__u64 add_page;
	__u64 flush_walk_iova;	/* of the last call */
	__u64 flush_walk_size;
};

/* Valid leaf of the table, as it lies in memory; IOVAs count from the first */
struct iopt_leaf {
	__u64 iova;
	__u64 descriptor;
	__u64 level;
};

/* Every leaf from start to last by the test's own walk of the table */
struct iopt_scan {
	__u64 start;
	__u64 last;
	__u64 buffer;		/* struct iopt_leaf [capacity] */
	__u64 capacity;
	__u64 leaves;		/* found; may be more than capacity */
	__u64 tables;		/* the root counts */
};

/* The next run of leaves from iova on, as the library dumps them */
struct iopt_next_run {
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
struct iopt_dirty {
	__u64 iova;
	__u64 size;
	__u32 keep;		/* do not make them clean */
	__s32 result;
	__u64 start;		/* the least range with all that were found */
	__u64 end;		/* exclusive; 0 when none was */
};

/* A write by the hardware to a leaf: read-only goes away where DBM is set */
struct iopt_write {
	__u64 iova;
	__u32 done;		/* there was such a leaf, and it was clean */
	__u32 pad;
};

/* The entries on the way to iova, by level; 0 where the kernel has no walk */
struct iopt_path {
	__u64 iova;
	__u64 entries[4];
	__s32 result;
	__u32 pad;
};

/*
 * Foreign load: a thread of the kernel's that maps, unmaps and flushes
 * tables of this page table, one after the other, until it is told to stop or the
 * file is closed. -EBUSY for a second.
 */
struct iopt_load {
	__u32 on;
	__u32 pad;
};

#define IOPT_IOC_CREATE		_IOWR('i', 0xd0, struct iopt_create)
#define IOPT_IOC_MAP		_IOWR('i', 0xd1, struct iopt_map)
#define IOPT_IOC_UNMAP		_IOWR('i', 0xd2, struct iopt_unmap)
#define IOPT_IOC_LOOKUP		_IOWR('i', 0xd3, struct iopt_lookup)
#define IOPT_IOC_FILL		_IOWR('i', 0xd4, struct iopt_fill)
#define IOPT_IOC_STRIP		_IOWR('i', 0xd5, struct iopt_fill)
#define IOPT_IOC_FLUSH		_IOWR('i', 0xd6, struct iopt_flush)
#define IOPT_IOC_FREE		_IOR('i', 0xd7, struct iopt_time)
#define IOPT_IOC_DRAIN		_IOR('i', 0xd8, struct iopt_time)
#define IOPT_IOC_CONTROL	_IOW('i', 0xd9, struct iopt_control)
#define IOPT_IOC_COUNTERS	_IOR('i', 0xda, struct iopt_counters)
#define IOPT_IOC_SCAN		_IOWR('i', 0xdb, struct iopt_scan)
#define IOPT_IOC_NEXT_RUN	_IOWR('i', 0xdc, struct iopt_next_run)
#define IOPT_IOC_DIRTY		_IOWR('i', 0xdd, struct iopt_dirty)
#define IOPT_IOC_WRITE		_IOWR('i', 0xde, struct iopt_write)
#define IOPT_IOC_PATH		_IOWR('i', 0xdf, struct iopt_path)
#define IOPT_IOC_LOAD		_IOW('i', 0xe0, struct iopt_load)
/* Hold up every grace period by reading, for ns nanoseconds or until it is killed */
#define IOPT_IOC_READ		_IOW('i', 0xe1, struct iopt_time)
/* How long the callback of a plain call_rcu() takes to come */
#define IOPT_IOC_GRACE		_IOR('i', 0xe2, struct iopt_time)

#endif /* IOPT_TEST_H */
