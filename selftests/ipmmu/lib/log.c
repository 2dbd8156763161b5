// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel log, record by record.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "log.h"

int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

unsigned int log_count(int fd, const char *first, const char *second)
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

int log_wait(int fd, const char *first, const char *second, unsigned int ms)
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
