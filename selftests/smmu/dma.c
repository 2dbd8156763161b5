// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device comes to through arm-smmu-v3 with tables of
 * io-pgtable-arm-deferred, against a shadow: pages, blocks, parts of them
 * unmapped, one in place of the other, flushed at once, gathered, or by a
 * queue; and domains one after the other.
 *
 * All of it leads to memory that the kernel has been told not to use, and that
 * the tests are told of by its command line (smmu_test.memory=BASE). Each page
 * there begins with its own address.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "edu.h"
#include "../ipmmu/lib/setup.h"
#include "kselftest_harness.h"

/* Where the device may copy to, and the tests map */
#define SCRATCH		(4 * HOST_1G)
#define WINDOW		(8 * HOST_1G)
#define HIGH		(16 * HOST_1G)
#define TABLES		16
#define PAGES		512u
#define WINDOW_PAGES	(TABLES * PAGES)

/* Of the memory to map */
#define MEMORY_SIZE	(128 * HOST_2M)

/* What a page of the memory begins with, so that no address is zero */
#define TAG		0x5a00000000000000ull

#define OPS		100
/*
 * Unmaps that one flush is for, at most, and pages looked at before and after
 */
#define UNMAPS		3
#define LOOKS		2

static struct pci_function edu;
static u64 memory;
static u8 *bytes;

/* What the window maps, by page; 0 for nothing */
struct shadow {
	u64 pa[WINDOW_PAGES];
};

/* What a device reads and writes beside the compiler's back */
static u64 get(const u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void put(u64 *word, u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static u64 memory_base(void)
{
	char line[4096], *found;

	if (file_read("/proc/cmdline", line, sizeof(line)) < 0)
		return 0;
	found = strstr(line, "smmu_test.memory=");
	return found ? strtoull(strchr(found, '=') + 1, NULL, 0) : 0;
}

static int find_memory(void)
{
	u64 at;
	int fd;

	memory = memory_base();
	fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0 || !memory)
		return -1;
	bytes = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, memory);
	close(fd);
	if (bytes == MAP_FAILED)
		return -1;
	for (at = 0; at < MEMORY_SIZE; at += HOST_PAGE)
		put((u64 *)(bytes + at), TAG | (memory + at));
	return 0;
}

/* NULL when everything is there */
static const char *what_is_missing(void)
{
	if (access("/sys/module/arm_smmu_v3_deferred", F_OK))
		return "arm-smmu-v3-deferred is not loaded";
	if (access("/dev/ipmmu-test", F_OK))
		setup_test_module("ipmmu_test");
	if (access("/dev/ipmmu-test", F_OK))
		return "ipmmu_test.ko is not loaded and not beside the test";
	if (!edu.bar && edu_open(&edu))
		return "no edu device behind an SMMU";
	if (!bytes && find_memory())
		return "no memory to map: smmu_test.memory";
	return NULL;
}

/* A domain with the device in it, and a page for the device to copy to */
struct rig {
	int fd;
	u64 *scratch;
	struct host_pages before;
};

FIXTURE(smmu)
{
	struct rig rig;
};

/* Return: the file, or an error */
static int new_domain(u64 **scratch)
{
	int fd = domain_open(&edu), ret;

	if (fd < 0)
		return fd;
	ret = domain_attach(fd, &edu);
	if (!ret)
		*scratch = (u64 *)domain_buffer(fd, 1);
	if (!ret)
		ret = domain_map(fd, SCRATCH, domain_page(fd, 0), HOST_PAGE, DOMAIN_RW);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/*
 * 6.1 makes a domain to block a device with when a user first takes the device,
 * and keeps that domain: its root is there before a test counts tables.
 */
static int take_once(void)
{
	int fd = domain_open(&edu), ret;

	if (fd < 0)
		return fd;
	ret = domain_attach(fd, &edu);
	close(fd);
	return ret ? ret : reclaimer_wait(16000);
}

FIXTURE_SETUP(smmu)
{
	const char *missing = what_is_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, take_once());
	self->rig.before = host_pages();
	self->rig.fd = new_domain(&self->rig.scratch);
	ASSERT_LE(0, self->rig.fd);
}

