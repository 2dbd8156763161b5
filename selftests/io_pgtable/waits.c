// SPDX-License-Identifier: GPL-2.0-only
/*
 * What callers wait for: each wait has an end, is for what was there when it
 * began, and is given up by a task that is killed, whatever others do meanwhile
 * and however lazy the kernel's RCU is.
 *
 * What is wrong here takes ten seconds, or does not end. What is right takes
 * milliseconds, and on a loaded emulator some seconds at most: the bounds lie
 * in between, far from either.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "group.h"
#include "iopd.h"
#include "worker.h"

#define RW		(IOPD_READ | IOPD_WRITE)
#define MIB		(1l << 20)
#define SEC		1000000000ull
#define NO_LIMIT	"1000000000"

/* A lazy callback comes after ten seconds */
#define PROMPT		(5 * SEC)

static void write_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd < 0 || write(fd, score, strlen(score)) < 0)
		_exit(4);
	close(fd);
}

static bool flush(int fd)
{
	iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	return true;
}

/*
 * So many tables of a live domain are cut off, flushed, and wait for readers to
 * go
 */
static bool cut(int fd, __u64 tables)
{
	return iopd_fill(fd, 0, SZ_2M, tables, SZ_4K, 1) &&
	       iopd_strip(fd, 0, SZ_2M, tables, SZ_2M, 1) && flush(fd);
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

	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	for (i = 0; i < 3; i++)
		snprintf(self->saved[i], sizeof(self->saved[i]), "%ld",
			 iopd_param(parameters[i]));
	iopd_set_param("limit", NO_LIMIT);
	iopd_drain();
	self->live = iopd_stat("live");
	self->fd = iopd_new(39, 0);
}

FIXTURE_TEARDOWN(waits)
{
	int i;

	worker_let_go();
	for (i = 0; i < 3; i++)
		iopd_set_param(parameters[i], self->saved[i]);
	close(self->fd);
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	EXPECT_EQ(self->live, iopd_stat("live"));
	EXPECT_TRUE(group_remove());
}

/* --- callbacks that the kernel puts off ----------------------------------- */

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

/*
 * Of the kernel, not of ours: what the other tests here would take if it were
 */
TEST_F(waits, plain_callback_for_comparison)
{
	/* The boot that asks for it must get it, or the rest says nothing */
	if (command_line_has("rcu_nocbs=all"))
		EXPECT_TRUE(kernel_log_has("Offload RCU callbacks from CPUs"));
	TH_LOG("a plain call_rcu() takes %llu ms", iopd_grace() / 1000000);
}

TEST_F(waits, drain_of_cut_tables)
{
	__u64 ns, worst = 0;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(cut(self->fd, 8));
		ns = iopd_drain();
		worst = ns > worst ? ns : worst;
	}
	TH_LOG("at most %llu us", worst / 1000);
	EXPECT_GT(PROMPT, worst);
}

/* Two passes with a grace period in between find tables that are empty */
TEST_F(waits, sweep_of_emptied_tables)
{
	__u64 start, ns, worst = 0;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(iopd_fill(self->fd, 0, SZ_2M, 8, SZ_4K, 1));
		ASSERT_TRUE(iopd_strip(self->fd, 0, SZ_2M, 8, SZ_4K, 1));
		start = iopd_now_ns();
		iopd_sweep(self->fd);
		ns = iopd_now_ns() - start;
		worst = ns > worst ? ns : worst;
		EXPECT_EQ(self->live + 1, iopd_stat("live"));
	}
	TH_LOG("at most %llu ms", worst / 1000000);
	EXPECT_GT(PROMPT, worst);
}

