/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says to compilers, and single accesses to memory.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_COMPILER_H
#define SHIM_COMPILER_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/errno.h>

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define barrier()		__asm__ __volatile__("" ::: "memory")
#define prefetch(x)		__builtin_prefetch(x)
#define prefetchw(x)		__builtin_prefetch(x, 1)

#undef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#undef noinline
#define noinline		__attribute__((__noinline__))
#define __packed		__attribute__((__packed__))
#define __aligned(x)		__attribute__((__aligned__(x)))
#define __printf(a, b)		__attribute__((__format__(__printf__, a, b)))
#define __must_check		__attribute__((__warn_unused_result__))
#define __maybe_unused		__attribute__((__unused__))
#define __used			__attribute__((__used__))
#define __cold
#define __force
#define __user
#define __iomem
#define __rcu
#define __percpu
#define __read_mostly
#define __ro_after_init
#define CONFIG_SMP		1
#define SMP_CACHE_BYTES		64
#define ____cacheline_aligned	__aligned(SMP_CACHE_BYTES)
#define ____cacheline_aligned_in_smp	____cacheline_aligned
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define fallthrough		__attribute__((__fallthrough__))

#define __same_type(a, b)	__builtin_types_compatible_p(typeof(a), typeof(b))

/*
 * The arguments are configuration symbols: one that is not defined is not set.
 */
#define SHIM_SECOND_(ignored, value, ...)	value
#define SHIM_SECOND(...)			SHIM_SECOND_(__VA_ARGS__)
#define SHIM_PLACEHOLDER_1			0,
#define SHIM_IS_ENABLED__(placeholder)		SHIM_SECOND(placeholder 1, 0, 0)
#define SHIM_IS_ENABLED_(value)			SHIM_IS_ENABLED__(SHIM_PLACEHOLDER_##value)
#define IS_ENABLED(option)			SHIM_IS_ENABLED_(option)
#define __is_defined(macro)			SHIM_IS_ENABLED_(macro)

/*
 * Between any two accesses something else may happen on another CPU, or in the
 * hardware: the tests ask for that by a number of steps.
 */
extern __thread long shim_steps;
void shim_step_done(void);

static inline void shim_step(void)
{
	if (unlikely(--shim_steps < 0))
		shim_step_done();
}

/*
 * With one thread the compiler is all there is to hold back. Threads are
 * watched by a detector of races that does not know fences or dependencies:
 * what the kernel orders by those is made an acquire and a release for it.
 */
#ifdef SHIM_THREADS
#define SHIM_LOAD		__ATOMIC_ACQUIRE
#define SHIM_STORE		__ATOMIC_RELEASE
#define SHIM_BOTH		__ATOMIC_ACQ_REL
#else
#define SHIM_LOAD		__ATOMIC_RELAXED
#define SHIM_STORE		__ATOMIC_RELAXED
#define SHIM_BOTH		__ATOMIC_RELAXED
#endif

#define READ_ONCE(x)							\
({									\
	shim_step();							\
	__atomic_load_n(&(x), SHIM_LOAD);				\
})

/*
 * What a CPU has stored waits in its store buffer, as far as an IOMMU is
 * concerned for which nothing is cleaned: see shim/dma.c.
 */
extern bool shim_buffers;
void shim_buffer(const volatile void *address, size_t size);
void shim_drain(void);

static inline void shim_stored(const volatile void *address, size_t size)
{
	if (unlikely(shim_buffers))
		shim_buffer(address, size);
}

static inline void shim_write_barrier(void)
{
	if (unlikely(shim_buffers))
		shim_drain();
	shim_step();
}

/* Full barriers that a call has asked for by name */
extern __thread unsigned long shim_barriers;

static inline void shim_mb(void)
{
	shim_barriers++;
	shim_step();
}

/* Is the lock held that guards it? See guards.c */
#ifdef SHIM_GUARDS
void shim_guard_write(const volatile void *address, size_t size);
#else
static inline void shim_guard_write(const volatile void *address, size_t size)
{
}
#endif

#define WRITE_ONCE(x, value)						\
do {									\
	shim_step();							\
	shim_guard_write(&(x), sizeof(x));				\
	__atomic_store_n(&(x), value, SHIM_STORE);			\
	shim_stored(&(x), sizeof(x));					\
} while (0)

#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define data_race(x)		(x)

#define mb()			shim_write_barrier()
#define rmb()			shim_step()
#define wmb()			shim_write_barrier()
#define dma_rmb()		shim_step()
#define dma_wmb()		shim_write_barrier()
#define smp_mb()		shim_mb()
#define smp_rmb()		shim_step()
#define smp_wmb()		shim_step()
#define smp_mb__before_atomic()	shim_step()
#define smp_mb__after_atomic()	shim_step()

#endif /* SHIM_COMPILER_H */