FIXTURE_TEARDOWN(smmu)
{
	munmap(self->rig.scratch, HOST_PAGE);
	close(self->rig.fd);
	/*
	 * To the last table: nothing else is behind the SMMU that is at work.
	 */
	EXPECT_EQ(0, host_pages_back(&self->rig.before, 16000));
	EXPECT_EQ(0, reclaimer("limbo"));
}

/* The device reads at iova. Return: which page that is, 0 for none */
static u64 read_through(const struct rig *rig, u64 iova)
{
	u64 value;

	put(rig->scratch, ~0ull);
	if (edu_copy(&edu, iova, EDU_BUFFER, 8, 0) ||
	    edu_copy(&edu, EDU_BUFFER, SCRATCH, 8, EDU_TO_MEMORY))
		return ~0ull;
	value = get(rig->scratch);
	return value & TAG ? value & ~TAG : value;
}

/*
 * And writes, behind what a page begins with. Return: whether that has come to
 * @pa.
 */
static bool write_through(const struct rig *rig, u64 iova, u64 pa, u64 value)
{
	u64 *target = (u64 *)(bytes + (pa - memory)) + 1;

	put(rig->scratch, value);
	put(target, 0);
	if (edu_copy(&edu, SCRATCH, EDU_BUFFER, 8, 0) ||
	    edu_copy(&edu, EDU_BUFFER, iova + 8, 8, EDU_TO_MEMORY))
		return false;
	return get(target) == value;
}

#define EXPECT_AT(iova, pa) EXPECT_EQ((u64)(pa), read_through(&self->rig, iova))

/* --- directed ------------------------------------------------------------- */

/*
 * A page that differs from iova in the bits below a block's size: no block
 * fits.
 */
static u64 odd_page(void)
{
	return memory + HOST_PAGE;
}

TEST_F_TIMEOUT(smmu, pages_come_and_go, 120)
{
	u64 pa = odd_page();

	EXPECT_AT(WINDOW, 0);
	ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, pa, 3 * HOST_PAGE, DOMAIN_RW));
	EXPECT_AT(WINDOW, pa);
	EXPECT_AT(WINDOW + 2 * HOST_PAGE, pa + 2 * HOST_PAGE);
	EXPECT_TRUE(write_through(&self->rig, WINDOW + HOST_PAGE, pa + HOST_PAGE, 0x1234));
	ASSERT_EQ(0, domain_unmap(self->rig.fd, WINDOW, 2 * HOST_PAGE));
	EXPECT_AT(WINDOW, 0);
	EXPECT_FALSE(write_through(&self->rig, WINDOW + HOST_PAGE, pa + HOST_PAGE, 0x1234));
	EXPECT_AT(WINDOW + 2 * HOST_PAGE, pa + 2 * HOST_PAGE);
}

/* 512 pages, unmapped as one block of 2 MiB: the table is cut off. */
TEST_F_TIMEOUT(smmu, table_is_cut_off, 120)
{
	u64 pa = odd_page(), at;

	ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, pa, HOST_2M, DOMAIN_RW));
	for (at = 0; at < HOST_2M; at += HOST_2M / 4)
		EXPECT_AT(WINDOW + at, pa + at);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, WINDOW, HOST_2M));
	for (at = 0; at < HOST_2M; at += HOST_2M / 4)
		EXPECT_AT(WINDOW + at, 0);
	EXPECT_AT(WINDOW + HOST_PAGE, 0);
}

/* A tree of tables, cut off at once */
TEST_F_TIMEOUT(smmu, tables_are_cut_off, 120)
{
	u64 pa = odd_page(), at;

	for (at = 0; at < HOST_1G; at += HOST_1G / 4)
		ASSERT_EQ(0, domain_map(self->rig.fd, HIGH + at, pa, 4 * HOST_PAGE,
					DOMAIN_RW));
	for (at = 0; at < HOST_1G; at += HOST_1G / 4)
		EXPECT_AT(HIGH + at + HOST_PAGE, pa + HOST_PAGE);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, HIGH, HOST_1G));
	for (at = 0; at < HOST_1G; at += HOST_1G / 4)
		EXPECT_AT(HIGH + at + HOST_PAGE, 0);
	EXPECT_AT(HIGH + 2 * HOST_PAGE, 0);
}