TEST_F(waits, limit_and_cut_tables)
{
	__u64 start, ns, worst = 0;
	int i;

	iopd_set_param("limit", "64");
	for (i = 0; i < 3; i++) {
		start = iopd_now_ns();
		ASSERT_TRUE(cut(self->fd, 500));
		ns = iopd_now_ns() - start;
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

	iopd_set_param("deferred", "0");
	for (i = 0; i < 3; i++) {
		fd = iopd_new(39, 0);
		ASSERT_TRUE(cut(fd, 8));
		ns = iopd_free(fd);
		worst = ns > worst ? ns : worst;
		EXPECT_EQ(1 + self->live, iopd_stat("live"));
		close(fd);
	}
	TH_LOG("at most %llu us", worst / 1000);
	EXPECT_GT(PROMPT, worst);
}

/* --- at the limit of a control group -------------------------------------- */

#define NO_GROUPS	"no control groups that count memory"

static bool have_groups(void)
{
	return !group_make() && group_read("memory.current", NULL) >= 0;
}

/* What a guest does that is given memory, loses it, and is given it again */
static void map_and_cut_rounds(unsigned int flags)
{
	int i, fd = iopd_new(39, flags);

	if (!group_enter(0))
		_exit(2);
	for (i = 0; i < 3; i++) {
		if (!iopd_fill(fd, 0, SZ_2M, 1500, SZ_4K, 1))
			_exit(3);
		if (!iopd_strip(fd, 0, SZ_2M, 1500, SZ_2M, 1))
			_exit(4);
		if (!(flags & IOPD_KERNEL))
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
	/*
	 * Room for a round of tables, each in a page of its own, and not for
	 * two
	 */
	group_write("memory.max", 2048l * getpagesize());
	pid = fork();
	if (!pid)
		map_and_cut_rounds(IOPD_ACCOUNT);
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, group_read("memory.events", "oom_kill"));
}

/* --- others that go on and on --------------------------------------------- */

#define LOADS	2

/* Threads of the kernel's that cut tables of other domains, without an end */
static void start_loads(int *fds)
{
	int i;

	for (i = 0; i < LOADS; i++) {
		fds[i] = iopd_new(39, 0);
		iopd_load(fds[i], true);
	}
}

static void stop_loads(int *fds)
{
	int i;

	for (i = 0; i < LOADS; i++)
		close(fds[i]);
}

/*
 * What a task waits for that is to end by itself, or is killed, on a usual
 * machine
 */
#define ENDS_MS		(1000 * (int)scaled_limit(10))

/* Return: what waitpid() says, or -1 when the task does not end. */
static int end_status(pid_t pid, int ms)
{
	int status;

	for (; ms > 0; ms -= 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(10000);
	}
	return -1;
}

/*
 * The kernel reclaims in vain each time: two times for a table, sixteen for the
 * last one, and a table is asked for anew when half of what is left has been
 * freed.
 */
#define REFUSALS	100

/*
 * In a group that may have 1,000 tables, and that nothing of can be killed: a
 * map that needs 4,000 is refused, as soon as what was pending is free.
 */
static void map_at_limit(void)
{
	int ret, fd = iopd_new(39, IOPD_ACCOUNT);
	long pending, helps = iopd_stat("helps"), refused;
	__u64 start;

	write_score("-1000");
	mlockall(MCL_CURRENT | MCL_FUTURE);
	group_write("memory.max", group_read("memory.current", NULL) + 4 * MIB);
	if (!group_enter(0))
		_exit(2);
	pending = iopd_stat("pending");
	refused = group_read("memory.events", "max");
	start = iopd_now_ns();
	ret = iopd_map(fd, 0, SZ_1G, SZ_4K, 4000 * 512, RW, NULL);
	group_leave(0);
	refused = group_read("memory.events", "max") - refused;
	fprintf(stderr, "# %ld pending, fails after %llu ms, %ld times at the limit, %ld helps\n",
		pending, (iopd_now_ns() - start) / 1000000, refused,
		iopd_stat("helps") - helps);
	if (refused > REFUSALS)
		_exit(4);
	_exit(ret == -ENOMEM ? 0 : 3);
}

TEST_F_TIMEOUT(waits, map_at_limit_ends_under_load, 120)
{
	int fds[LOADS], status;
	__u64 start;
	pid_t pid;

	if (!have_groups())
		SKIP(return, NO_GROUPS);
	start_loads(fds);
	pid = fork();
	if (!pid)
		map_at_limit();
	start = iopd_now_ns();
	status = end_status(pid, ENDS_MS);
	TH_LOG("ended after %llu ms", (iopd_now_ns() - start) / 1000000);
	EXPECT_EQ(0, status);
	stop_loads(fds);
	if (status < 0)
		wait_status(pid);
	group_write("memory.max", 1l << 40);
}

static void map_at_limit_for_ever(void)
{
	int fd = iopd_new(39, IOPD_ACCOUNT);

	write_score("-1000");
	mlockall(MCL_CURRENT | MCL_FUTURE);
	group_write("memory.max", group_read("memory.current", NULL) + 4 * MIB);
	if (!group_enter(0))
		_exit(2);
	for (;;) {
		iopd_map(fd, 0, SZ_1G, SZ_4K, 4000 * 512, RW, NULL);
		iopd_unmap(fd, 0, SZ_1G, 8);
		flush(fd);
	}
}

TEST_F_TIMEOUT(waits, map_at_limit_can_be_killed, 120)
{
	int fds[LOADS], status, ms;
	__u64 start;
	long refused;
	pid_t pid;

	if (!have_groups())
		SKIP(return, NO_GROUPS);
	start_loads(fds);
	refused = group_read("memory.events", "max");
	pid = fork();
	if (!pid)
		map_at_limit_for_ever();
	for (ms = 0; ms < ENDS_MS; ms += 10) {
		if (group_read("memory.events", "max") > refused)
			break;
		usleep(10000);
	}
	/* It is at the limit, and goes on to be */
	usleep(500000);
	start = iopd_now_ns();
	kill(pid, SIGKILL);
	status = end_status(pid, ENDS_MS);
	TH_LOG("gone after %llu ms", (iopd_now_ns() - start) / 1000000);
	EXPECT_TRUE(status >= 0 && WIFSIGNALED(status));
	stop_loads(fds);
	if (status < 0)
		wait_status(pid);
	group_write("memory.max", 1l << 40);
}

/* A test that skips leaves no tables to the count at its end. */
static void close_both(int one, int other)
{
	close(one);
	close(other);
}

/*
 * However many tables of others are pending: a free pays for three of its own
 */
#define PENDING		10000
#define BATCH		64

/* Of three tables, and of as many as are to be pending when it is freed */
static bool make_small_and_large(int *small, int *large)
{
	*small = iopd_new(39, 0);
	*large = iopd_new(39, 0);
	return iopd_fill(*small, 0, SZ_2M, 1, SZ_4K, 1) &&
	       iopd_fill(*large, 0, SZ_2M, PENDING, SZ_4K, 1);
}

/*
 * Has the large one's tables pending, with the worker held back. NULL, or why
 * that cannot be: then both are gone, since a test that skips leaves no tables
 * to the count at its end.
 */
static const char *free_large(int small, int large)
{
	const char *bad = worker_hold();

	if (bad)
		close(small);
	else
		iopd_free(large);
	close(large);
	return bad;
}

TEST_F_TIMEOUT(waits, small_free_pays_its_share, 120)
{
	long freed, helps;
	const char *bad;
	int small, large;

	ASSERT_TRUE(make_small_and_large(&small, &large));
	bad = free_large(small, large);
	if (bad)
		SKIP(return, "%s", bad);
	ASSERT_LT(PENDING, iopd_stat("pending"));
	iopd_set_param("limit", "64");
	freed = iopd_stat("freed");
	helps = iopd_stat("helps");
	iopd_free(small);
	TH_LOG("%ld tables, %ld batches", iopd_stat("freed") - freed,
	       iopd_stat("helps") - helps);
	EXPECT_GE(BATCH, iopd_stat("freed") - freed);
	EXPECT_LT(0, iopd_stat("helps") - helps);
	EXPECT_GE(3, iopd_stat("helps") - helps);
	close(small);
}

/* And waits for none of them where the caller is to free its own */
TEST_F_TIMEOUT(waits, caller_frees_its_own, 120)
{
	const char *bad;
	int small, large;
	long freed;

	ASSERT_TRUE(make_small_and_large(&small, &large));
	bad = free_large(small, large);
	if (bad)
		SKIP(return, "%s", bad);
	iopd_set_param("deferred", "0");
	freed = iopd_stat("freed");
	iopd_free(small);
	EXPECT_EQ(3, iopd_stat("freed") - freed);
	close(small);
}

/* --- the list of what is pending ------------------------------------------ */

#define LISTED		32
#define MORE		8

/*
 * How many lines of trees_list have a tree in them, and what the last one says
 * of those that have no line
 */
static int listed_trees(int *more)
{
	FILE *file = fopen("/sys/kernel/debug/io-pgtable-arm-deferred/trees_list",
			   "r");
	char line[256];
	int trees = 0;

	*more = 0;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "and %d more", more) != 1)
			trees++;
	if (file)
		fclose(file);
	return trees;
}

