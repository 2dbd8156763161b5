/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tests' own, but for what makes an access slow there: nothing happens
 * between two accesses, and each has the price that it has in the kernel.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_COMPILER_H
#define SMP_COMPILER_H

#include_next <linux/compiler.h>

#define shim_step()		((void)0)
#define shim_stored(p, size)	((void)0)

/*
 * On x86 an atomic read-modify-write is a full barrier, whatever is asked for.
 */
#undef SHIM_BOTH
#define SHIM_BOTH		__ATOMIC_SEQ_CST

#undef READ_ONCE
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))

#undef WRITE_ONCE
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))

/* x86 keeps the order of loads, and of stores; the rest is the compiler's. */
#undef smp_load_acquire
#define smp_load_acquire(p)						\
({									\
	typeof(*(p)) smp_value_ = READ_ONCE(*(p));			\
									\
	barrier();							\
	smp_value_;							\
})

#undef smp_store_release
#define smp_store_release(p, v)						\
do {									\
	barrier();							\
	WRITE_ONCE(*(p), v);						\
} while (0)

#undef mb
#undef rmb
#undef wmb
#undef dma_rmb
#undef dma_wmb
#undef smp_mb
#undef smp_rmb
#undef smp_wmb
#undef smp_mb__before_atomic
#undef smp_mb__after_atomic
#define mb()			__asm__ __volatile__("mfence" ::: "memory")
#define rmb()			__asm__ __volatile__("lfence" ::: "memory")
#define wmb()			__asm__ __volatile__("sfence" ::: "memory")
#define dma_rmb()		barrier()
#define dma_wmb()		barrier()
#define smp_mb()		__asm__ __volatile__("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")
#define smp_rmb()		barrier()
#define smp_wmb()		barrier()
#define smp_mb__before_atomic()	barrier()
#define smp_mb__after_atomic()	barrier()

#endif /* SMP_COMPILER_H */