TEST_F_TIMEOUT(smmu, block_comes_apart, 120)
{
	u64 pa = memory + HOST_2M;

	ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, pa, HOST_2M, DOMAIN_RW));
	EXPECT_AT(WINDOW + 7 * HOST_PAGE, pa + 7 * HOST_PAGE);
	EXPECT_AT(WINDOW + 8 * HOST_PAGE, pa + 8 * HOST_PAGE);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, WINDOW + 7 * HOST_PAGE, HOST_PAGE));
	EXPECT_AT(WINDOW + 7 * HOST_PAGE, 0);
	EXPECT_AT(WINDOW + 8 * HOST_PAGE, pa + 8 * HOST_PAGE);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, WINDOW + 8 * HOST_PAGE, 4 * HOST_PAGE));
	EXPECT_AT(WINDOW + 8 * HOST_PAGE, 0);
	EXPECT_AT(WINDOW, pa);
}

/* A block in the place of a table that has become empty page by page */
TEST_F_TIMEOUT(smmu, block_replaces_table, 120)
{
	u64 pa = odd_page(), block = memory + 2 * HOST_2M;

	ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, pa, HOST_PAGE, DOMAIN_RW));
	EXPECT_AT(WINDOW, pa);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, WINDOW, HOST_PAGE));
	ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, block, HOST_2M, DOMAIN_RW));
	EXPECT_AT(WINDOW, block);
	EXPECT_AT(WINDOW + 9 * HOST_PAGE, block + 9 * HOST_PAGE);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, WINDOW, HOST_2M));
	ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, pa, HOST_2M, DOMAIN_RW));
	EXPECT_AT(WINDOW, pa);
	EXPECT_AT(WINDOW + 9 * HOST_PAGE, pa + 9 * HOST_PAGE);
}

/* The next domain gets the number (ASID or VMID) that the last one had. */
TEST_F_TIMEOUT(smmu, number_is_used_again, 120)
{
	u64 pa = odd_page();
	int round;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW, pa, HOST_PAGE, DOMAIN_RW));
		ASSERT_EQ(0, domain_map(self->rig.fd, WINDOW + (round + 1) * HOST_2M, pa,
					HOST_PAGE, DOMAIN_RW));
		EXPECT_AT(WINDOW, pa);
		EXPECT_AT(WINDOW + (round + 1) * HOST_2M, pa);
		EXPECT_AT(WINDOW + round * HOST_2M, round ? 0 : pa);
		munmap(self->rig.scratch, HOST_PAGE);
		close(self->rig.fd);
		self->rig.fd = new_domain(&self->rig.scratch);
		ASSERT_LE(0, self->rig.fd);
		pa += HOST_PAGE;
	}
}

/* --- at random ------------------------------------------------------------ */

struct test {
	const struct rig *rig;
	struct random r;
	struct shadow shadow;
	unsigned int op;
};

static u64 iova_of(u64 page)
{
	return WINDOW + page * HOST_PAGE;
}

static bool look(struct test *t, u64 page, const char *when)
{
	u64 seen = read_through(t->rig, iova_of(page)), wanted = t->shadow.pa[page];

	if (seen == wanted)
		return true;
	printf("# operation %u, %s: %#llx leads to %#llx, not %#llx\n", t->op, when,
	       iova_of(page), seen, wanted);
	return false;
}

/* Pages from first on that are mapped, or not, at most max */
static u64 run_of(const struct test *t, u64 first, bool mapped, u64 max)
{
	u64 nr = 0;

	while (nr < max && first + nr < WINDOW_PAGES &&
	       !t->shadow.pa[first + nr] == !mapped)
		nr++;
	return nr;
}

static bool map_run(struct test *t, u64 first, u64 nr, u64 pa)
{
	int ret = domain_map(t->rig->fd, iova_of(first), pa, nr * HOST_PAGE, DOMAIN_RW);
	u64 i;

	if (ret) {
		printf("# operation %u: map %#llx: %d\n", t->op, iova_of(first), ret);
		return false;
	}
	for (i = 0; i < nr; i++)
		t->shadow.pa[first + i] = pa + i * HOST_PAGE;
	return look(t, first + random_below(&t->r, nr), "mapped");
}

