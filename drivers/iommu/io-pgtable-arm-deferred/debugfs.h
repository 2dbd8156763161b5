/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reclaimer's counters under /sys/kernel/debug/io-pgtable-arm-deferred.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_DEBUGFS_H
#define _IOPD_DEBUGFS_H

void iopd_debugfs_init(void);
void iopd_debugfs_exit(void);

#endif /* _IOPD_DEBUGFS_H */