/*
 * All of them wait while it is read: as many as there is room for have a line.
 */
TEST_F_TIMEOUT(waits, more_trees_than_are_listed, 120)
{
	int fds[LISTED + MORE], trees, more, i;
	const char *bad;

	for (i = 0; i < LISTED + MORE; i++) {
		fds[i] = iopd_new(39, 0);
		ASSERT_TRUE(iopd_fill(fds[i], 0, SZ_2M, 1, SZ_4K, 1));
	}
	bad = worker_hold();
	/* What holds the worker back has these files open, too. */
	for (i = 0; i < LISTED + MORE; i++)
		iopd_free(fds[i]);
	trees = listed_trees(&more);
	for (i = 0; i < LISTED + MORE; i++)
		close(fds[i]);
	if (bad)
		SKIP(return, "%s", bad);
	if (!worker_is_held())
		SKIP(return, "too slow: the worker is not held any more");
	EXPECT_EQ(LISTED, trees);
	EXPECT_EQ(MORE, more);
}

/* --- readers that hold grace periods up ----------------------------------- */

static pid_t start_reader(int cpu, __u64 ns)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	worker_pin(cpu);
	iopd_read_for(ns);
	_exit(0);
}

static pid_t start_drain(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	worker_pin(0);
	iopd_drain();
	_exit(0);
}

