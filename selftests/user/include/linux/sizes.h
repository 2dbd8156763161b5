/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of sizes.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SIZES_H
#define SHIM_SIZES_H

#define SZ_1K		0x400
#define SZ_4K		0x1000
#define SZ_8K		0x2000
#define SZ_16K		0x4000
#define SZ_32K		0x8000
#define SZ_64K		0x10000
#define SZ_1M		0x100000
#define SZ_2M		0x200000
#define SZ_32M		0x2000000
#define SZ_512M		0x20000000
#define SZ_1G		0x40000000
#define SZ_4G		0x100000000ull
#define SZ_64G		0x1000000000ull
#define SZ_512G		0x8000000000ull
#define SZ_1T		0x10000000000ull
#define SZ_4T		0x40000000000ull

#endif /* SHIM_SIZES_H */
