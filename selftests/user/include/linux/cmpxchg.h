/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compare and exchange: see atomic.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/atomic.h>
