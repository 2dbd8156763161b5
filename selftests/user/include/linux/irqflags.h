/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts: see spinlock.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/spinlock.h>
