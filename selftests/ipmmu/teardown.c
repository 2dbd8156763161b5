// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains of all shapes are freed: every table must come back, the caller must
 * not be held up by their number, and nothing may stay pending.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>

#include "kselftest_harness.h"

#include "lib/rig.h"

#define SPACE_32	0x100000000ull

FIXTURE(teardown)
{
	struct rig rig;
};

FIXTURE_VARIANT(teardown)
{
	const char *deferred;
};

FIXTURE_VARIANT_ADD(teardown, deferred)
{
	.deferred = "1",
};

FIXTURE_VARIANT_ADD(teardown, in_caller)
{
	.deferred = "0",
};

FIXTURE_SETUP(teardown)
{
	const char *wrong = rig_open(&self->rig, 0);

	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	ASSERT_EQ(0, parameter_set(RECLAIMER_PARAMETERS, "deferred",
				   variant->deferred));
}

FIXTURE_TEARDOWN(teardown)
{
	EXPECT_EQ(0, rig_close(&self->rig));
	EXPECT_EQ(0, parameter_set(RECLAIMER_PARAMETERS, "deferred", "1"));
	EXPECT_EQ(0, reclaimer("pending"));
	EXPECT_EQ(0, reclaimer("trees"));
}

/* Frees the rig's domain; everything must be back after that */
static s64 rig_free(struct rig *rig)
{
	s64 ns;

	domain_detach(rig->fd, &rig->dma);
	ns = domain_free(rig->fd);
	if (ns >= 0 && host_pages_back(&rig->before, RIG_BACK_MS))
		return -ETIME;
	return ns;
}

static u64 rig_tables(const struct rig *rig)
{
	return reclaimer("live") - rig->before.live;
}

TEST_F(teardown, empty)
{
	EXPECT_EQ(1, rig_tables(&self->rig));
	EXPECT_LE(0, rig_free(&self->rig));
}

/* One page in every GiB: a path of tables to each */
TEST_F(teardown, sparse)
{
	u64 size = self->rig.info.aperture_end + 1;
	u64 paths = size / HOST_1G;

	ASSERT_EQ(0, domain_fill(self->rig.fd, 0, size, HOST_1G));
	EXPECT_EQ(1 + 2 * paths, rig_tables(&self->rig));
	EXPECT_LE(0, rig_free(&self->rig));
}

TEST_F_TIMEOUT(teardown, full_4g, 120)
{
	ASSERT_EQ(0, domain_fill(self->rig.fd, 0, SPACE_32, 0));
	EXPECT_EQ(tables_for(SPACE_32), rig_tables(&self->rig));
	EXPECT_LE(0, rig_free(&self->rig));
}

/* All tables of the low 64 GiB, one page in each */
TEST_F_TIMEOUT(teardown, tables_64g, 120)
{
	u64 size = 16 * SPACE_32;

	if (self->rig.info.aperture_end + 1 < size)
		SKIP(return, "the space ends at 4 GiB");
	ASSERT_EQ(0, domain_fill(self->rig.fd, 0, size, HOST_2M));
	EXPECT_EQ(tables_for(size), rig_tables(&self->rig));
	EXPECT_LE(0, rig_free(&self->rig));
}

/* Blocks have no tables below them: what they lead to must not be freed */
TEST_F(teardown, blocks)
{
	u64 i;

	for (i = 0; i < 512; i++)
		ASSERT_EQ(0, domain_map(self->rig.fd, HOST_1G + i * HOST_2M,
					HOST_1G + i * HOST_2M, HOST_2M, DOMAIN_RW));
	ASSERT_EQ(0, domain_map(self->rig.fd, 3 * HOST_1G, HOST_1G, HOST_1G,
				DOMAIN_RW));
	EXPECT_EQ(2, rig_tables(&self->rig));
	EXPECT_LE(0, rig_free(&self->rig));
}

/* Some tables detached by unmaps, some emptied page by page, some untouched */
TEST_F_TIMEOUT(teardown, half_torn, 120)
{
	u64 size = 2 * HOST_1G, iova;

	ASSERT_EQ(0, domain_fill(self->rig.fd, 0, size, 0));
	ASSERT_EQ(0, domain_unmap(self->rig.fd, 64 * HOST_2M, 64 * HOST_2M));
	ASSERT_EQ(0, reclaimer_wait(RIG_BACK_MS));
	EXPECT_EQ(tables_for(size) - 64, rig_tables(&self->rig));
	for (iova = HOST_1G; iova < HOST_1G + 8 * HOST_2M; iova += HOST_PAGE)
		ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_PAGE));
	EXPECT_LE(0, rig_free(&self->rig));
}

