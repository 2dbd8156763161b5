/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks that are made ready for mappers that may not block.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_REFILL_H
#define _IOPT_REFILL_H

#include "tree.h"

void iopt_refill_ask(struct iopt_tree *tree);
bool iopt_refill_has(struct iopt_tree *tree);
void iopt_refill_wait(void);
void iopt_refill_init(void);
void iopt_refill_exit(void);

#endif /* _IOPT_REFILL_H */
