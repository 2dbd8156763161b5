// SPDX-License-Identifier: GPL-2.0-only
/*
 * What callers wait for: each wait has an end, is for what was there when it began,
 * and is given up by a task that is killed, whatever others do meanwhile and
 * however lazy the kernel's RCU is.
 *
 * What is wrong here takes ten seconds, or does not end. What is right takes
 * milliseconds, and on a loaded emulator some seconds at most: the bounds lie in
 * between, far from either.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "group.h"
#include "iopt.h"
#include "worker.h"

#define RW		(IOPT_READ | IOPT_WRITE)
#define MIB		(1l << 20)
#define SEC		1000000000ull
#define NO_LIMIT	"1000000000"

/* A lazy callback comes after ten seconds */
#define PROMPT		(5 * SEC)

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

static bool flush(int fd)
{
	return iopt_flush(fd, IOPT_FLUSH_BEGIN | IOPT_FLUSH_END);
}

/* So many tables of a live domain are cut off, flushed, and wait for readers to go */
static bool cut(int fd, __u64 tables)
{
	return iopt_fill(fd, 0, SZ_2M, tables, SZ_4K, 1) &&
	       iopt_strip(fd, 0, SZ_2M, tables, SZ_2M, 1) && flush(fd);
}

static const char * const parameters[] = { "deferred", "batch", "limit" };

FIXTURE(waits)
{
	char saved[3][32];
	long live;
	int fd;
};

FIXTURE_SETUP(waits)
{
	int i;

	if (!iopt_alone())
		SKIP(return, "others use the library: its counters are not ours");
	for (i = 0; i < 3; i++)
		snprintf(self->saved[i], sizeof(self->saved[i]), "%ld",
			 iopt_param(parameters[i]));
	iopt_set_param("limit", NO_LIMIT);
	iopt_drain();
	self->live = iopt_stat("live");
	self->fd = iopt_new(39, 0);
}

FIXTURE_TEARDOWN(waits)
{
	int i;

	worker_let_go();
	for (i = 0; i < 3; i++)
		iopt_set_param(parameters[i], self->saved[i]);
	close(self->fd);
	iopt_drain();
	EXPECT_EQ(self->live, iopt_stat("live"));
	EXPECT_TRUE(group_remove());
}

/* --- callbacks that the kernel puts off -------------------------------------------- */

static bool kernel_log_has(const char *text)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1);

	return len > 0 && memmem(log, len, text, strlen(text));
}

static bool command_line_has(const char *text)
{
	char line[4096];
	FILE *file = fopen("/proc/cmdline", "r");
	bool found = file && fgets(line, sizeof(line), file) &&
		     strstr(line, text);

	if (file)
		fclose(file);
	return found;
}

/* Of the kernel, not of ours: what the other tests here would take if it were */
TEST_F(waits, plain_callback_for_comparison)
{
	/* The boot that asks for it must get it, or the rest says nothing */
	if (command_line_has("rcu_nocbs=all"))
		EXPECT_TRUE(kernel_log_has("Offload RCU callbacks from CPUs"));
	TH_LOG("a plain call_rcu() takes %llu ms", iopt_grace() / 1000000);
}

TEST_F(waits, drain_of_cut_tables)
{
	__u64 ns, worst = 0;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(cut(self->fd, 8));
		ns = iopt_drain();
		worst = ns > worst ? ns : worst;
	}
	TH_LOG("at most %llu us", worst / 1000);
	EXPECT_GT(PROMPT, worst);
}

TEST_F(waits, limit_and_cut_tables)
{
	__u64 start, ns, worst = 0;
	int i;

	iopt_set_param("limit", "64");
	for (i = 0; i < 3; i++) {
		start = now_ns();
		ASSERT_TRUE(cut(self->fd, 500));
		ns = now_ns() - start;
		worst = ns > worst ? ns : worst;
	}
	TH_LOG("at most %llu ms", worst / 1000000);
	EXPECT_GT(PROMPT, worst);
}

/* In VFIO that is under a mutex that others want, too */
TEST_F(waits, caller_frees_after_a_cut)
{
	__u64 ns, worst = 0;
	int i, fd;

	iopt_set_param("deferred", "0");
	for (i = 0; i < 3; i++) {
		fd = iopt_new(39, 0);
		ASSERT_TRUE(cut(fd, 8));
		ns = iopt_free(fd);
		worst = ns > worst ? ns : worst;
		EXPECT_EQ(1 + self->live, iopt_stat("live"));
		close(fd);
	}
	TH_LOG("at most %llu us", worst / 1000);
	EXPECT_GT(PROMPT, worst);
}

/* --- at the limit of a control group ------------------------------------------------ */

#define NO_GROUPS	"no control groups that count memory"

static bool have_groups(void)
{
	return !group_make() && group_read("memory.current", NULL) >= 0;
}

/* What a guest does that is given memory, loses it, and is given it again */
static void map_and_cut_rounds(unsigned int flags)
{
	int i, fd = iopt_new(39, flags);

	if (!group_enter(0))
		_exit(2);
	for (i = 0; i < 3; i++) {
		if (!iopt_fill(fd, 0, SZ_2M, 1500, SZ_4K, 1))
			_exit(3);
		if (!iopt_strip(fd, 0, SZ_2M, 1500, SZ_2M, 1))
			_exit(4);
		if (!(flags & IOPT_KERNEL))
			flush(fd);
	}
	_exit(0);
}

static int wait_status(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

TEST_F_TIMEOUT(waits, group_full_of_cut_tables, 120)
{
	pid_t pid;

	if (!have_groups())
		SKIP(return, NO_GROUPS);
	group_write("memory.max", 8 * MIB);
	pid = fork();
	if (!pid)
		map_and_cut_rounds(IOPT_ACCOUNT);
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, group_read("memory.events", "oom_kill"));
}


int main(int argc, char **argv)
{
	iopt_require();
	return test_harness_run(argc, argv);
}
