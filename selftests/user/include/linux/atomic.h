/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Atomic operations.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_ATOMIC_H
#define SHIM_ATOMIC_H

#include <linux/types.h>

#define ATOMIC_INIT(i)		{ i }
#define ATOMIC_LONG_INIT(i)	{ i }
#define ATOMIC64_INIT(i)	{ i }

/* cmpxchg() on any scalar: what was there */
#define cmpxchg(p, old, new)						\
({									\
	typeof(*(p)) shim_old_ = (old);					\
									\
	shim_step();							\
	__atomic_compare_exchange_n(p, &shim_old_, new, false,		\
				    SHIM_BOTH, SHIM_LOAD);		\
	shim_stored(p, sizeof(*(p)));					\
	shim_old_;							\
})
#define cmpxchg_relaxed(p, old, new)	cmpxchg(p, old, new)
#define cmpxchg_acquire(p, old, new)	cmpxchg(p, old, new)
#define cmpxchg_release(p, old, new)	cmpxchg(p, old, new)
#define cmpxchg64(p, old, new)		cmpxchg(p, old, new)
#define cmpxchg64_relaxed(p, old, new)	cmpxchg(p, old, new)
#define cmpxchg64_acquire(p, old, new)	cmpxchg(p, old, new)
#define cmpxchg64_release(p, old, new)	cmpxchg(p, old, new)

#define try_cmpxchg(p, old, new)					\
({									\
	shim_step();							\
	__atomic_compare_exchange_n(p, old, new, false, SHIM_BOTH, SHIM_LOAD); \
})
#define try_cmpxchg_relaxed(p, old, new)	try_cmpxchg(p, old, new)
#define try_cmpxchg_acquire(p, old, new)	try_cmpxchg(p, old, new)
#define try_cmpxchg_release(p, old, new)	try_cmpxchg(p, old, new)
#define try_cmpxchg64(p, old, new)		try_cmpxchg(p, old, new)
#define try_cmpxchg64_relaxed(p, old, new)	try_cmpxchg(p, old, new)

#define xchg(p, value)							\
({									\
	shim_step();							\
	__atomic_exchange_n(p, value, SHIM_BOTH);			\
})
#define xchg_relaxed(p, value)		xchg(p, value)
#define xchg_release(p, value)		xchg(p, value)
#define xchg_acquire(p, value)		xchg(p, value)

/* One name of an operation, under the four orders that it comes in */
#define SHIM_ORDERS(type, ret, name, params, body)			\
static inline ret type##_##name params body				\
static inline ret type##_##name##_relaxed params body			\
static inline ret type##_##name##_acquire params body			\
static inline ret type##_##name##_release params body

#define SHIM_ATOMIC(type, word)						\
static inline word type##_read(const type##_t *v)			\
{									\
	return READ_ONCE(v->counter);					\
}									\
static inline word type##_read_acquire(const type##_t *v)		\
{									\
	return READ_ONCE(v->counter);					\
}									\
static inline void type##_set(type##_t *v, word i)			\
{									\
	WRITE_ONCE(v->counter, i);					\
}									\
static inline void type##_set_release(type##_t *v, word i)		\
{									\
	WRITE_ONCE(v->counter, i);					\
}									\
SHIM_ORDERS(type, word, fetch_add, (word i, type##_t *v),		\
{									\
	shim_step();							\
	return __atomic_fetch_add(&v->counter, i, SHIM_BOTH);		\
})									\
SHIM_ORDERS(type, word, fetch_or, (word i, type##_t *v),		\
{									\
	shim_step();							\
	return __atomic_fetch_or(&v->counter, i, SHIM_BOTH);		\
})									\
SHIM_ORDERS(type, word, fetch_and, (word i, type##_t *v),		\
{									\
	shim_step();							\
	return __atomic_fetch_and(&v->counter, i, SHIM_BOTH);		\
})									\
SHIM_ORDERS(type, word, fetch_andnot, (word i, type##_t *v),		\
{									\
	return type##_fetch_and(~i, v);					\
})									\
SHIM_ORDERS(type, word, fetch_sub, (word i, type##_t *v),		\
{									\
	return type##_fetch_add(-i, v);					\
})									\
SHIM_ORDERS(type, word, add_return, (word i, type##_t *v),		\
{									\
	return type##_fetch_add(i, v) + i;				\
})									\
SHIM_ORDERS(type, word, sub_return, (word i, type##_t *v),		\
{									\
	return type##_fetch_add(-i, v) - i;				\
})									\
SHIM_ORDERS(type, word, inc_return, (type##_t *v),			\
{									\
	return type##_fetch_add(1, v) + 1;				\
})									\
SHIM_ORDERS(type, word, dec_return, (type##_t *v),			\
{									\
	return type##_fetch_add(-1, v) - 1;				\
})									\
SHIM_ORDERS(type, word, xchg, (type##_t *v, word i),			\
{									\
	return xchg(&v->counter, i);					\
})									\
SHIM_ORDERS(type, word, cmpxchg, (type##_t *v, word old, word i),	\
{									\
	return cmpxchg(&v->counter, old, i);				\
})									\
SHIM_ORDERS(type, bool, try_cmpxchg, (type##_t *v, word *old, word i),	\
{									\
	return try_cmpxchg(&v->counter, old, i);			\
})									\
static inline void type##_add(word i, type##_t *v)			\
{									\
	type##_fetch_add(i, v);						\
}									\
static inline void type##_sub(word i, type##_t *v)			\
{									\
	type##_fetch_add(-i, v);					\
}									\
static inline void type##_inc(type##_t *v)				\
{									\
	type##_fetch_add(1, v);						\
}									\
static inline void type##_dec(type##_t *v)				\
{									\
	type##_fetch_add(-1, v);					\
}									\
static inline void type##_or(word i, type##_t *v)			\
{									\
	type##_fetch_or(i, v);						\
}									\
static inline void type##_and(word i, type##_t *v)			\
{									\
	type##_fetch_and(i, v);						\
}									\
static inline void type##_andnot(word i, type##_t *v)			\
{									\
	type##_fetch_and(~i, v);					\
}									\
static inline bool type##_dec_and_test(type##_t *v)			\
{									\
	return type##_dec_return(v) == 0;				\
}									\
static inline bool type##_sub_and_test(word i, type##_t *v)		\
{									\
	return type##_sub_return(i, v) == 0;				\
}									\
static inline bool type##_inc_not_zero(type##_t *v)			\
{									\
	word old = type##_read(v);					\
									\
	while (old && !type##_try_cmpxchg(v, &old, old + 1))		\
		;							\
	return old;							\
}

SHIM_ATOMIC(atomic, int)
SHIM_ATOMIC(atomic_long, long)
SHIM_ATOMIC(atomic64, s64)

#endif /* SHIM_ATOMIC_H */
