/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /dev/ipmmu-bench takes: operations of the IOMMU interface on one domain
 * for each open file, and how long they took. Shared by the module and the
 * program that asks for the measurements.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_BENCH_H
#define IPMMU_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IPMMU_BENCH_NODE	"ipmmu-bench"

enum ipmmu_bench_op {
	IPMMU_BENCH_NOTHING,	/* the loop alone, to be subtracted */
	IPMMU_BENCH_MAP_PAGES,	/* 4 KiB pages, whatever the length */
	IPMMU_BENCH_MAP_BLOCKS,	/* the largest blocks that fit */
	IPMMU_BENCH_UNMAP,
	IPMMU_BENCH_LOOKUP,	/* iova_to_phys */
};

/*
 * The range [iova, iova + size), one call for each step bytes of it, which
 * takes length bytes, or step if that is 0
 */
struct ipmmu_bench_range {
	__u32 op;		/* enum ipmmu_bench_op */
	__u32 count;		/* count cleaned bytes; spoils the time */
	__u64 iova;
	__u64 size;
	__u64 step;
	__u64 length;
	__u64 ns;		/* out: all calls */
	__u64 mmio_reads;	/* out: accesses the hardware saw meanwhile */
	__u64 mmio_writes;
	__u64 flushes;		/* out: asked for */
	__u64 cleaned;		/* out: bytes of cache cleaned, if counted */
};

struct ipmmu_bench_free {
	__u64 ns;		/* out: in iommu_domain_free() */
};

/* The page allocator alone: as many pages, zeroed, and each given back */
struct ipmmu_bench_pages {
	__u64 count;
	__u64 polite;		/* let others run in between; spoils the time */
	__u64 alloc_ns;		/* out */
	__u64 free_ns;		/* out */
};

/* The DMA interface on the device's own domain */
struct ipmmu_bench_dma {
	__u32 size;		/* bytes of each buffer */
	__u32 calls;
	__u64 map_ns;		/* out: all calls */
	__u64 unmap_ns;		/* out */
};

/* Tables that the hardware can reach, counted from its registers */
struct ipmmu_bench_tables {
	__u64 count;		/* out: in all contexts that are on */
};

/*
 * So many calls of a page each, step apart, by a caller that may not block,
 * each with interrupts disabled and measured by itself
 */
struct ipmmu_bench_singles {
	__u32 op;		/* nothing, map pages, or unmap */
	__u32 burst;		/* no other task has the CPU in between */
	__u32 calls;
	__u32 pad;
	__u64 iova;
	__u64 step;
	__u64 ns;		/* address of as many u32 as calls, filled */
};

/*
 * So many pairs of map and unmap of a page, each in the next of some regions of
 * 2 MiB, and again in the first after the last. A flush follows each unmap, or
 * all of the page table is flushed after IPMMU_BENCH_QUEUE of them.
 */
struct ipmmu_bench_regions {
	__u32 regions;
	__u32 queued;
	__u32 pairs;
	__u32 pad;
	__u64 iova;		/* the first region */
	__u64 ns;		/* out: all pairs */
	__u64 flushes;		/* out: that the hardware was asked for */
	__u64 map_flushes;	/* out: those of them inside a map */
};

/* As many as the kernel's flush queue holds */
#define IPMMU_BENCH_QUEUE	256

#define IPMMU_BENCH_IOC		0xd6
#define IPMMU_BENCH_ATTACH	_IO(IPMMU_BENCH_IOC, 0)
#define IPMMU_BENCH_DETACH	_IO(IPMMU_BENCH_IOC, 1)
#define IPMMU_BENCH_RANGE	_IOWR(IPMMU_BENCH_IOC, 2, struct ipmmu_bench_range)
#define IPMMU_BENCH_FREE	_IOR(IPMMU_BENCH_IOC, 3, struct ipmmu_bench_free)
#define IPMMU_BENCH_PAGES	_IOWR(IPMMU_BENCH_IOC, 4, struct ipmmu_bench_pages)
#define IPMMU_BENCH_DMA		_IOWR(IPMMU_BENCH_IOC, 5, struct ipmmu_bench_dma)
#define IPMMU_BENCH_TABLES	_IOR(IPMMU_BENCH_IOC, 6, struct ipmmu_bench_tables)
#define IPMMU_BENCH_SINGLES	_IOW(IPMMU_BENCH_IOC, 7, struct ipmmu_bench_singles)
#define IPMMU_BENCH_REGIONS	_IOWR(IPMMU_BENCH_IOC, 8, struct ipmmu_bench_regions)

#endif /* IPMMU_BENCH_H */
