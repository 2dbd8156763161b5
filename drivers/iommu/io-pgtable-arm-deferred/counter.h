/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters that mappers, unmappers and workers change as they go, each CPU its
 * own part: none of them waits for a cache line that another CPU writes to.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_COUNTER_H
#define _IOPD_COUNTER_H

#include <linux/percpu.h>

/**
 * iopd_counter_sum() - what a counter stands at
 * @counter: per CPU
 *
 * A part may be negative: one CPU takes away what another has added. While
 * others count, the sum may be off by what they do meanwhile, and below zero
 * for that.
 *
 * Context: any.
 * Return: the sum of all parts.
 */
static inline long iopd_counter_sum(const long __percpu *counter)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(counter, cpu));
	return sum;
}

#endif /* _IOPD_COUNTER_H */
