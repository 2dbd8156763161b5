/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals: the fatal one, which the test sends.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SCHED_SIGNAL_H
#define SHIM_SCHED_SIGNAL_H

#include <linux/sched.h>

#define ERESTARTSYS		512

bool shim_is_killed(void);

#define fatal_signal_pending(task)	shim_is_killed()

#endif /* SHIM_SCHED_SIGNAL_H */
