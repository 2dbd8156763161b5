/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control groups (version 2) for one test.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef GROUP_H
#define GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Which of them the other functions are about: 0 unless another is selected */
void group_select(unsigned int nr);

/* Return: NULL, or why there cannot be one */
const char *group_make(void);
/* False while a task is in it */
bool group_remove(void);

/*
 * Moves the task @pid, or the caller for 0, into the group, or back to the root
 */
bool group_enter(pid_t pid);
bool group_leave(pid_t pid);

/*
 * A file of the group's, or of the root's: the number in it, or the one behind
 * @key. Return: -1 when not there.
 */
long group_read(const char *file, const char *key);
long group_read_root(const char *file, const char *key);
bool group_write(const char *file, long value);

#endif /* GROUP_H */
