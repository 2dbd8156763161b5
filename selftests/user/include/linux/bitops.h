/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Searching and counting bits.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_BITOPS_H
#define SHIM_BITOPS_H

#include <linux/bits.h>

/* Both are undefined for zero, as in the kernel; UBSan then says so. */
static inline unsigned long __ffs(unsigned long x)
{
	return __builtin_ctzl(x);
}

static inline unsigned long __fls(unsigned long x)
{
	return 63 - __builtin_clzl(x);
}

static inline int ffs64(u64 x)
{
	return x ? __builtin_ctzll(x) + 1 : 0;
}

static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

static inline int fls_long(unsigned long x)
{
	return fls64(x);
}

static inline unsigned int hweight64(u64 x)
{
	return __builtin_popcountll(x);
}

#define hweight_long(x)		hweight64(x)
#define hweight32(x)		hweight64((u32)(x))
#define hweight8(x)		hweight64((u8)(x))

static inline bool test_bit(unsigned long nr, const unsigned long *words)
{
	return READ_ONCE(words[nr / BITS_PER_LONG]) >> nr % BITS_PER_LONG & 1;
}

static inline bool test_and_set_bit(unsigned long nr, unsigned long *words)
{
	unsigned long bit = BIT(nr % BITS_PER_LONG);

	return __atomic_fetch_or(&words[nr / BITS_PER_LONG], bit, SHIM_BOTH) & bit;
}

static inline bool test_and_clear_bit(unsigned long nr, unsigned long *words)
{
	unsigned long bit = BIT(nr % BITS_PER_LONG);

	return __atomic_fetch_and(&words[nr / BITS_PER_LONG], ~bit, SHIM_BOTH) & bit;
}

#define set_bit(nr, words)	((void)test_and_set_bit(nr, words))
#define clear_bit(nr, words)	((void)test_and_clear_bit(nr, words))

#endif /* SHIM_BITOPS_H */
