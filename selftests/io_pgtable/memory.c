// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables and the memory they are made of: charged and counted until they
 * are given back, near the IOMMU, given up when memory is short, and what is
 * left of a map when there is none.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "group.h"
#include "iopd.h"
#include "worker.h"

#define RW		(IOPD_READ | IOPD_WRITE)
#define NO_LIMIT	"1000000000"
#define PA		SZ_1G
#define MIB		(1l << 20)
#define PAGES_A_MIB	(MIB / (long)SZ_4K)

#define SECONDARY	"nr_sec_page_table_pages"
#define NODE_PARAM	"/sys/module/iopd_test/parameters/node"

/* Control groups are told of the last pages after 2 s, and go when they like */
#define PATIENCE_MS	10000

/* 125 pages a CPU and a node, which a counter that was not folded may lack */
#define UNTOLD		(125l * 2 * worker_cpus())

static long sparse_tables(__u64 regions)
{
	return 1 + (regions + 511) / 512 + regions;
}

static int make_sparse(__u64 regions, unsigned int flags)
{
	int fd = iopd_new(39, flags);

	if (!iopd_fill(fd, 0, SZ_2M, regions, SZ_4K, 1))
		abort();
	return fd;
}

/* Tables may be had two at a time, so that some of the pages are spare */
static const char *check_pages(const char *what, long pages, long tables,
			       long tolerance)
{
	if (pages >= tables - tolerance && pages <= 2 * tables + 1 + tolerance)
		return NULL;
	return complain("%s: %ld pages for %ld tables", what, pages, tables);
}

static void write_number(const char *path, long value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fprintf(file, "%ld", value);
	fclose(file);
}

/* -1000 for never, 1000 for first */
static void set_oom_score(int score)
{
	write_number("/proc/self/oom_score_adj", score);
}

struct counts {
	long live;
	long secondary;
	long iommu;
};

static struct counts count_drained(void)
{
	iopd_drain();
	return (struct counts) {
		.live		= iopd_stat("live"),
		.secondary	= iopd_vmstat(SECONDARY),
		.iommu		= iopd_vmstat("nr_iommu_pages"),
	};
}

FIXTURE(memory)
{
	struct counts before;
	char limit[32];
};

FIXTURE_SETUP(memory)
{
	if (!iopd_alone())
		SKIP(return, "others use the library: its counters are not ours");
	if (group_make() || group_read("memory.current", NULL) < 0)
		SKIP(return, "no control groups that count memory");
	snprintf(self->limit, sizeof(self->limit), "%ld", iopd_param("limit"));
	iopd_set_param("limit", NO_LIMIT);
	self->before = count_drained();
}

/* Every page is back, whatever the test has done */
FIXTURE_TEARDOWN(memory)
{
	struct counts now;

	worker_let_go();
	set_oom_score(0);
	munlockall();
	write_number(NODE_PARAM, -1);
	group_leave(0);
	iopd_set_param("limit", self->limit);
	EXPECT_TRUE(iopd_idles());
	now = count_drained();
	EXPECT_EQ(self->before.live, now.live);
	EXPECT_EQ(self->before.secondary, now.secondary);
	EXPECT_EQ(self->before.iommu, now.iommu);
	EXPECT_TRUE(group_remove());
}

#define ASSERT_FINE(check) do {						\
	const char *_bad = (check);						\
	ASSERT_EQ(NULL, _bad)						\
		TH_LOG("%s", _bad);					\
} while (0)

/* --- which group pays, and for how long ----------------------------------- */

/* The kernel tells of the last few pages of a group with some delay */
static const char *check_charged(long tables)
{
	const char *bad;
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms += 50) {
		bad = check_pages("charged",
				  group_read("memory.stat", "sec_pagetables") /
				  (long)SZ_4K, tables, 0);
		if (!bad || ms + 50 >= PATIENCE_MS)
			break;
		usleep(50000);
	}
	return bad;
}

