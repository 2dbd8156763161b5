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

struct task_struct {
	int prio;
};

struct task_struct *shim_current(void);

#define current			shim_current()

#endif /* SHIM_SCHED_H */
