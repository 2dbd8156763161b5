/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Variables that each CPU has, as in the kernel: all of them are in one
 * section, of which each thread has a copy of its own, as far away as the
 * thread knows. To add to its own is an instruction, as in the kernel on x86.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_PERCPU_H
#define SMP_PERCPU_H

#include <linux/compiler.h>

/* The threads, and before them the one that has started them */
#define SMP_CPUS		65

extern __thread long smp_cpu_offset;

long smp_offset_of(unsigned int cpu);

#define SMP_PERCPU		__attribute__((__section__("smp_percpu")))
#define DECLARE_PER_CPU(type, name)	extern SMP_PERCPU type name
#define DEFINE_PER_CPU(type, name)	SMP_PERCPU type name

#define smp_shift(pointer, offset)					\
	((typeof(pointer))((char *)(pointer) + (offset)))

#define this_cpu_add(name, value)					\
	((void)(*smp_shift(&(name), smp_cpu_offset) += (value)))

#define for_each_possible_cpu(cpu)					\
	for ((cpu) = 0; (cpu) < SMP_CPUS; (cpu)++)
#define per_cpu_ptr(pointer, cpu)					\
	smp_shift(pointer, smp_offset_of(cpu))

#endif /* SMP_PERCPU_H */
