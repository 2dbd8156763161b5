/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scheduling: see kernel.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/kernel.h>
