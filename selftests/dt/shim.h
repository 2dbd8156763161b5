/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as the driver's tables and pure functions ask for, so
 * that soc.c and encode.c compile for this machine as they are. Included before
 * everything; the headers that they name are empty here.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef DT_SHIM_H
#define DT_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t u64;

#define BIT(n)			(1ul << (n))
#define GENMASK(high, low)	((~0ul >> (63 - (high))) & (~0ul << (low)))
#define FIELD_SHIFT(mask)	__builtin_ctzl(mask)
#define FIELD_PREP(mask, value)	(((unsigned long)(value) << FIELD_SHIFT(mask)) & (mask))
#define FIELD_GET(mask, value)	(((value) & (mask)) >> FIELD_SHIFT(mask))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define lower_32_bits(value)	((u32)(value))
#define upper_32_bits(value)	((u32)((value) >> 32))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define max3(a, b, c)		max(max(a, b), c)
#define MODULE_DEVICE_TABLE(type, table)

struct of_device_id {
	const char *compatible;
	const void *data;
};

struct soc_device_attribute {
	const char *machine;
	const char *family;
	const char *revision;
	const char *soc_id;
};

/* What the kernel knows of the SoC; NULL if it has no driver for that */
extern const struct soc_device_attribute *shim_soc;

const struct soc_device_attribute *soc_device_match(const struct soc_device_attribute *matches);
int match_string(const char * const *array, size_t count, const char *string);

#endif /* DT_SHIM_H */