static const char *check_all_charged(long tables)
{
	const char *bad = check_charged(tables);
	long current = group_read("memory.current", NULL);

	if (!bad && current < tables * (long)SZ_4K)
		bad = complain("memory.current is %ld with %ld tables", current,
			       tables);
	return bad;
}

/* So many tables that the group pays for: all but the root */
static int make_charged(long *tables)
{
	const long regions = 20000;
	int fd;

	group_enter(0);
	fd = make_sparse(regions, IOPD_ACCOUNT);
	group_leave(0);
	*tables = sparse_tables(regions) - 1;
	return fd;
}

TEST_F(memory, charged_until_freed)
{
	long tables;
	int fd = make_charged(&tables);

	ASSERT_FINE(check_all_charged(tables));
	ASSERT_FINE(worker_hold());
	iopd_free(fd);
	ASSERT_EQ(tables + 1, iopd_stat("pending"));
	ASSERT_FINE(check_all_charged(tables));
	ASSERT_FINE(check_pages(SECONDARY,
				iopd_read_key("/proc/vmstat", SECONDARY) -
				self->before.secondary, tables + 1, UNTOLD));

	worker_let_go();
	iopd_drain();
	ASSERT_FINE(check_charged(0));
	EXPECT_GT(MIB, group_read("memory.current", NULL));
	close(fd);
}

/* Of the last chunk of a page table: see pages.c */
#define SPARES		15

#define ROUNDS		100
#define TABLES		16

static const char *check_pays(unsigned int group, long tables)
{
	const char *bad;
	long pages;
	int ms;

	group_select(group);
	for (ms = 0; ms < PATIENCE_MS; ms += 50) {
		pages = group_read("memory.stat", "sec_pagetables") /
			(long)SZ_4K;
		bad = NULL;
		if (pages >= tables && pages <= tables + SPARES)
			break;
		bad = complain("group %u pays for %ld pages with %ld tables",
			       group, pages, tables);
		usleep(50000);
	}
	group_select(0);
	return bad;
}

/*
 * Tasks of two groups make tables of one page table: each time one makes the
 * first of 16, or all others, so that it would pay for what the other uses.
 */
TEST_F(memory, groups_pay_for_their_own)
{
	int fd = iopd_new(39, IOPD_ACCOUNT);
	long tables[2] = { }, live;
	__u64 region = 0;
	int i, group;

	group_select(1);
	ASSERT_EQ(NULL, group_make());
	for (i = 0; i < 2 * ROUNDS; i++) {
		int count = i % 2 ? TABLES - 1 : 1;

		group = i % 2 ^ (i >= ROUNDS);
		group_select(group);
		group_enter(0);
		live = iopd_stat("live");
		EXPECT_TRUE(iopd_fill(fd, region * SZ_2M, SZ_2M, count, SZ_4K,
				      1));
		tables[group] += iopd_stat("live") - live;
		region += count;
	}
	group_leave(0);
	for (group = 0; group < 2; group++) {
		const char *bad = check_pays(group, tables[group]);

		EXPECT_EQ(NULL, bad)
			TH_LOG("%s", bad);
	}
	close(fd);
	iopd_drain();
	group_select(1);
	EXPECT_TRUE(group_remove());
	group_select(0);
}

static long dying_groups(void)
{
	return group_read_root("cgroup.stat", "nr_dying_descendants");
}

/*
 * A CPU keeps the pages that it charged to a group in advance, and with them
 * the group, until another group is charged there: have a child in a second
 * group do that on each CPU. (Tables that are freed just while the group goes
 * leave such pages on one CPU, about once in 80 times.)
 */
static void charge_another_group(void)
{
	int cpu;

	for (cpu = 0; cpu < worker_cpus(); cpu++) {
		pid_t child = fork();
		char *memory;

		if (!child) {
			worker_pin(cpu);
			group_enter(0);
			memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS |
				      MAP_POPULATE, -1, 0);
			_exit(memory == MAP_FAILED);
		}
		waitpid(child, NULL, 0);
	}
}

