/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulated IPMMU's walker, where there is one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IOPD_WALKER_H
#define IOPD_WALKER_H

#include <linux/types.h>
#include <stdbool.h>

#include "kmod/iopd_test.h"

struct witness_result {
	__u64 status;	/* enum witness_walk */
	__u64 paddr;
	__u64 prot;
};

/* Maps the registers of the witness device; false on real hardware */
bool witness_open(void);

/* Can the hardware walk tables of this shape? */
bool witness_knows(const struct iopd_create *shape);

struct witness_result witness_walk(const struct iopd_create *shape,
				   __u64 iova);

#endif /* IOPD_WALKER_H */
