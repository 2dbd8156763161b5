// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes that take long, and such that do not end. What a flush was to make
 * the hardware forget is neither freed nor given to another while it is not
 * done: page tables, and the number of a context. And a flush that finds
 * another one running does not take that one for its own.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>

#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/log.h"
#include "lib/rig.h"

#define BUFFER_PAGES	16
#define IOVA		0x50000000ull
#define FILL		(2 * HOST_1G)
#define FILL_SIZE	(4 * HOST_2M)
#define NEVER		(~0ull)
#define FLUSHER_ROUNDS	5

FIXTURE(late)
{
	struct rig rig;
	u64 delay;
};

static void flushes_end(const struct _test_data_late *self)
{
	pci_set(&self->rig.witness, WITNESS_FLUSH_POLLS, 0);
	pci_set(&self->rig.witness, WITNESS_FLUSH_DELAY_NS, self->delay);
}

static void flushes_do_not_end(const struct _test_data_late *self)
{
	pci_set(&self->rig.witness, WITNESS_FLUSH_DELAY_NS, NEVER);
}

/* A page where the engine has been, and tables beside it */
FIXTURE_SETUP(late)
{
	const char *wrong = rig_open(&self->rig, BUFFER_PAGES);

	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	self->delay = pci_get(&self->rig.witness, WITNESS_FLUSH_DELAY_NS);
	ASSERT_EQ(0, rig_map_buffer(&self->rig, IOVA, DOMAIN_RW));
	ASSERT_EQ(0, domain_fill(self->rig.fd, FILL, FILL_SIZE, 0));
	ASSERT_EQ(rig_page(&self->rig, 0),
		  engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
	ASSERT_NE(~0ull, engine_translate(&self->rig.dma, FILL, DMA_TRANSLATE_READ));
}

FIXTURE_TEARDOWN(late)
{
	flushes_end(self);
	EXPECT_EQ(0, rig_close(&self->rig));
	EXPECT_EQ(0, contexts_in_state("quarantined"));
}

/* Said in the log, and nothing freed on its account */
TEST_F_TIMEOUT(late, unmap, 60)
{
	long long live = reclaimer("live"), freed = reclaimer("freed");
	int log = log_open();

	flushes_do_not_end(self);
	EXPECT_EQ(0, domain_unmap(self->rig.fd, FILL, FILL_SIZE - HOST_2M));
	EXPECT_EQ(0, log_wait(log, "flush", NULL, 2000));
	host_sleep_ms(200);
	EXPECT_EQ(live, reclaimer("live"));
	EXPECT_EQ(freed, reclaimer("freed"));
	EXPECT_EQ(0, reclaimer("pending"));

	/* Healthy again: the next flush releases what waited for it */
	flushes_end(self);
	EXPECT_EQ(0, domain_unmap(self->rig.fd, FILL + FILL_SIZE - HOST_2M, HOST_PAGE));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live - 3, reclaimer("live"));
	EXPECT_EQ(freed + 3, reclaimer("freed"));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, FILL, DMA_TRANSLATE_READ));
	close(log);
}

/* The tables of a domain that is gone stay with its context */
static void free_late(struct __test_metadata *_metadata, struct _test_data_late *self)
{
	long long live = reclaimer("live"), freed = reclaimer("freed");

	flushes_do_not_end(self);
	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(1, contexts_in_state("quarantined"));
	ASSERT_LE(0, domain_free(self->rig.fd));
	EXPECT_EQ(1, contexts_in_state("quarantined"));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live, reclaimer("live"));
	EXPECT_EQ(freed, reclaimer("freed"));
}

static void attach_anew(struct __test_metadata *_metadata, struct _test_data_late *self)
{
	ASSERT_EQ(0, domain_device(self->rig.fd, IPMMU_TEST_ALLOC, &self->rig.dma));
	ASSERT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
}

/* Its context is had again, though none asks for it */
TEST_F_TIMEOUT(late, quarantine_ends_by_time, 60)
{
	unsigned int ms;

	free_late(_metadata, self);
	/* Time enough for a try in vain, after which there is another */
	host_sleep_ms(1000);
	EXPECT_EQ(1, contexts_in_state("quarantined"));
	flushes_end(self);
	/*
	 * Tried again after half a second, then after twice as long each time
	 */
	for (ms = 0; ms < 20000 && contexts_in_state("quarantined"); ms += 50)
		host_sleep_ms(50);
	EXPECT_EQ(0, contexts_in_state("quarantined"));
	EXPECT_EQ(0, host_pages_back(&self->rig.before, RIG_BACK_MS));
}

