/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleeping for a while.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_DELAY_H
#define SHIM_DELAY_H

#include <linux/kernel.h>

void usleep_range(unsigned long min, unsigned long max);

#endif /* SHIM_DELAY_H */
