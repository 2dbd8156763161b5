// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's worker, held back so that a test can see what others do.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iopd.h"
#include "worker.h"

#define WQ_CPUMASK	"/sys/devices/virtual/workqueue/io-pgtable-deferred/cpumask"
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"
/*
 * From 6.12 on, what the rest of a CPU's tasks is granted beside real-time ones
 */
#define FAIR_RUNTIME	"/sys/kernel/debug/sched/fair_server/cpu%d/runtime"

#define FAIR_SERVERS	"/sys/kernel/debug/sched/fair_server"

/* Other tasks, what holds the worker back, and the rest of the system */
#define CPUS_MIN	3
#define CPUS_MAX	32

/* Long enough for a worker that is not held to free a few tables */
#define WORKER_CHANCE_US	50000

/* A file of the kernel's that we change for a while */
struct setting {
	char path[128];
	char old[64];
};

static struct setting cpumask = { .path = WQ_CPUMASK };
static struct setting rt_runtime = { .path = RT_RUNTIME };
static struct setting fair_runtime;
static pid_t hog;

static ssize_t transfer(const char *path, int flags, char *text, size_t size)
{
	int fd = open(path, flags);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = flags == O_RDONLY ? read(fd, text, size) : write(fd, text, size);
	if (len < 0)
		len = -errno;
	close(fd);
	return len;
}

static bool set(struct setting *setting, const char *value)
{
	char text[64];
	ssize_t len;

	len = transfer(setting->path, O_RDONLY, setting->old,
		       sizeof(setting->old) - 1);
	setting->old[len > 0 ? len : 0] = '\0';
	snprintf(text, sizeof(text), "%s", value);
	return len > 0 &&
	       transfer(setting->path, O_WRONLY, text, strlen(text)) > 0;
}

static void set_back(struct setting *setting)
{
	if (setting->old[0])
		transfer(setting->path, O_WRONLY, setting->old,
			 strlen(setting->old));
	setting->old[0] = '\0';
}

int worker_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

bool worker_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static void keep_off(int cpu)
{
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (i != cpu)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/*
 * Ends with us, and before the kernel complains of a workqueue that stands
 * still
 */
static pid_t start_hog(int cpu)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	alarm(WORKER_HELD_SECONDS);
	if (!worker_pin(cpu))
		_exit(1);
	iopd_go_first(true);
	for (;;)
		;
}

/* An emulator on a busy machine may take its time */
#define PATIENCE_US	5000000

static bool hog_is_there(void)
{
	int us;

	for (us = 0; us < PATIENCE_US; us += 1000) {
		if (sched_getscheduler(hog) == SCHED_FIFO)
			return true;
		usleep(1000);
	}
	return false;
}

/* Is a tree that no task helps with still pending after a while? */
static bool is_held(void)
{
	int fd = iopd_new(39, 0);
	bool held;

	iopd_free(fd);
	usleep(WORKER_CHANCE_US);
	held = iopd_stat("pending") == 1;
	close(fd);
	iopd_drain();
	return held;
}

/* From 6.12 on the fair server is there, whether it can be seen or not. */
static bool has_fair_server(void)
{
	struct utsname name;
	int major, minor;

	return !uname(&name) &&
	       sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 12));
}

static const char *confine(int cpu)
{
	char mask[16];

	snprintf(mask, sizeof(mask), "%x", 1u << cpu);
	snprintf(fair_runtime.path, sizeof(fair_runtime.path), FAIR_RUNTIME,
		 cpu);
	if (!set(&cpumask, mask))
		return "the workqueue's cpumask cannot be set";
	if (!set(&rt_runtime, "-1"))
		return "sched_rt_runtime_us cannot be set";
	if (has_fair_server() && !set(&fair_runtime, "0"))
		return "the fair server cannot be stopped";
	keep_off(cpu);
	return NULL;
}

static const char *hold_on(int cpu)
{
	const char *bad = confine(cpu);

	if (!bad)
		bad = worker_preempt();
	if (bad)
		return bad;
	/* The first may still find a worker that was on its way */
	return is_held() || is_held() ? NULL : "the worker is not held back";
}

static const char *why_it_cannot_be_held(void)
{
	if (worker_cpus() < CPUS_MIN || worker_cpus() > CPUS_MAX)
		return "needs 3 to 32 CPUs";
	if (access(WQ_CPUMASK, W_OK))
		return "the workqueue has no cpumask in sysfs";
	if (access(RT_RUNTIME, W_OK))
		return "sched_rt_runtime_us cannot be set";
	if (has_fair_server() && access(FAIR_SERVERS, X_OK))
		return "the fair server cannot be stopped: needs CONFIG_SCHED_DEBUG";
	return NULL;
}

void worker_require(void)
{
	const char *why = why_it_cannot_be_held();

	if (why)
		iopd_skip_all(why);
}

const char *worker_confine(void)
{
	const char *bad = why_it_cannot_be_held();

	if (bad)
		return bad;
	bad = confine(worker_cpus() - 1);
	if (bad)
		worker_let_go();
	return bad;
}

const char *worker_preempt(void)
{
	hog = start_hog(worker_cpus() - 1);
	if (hog < 0 || !hog_is_there())
		return "nothing is there to hold the worker back";
	return NULL;
}

const char *worker_hold(void)
{
	int cpu = worker_cpus() - 1;
	const char *bad = why_it_cannot_be_held();

	if (bad)
		return bad;
	iopd_drain();
	bad = hold_on(cpu);
	if (bad)
		worker_let_go();
	return bad;
}

bool worker_is_held(void)
{
	siginfo_t info = {};

	return hog > 0 && !waitid(P_PID, hog, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

void worker_let_go(void)
{
	if (hog > 0) {
		kill(hog, SIGKILL);
		waitpid(hog, NULL, 0);
	}
	hog = 0;
	keep_off(-1);
	set_back(&fair_runtime);
	set_back(&rt_runtime);
	set_back(&cpumask);
}
