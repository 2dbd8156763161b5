/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks when compiling: see bug.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bug.h>