/* The next domain gets another, until then, and not what the last one had */
TEST_F_TIMEOUT(late, number_is_not_reused, 60)
{
	int old = context_of(&self->rig.dma);
	long long quarantined, live;

	ASSERT_LT(0, old);
	free_late(_metadata, self);
	quarantined = reclaimer("live") - self->rig.before.live;
	attach_anew(_metadata, self);
	EXPECT_NE(old, context_of(&self->rig.dma));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
	ASSERT_EQ(0, domain_map(self->rig.fd, IOVA, rig_page(&self->rig, 1), HOST_PAGE,
				DOMAIN_RW));
	EXPECT_EQ(rig_page(&self->rig, 1),
		  engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
	live = reclaimer("live");

	/* Healthy again: the next attach has all that was in quarantine */
	flushes_end(self);
	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	ASSERT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(0, contexts_in_state("quarantined"));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live - quarantined, reclaimer("live"));

	/*
	 * Once: when the number is in quarantine again, no tables are left with
	 * it
	 */
	EXPECT_EQ(old, context_of(&self->rig.dma));
	flushes_do_not_end(self);
	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(1, contexts_in_state("quarantined"));
	flushes_end(self);
	ASSERT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(0, contexts_in_state("quarantined"));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live - quarantined, reclaimer("live"));
	EXPECT_EQ(rig_page(&self->rig, 1),
		  engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
}

/*
 * What the hardware may still hold of its own a domain may have back at any
 * time
 */
TEST_F_TIMEOUT(late, own_number_is, 60)
{
	int old = context_of(&self->rig.dma);
	long long live = reclaimer("live");

	flushes_do_not_end(self);
	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(1, contexts_in_state("quarantined"));
	ASSERT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(0, contexts_in_state("quarantined"));
	EXPECT_EQ(old, context_of(&self->rig.dma));
	EXPECT_EQ(rig_page(&self->rig, 0),
		  engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));

	EXPECT_EQ(0, domain_unmap(self->rig.fd, FILL, HOST_2M));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live, reclaimer("live"));
	flushes_end(self);
	EXPECT_EQ(0, domain_unmap(self->rig.fd, IOVA, HOST_PAGE));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live - 1, reclaimer("live"));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, FILL, DMA_TRANSLATE_READ));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
}

/* As many domains as there are contexts; the one behind them is refused */
static int fill_contexts(struct _test_data_late *self, struct attachment *a,
			 unsigned int *count)
{
	int ret = 0;

	for (*count = 0; *count < CONTEXTS_MAX; ++*count) {
		ret = attachment_open(&a[*count], *count + 1,
				      rig_page(&self->rig, *count));
		if (ret)
			break;
		engine_translate(&a[*count].dma, HOST_1G, DMA_TRANSLATE_READ);
	}
	return ret;
}

static void close_all(struct attachment *a, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		attachment_close(&a[i]);
}

/*
 * While all contexts are in quarantine no domain gets one; then all are free
 * again
 */
TEST_F_TIMEOUT(late, all_are_in_quarantine, 60)
{
	struct attachment a[CONTEXTS_MAX];
	unsigned int count, i;
	long long live;

	if (fill_contexts(self, a, &count) == -ENODEV) {
		close_all(a, count);
		SKIP(return, "only %u ipmmu-dma devices: contexts do not run out",
		     count + 1);
	}
	ASSERT_GT(CONTEXTS_MAX, count);
	live = reclaimer("live");
	flushes_do_not_end(self);
	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, domain_detach(a[i].fd, &a[i].dma));
		ASSERT_LE(0, domain_free(a[i].fd));
	}
	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));
	ASSERT_LE(0, domain_free(self->rig.fd));
	EXPECT_EQ(count + 1, contexts_in_state("quarantined"));
	EXPECT_EQ(0, contexts_in_state("free"));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live, reclaimer("live"));

	EXPECT_EQ(-EBUSY, attachment_try(&a[count], rig_page(&self->rig, 9)));
	if (claim_blocks())
		EXPECT_EQ(~0ull, engine_translate(&a[count].dma, HOST_1G,
						  DMA_TRANSLATE_READ));

	flushes_end(self);
	EXPECT_EQ(0, attachment_try(&a[count], rig_page(&self->rig, 9)));
	EXPECT_EQ(0, contexts_in_state("quarantined"));
	EXPECT_EQ(rig_page(&self->rig, 9),
		  engine_translate(&a[count].dma, HOST_1G, DMA_TRANSLATE_READ));
	close_all(a, count + 1);
}

/* Looks until a flush ends: fewer than the driver has patience for */
#define LONG_FLUSH	80

/*
 * A page is unmapped, and while the flush for that is under way, another one.
 * That flush has begun too early for the second: what it drops may have been
 * loaded again before the page was gone.
 */
