/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic that tells of overflow.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_OVERFLOW_H
#define SHIM_OVERFLOW_H

#include <linux/kernel.h>

#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d)	__builtin_sub_overflow(a, b, d)
#define check_mul_overflow(a, b, d)	__builtin_mul_overflow(a, b, d)

static inline size_t size_mul(size_t a, size_t b)
{
	size_t product;

	return check_mul_overflow(a, b, &product) ? ~(size_t)0 : product;
}

#define struct_size(p, member, nr)					\
	(sizeof(*(p)) + size_mul(sizeof(*(p)->member), nr))

#endif /* SHIM_OVERFLOW_H */