static bool group_is_gone(long dying)
{
	bool gone;
	int ms;

	group_select(1);
	group_make();
	for (ms = 0; ms < PATIENCE_MS && dying_groups() > dying; ms += 50) {
		usleep(50000);
		if (ms % 1000 == 950)
			charge_another_group();
	}
	gone = dying_groups() <= dying;
	/* This makes it a dying one, too: it goes last */
	group_remove();
	group_select(0);
	return gone;
}

/*
 * The group may go at once, and nothing of it stays for longer than its tables
 */
TEST_F(memory, group_goes_before_its_tables)
{
	long tables, dying = dying_groups();
	int fd = make_charged(&tables);

	ASSERT_FINE(worker_hold());
	iopd_free(fd);
	ASSERT_TRUE(group_remove());
	ASSERT_EQ(tables + 1, iopd_stat("pending"));
	TH_LOG("%ld dying with its tables pending", dying_groups() - dying);

	worker_let_go();
	iopd_drain();
	EXPECT_TRUE(group_is_gone(dying));
	close(fd);
}

/* --- where the memory comes from ------------------------------------------ */

static long node_tables(int node)
{
	return iopd_node_vmstat(node, SECONDARY);
}

static long node_free(int node)
{
	return iopd_node_vmstat(node, "nr_free_pages");
}

#define NO_SECOND_NODE	"no second node with memory"

TEST_F(memory, tables_are_near_the_iommu)
{
	long before[2] = { node_tables(0), node_tables(1) };
	const long regions = 5000;
	int node, fd;

	if (before[1] < 0)
		SKIP(return, NO_SECOND_NODE);
	for (node = 0; node < 2; node++) {
		write_number(NODE_PARAM, node);
		fd = make_sparse(regions, 0);
		EXPECT_EQ(before[!node], node_tables(!node));
		ASSERT_FINE(check_pages("of that node",
					node_tables(node) - before[node],
					sparse_tables(regions), 0));
		close(fd);
		iopd_drain();
		EXPECT_EQ(before[node], node_tables(node));
	}
}

/* Where that node has nothing left, the others have */
TEST_F(memory, tables_are_elsewhere_if_need_be)
{
	long before[2] = { node_tables(0), node_tables(1) };
	long regions = node_free(1) + 5000;
	int fd;

	if (before[1] < 0 || regions > 262144)
		SKIP(return, "no second node with less than 1 GiB of memory");
	write_number(NODE_PARAM, 1);
	fd = make_sparse(regions, 0);
	EXPECT_LT(2000, node_tables(1) - before[1]);
	EXPECT_LT(0, node_tables(0) - before[0]);
	ASSERT_FINE(check_pages("of both nodes",
				node_tables(0) + node_tables(1) - before[0] -
				before[1], sparse_tables(regions), 0));
	close(fd);
	iopd_drain();
	EXPECT_EQ(before[0], node_tables(0));
	EXPECT_EQ(before[1], node_tables(1));
}

/* --- memory is short ------------------------------------------------------ */

/*
 * Takes memory for good, and is the first to be killed where there is too
 * little
 */
static pid_t start_eater(long pages)
{
	pid_t pid = fork();
	char *memory;
	long i;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_oom_score(1000);
	memory = mmap(NULL, pages * SZ_4K, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	for (i = 0; i < pages; i++)
		memory[i * SZ_4K] = 1;
	raise(SIGSTOP);
	_exit(0);
}

/* Return: true when it has eaten all */
static bool wait_eater(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status);
}