TEST_F_TIMEOUT(late, second_flush_is_its_own, 60)
{
	u64 second = IOVA + HOST_PAGE, flushes;
	int ret;

	ASSERT_EQ(rig_page(&self->rig, 1),
		  engine_translate(&self->rig.dma, second, DMA_TRANSLATE_READ));
	flushes = witness_counter(&self->rig.witness, WITNESS_FLUSHES);
	pci_set(&self->rig.witness, WITNESS_FLUSH_POLLS, LONG_FLUSH);
	ret = domain_overtake(self->rig.fd, IOVA, second);
	if (ret && ret != -EIO)
		SKIP(return, "no probe can be set where the driver waits for a flush");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, second, DMA_TRANSLATE_READ));
	EXPECT_EQ(flushes + 2, witness_counter(&self->rig.witness, WITNESS_FLUSHES));
}

struct flusher {
	pthread_t thread;
	int fd;
	u64 page;
	unsigned long rounds;
	bool over;
};

/* A flush for each unmap, without end */
static void *flusher_run(void *arg)
{
	struct flusher *f = arg;

	while (!__atomic_load_n(&f->over, __ATOMIC_RELAXED)) {
		domain_unmap(f->fd, IOVA, HOST_PAGE);
		domain_map(f->fd, IOVA, f->page, HOST_PAGE, DOMAIN_RW);
		__atomic_fetch_add(&f->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static unsigned long flusher_rounds(struct flusher *f)
{
	return __atomic_load_n(&f->rounds, __ATOMIC_RELAXED);
}

/* -1 if it does not get on */
static int flusher_goes_on(struct flusher *f)
{
	unsigned long from = flusher_rounds(f);
	unsigned int ms;

	for (ms = 0; ms < 30000; ms += 10) {
		if (flusher_rounds(f) >= from + FLUSHER_ROUNDS)
			return 0;
		host_sleep_ms(10);
	}
	return -1;
}

/*
 * A domain of before is of no use to the IPMMUs of now; a new one works. Tables
 * that the hardware was never made to forget are kept for good.
 */
static void starts_anew(struct __test_metadata *_metadata, struct _test_data_late *self)
{
	long long live = reclaimer("live");

	/* It gets a group when a driver is tried on it: the test module's is */
	ASSERT_EQ(0, file_write("/sys/bus/pci/drivers_probe", self->rig.dma.name));
	ASSERT_EQ(0, domain_device(self->rig.fd, IPMMU_TEST_CLAIM, &self->rig.dma));
	EXPECT_EQ(-EINVAL, domain_attach(self->rig.fd, &self->rig.dma));
	ASSERT_LE(0, domain_free(self->rig.fd));
	EXPECT_EQ(0, reclaimer_wait(5000));
	EXPECT_EQ(live, reclaimer("live"));
	self->rig.before = host_pages();
	attach_anew(_metadata, self);
	ASSERT_EQ(0, domain_map(self->rig.fd, IOVA, rig_page(&self->rig, 1), HOST_PAGE,
				DOMAIN_RW));
	EXPECT_EQ(rig_page(&self->rig, 1),
		  engine_translate(&self->rig.dma, IOVA, DMA_TRANSLATE_READ));
}

/*
 * The IPMMUs are taken from the driver while a domain that was left in
 * quarantine is flushed and flushed: the registers that the flusher polls go,
 * the domain stays, and so do its tables, for no flush has ended. The last of
 * all, therefore.
 */
TEST_F_TIMEOUT(late, domain_outlives_its_ipmmu, 240)
{
	struct flusher f = { .fd = self->rig.fd, .page = rig_page(&self->rig, 0) };
	int log = log_open();

	if (host_before(6, 12))
		SKIP(return, "not supported before 6.12");
	ASSERT_EQ(0, setup_unbind());
	flushes_do_not_end(self);
	ASSERT_EQ(0, domain_release(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(1, contexts_in_state("quarantined"));
	ASSERT_EQ(0, pthread_create(&f.thread, NULL, flusher_run, &f));
	EXPECT_EQ(0, flusher_goes_on(&f));

	EXPECT_EQ(0, parameter_set(UNBIND, "bound", "N"));
	EXPECT_FALSE(setup_serves());
	EXPECT_EQ(0, log_wait(log, "never flushed, its tables stay", NULL, 30000));
	EXPECT_EQ(0, flusher_goes_on(&f));
	flushes_end(self);
	EXPECT_EQ(0, parameter_set(UNBIND, "bound", "Y"));
	EXPECT_EQ(0, flusher_goes_on(&f));
	__atomic_store_n(&f.over, true, __ATOMIC_RELAXED);
	pthread_join(f.thread, NULL);

	close(log);
	ASSERT_EQ(NULL, setup_driver());
	starts_anew(_metadata, self);
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();

	if (missing)
		ksft_exit_skip("%s\n", missing);
	/* The model hears of each page that is freed */
	if (access("/sys/module/ipmmu_watch", F_OK) && setup_test_module("ipmmu_watch"))
		ksft_exit_fail_msg("ipmmu_watch.ko does not load\n");
	return test_harness_run(argc, argv);
}
