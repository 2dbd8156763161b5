/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page frames: see mm.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/mm.h>