static void end_eater(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static long free_pages(void)
{
	return iopd_read_key("/proc/vmstat", "nr_free_pages");
}

/*
 * A task wants more than is free: it gets what is pending, and none is killed.
 * Most of the memory is eaten before, for the worker is not held for long.
 */
TEST_F_TIMEOUT(memory, pending_tables_are_memory_at_hand, 900)
{
	const long pending = 200 * PAGES_A_MIB, need = 120 * PAGES_A_MIB;
	long killed = iopd_read_key("/proc/vmstat", "oom_kill");
	long shrinks = iopd_stat("shrinks");
	int fd = make_sparse(pending, 0);
	pid_t before, eater;

	before = start_eater(free_pages() - need);
	EXPECT_TRUE(wait_eater(before));
	ASSERT_FINE(worker_hold());
	iopd_free(fd);
	close(fd);
	eater = start_eater(free_pages() + need);
	EXPECT_TRUE(wait_eater(eater));
	EXPECT_EQ(killed, iopd_read_key("/proc/vmstat", "oom_kill"));
	EXPECT_GT(pending - need / 2, iopd_stat("pending"));
	/* On a slow machine the worker may have been quicker than the need. */
	if (!worker_is_held()) {
		TH_LOG("the worker was not held for as long as the eater took");
		shrinks = -1;
	}
	EXPECT_LT(shrinks, iopd_stat("shrinks"));
	end_eater(eater);
	end_eater(before);
}

/* Asked for what can be had, the reclaimer gives all of it */
TEST_F(memory, dropped_caches_have_nothing_pending)
{
	int fd = make_sparse(20000, 0);

	ASSERT_FINE(worker_hold());
	iopd_free(fd);
	close(fd);
	write_number("/proc/sys/vm/drop_caches", 2);
	/* The kernel stops when little is left */
	EXPECT_GT(2000, iopd_stat("pending"));
}

/*
 * Into a group that may have so much. At the limit the kernel reads in no page
 * of a program any more, and a task that it may not kill waits for ever: so all
 * pages of this program are locked before.
 */
static void enter_narrow_group(long bytes)
{
	set_oom_score(-1000);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	group_write("memory.max", group_read("memory.current", NULL) + bytes);
	group_enter(0);
}

/*
 * The group is full of tables that are not used any more: a task that needs
 * more helps, and is neither refused nor killed.
 */
TEST_F(memory, own_pending_tables_are_memory_at_hand)
{
	const long regions = 6000;
	bool filled;
	int fd, again;

	fd = iopd_new(39, IOPD_ACCOUNT);
	again = iopd_new(39, IOPD_ACCOUNT);
	enter_narrow_group(32 * MIB);
	filled = iopd_fill(fd, 0, SZ_2M, regions, SZ_4K, 1);
	group_leave(0);
	ASSERT_TRUE(filled);
	ASSERT_FINE(worker_hold());
	iopd_free(fd);

	group_enter(0);
	filled = iopd_fill(again, 0, SZ_2M, regions, SZ_4K, 1);
	group_leave(0);
	EXPECT_TRUE(filled);
	EXPECT_EQ(0, group_read("memory.events", "oom"));
	close(fd);
	close(again);
}

/* --- no memory ------------------------------------------------------------ */

/* Not at the start of a table, so that the first is not made whole */
#define X		(3 * SZ_1G + 5 * SZ_4K)

static long tables_for(__u64 iova, __u64 bytes)
{
	__u64 last = iova + bytes - 1;

	return 1 + (last / SZ_1G - iova / SZ_1G + 1) +
	       (last / SZ_2M - iova / SZ_2M + 1);
}

/*
 * Just as much as was said is mapped, and there are no more tables than that
 * takes
 */
static const char *check_part(int fd, __u64 mapped, long live)
{
	struct iopd_scan scan = { .last = ~0ull };
	__u64 at;

	iopd_scan(fd, &scan);
	if (scan.leaves * SZ_4K != mapped)
		return complain("%llu leaves with 0x%llx mapped", scan.leaves,
				mapped);
	if ((long)scan.tables != tables_for(X, mapped) ||
	    iopd_stat("live") - live != (long)scan.tables)
		return complain("%llu tables, %ld live, needed %ld", scan.tables,
				iopd_stat("live") - live, tables_for(X, mapped));
	for (at = 0; at < mapped; at += mapped / SZ_4K / 97 * SZ_4K + SZ_4K)
		if (iopd_lookup(fd, X + at) != PA + at)
			return complain("lookup at 0x%llx is wrong", at);
	if (iopd_lookup(fd, X + mapped - 1) != PA + mapped - 1)
		return "lookup of the last page is wrong";
	for (at = mapped; at < mapped + 4 * SZ_2M; at += SZ_4K)
		if (iopd_lookup(fd, X + at))
			return complain("something is mapped at 0x%llx", at);
	return NULL;
}

/* It is as good a page table as any other */
static const char *check_usable(int fd, __u64 mapped)
{
	if (iopd_unmap(fd, X, SZ_4K, mapped / SZ_4K) != mapped)
		return "not all that was mapped is unmapped";
	iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	iopd_drain();
	if (iopd_map(fd, X, PA, SZ_4K, 2000, RW, NULL))
		return "it cannot be mapped again";
	if (iopd_lookup(fd, X + 1999 * SZ_4K) != PA + 1999 * SZ_4K)
		return "lookup after the second map is wrong";
	return NULL;
}

/* The group may have some 1,000 tables, and the map would need 4,000 */
TEST_F(memory, map_that_is_not_paid_for)
{
	int ret, fd = iopd_new(39, IOPD_ACCOUNT);
	__u64 mapped = 0;

	enter_narrow_group(4 * MIB);
	ret = iopd_map(fd, X, PA, SZ_4K, 4000 * 512, RW, &mapped);
	group_leave(0);
	TH_LOG("0x%llx mapped", mapped);
	EXPECT_EQ(-ENOMEM, ret);
	ASSERT_LT(100 * SZ_2M, mapped);
	ASSERT_FINE(check_part(fd, mapped, self->before.live));
	ASSERT_FINE(check_usable(fd, mapped));
	close(fd);
}

/*
 * Each page takes three tables, made from the last level up, and the group has
 * a page more each time: every one of the three is refused once.
 */
TEST_F(memory, chain_that_is_not_paid_for)
{
	struct iopd_scan scan = { .last = ~0ull };
	int i, fd;
	bool all;

	for (i = 0; i < 6; i++) {
		fd = iopd_new(48, IOPD_ACCOUNT);
		enter_narrow_group(MIB + i * (long)SZ_4K);
		all = iopd_fill(fd, 0, SZ_512G, 500, SZ_4K, 1);
		group_leave(0);
		EXPECT_FALSE(all);
		iopd_scan(fd, &scan);
		EXPECT_EQ(scan.tables, 1 + 3 * scan.leaves);
		EXPECT_EQ((long)scan.tables,
			  iopd_stat("live") - self->before.live);
		close(fd);
		iopd_drain();
	}
}

/*
 * The mapper may not sleep, and nothing is left: it takes the whole machine's
 */
TEST_F_TIMEOUT(memory, map_until_nothing_is_left, 900)
{
	struct iopd_map map = {
		.iova = X, .paddr = PA, .pgsize = SZ_4K, .prot = RW,
		.pgcount = 200 * SZ_1G / SZ_4K, .flags = IOPD_ATOMIC,
	};
	int fd = iopd_new(39, 0);
	pid_t eater = start_eater(free_pages() - 60 * PAGES_A_MIB);

	set_oom_score(-1000);
	ASSERT_TRUE(wait_eater(eater));
	ASSERT_EQ(0, ioctl(fd, IOPD_IOC_MAP, &map));
	/* First of all there has to be memory again, for all tasks */
	end_eater(eater);
	TH_LOG("0x%llx mapped", map.mapped);
	ASSERT_EQ(-ENOMEM, map.result);
	ASSERT_LT(1000 * SZ_2M, map.mapped);
	ASSERT_FINE(check_part(fd, map.mapped, self->before.live));
	ASSERT_FINE(check_usable(fd, map.mapped));
	close(fd);
}

int main(int argc, char **argv)
{
	iopd_require();
	worker_require();
	return test_harness_run(argc, argv);
}
