/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reclaimer's counters under /sys/kernel/debug/io-pgtable-arm-deferred.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_DEBUGFS_H
#define _IOPT_DEBUGFS_H

void iopt_debugfs_init(void);
void iopt_debugfs_exit(void);

#endif /* _IOPT_DEBUGFS_H */
