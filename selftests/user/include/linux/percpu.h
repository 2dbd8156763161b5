/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Variables that each CPU has: here all have one. The library may only add to
 * them and read their sum.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_PERCPU_H
#define SHIM_PERCPU_H

#include <linux/compiler.h>

#define DECLARE_PER_CPU(type, name)	extern type name
#define DEFINE_PER_CPU(type, name)	type name

#define this_cpu_add(name, value)					\
	((void)__atomic_fetch_add(&(name), value, __ATOMIC_RELAXED))

#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define per_cpu_ptr(pointer, cpu)	((pointer) + (cpu))

#endif /* SHIM_PERCPU_H */