/* A whole GiB unmapped in one call takes its 513 tables along */
TEST_F_TIMEOUT(teardown, unmap_1g, 120)
{
	ASSERT_EQ(0, domain_fill(self->rig.fd, HOST_1G, HOST_1G, 0));
	ASSERT_EQ(tables_for(HOST_1G), rig_tables(&self->rig));
	ASSERT_EQ(0, domain_unmap(self->rig.fd, HOST_1G, HOST_1G));
	ASSERT_EQ(0, reclaimer_wait(RIG_BACK_MS));
	EXPECT_GE(2, rig_tables(&self->rig));
	EXPECT_LE(0, rig_free(&self->rig));
}

#define SEVERAL	6

static void *free_thread(void *arg)
{
	return (void *)(intptr_t)domain_free(*(int *)arg);
}

/* One after the other behind the same device, all freed at the same time */
TEST_F_TIMEOUT(teardown, several_at_once, 120)
{
	pthread_t threads[SEVERAL];
	int fds[SEVERAL], i;
	void *ns;

	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	ASSERT_EQ(0, domain_release(self->rig.fd, &self->rig.dma));
	for (i = 0; i < SEVERAL; i++) {
		fds[i] = domain_open(&self->rig.dma);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, domain_attach(fds[i], &self->rig.dma));
		ASSERT_EQ(0, domain_fill(fds[i], i * HOST_2M, HOST_1G, 0));
		ASSERT_EQ(0, domain_release(fds[i], &self->rig.dma));
	}
	for (i = 0; i < SEVERAL; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, free_thread, &fds[i]));
	for (i = 0; i < SEVERAL; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &ns));
		EXPECT_LE(0, (intptr_t)ns);
		close(fds[i]);
	}
	/* The rig's own, empty, domain is still there */
	EXPECT_LE(0, domain_free(self->rig.fd));
	EXPECT_EQ(0, host_pages_back(&self->rig.before, RIG_BACK_MS));
}

/* A file closed with everything still in place is torn down in the same way */
TEST_F_TIMEOUT(teardown, closed_while_attached, 60)
{
	int fd;

	ASSERT_EQ(0, domain_release(self->rig.fd, &self->rig.dma));
	fd = domain_open(&self->rig.dma);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, domain_attach(fd, &self->rig.dma));
	ASSERT_EQ(0, domain_fill(fd, 0, HOST_1G, 0));
	close(fd);
	EXPECT_LE(0, domain_free(self->rig.fd));
	EXPECT_EQ(0, host_pages_back(&self->rig.before, RIG_BACK_MS));
}

/* Free a domain of @size; how many batches were not the worker's? */
static long long batches_of_caller(const struct rig *rig, u64 size,
				   const char *deferred)
{
	long long before, after;
	int fd;

	parameter_set(RECLAIMER_PARAMETERS, "deferred", deferred);
	fd = domain_open(&rig->dma);
	if (fd < 0 || domain_attach(fd, &rig->dma) ||
	    domain_fill(fd, 0, size, HOST_2M) || domain_release(fd, &rig->dma))
		return -EIO;
	before = file_number(RECLAIMER_DEBUGFS, "helps");
	if (domain_free(fd) < 0)
		return -EIO;
	after = file_number(RECLAIMER_DEBUGFS, "helps");
	close(fd);
	reclaimer_wait(RIG_BACK_MS);
	return after - before;
}

/*
 * The caller of a deferred free frees no table, whatever the size of the tree.
 */
TEST_F_TIMEOUT(teardown, caller_frees_nothing, 120)
{
	u64 size = self->rig.info.aperture_end + 1;

	if (strcmp(variant->deferred, "1"))
		SKIP(return, "compares both modes itself");
	ASSERT_EQ(0, domain_release(self->rig.fd, &self->rig.dma));
	if (size > SPACE_32)
		size = SPACE_32;
	EXPECT_EQ(0, batches_of_caller(&self->rig, HOST_2M, "1"));
	EXPECT_EQ(0, batches_of_caller(&self->rig, size, "1"));
	EXPECT_LT(1, batches_of_caller(&self->rig, size, "0"));
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();

	if (missing)
		ksft_exit_skip("%s\n", missing);
	return test_harness_run(argc, argv);
}
