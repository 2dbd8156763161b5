/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One task of FIFO priority on each CPU, which notes how late it is woken.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef GUEST_DELAYS_H
#define GUEST_DELAYS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../ipmmu/lib/host.h"

#define DELAYS_CPUS_MAX		64
/* Not a divisor of the tick, so that it meets every phase of it */
#define DELAYS_PERIOD_NS	997000
#define DELAYS_PRIORITY		80

static atomic_bool delays_sampling;
static atomic_ullong delays_worst_ns;

static inline void delays_note(u64 late)
{
	unsigned long long worst = atomic_load(&delays_worst_ns);

	while (late > worst &&
	       !atomic_compare_exchange_weak(&delays_worst_ns, &worst, late))
		;
}

static inline void *delays_task(void *unused)
{
	u64 wanted = host_ns(), now;
	struct timespec ts;

	(void)unused;
	for (;;) {
		wanted += DELAYS_PERIOD_NS;
		ts.tv_sec = wanted / 1000000000;
		ts.tv_nsec = wanted % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		now = host_ns();
		if (atomic_load(&delays_sampling))
			delays_note(now - wanted);
		/* What was slept through is not counted a second time */
		if (now > wanted + DELAYS_PERIOD_NS)
			wanted = now;
	}
	return NULL;
}

static inline int delays_start_on(int cpu)
{
	struct sched_param param = { .sched_priority = DELAYS_PRIORITY };
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	return pthread_create(&thread, &attr, delays_task, NULL);
}

/* They stay until the process ends */
static inline int delays_start(void)
{
	long cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (cpu = 0; cpu < cpus && cpu < DELAYS_CPUS_MAX; cpu++)
		if (delays_start_on(cpu))
			return -1;
	return 0;
}

static inline void delays_begin(void)
{
	atomic_store(&delays_worst_ns, 0);
	atomic_store(&delays_sampling, true);
}

static inline u64 delays_end(void)
{
	atomic_store(&delays_sampling, false);
	return atomic_load(&delays_worst_ns);
}

#endif /* GUEST_DELAYS_H */
