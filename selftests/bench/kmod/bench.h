/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the benchmark module.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "ipmmu_bench.h"

struct device;
struct iommu_domain;

/**
 * struct bench_file - an open file
 * @lock: guards the rest
 * @dev: the device the domain is for, referenced
 * @domain: the domain, or NULL
 * @attached: the device is behind the domain
 */
struct bench_file {
	struct mutex lock;	/* one operation at a time */
	struct device *dev;
	struct iommu_domain *domain;
	bool attached;
};

/**
 * struct bench_count - what the hardware and the cache maintenance have seen
 * @mmio_reads: register reads
 * @mmio_writes: register writes
 * @flushes: flushes asked for
 * @cleaned: bytes cleaned for devices
 */
struct bench_count {
	u64 mmio_reads;
	u64 mmio_writes;
	u64 flushes;
	u64 cleaned;
};

/* domain.c */
int bench_attach(struct bench_file *bf);
int bench_detach(struct bench_file *bf);
int bench_range(struct bench_file *bf, struct ipmmu_bench_range *arg);
int bench_free(struct bench_file *bf, struct ipmmu_bench_free *arg);

/* singles.c */
int bench_singles(struct bench_file *bf, struct ipmmu_bench_singles *arg);

/* regions.c */
int bench_regions(struct bench_file *bf, struct ipmmu_bench_regions *arg);

/* dma.c */
int bench_dma(struct bench_file *bf, struct ipmmu_bench_dma *arg);
int bench_pages(struct ipmmu_bench_pages *arg);

/* tables.c */
int bench_tables(struct ipmmu_bench_tables *arg);

/* count.c */
int bench_count_init(void);
void bench_count_exit(void);
int bench_count_begin(struct bench_count *count, bool cleaned);
void bench_count_end(struct bench_count *count, bool cleaned);

#endif /* BENCH_H */
