/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the program that measures, run inside the guest.
 *
 * Everything goes to standard output, a line each:
 *
 *	row VARIANT ROW VALUE		a figure
 *	size VARIANT BYTES NS		caller cost against domain size
 *	sample VARIANT NS DELAY		wake-up delay, time from the teardown on
 *	hist VARIANT LOWER UPPER COUNT	batch lengths
 *	note VARIANT ROW WORDS		why there is no figure
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_BENCH_H
#define USER_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kmod/ipmmu_bench.h"

#define PAGE	4096ull
#define MIB	(1ull << 20)
#define GIB	(1ull << 30)

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* From the command line */
struct options {
	const char *variant;	/* name of the column */
	uint64_t space;		/* bytes of IOVA a domain has */
	uint64_t largest;	/* bytes of the largest domain to free */
};

extern struct options options;

/* report.c */
void report(const char *row, double value);
void report_note(const char *row, const char *words);
void tell(const char *words);
void fail(const char *what) __attribute__((noreturn));

/* device.c: /dev/ipmmu-bench; every failure ends the program */
int device_open(void);
void device_attach(int fd);
void device_detach(int fd);
uint64_t device_free(int fd);
uint64_t device_tables(int fd);
void device_pages(int fd, struct ipmmu_bench_pages *pages);
void device_dma(int fd, struct ipmmu_bench_dma *dma);
void device_singles(int fd, struct ipmmu_bench_singles *singles);
void device_regions(int fd, struct ipmmu_bench_regions *regions);
void device_run(int fd, struct ipmmu_bench_range *range);
uint64_t device_range(int fd, enum ipmmu_bench_op op, uint64_t iova,
		      uint64_t size, uint64_t step);
void device_fill(int fd, uint64_t size);
int device_filled(uint64_t size);

/* host.c: the machine as files show it */
long long file_number(const char *path);
uint64_t now(void);
uint64_t workers_time(void);
void wait_reclaimed(void);

/* Also for pages that wait for the others of their chunks, a second or two */
void wait_trimmed(void);
void pause_ns(uint64_t ns);
void pin(int cpu);
int cpus(void);

/* wake.c: a task on each CPU that wants to run at certain times */
extern void (*wake_watch)(uint64_t delay);	/* of each wake-up, if set */
void wake_begin(void);
void wake_end(void);
uint64_t wake_worst(uint64_t from, uint64_t to);
uint64_t wake_samples(uint64_t from, uint64_t to);
void wake_print(uint64_t from, uint64_t to);

/* The measurements */
void measure_operations(void);
void measure_singles(void);
void measure_regions(void);
void measure_dma(void);
void measure_lazy(void);
void measure_teardown(void);
void measure_vfio(void);

#endif /* USER_BENCH_H */