static bool is_there(pid_t pid)
{
	siginfo_t info = {};

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

#define NEEDS_CPUS	"needs 4 CPUs"

TEST_F_TIMEOUT(waits, drain_can_be_killed, 120)
{
	pid_t reader, drain;
	int status;

	if (worker_cpus() < 4)
		SKIP(return, NEEDS_CPUS);
	worker_pin(0);
	reader = start_reader(1, 15 * SEC);
	usleep(500000);
	ASSERT_TRUE(cut(self->fd, 8));
	drain = start_drain();
	usleep(500000);
	EXPECT_TRUE(is_there(drain));
	kill(drain, SIGKILL);
	status = end_status(drain, ENDS_MS);
	EXPECT_TRUE(status >= 0 && WIFSIGNALED(status));
	/* What it waited for has not come */
	EXPECT_TRUE(is_there(reader));
	EXPECT_EQ(8, iopd_stat("pending"));
	if (status < 0)
		wait_status(drain);
	EXPECT_EQ(0, wait_status(reader));
}

/* Fields of /proc/PID/stat */
#define STAT_STATE	3
#define STAT_STIME	15

/* Return: where the field begins, in a text that lasts until the next call */
static const char *stat_field(pid_t pid, int field)
{
	static char line[1024];
	char path[64];
	FILE *file;
	char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	/* The name, the second one, may have blanks in it */
	for (at = strrchr(line, ')'); at && field > 2; field--)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : "";
}

/* A tenth of a second in the kernel: far more than it takes to get there */
static bool reads(pid_t pid)
{
	return atol(stat_field(pid, STAT_STIME)) >= sysconf(_SC_CLK_TCK) / 10;
}

/* Not to be disturbed but by what it waits for, or by a fatal signal */
static bool sleeps(pid_t pid)
{
	return *stat_field(pid, STAT_STATE) == 'D';
}

static bool comes_true(bool (*is)(pid_t pid), pid_t pid)
{
	int ms;

	for (ms = 0; ms < ENDS_MS && !is(pid); ms += 10)
		usleep(10000);
	return is(pid);
}

static pid_t start_sleeping_drain(void)
{
	long drains = iopd_stat("drains");
	pid_t pid = start_drain();
	int ms;

	for (ms = 0; ms < ENDS_MS && iopd_stat("drains") == drains; ms += 10)
		usleep(10000);
	return comes_true(sleeps, pid) ? pid : -pid;
}

/* Tables that come in when both drains have begun */
#define LATER		100

/*
 * A reader holds up the grace period of 8 tables of @fd, and two drains that
 * begin one after the other. Then the whole of @later is closed. The reader is
 * killed when all of that is so, whatever grace periods of the kernel's own are
 * under way: the next one is for the 8 tables. Return: false when it did not
 * get there.
 */
static bool start_two_drains(int fd, int later, pid_t *drains)
{
	pid_t reader = start_reader(1, 15 * SEC);
	bool good = comes_true(reads, reader) && cut(fd, 8);
	int i;

	for (i = 0; i < 2; i++) {
		drains[i] = start_sleeping_drain();
		good &= drains[i] > 0;
		drains[i] = abs(drains[i]);
	}
	iopd_free(later);
	for (i = 0; i < 2; i++)
		good &= is_there(drains[i]);
	good &= is_there(reader);
	kill(reader, SIGKILL);
	return good && wait_status(reader) == SIGKILL;
}

/*
 * Two drains of the same, one after the other, and then a domain that is
 * closed: with the worker held back its tables are pending for as long as no
 * drain frees them, and one that waited for them would.
 */
TEST_F_TIMEOUT(waits, second_drain_waits_for_no_more, 120)
{
	const char *bad;
	pid_t drains[2];
	long tables, pending;
	int later, i;

	if (worker_cpus() < 4)
		SKIP(return, NEEDS_CPUS);
	later = iopd_new(39, 0);
	ASSERT_TRUE(iopd_fill(later, 0, SZ_2M, LATER, SZ_4K, 1));
	tables = iopd_tables(later);
	bad = worker_hold();
	if (bad)
		SKIP(return (void)close(later), "%s", bad);
	worker_pin(0);
	EXPECT_TRUE(start_two_drains(self->fd, later, drains));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, end_status(drains[i], ENDS_MS));
	pending = iopd_stat("pending");
	close(later);
	if (!worker_is_held())
		SKIP(return, "too slow: the worker is not held any more");
	EXPECT_EQ(tables, pending);
}

