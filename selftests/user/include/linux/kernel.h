/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small things that the kernel keeps here and there.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_KERNEL_H
#define SHIM_KERNEL_H

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/log2.h>
#include <linux/printk.h>
#include <linux/sizes.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define sizeof_field(type, member)	sizeof(((type *)0)->member)
#define container_of(pointer, type, member)				\
	((type *)((char *)(pointer) - offsetof(type, member)))

#define SHIM_PICK(type, a, op, b)					\
({									\
	type shim_a_ = (a);						\
	type shim_b_ = (b);						\
									\
	shim_a_ op shim_b_ ? shim_a_ : shim_b_;				\
})
#define min(a, b)		SHIM_PICK(typeof((a) + (b)), a, <, b)
#define max(a, b)		SHIM_PICK(typeof((a) + (b)), a, >, b)
#define min_t(type, a, b)	SHIM_PICK(type, a, <, b)
#define max_t(type, a, b)	SHIM_PICK(type, a, >, b)
#define min_not_zero(a, b)						\
({									\
	typeof(a) shim_x_ = (a);					\
	typeof(b) shim_y_ = (b);					\
									\
	!shim_x_ ? shim_y_ : !shim_y_ ? shim_x_ : min(shim_x_, shim_y_);	\
})
#define min3(a, b, c)		min(min(a, b), c)
#define max3(a, b, c)		max(max(a, b), c)
#define clamp(x, low, high)	min(max(x, low), high)
#define clamp_t(type, x, low, high)	min_t(type, max_t(type, x, low), high)
#define swap(a, b)							\
do {									\
	typeof(a) shim_old_ = (a);					\
									\
	(a) = (b);							\
	(b) = shim_old_;						\
} while (0)

#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	DIV_ROUND_UP((u64)(n), d)
#define ALIGN(x, a)		(((x) + (typeof(x))(a) - 1) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))
#define IS_ALIGNED(x, a)	(!((x) & ((typeof(x))(a) - 1)))
#define round_up(x, a)		ALIGN(x, a)
#define round_down(x, a)	ALIGN_DOWN(x, a)
#define roundup(x, a)		(DIV_ROUND_UP(x, a) * (a))
#define rounddown(x, a)		((x) / (a) * (a))
#define upper_32_bits(x)	((u32)((u64)(x) >> 32))
#define lower_32_bits(x)	((u32)(x))
#define U64_MAX			(~0ull)
#define U32_MAX			(~0u)
#define PHYS_ADDR_MAX		(~(phys_addr_t)0)

int kstrtoul(const char *text, unsigned int base, unsigned long *value);
ssize_t strscpy(char *to, const char *from, size_t size);

/* Says where sleeping is not allowed */
void might_sleep(void);
void cond_resched(void);
bool need_resched(void);

static inline void cpu_relax(void)
{
	shim_step();
}

#define in_interrupt()		0
#define in_atomic()		0
#define preempt_disable()	barrier()
#define preempt_enable()	barrier()

#endif /* SHIM_KERNEL_H */
