/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters of modules: see module.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/module.h>
