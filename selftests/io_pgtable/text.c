// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the kernel's that are text: written, and looked into.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopd.h"

bool iopd_write_text(const char *path, const char *text)
{
	int error, fd = open(path, O_WRONLY);
	ssize_t written;

	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text));
	error = errno;
	close(fd);
	errno = error;
	return written == (ssize_t)strlen(text);
}

long iopd_read_key(const char *path, const char *key)
{
	char line[256], word[64];
	long value, found = -1;
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (!key)
			found = strtol(line, NULL, 0);
		else if (sscanf(line, "%63s %ld", word, &value) == 2 &&
			 !strcmp(word, key))
			found = value;
	}
	fclose(file);
	return found;
}
