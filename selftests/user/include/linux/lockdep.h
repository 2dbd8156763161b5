/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of locks: see spinlock.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/spinlock.h>
