/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: how often each was come by is known, and what it said last.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_TRACEPOINT_H
#define SHIM_TRACEPOINT_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Arguments as numbers, five at most */
void shim_trace(const char *name, const u64 *args, unsigned int nr);

#define SHIM_ARGS_1(a)			(u64)(a)
#define SHIM_ARGS_2(a, ...)		(u64)(a), SHIM_ARGS_1(__VA_ARGS__)
#define SHIM_ARGS_3(a, ...)		(u64)(a), SHIM_ARGS_2(__VA_ARGS__)
#define SHIM_ARGS_4(a, ...)		(u64)(a), SHIM_ARGS_3(__VA_ARGS__)
#define SHIM_ARGS_5(a, ...)		(u64)(a), SHIM_ARGS_4(__VA_ARGS__)
#define SHIM_ARGS_N(a, b, c, d, e, n, ...)	SHIM_ARGS_##n
#define SHIM_ARGS(...)			SHIM_ARGS_N(__VA_ARGS__, 5, 4, 3, 2, 1)(__VA_ARGS__)

#define TRACE_DEFINE_ENUM(name)	struct shim_nothing

#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)		__VA_ARGS__
#define TP_STRUCT__entry(...)
#define TP_fast_assign(...)
#define TP_printk(...)

#define TRACE_EVENT(name, proto, args, ...)				\
static inline void trace_##name(proto)					\
{									\
	const u64 shim_args_[] = { SHIM_ARGS(args) };			\
									\
	shim_trace(#name, shim_args_, sizeof(shim_args_) / sizeof(u64));	\
}									\
static inline bool trace_##name##_enabled(void) { return true; }	\
struct shim_nothing
#define TRACE_EVENT_CONDITION(name, proto, args, ...)	\
	TRACE_EVENT(name, PARAMS(proto), PARAMS(args))
#define DECLARE_EVENT_CLASS(name, proto, ...)	struct shim_nothing
#define DEFINE_EVENT(class, name, proto, args)	\
	TRACE_EVENT(name, PARAMS(proto), PARAMS(args))
#define PARAMS(...)		__VA_ARGS__

#endif /* SHIM_TRACEPOINT_H */
