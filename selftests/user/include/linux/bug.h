/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Warnings: to a test they are failures, unless it has asked for one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_BUG_H
#define SHIM_BUG_H

#include <linux/compiler.h>

void shim_warn(const char *file, int line, const char *fmt, ...) __printf(3, 4);

#define WARN(condition, ...)						\
({									\
	bool shim_so_ = !!(condition);					\
									\
	if (unlikely(shim_so_))						\
		shim_warn(__FILE__, __LINE__, __VA_ARGS__);		\
	unlikely(shim_so_);						\
})
#define WARN_ON(condition)	WARN(condition, "%s", #condition)
#define WARN_ONCE(condition, ...)	WARN(condition, __VA_ARGS__)
#define WARN_ON_ONCE(condition)	WARN_ON(condition)
#define BUG_ON(condition)	((void)WARN_ON(condition))
#define BUG()			BUG_ON(1)
#define VM_WARN_ON_ONCE(condition)	WARN_ON(condition)

#define BUILD_BUG_ON(condition)	_Static_assert(!(condition), #condition)
#define BUILD_BUG_ON_ZERO(e)	((int)sizeof(struct { int : -!!(e); }))
#ifndef static_assert
#define static_assert(condition, ...)	_Static_assert(condition, #condition)
#endif

#endif /* SHIM_BUG_H */
