/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of caches: see compiler.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/compiler.h>
