/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Priorities: see ../sched.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/sched.h>
