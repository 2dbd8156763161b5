// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever happens to CPUs and to processes while page tables are made and
 * freed: everything comes back, and no task waits for one that has been
 * stopped.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "group.h"
#include "iopd.h"
#include "worker.h"

#define WQ_CPUMASK	"/sys/devices/virtual/workqueue/io-pgtable-deferred/cpumask"
#define PROCESSES	3

/* Without a table freed for so long, the worker has been forgotten */
#define STALL_MS	10000

static __u64 seed;

static int make_sparse(__u64 regions)
{
	int fd = iopd_new(39, 0);

	if (!iopd_fill(fd, 0, SZ_2M, regions, SZ_4K, 1))
		abort();
	return fd;
}

static void free_sparse(__u64 regions)
{
	int fd = make_sparse(regions);

	iopd_free(fd);
	close(fd);
}

static bool set_online(int cpu, bool online)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	return iopd_write_text(path, online ? "1" : "0");
}

static const char * const parameters[] = { "deferred", "batch" };

FIXTURE(storm)
{
	char saved[2][32];
	char cpumask[64];
	long live;
	long secondary;
	int cpus;
};

FIXTURE_SETUP(storm)
{
	FILE *file = fopen(WQ_CPUMASK, "r");
	int i;

	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	self->cpus = worker_cpus();
	if (!file || !fgets(self->cpumask, sizeof(self->cpumask), file))
		SKIP(return, "the workqueue has no cpumask");
	fclose(file);
	for (i = 0; i < 2; i++)
		snprintf(self->saved[i], sizeof(self->saved[i]), "%ld",
			 iopd_param(parameters[i]));
	iopd_drain();
	self->live = iopd_stat("live");
	self->secondary = iopd_vmstat("nr_sec_page_table_pages");
}

FIXTURE_TEARDOWN(storm)
{
	int i;

	for (i = 1; i < self->cpus; i++)
		set_online(i, true);
	iopd_write_text(WQ_CPUMASK, self->cpumask);
	for (i = 0; i < 2; i++)
		iopd_set_param(parameters[i], self->saved[i]);
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	EXPECT_EQ(0, iopd_stat("pending"));
	EXPECT_EQ(self->live, iopd_stat("live"));
	EXPECT_EQ(self->secondary, iopd_vmstat("nr_sec_page_table_pages"));
}

/* --- processes that go on until they are ended ---------------------------- */

static pid_t start(void (*play)(struct rng *rng), int number)
{
	pid_t pid = fork();
	struct rng rng;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rng_seed(&rng, seed * (number + 1));
	for (;;)
		play(&rng);
}

/* Return: false when it had ended by itself */
static bool end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

static void play_free(struct rng *rng)
{
	free_sparse(1 + rng_below(rng, 600));
}

static void play_drain(struct rng *rng)
{
	int fd = iopd_new(39, 0);

	/* One call, which a freezer does not interrupt as it does a fill */
	iopd_map(fd, 0, SZ_1G, SZ_4K, (1 + rng_below(rng, 2000)) * 512,
		 IOPD_READ | IOPD_WRITE, NULL);
	iopd_free(fd);
	close(fd);
	iopd_drain();
}

/* A bit of everything, with no end that would be a good moment for anything */
static void play_all(struct rng *rng)
{
	int fd = iopd_new(39, 0);
	__u64 i;

	iopd_fill(fd, 0, SZ_1G, 1 + rng_below(rng, 8), SZ_4K, 200 * 512);
	for (i = rng_below(rng, 200); i; i--)
		iopd_unmap(fd, rng_below(rng, 8) * SZ_1G + i * SZ_4K, SZ_4K, 1);
	iopd_unmap(fd, 0, SZ_1G, 1);
	iopd_flush(fd, IOPD_FLUSH_BEGIN);
	iopd_unmap(fd, SZ_1G, SZ_2M, 100);
	if (rng_below(rng, 2))
		iopd_flush(fd, IOPD_FLUSH_END);
	if (rng_below(rng, 2))
		iopd_free(fd);
	if (rng_below(rng, 2))
		iopd_drain();
	close(fd);
}

/* --- CPUs ----------------------------------------------------------------- */

/* The worker comes to the end of it alone. Return: NULL or what is wrong. */
static const char *wait_for_worker(void)
{
	long helps = iopd_stat("helps"), last = -1, freed;
	int still = 0;

	while (iopd_stat("pending")) {
		freed = iopd_stat("freed");
		still = freed == last ? still + 10 : 0;
		last = freed;
		if (still > STALL_MS)
			return complain("%ld pending and no progress",
					iopd_stat("pending"));
		usleep(10000);
	}
	if (iopd_stat("helps") != helps)
		return complain("another task helped");
	return NULL;
}

