/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Suspend as far as devices go, interrupts off, and come back after a second.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_SUSPEND_H
#define IPMMU_LIB_SUSPEND_H

#include "setup.h"

#define SUSPEND_POWER		"/sys/module/ipmmu_power/parameters/"

/* NULL, or what is missing */
const char *suspend_prepare(void);

/* @how: for WITNESS_POWER. 0 if all was suspended, and is back */
int suspend_once(u64 how);

#endif /* IPMMU_LIB_SUSPEND_H */