/* --- a worker that is preempted in a batch -------------------------------- */

/* Above what holds the worker back */
#define DRAIN_PRIORITY	50

/*
 * Of the time for which the worker is held back: a drain that waits does not
 * end then
 */
#define LENDS_MS	(1000 * WORKER_HELD_SECONDS * 2 / 3)

static pid_t start_real_time_drain(void)
{
	struct sched_param param = { .sched_priority = DRAIN_PRIORITY };
	pid_t pid = fork();

	if (pid)
		return pid;
	worker_pin(0);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(2);
	iopd_drain();
	_exit(0);
}

static bool kernel_preempts(void)
{
	struct utsname name;

	return !uname(&name) && strstr(name.version, "PREEMPT");
}

static bool a_tree_is_busy(void)
{
	char line[256];
	FILE *file = fopen("/sys/kernel/debug/io-pgtable-arm-deferred/trees_list",
			   "r");
	bool busy = false;

	while (file && fgets(line, sizeof(line), file))
		busy |= !!strstr(line, " busy");
	if (file)
		fclose(file);
	return busy;
}

/*
 * Return: true when the worker has a tree in hand, and goes on with it no more.
 */
static bool preempt_in_a_batch(void)
{
	long freed = iopd_stat("freed");
	int ms;

	for (ms = 0; ms < ENDS_MS && iopd_stat("freed") == freed; ms++)
		usleep(1000);
	if (worker_preempt())
		return false;
	freed = iopd_stat("freed");
	usleep(300000);
	return a_tree_is_busy() && iopd_stat("freed") == freed;
}

/*
 * One tree, in the hand of a worker that something of real-time priority keeps
 * off its CPU for 25 s: a drain that comes before that lends the worker its
 * own.
 */
