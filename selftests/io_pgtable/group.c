// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control groups (version 2) for one test.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"
#include "iopd.h"

#define ROOT	"/sys/fs/cgroup"

/* That of the functions below */
static unsigned int selected;

void group_select(unsigned int nr)
{
	selected = nr;
}

/* The group's folder, or a file in it. The text lasts until the next call. */
static const char *group_path(const char *file)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), ROOT "/iopd-test-%u/%s", selected, file);
	return path;
}

static bool write_number(const char *path, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	return iopd_write_text(path, text);
}

/* Open beforehand: a group that has no memory left cannot open anything */
static int root_procs = -1;

const char *group_make(void)
{
	if (access(ROOT "/cgroup.controllers", F_OK) &&
	    mount("cgroup2", ROOT, "cgroup2", 0, NULL))
		return "no control groups of version 2";
	/*
	 * Where there is no memory controller, the files that are asked for
	 * lack
	 */
	iopd_write_text(ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(group_path(""), 0755) && errno != EEXIST)
		return "no control group can be made";
	if (root_procs < 0)
		root_procs = open(ROOT "/cgroup.procs", O_WRONLY | O_CLOEXEC);
	return NULL;
}

bool group_remove(void)
{
	return !rmdir(group_path("")) || errno == ENOENT;
}

bool group_enter(pid_t pid)
{
	return write_number(group_path("cgroup.procs"), pid);
}

bool group_leave(pid_t pid)
{
	return dprintf(root_procs, "%d", pid) > 0;
}

long group_read(const char *file, const char *key)
{
	return iopd_read_key(group_path(file), key);
}

long group_read_root(const char *file, const char *key)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), ROOT "/%s", file);
	return iopd_read_key(path, key);
}

bool group_write(const char *file, long value)
{
	return write_number(group_path(file), value);
}
