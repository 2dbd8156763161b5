/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaiming of memory, as far as it is counted.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SWAP_H
#define SHIM_SWAP_H

void mm_account_reclaimed_pages(unsigned long pages);

#endif /* SHIM_SWAP_H */
