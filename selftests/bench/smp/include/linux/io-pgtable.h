/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's own library wants beside what this project's does.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_IO_PGTABLE_H
#define SMP_IO_PGTABLE_H

#include_next <linux/io-pgtable.h>

#define IO_PGTABLE_CAP_CUSTOM_ALLOCATOR	BIT(0)

#define io_pgtable_ops_to_pgtable(x)	container_of(x, struct io_pgtable, ops)

struct io_pgtable_init_fns {
	struct io_pgtable *(*alloc)(struct io_pgtable_cfg *cfg, void *cookie);
	void (*free)(struct io_pgtable *iop);
	u32 caps;
};

extern struct io_pgtable_init_fns io_pgtable_arm_64_lpae_s1_init_fns;

#endif /* SMP_IO_PGTABLE_H */
