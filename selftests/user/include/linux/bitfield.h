/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields of registers and descriptors.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_BITFIELD_H
#define SHIM_BITFIELD_H

#include <linux/bits.h>

#define SHIM_FIELD_SHIFT(mask)	__builtin_ctzll(mask)
#define FIELD_MAX(mask)		((typeof(mask))((mask) >> SHIM_FIELD_SHIFT(mask)))
#define FIELD_FIT(mask, value)						\
	(!(((typeof(mask))(value) << SHIM_FIELD_SHIFT(mask)) & ~(mask)))
#define FIELD_PREP(mask, value)						\
	(((typeof(mask))(value) << SHIM_FIELD_SHIFT(mask)) & (mask))
#define FIELD_GET(mask, word)						\
	((typeof(mask))(((word) & (mask)) >> SHIM_FIELD_SHIFT(mask)))

#endif /* SHIM_BITFIELD_H */
