/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasklets: work that may not sleep.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_INTERRUPT_H
#define SHIM_INTERRUPT_H

#include <linux/workqueue.h>

struct tasklet_struct {
	struct work_struct work;
	void (*callback)(struct tasklet_struct *tasklet);
};

void tasklet_setup(struct tasklet_struct *tasklet,
		   void (*callback)(struct tasklet_struct *tasklet));
void tasklet_hi_schedule(struct tasklet_struct *tasklet);
void tasklet_kill(struct tasklet_struct *tasklet);

#endif /* SHIM_INTERRUPT_H */
