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
static inline bool host_before(unsigned int major, unsigned int minor)
{
	unsigned int own_major, own_minor;
	struct utsname name;

	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &own_major, &own_minor) != 2)
		return false;
	return own_major < major || (own_major == major && own_minor < minor);
}

/* Bytes read, or -1; the text always ends in a NUL */
static inline int file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got;

	text[0] = '\0';
	if (fd < 0)
		return -1;
	/* Long files in /proc come in pieces */
	while ((got = read(fd, text + len, size - 1 - len)) > 0)
		len += got;
	close(fd);
	text[len] = '\0';
	return got < 0 ? -1 : (int)len;
}

static inline int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = write(fd, text, strlen(text));
	close(fd);
	return len < 0 ? -1 : 0;
}

/* -1 when there is no such file */
static inline long long file_number(const char *folder, const char *name)
{
	char path[256], text[64];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	if (file_read(path, text, sizeof(text)) < 0)
		return -1;
	return strtoll(text, NULL, 0);
}

static inline int parameter_set(const char *folder, const char *name,
				const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return file_write(path, value);
}

static inline long long reclaimer(const char *counter)
{
	return file_number(RECLAIMER_DEBUGFS, counter);
}

/* One line of /proc/vmstat; -1 where the kernel has no such counter */
static inline long long vm_counter(const char *name)
{
	char text[16384], *line;
	size_t len = strlen(name);

	/* Fold what each CPU has counted for itself so far */
	file_write("/proc/sys/vm/stat_refresh", "1");
	if (file_read("/proc/vmstat", text, sizeof(text)) < 0)
		return -1;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtoll(line + len, NULL, 10);
	return -1;
}

/* What must be back where it was once every table is freed */
struct host_pages {
	long long live;		/* tables that the library has */
	long long secondary;	/* pages accounted as secondary page tables */
	long long iommu;	/* pages accounted to IOMMUs; -1 before 6.10 */
};

static inline struct host_pages host_pages(void)
{
	struct host_pages pages = {
		.live = reclaimer("live"),
		.secondary = vm_counter("nr_sec_page_table_pages"),
		.iommu = vm_counter("nr_iommu_pages"),
	};

	return pages;
}

static inline int host_pages_equal(const struct host_pages *a,
				   const struct host_pages *b)
{
	return a->live == b->live && a->secondary == b->secondary &&
	       a->iommu == b->iommu;
}

static inline void host_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000l };

	nanosleep(&ts, NULL);
}

static inline u64 host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Waits for the reclaimer to have nothing left; -1 if it still has after @ms */
static inline int reclaimer_wait(unsigned int ms)
{
	u64 end = host_ns() + ms * 1000000ull;

	while (reclaimer("pending") > 0 || reclaimer("trees") > 0) {
		if (host_ns() > end)
			return -1;
		host_sleep_ms(5);
	}
	return 0;
}

/* And for the counters to be back at @before */
static inline int host_pages_back(const struct host_pages *before, unsigned int ms)
{
	u64 end = host_ns() + ms * 1000000ull;
	struct host_pages now;

	if (reclaimer_wait(ms))
		printf("# %lld tables of %lld trees still pending\n",
		       reclaimer("pending"), reclaimer("trees"));
	do {
		now = host_pages();
		if (host_pages_equal(before, &now))
			return 0;
		host_sleep_ms(10);
	} while (host_ns() < end);

	printf("# before: %lld tables, %lld secondary, %lld iommu pages\n",
	       before->live, before->secondary, before->iommu);
	printf("# now:    %lld tables, %lld secondary, %lld iommu pages\n",
	       now.live, now.secondary, now.iommu);
	return -1;
}

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

static inline void random_fill(struct random *r, u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = random_next(r) >> 56;
}

/* IPMMU_TEST_SEED repeats a run; the seed is printed either way */
static inline struct random random_seeded(void)
{
	const char *text = getenv("IPMMU_TEST_SEED");
	struct random r;

	r.state = text ? strtoull(text, NULL, 0) : host_ns() ^ getpid();
	if (!r.state)
		r.state = 1;
	printf("# seed %#llx (IPMMU_TEST_SEED repeats it)\n",
	       r.state);
	fflush(stdout);
	return r;
}

#endif /* IPMMU_LIB_HOST_H */
