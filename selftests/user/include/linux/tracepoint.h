/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: how often each was come by is known, no more.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_TRACEPOINT_H
#define SHIM_TRACEPOINT_H

#include <linux/compiler.h>

void shim_trace(const char *name);

#define TRACE_DEFINE_ENUM(name)	struct shim_nothing

#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)
#define TP_STRUCT__entry(...)
#define TP_fast_assign(...)
#define TP_printk(...)

#define TRACE_EVENT(name, proto, ...)					\
static inline void trace_##name(proto) { shim_trace(#name); }		\
static inline bool trace_##name##_enabled(void) { return true; }	\
struct shim_nothing
#define TRACE_EVENT_CONDITION(name, proto, ...)	TRACE_EVENT(name, proto)
#define DECLARE_EVENT_CLASS(name, proto, ...)	struct shim_nothing
#define DEFINE_EVENT(class, name, proto, ...)	TRACE_EVENT(name, proto)

#endif /* SHIM_TRACEPOINT_H */