TEST_F_TIMEOUT(waits, real_time_drain_lends_priority, 120)
{
	const char *bad;
	int fd, status;
	long freed;
	pid_t pid;

	if (!kernel_preempts())
		SKIP(return, "this kernel preempts no worker in a batch");
	fd = iopd_new(39, 0);
	ASSERT_TRUE(iopd_fill(fd, 0, SZ_2M, 100000, SZ_4K, 1));
	iopd_set_param("batch", "4096");
	bad = worker_confine();
	if (bad)
		SKIP(return (void)close(fd), "%s", bad);
	iopd_free(fd);
	close(fd);
	if (!preempt_in_a_batch())
		SKIP(return, "the worker was not in a batch");
	freed = iopd_stat("freed");
	pid = start_real_time_drain();
	status = end_status(pid, LENDS_MS);
	/*
	 * A slow kernel is not done by then, but the worker has gone on from
	 * batch to batch.
	 */
	EXPECT_LT(freed + 2 * 4096, iopd_stat("freed"));
	if (status == -1)
		status = end_status(pid, ENDS_MS);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, iopd_stat("pending"));
	kill(pid, SIGKILL);
}

/* --- pages ---------------------------------------------------------------- */

FIXTURE(pages)
{
	char limit[32];
	long live;
	long page;
};

FIXTURE_VARIANT(pages)
{
	__u64 granule;
};

FIXTURE_VARIANT_ADD(pages, granule_4k)
{
	.granule = SZ_4K,
};

FIXTURE_VARIANT_ADD(pages, granule_16k)
{
	.granule = SZ_16K,
};

FIXTURE_VARIANT_ADD(pages, granule_64k)
{
	.granule = SZ_64K,
};

FIXTURE_SETUP(pages)
{
	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	self->page = sysconf(_SC_PAGESIZE);
	snprintf(self->limit, sizeof(self->limit), "%ld", iopd_param("limit"));
	iopd_set_param("limit", NO_LIMIT);
	iopd_drain();
	self->live = iopd_stat("live");
}

FIXTURE_TEARDOWN(pages)
{
	worker_let_go();
	iopd_set_param("limit", self->limit);
	EXPECT_TRUE(iopd_idles());
	iopd_drain();
	EXPECT_EQ(self->live, iopd_stat("live"));
	EXPECT_EQ(0, iopd_stat("pending"));
	EXPECT_EQ(0, iopd_stat("pending_pages"));
}

/* A table of each 512 GiB and less, so with any granule there are some */
static int make_of(__u64 granule, __u64 regions)
{
	struct iopd_create shape = {
		.fmt = IOPD_ARM_64_LPAE_S1, .ias = 48, .oas = 40,
		.pgsize_bitmap = granule,
	};
	int fd = iopd_open();

	if (iopd_create(fd, &shape) || shape.pgsize_bitmap != granule ||
	    !iopd_fill(fd, 0, SZ_1G, regions, granule, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * The limit, what is pending and what was freed are in pages, whatever a table
 * has
 */
TEST_F(pages, limit_counts_them)
{
	long tables, pages, freed, helps, own = iopd_stat("pages");
	char limit[32];
	const char *bad;
	int fd, more;

	more = make_of(variant->granule, 1);
	fd = make_of(variant->granule, 400);
	if (fd < 0 || more < 0)
		SKIP(return close_both(fd, more), "no page table of that granule");
	tables = iopd_tables(fd);
	bad = worker_hold();
	if (bad)
		SKIP(return close_both(fd, more), "%s", bad);
	iopd_free(fd);
	EXPECT_EQ(tables, iopd_stat("pending"));
	pages = iopd_stat("pending_pages");
	TH_LOG("%ld tables, %ld pages", tables, pages);
	/* The root may be smaller or larger than another table */
	EXPECT_GE(pages, (tables - 1) * (long)variant->granule / self->page);
	EXPECT_LE(pages, (tables + 16) * (long)variant->granule / self->page + 1);
	EXPECT_LE(pages, iopd_stat("pages") - own);

	/*
	 * As many as are there are allowed, and not the next domain's in
	 * addition
	 */
	snprintf(limit, sizeof(limit), "%ld", pages);
	iopd_set_param("limit", limit);
	freed = iopd_stat("freed_pages");
	helps = iopd_stat("helps");
	iopd_free(more);
	EXPECT_LT(helps, iopd_stat("helps"));
	EXPECT_GE(pages, iopd_stat("pending_pages"));
	EXPECT_LT(0, iopd_stat("freed_pages") - freed);
	close(fd);
	close(more);
}

int main(int argc, char **argv)
{
	iopd_require();
	return test_harness_run(argc, argv);
}
