/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host as files show it: numbers, parameters, page counters, and the
 * counters of the reclaimer.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_HOST_H
#define IPMMU_LIB_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "types.h"

#define RECLAIMER_DEBUGFS	"/sys/kernel/debug/io-pgtable-arm-deferred/"
#define RECLAIMER_PARAMETERS	"/sys/module/io_pgtable_arm_deferred/parameters/"
#define DRIVER_PARAMETERS	"/sys/module/ipmmu_vmsa_deferred/parameters/"

#define HOST_PAGE		4096ull
#define HOST_2M			0x200000ull
#define HOST_1G			0x40000000ull

/* Is the kernel of a series before this one? */
bool host_before(unsigned int major, unsigned int minor);

/* Bytes read, or -1; the text always ends in a NUL */
int file_read(const char *path, char *text, size_t size);
int file_write(const char *path, const char *text);

/* -1 when there is no such file */
long long file_number(const char *folder, const char *name);

int parameter_set(const char *folder, const char *name, const char *value);

static inline long long reclaimer(const char *counter)
{
	return file_number(RECLAIMER_DEBUGFS, counter);
}

/* One line of /proc/vmstat; -1 where the kernel has no such counter */
long long vm_counter(const char *name);

/* What must be back where it was once every table is freed */
struct host_pages {
	long long live;		/* tables that the library has */
	long long secondary;	/* pages accounted as secondary page tables */
	long long iommu;	/* pages accounted to IOMMUs; -1 before 6.10 */
};

struct host_pages host_pages(void);

void host_sleep_ms(unsigned int ms);
u64 host_ns(void);

/*
 * Waits for the reclaimer to have nothing left; -1 if it has, and frees nothing
 * for @ms. One that goes on slowly, as with KASAN on a busy machine, is not
 * late.
 */
int reclaimer_wait(unsigned int ms);

/*
 * Waits until the number of tables has stayed as it is for a while, @ms at most:
 * tables that have become empty are swept by then
 */
void host_settle(unsigned int ms);

/* And for the counters to be back at @before */
int host_pages_back(const struct host_pages *before, unsigned int ms);

/*
 * Tables of a tree whose leaves are all 4 KiB pages, for a range that starts
 * and ends at multiples of 1 GiB: a root, one table for each GiB, one for each
 * 2 MiB.
 */
static inline u64 tables_for(u64 bytes)
{
	return 1 + bytes / HOST_1G + bytes / HOST_2M;
}

/*
 * xorshift64*: small, good enough, and the same on every machine for one seed
 */
struct random {
	u64 state;
};

static inline u64 random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

static inline u64 random_below(struct random *r, u64 limit)
{
	return random_next(r) % limit;
}

void random_fill(struct random *r, u8 *bytes, size_t len);

/* IPMMU_TEST_SEED repeats a run; the seed is printed either way */
struct random random_seeded(void);

#endif /* IPMMU_LIB_HOST_H */