static bool op_map(struct test *t, bool blocks)
{
	u64 first = random_below(&t->r, WINDOW_PAGES), nr, pa;
	u64 span = MEMORY_SIZE / HOST_2M - 4;

	pa = memory + random_below(&t->r, span) * HOST_2M;
	if (blocks) {
		first -= first % PAGES;
		nr = run_of(t, first, false, 3 * PAGES);
		nr -= nr % PAGES;
	} else {
		nr = run_of(t, first, false, 1 + random_below(&t->r, 600));
		/* Never where a block would fit */
		pa += HOST_PAGE * ((first + 1 + random_below(&t->r, PAGES - 1)) % PAGES);
	}
	return !nr || map_run(t, first, nr, pa);
}

/* One unmap: which pages, and which of those the device has come to before */
struct gone {
	u64 first;
	u64 nr;
	u64 known[LOOKS];
};

static bool pick_gone(struct test *t, struct gone *gone)
{
	unsigned int i;

	gone->first = random_below(&t->r, WINDOW_PAGES);
	/* Half of the time whole tables, where there are any */
	if (random_below(&t->r, 2)) {
		gone->first -= gone->first % PAGES;
		gone->nr = run_of(t, gone->first, true, 2 * PAGES);
		if (gone->nr > PAGES)
			gone->nr -= gone->nr % PAGES;
	} else {
		gone->nr = run_of(t, gone->first, true, 1 + random_below(&t->r, 40));
	}
	for (i = 0; gone->nr && i < LOOKS; i++) {
		gone->known[i] = gone->first + random_below(&t->r, gone->nr);
		if (!look(t, gone->known[i], "before an unmap"))
			return false;
	}
	return true;
}

static bool unmap_gone(struct test *t, const struct gone *gone, unsigned int how)
{
	u64 iova = iova_of(gone->first), size = gone->nr * HOST_PAGE;
	int ret = how ? domain_unmap_later(t->rig->fd, iova, size, how == 2) :
			domain_unmap(t->rig->fd, iova, size);

	if (ret)
		printf("# operation %u: unmap %#llx: %d\n", t->op, iova, ret);
	memset(&t->shadow.pa[gone->first], 0, gone->nr * sizeof(u64));
	return !ret;
}

/* Flushed at once, gathered, or as a queue does */
static bool op_unmap(struct test *t)
{
	unsigned int how = random_below(&t->r, 3), nr = 0, i, k;
	unsigned int max = how ? 1 + random_below(&t->r, UNMAPS) : 1;
	struct gone gone[UNMAPS];

	for (i = 0; i < max; i++) {
		if (!pick_gone(t, &gone[nr]))
			return false;
		if (!gone[nr].nr)
			continue;
		if (!unmap_gone(t, &gone[nr++], how))
			return false;
	}
	if (how && domain_sync(t->rig->fd))
		return false;
	for (i = 0; i < nr; i++)
		for (k = 0; k < LOOKS; k++)
			if (!look(t, gone[i].known[k], "flushed"))
				return false;
	return true;
}

static bool op_look(struct test *t)
{
	u64 page = random_below(&t->r, WINDOW_PAGES), pa = t->shadow.pa[page];

	if (!pa || random_below(&t->r, 2))
		return look(t, page, "at any time");
	if (write_through(t->rig, iova_of(page), pa, random_next(&t->r)))
		return true;
	printf("# operation %u: a write to %#llx does not come to %#llx\n", t->op,
	       iova_of(page), pa);
	return false;
}

static bool one_op(struct test *t)
{
	switch (random_below(&t->r, 10)) {
	case 0 ... 2:
		return op_map(t, false);
	case 3 ... 4:
		return op_map(t, true);
	case 5 ... 8:
		return op_unmap(t);
	default:
		return op_look(t);
	}
}

TEST_F_TIMEOUT(smmu, random_operations, 600)
{
	static struct test t;

	t.rig = &self->rig;
	t.r = random_seeded();
	for (t.op = 0; t.op < OPS; t.op++)
		ASSERT_TRUE(one_op(&t));
}

TEST_HARNESS_MAIN
