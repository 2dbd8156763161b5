/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks that are made ready for mappers that may not block.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_REFILL_H
#define _IOPD_REFILL_H

#include "tree.h"

void iopd_refill_ask(struct iopd_tree *tree);
void iopd_refill_release(struct iopd_tree *tree);
void iopd_refill_wait(void);
void iopd_refill_init(void);
void iopd_refill_exit(void);

#endif /* _IOPD_REFILL_H */
