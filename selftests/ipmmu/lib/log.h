/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel log says from a certain moment on.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_LOG_H
#define IPMMU_LIB_LOG_H

#include "host.h"

/* Only what is logged from now on is seen through it */
static inline int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * The lines with both words (or the one, with @second NULL) since the last call
 */
static inline unsigned int log_count(int fd, const char *first, const char *second)
{
	unsigned int count = 0;
	char line[8192];
	ssize_t len;

	/* Each read gives one record; EPIPE: some were overwritten, go on */
	for (;;) {
		len = read(fd, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return count;
		line[len] = '\0';
		if (strstr(line, first) && (!second || strstr(line, second)))
			count++;
	}
}

/* Waits up to @ms for a line with both words */
static inline int log_wait(int fd, const char *first, const char *second,
			   unsigned int ms)
{
	unsigned int waited;

	for (waited = 0; ; waited += 10) {
		if (log_count(fd, first, second))
			return 0;
		if (waited >= ms)
			return -1;
		host_sleep_ms(10);
	}
}

#endif /* IPMMU_LIB_LOG_H */
