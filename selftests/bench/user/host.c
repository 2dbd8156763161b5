// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine as files show it: counters, clocks, and how long the kernel's
 * workers have run.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define PENDING	"/sys/kernel/debug/io-pgtable-arm-deferred/pending"
#define HELD	"/sys/kernel/debug/io-pgtable-arm-deferred/held"

uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void pause_ns(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000,
	};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static bool file_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* -1 when there is no such file */
long long file_number(const char *path)
{
	char text[64];

	return file_text(path, text, sizeof(text)) ? strtoll(text, NULL, 0) : -1;
}

static uint64_t worker_time(const char *pid)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	if (!file_text(path, text, sizeof(text)) || strncmp(text, "kworker/u", 9))
		return 0;
	snprintf(path, sizeof(path), "/proc/%.16s/schedstat", pid);
	if (!file_text(path, text, sizeof(text)))
		return 0;
	return strtoull(text, NULL, 10);
}

/* Time on CPUs of all workers that are not bound to a CPU, as ours are not */
uint64_t workers_time(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint64_t sum = 0;

	if (!proc)
		fail("/proc");
	while ((entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			sum += worker_time(entry->d_name);
	closedir(proc);
	return sum;
}

/* Drivers that free at once have nothing to wait for. */
void wait_reclaimed(void)
{
	/* Rare enough that looking costs next to nothing */
	while (file_number(PENDING) > 0)
		pause_ns(1000000);
}

void wait_trimmed(void)
{
	wait_reclaimed();
	while (file_number(HELD) > 0)
		pause_ns(1000000);
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

int cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}
