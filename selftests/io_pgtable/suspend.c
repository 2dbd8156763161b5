// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system is suspended while page tables are freed. The worker frees memory
 * and touches no hardware, so it need not stop, and may make room for a
 * hibernation: it goes on until the CPUs stop, and after that. Tasks that are
 * freeing come to the end of what they are at and freeze then, with nothing in
 * their hands.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "iopd.h"
#include "worker.h"

#define STATE		"/sys/power/state"
#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"
#define WAKE_ALARM	"/sys/class/rtc/rtc0/wakealarm"

#define REGIONS		40000

/*
 * A second or more is spent suspended, and the worker frees more in it than in
 * so long with all awake. One that is frozen, and comes back before what holds
 * it, has a few tens of milliseconds.
 */
#define AWAKE_MS	250

#define PROCESSES	3

FIXTURE(suspended)
{
	char limit[32];
	long live;
	long secondary;
};

FIXTURE_VARIANT(suspended)
{
	const char *level;	/* as far as that; NULL for all the way */
};

FIXTURE_VARIANT_ADD(suspended, tasks_frozen)
{
	.level = "freezer",
};

FIXTURE_VARIANT_ADD(suspended, devices_suspended)
{
	.level = "devices",
};

FIXTURE_VARIANT_ADD(suspended, asleep)
{
	.level = NULL,
};

/* How to come back: after a second, or by the alarm of the clock */
static bool prepare(const char *level)
{
	if (level)
		return iopd_write_text(PM_TEST, level) &&
		       iopd_write_text(PM_TEST_DELAY, "1");
	return iopd_write_text(WAKE_ALARM, "0") &&
	       iopd_write_text(WAKE_ALARM, "+2");
}

FIXTURE_SETUP(suspended)
{
	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	if (!prepare(variant->level))
		SKIP(return, "no such suspend, or no way back from it");
	snprintf(self->limit, sizeof(self->limit), "%ld", iopd_param("limit"));
	iopd_set_param("limit", "1000000000");
	iopd_drain();
	self->live = iopd_stat("live");
	self->secondary = iopd_vmstat("nr_sec_page_table_pages");
}

FIXTURE_TEARDOWN(suspended)
{
	worker_let_go();
	iopd_write_text(PM_TEST, "none");
	iopd_set_param("limit", self->limit);
	iopd_set_param("batch", "64");
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	EXPECT_EQ(self->live, iopd_stat("live"));
	EXPECT_EQ(self->secondary, iopd_vmstat("nr_sec_page_table_pages"));
}

/* Tables that the worker frees in AWAKE_MS, however late this task is told */
static long freed_awake(void)
{
	long pending = iopd_stat("pending");
	__u64 start = iopd_now_ns(), ms;

	usleep(AWAKE_MS * 1000);
	pending -= iopd_stat("pending");
	ms = (iopd_now_ns() - start) / 1000000;
	return pending * AWAKE_MS / ms;
}

/*
 * What holds the worker back is a task, too, and is frozen with the others:
 * what the worker frees, one table a batch, it frees while the system is
 * suspended.
 */
TEST_F_TIMEOUT(suspended, worker_goes_on, 120)
{
	long pending, helps, asleep, awake;
	const char *bad;
	int fd;

	fd = iopd_new(39, 0);
	ASSERT_TRUE(iopd_fill(fd, 0, SZ_2M, REGIONS, SZ_4K, 1));
	iopd_set_param("batch", "1");
	bad = worker_hold();
	ASSERT_EQ(NULL, bad)
		TH_LOG("%s", bad);
	iopd_free(fd);
	close(fd);
	helps = iopd_stat("helps");
	pending = iopd_stat("pending");
	ASSERT_LT(REGIONS, pending);
	ASSERT_TRUE(prepare(variant->level));
	ASSERT_TRUE(iopd_write_text(STATE, "freeze"));
	asleep = pending - iopd_stat("pending");
	EXPECT_EQ(helps, iopd_stat("helps"));

	worker_let_go();
	awake = freed_awake();
	TH_LOG("of %ld, %ld freed while suspended, %ld in %d ms awake", pending,
	       asleep, awake, AWAKE_MS);
	EXPECT_LT(awake, asleep);
	while (iopd_stat("pending"))
		usleep(10000);
	EXPECT_EQ(self->live, iopd_stat("live"));
}

static pid_t start_draining(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = iopd_new(39, 0);

		iopd_map(fd, 0, SZ_1G, SZ_4K, 1000 * 512, IOPD_READ, NULL);
		iopd_free(fd);
		iopd_drain();
		close(fd);
	}
}

#define PATIENCE_MS	20000

/*
 * The tasks that drain have freed something since; each step may take a while
 */
static bool they_help(long since)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS && iopd_stat("helps") == since; ms += 50)
		usleep(50000);
	return iopd_stat("helps") > since;
}

/*
 * No freeing task keeps the system awake, or takes along what others wait for
 */
TEST_F_TIMEOUT(suspended, tasks_that_drain_let_it, 120)
{
	pid_t pids[PROCESSES];
	int i, status;

	for (i = 0; i < PROCESSES; i++)
		pids[i] = start_draining();
	EXPECT_TRUE(they_help(iopd_stat("helps")));
	ASSERT_TRUE(prepare(variant->level));
	EXPECT_TRUE(iopd_write_text(STATE, "freeze"));
	EXPECT_TRUE(they_help(iopd_stat("helps")));
	for (i = 0; i < PROCESSES; i++) {
		EXPECT_EQ(0, waitpid(pids[i], &status, WNOHANG));
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
	}
}

int main(int argc, char **argv)
{
	iopd_require();
	worker_require();
	return test_harness_run(argc, argv);
}
