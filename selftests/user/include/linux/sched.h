/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scheduling: see kernel.h. A CPU of the shim's runs one task.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SCHED_H
#define SHIM_SCHED_H

#include <linux/kernel.h>

#define MAX_RT_PRIO		100
#define TASK_COMM_LEN		16

struct task_struct {
	int prio;
	char comm[TASK_COMM_LEN];
};

struct task_struct *shim_current(void);
pid_t shim_task_number(void);

#define current			shim_current()
#define task_pid_nr(task)	shim_task_number()

#endif /* SHIM_SCHED_H */
