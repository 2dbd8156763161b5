// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host as files show it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "host.h"

/* Many times the sweep's own pause */
#define SETTLED_MS	2000

bool host_before(unsigned int major, unsigned int minor)
{
	unsigned int own_major, own_minor;
	struct utsname name;

	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &own_major, &own_minor) != 2)
		return false;
	return own_major < major || (own_major == major && own_minor < minor);
}

int file_read(const char *path, char *text, size_t size)
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

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = write(fd, text, strlen(text));
	close(fd);
	return len < 0 ? -1 : 0;
}

long long file_number(const char *folder, const char *name)
{
	char path[256], text[64];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	if (file_read(path, text, sizeof(text)) < 0)
		return -1;
	return strtoll(text, NULL, 0);
}

int parameter_set(const char *folder, const char *name, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return file_write(path, value);
}

long long vm_counter(const char *name)
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

struct host_pages host_pages(void)
{
	struct host_pages pages = {
		.live = reclaimer("live"),
		.secondary = vm_counter("nr_sec_page_table_pages"),
		.iommu = vm_counter("nr_iommu_pages"),
	};

	return pages;
}

static int host_pages_equal(const struct host_pages *a,
			    const struct host_pages *b)
{
	return a->live == b->live && a->secondary == b->secondary &&
	       a->iommu == b->iommu;
}

void host_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000l };

	nanosleep(&ts, NULL);
}

u64 host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int reclaimer_wait(unsigned int ms)
{
	u64 since = host_ns();
	long long last = -1, freed;

	while (reclaimer("pending") > 0 || reclaimer("trees") > 0) {
		freed = reclaimer("freed");
		if (freed != last)
			since = host_ns();
		else if (host_ns() - since > ms * 1000000ull)
			return -1;
		last = freed;
		host_sleep_ms(5);
	}
	return 0;
}

void host_settle(unsigned int ms)
{
	long long last = -1, live;
	unsigned int waited;

	for (waited = 0; waited < ms; waited += SETTLED_MS) {
		live = reclaimer("live");
		if (live == last && !reclaimer("pending"))
			return;
		last = live;
		host_sleep_ms(SETTLED_MS);
	}
}

int host_pages_back(const struct host_pages *before, unsigned int ms)
{
	struct host_pages now;
	u64 end;

	if (reclaimer_wait(ms))
		printf("# %lld tables of %lld trees still pending\n",
		       reclaimer("pending"), reclaimer("trees"));
	end = host_ns() + ms * 1000000ull;
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

void random_fill(struct random *r, u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = random_next(r) >> 56;
}

struct random random_seeded(void)
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