#define ASSERT_FINE(check) do {						\
	const char *_bad = (check);						\
	ASSERT_EQ(NULL, _bad)						\
		TH_LOG("%s", _bad);					\
} while (0)

/*
 * Each CPU but the first goes and comes back; false when there is no such thing
 */
static bool storm_over_cpus(int cpus)
{
	bool done = true;
	int cpu;

	for (cpu = 1; cpu < cpus; cpu++)
		done &= set_online(cpu, false) && set_online(cpu, true);
	return done;
}

/*
 * One table a batch, so that there are 100,000 moments for the worker's CPU to
 * go, while others free more.
 */
TEST_F_TIMEOUT(storm, cpus_come_and_go, 120)
{
	pid_t others[PROCESSES];
	long pending;
	int i, storms;

	iopd_set_param("batch", "1");
	free_sparse(100000);
	for (i = 0; i < PROCESSES; i++)
		others[i] = start(play_free, i);
	pending = iopd_stat("pending");
	for (storms = 0; storms < 4; storms++)
		if (!storm_over_cpus(self->cpus))
			break;
	TH_LOG("%ld pending before, %ld after the storm", pending,
	       iopd_stat("pending"));
	for (i = 0; i < PROCESSES; i++)
		EXPECT_TRUE(end(others[i]));
	if (!storms)
		SKIP(return, "CPUs cannot be taken away");
	EXPECT_EQ(4, storms);
	EXPECT_LT(50000, pending);
	ASSERT_FINE(wait_for_worker());
}

/* The workqueue may use one CPU, and that goes */
TEST_F_TIMEOUT(storm, only_cpu_goes, 120)
{
	ASSERT_TRUE(iopd_write_text(WQ_CPUMASK, "2"));
	iopd_set_param("batch", "1");
	free_sparse(100000);
	if (!set_online(1, false))
		SKIP(return, "CPUs cannot be taken away");
	TH_LOG("%ld pending when it went", iopd_stat("pending"));
	EXPECT_LT(0, iopd_stat("pending"));
	ASSERT_FINE(wait_for_worker());
	free_sparse(500);
	ASSERT_FINE(wait_for_worker());
}

/* --- processes ------------------------------------------------------------ */

TEST_F_TIMEOUT(storm, killed_in_the_middle, 120)
{
	struct rng rng;
	int i;

	rng_seed(&rng, seed);
	for (i = 0; i < 60; i++) {
		pid_t pid = start(play_all, i);

		usleep(rng_below(&rng, 60000));
		EXPECT_TRUE(end(pid));
	}
	iopd_drain();
	ASSERT_EQ(self->live, iopd_stat("live"));
}

/* Stopped by whom it may be, at what moment it may be */
static const char *check_frozen_round(void)
{
	int fd, ms;

	group_write("cgroup.freeze", 1);
	for (ms = 0; group_read("cgroup.events", "frozen") != 1; ms++) {
		if (ms > STALL_MS)
			return "they do not freeze";
		usleep(1000);
	}
	fd = make_sparse(1000);
	iopd_free(fd);
	close(fd);
	iopd_drain();
	if (iopd_stat("pending"))
		return complain("%ld pending after a drain with all frozen",
				iopd_stat("pending"));
	group_write("cgroup.freeze", 0);
	return NULL;
}

/* With the worker, and with the frozen tasks freeing their own tables */
static const char *check_frozen_rounds(void)
{
	const char *bad = NULL;
	int i;

	for (i = 0; i < 20 && !bad; i++) {
		iopd_set_param("deferred", i % 2 ? "0" : "1");
		usleep(20000);
		bad = check_frozen_round();
	}
	return bad;
}

TEST_F_TIMEOUT(storm, frozen_tasks_hold_up_nobody, 120)
{
	pid_t others[PROCESSES];
	const char *bad;
	int i;

	if (group_make() || group_read("cgroup.freeze", NULL) < 0)
		SKIP(return, "no control groups that freeze");
	for (i = 0; i < PROCESSES; i++) {
		others[i] = start(play_drain, i);
		group_enter(others[i]);
	}
	bad = check_frozen_rounds();
	for (i = 0; i < PROCESSES; i++)
		EXPECT_TRUE(end(others[i]));
	ASSERT_FINE(bad);
	EXPECT_TRUE(group_remove());
}

int main(int argc, char **argv)
{
	seed = iopd_option(&argc, argv, "seed", "IOPD_SEED", time(NULL));
	iopd_require();
	iopd_require_cpus(3);
	printf("# seed %llu; again with --seed=%llu\n", seed, seed);
	fflush(stdout);
	return test_harness_run(argc, argv);
}
