/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One task of FIFO priority on each CPU, which notes how late it is woken. They
 * are a process of their own, with all of its memory locked: in that of the
 * test they would wait for the lock of its address space while it forks, and
 * for pages that a fork has left to be copied.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef GUEST_DELAYS_H
#define GUEST_DELAYS_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../ipmmu/lib/host.h"

#define DELAYS_CPUS_MAX		64
/* Not a divisor of the tick, so that it meets every phase of it */
#define DELAYS_PERIOD_NS	997000
#define DELAYS_PRIORITY		80

#define DELAYS_TRACING		"/sys/kernel/tracing/"
#define DELAYS_MARK		"delays: late "

/* Shared with the test. @started: 1 when they run, -1 when they cannot */
struct delays {
	atomic_bool sampling;
	atomic_bool marking;
	atomic_ullong worst_ns;
	atomic_int started;
};

static struct delays *delays;
static int delays_marker = -1;

static inline void delays_note(u64 late)
{
	unsigned long long worst = atomic_load(&delays->worst_ns);

	while (late > worst &&
	       !atomic_compare_exchange_weak(&delays->worst_ns, &worst, late))
		;
}

/* For the kernel's tracer, behind what it has of this wake-up */
static inline void delays_tell(u64 late)
{
	char text[48];
	int len = snprintf(text, sizeof(text), DELAYS_MARK "%llu\n", late);

	if (write(delays_marker, text, len) != len)
		atomic_store(&delays->marking, false);
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
		if (atomic_load(&delays->sampling))
			delays_note(now - wanted);
		if (atomic_load(&delays->sampling) && atomic_load(&delays->marking))
			delays_tell(now - wanted);
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

static inline void delays_process(pid_t parent)
{
	long cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int failed;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	failed = getppid() != parent || mlockall(MCL_CURRENT | MCL_FUTURE);
	for (cpu = 0; cpu < cpus && cpu < DELAYS_CPUS_MAX && !failed; cpu++)
		failed = delays_start_on(cpu);
	atomic_store(&delays->started, failed ? -1 : 1);
	while (!failed)
		pause();
	_exit(1);
}

/* They stay until the test ends */
static inline int delays_start(void)
{
	pid_t parent = getpid(), pid;

	delays = mmap(NULL, sizeof(*delays), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (delays == MAP_FAILED)
		return -1;
	delays_marker = open(DELAYS_TRACING "trace_marker", O_WRONLY | O_CLOEXEC);
	fflush(stdout);
	pid = fork();
	if (!pid)
		delays_process(parent);
	while (pid > 0 && !atomic_load(&delays->started) && !waitpid(pid, NULL, WNOHANG))
		host_sleep_ms(1);
	return atomic_load(&delays->started) > 0 ? 0 : -1;
}

static inline void delays_begin(void)
{
	atomic_store(&delays->worst_ns, 0);
	atomic_store(&delays->sampling, true);
}

static inline u64 delays_end(void)
{
	atomic_store(&delays->sampling, false);
	return atomic_load(&delays->worst_ns);
}

/* What the test itself does meanwhile is not what is measured */
static inline void delays_pause(void)
{
	atomic_store(&delays->sampling, false);
}

static inline void delays_resume(void)
{
	atomic_store(&delays->sampling, true);
}

/* Every delay goes to the kernel's tracer, too. False where there is none */
static inline bool delays_mark(bool on)
{
	atomic_store(&delays->marking, on && delays_marker >= 0);
	return !on || delays_marker >= 0;
}

#endif /* GUEST_DELAYS_H */
