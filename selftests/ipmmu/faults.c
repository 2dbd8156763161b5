// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the IPMMU refuses: that it is refused, that the domain's fault handler
 * hears of it, and that the kernel log says which device, where and why.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/log.h"
#include "lib/patrol.h"
#include "lib/rig.h"

#define BUFFER_PAGES	4
#define FAULT_WAIT_MS	1000
/* The kernel's printk rate limits look back 5 s */
#define LOG_QUIET_MS	5500

/* Other bits are the model's own strictness and stay as they are */
static void inject(const struct rig *rig, u64 faults)
{
	u64 bits = pci_get(&rig->witness, WITNESS_INJECT);

	bits &= ~(u64)(WITNESS_INJECT_WALK_ABORT | WITNESS_INJECT_MULTI_HIT);
	pci_set(&rig->witness, WITNESS_INJECT, bits | faults);
}

FIXTURE(faults)
{
	struct rig rig;
	int log;
	u64 seen;
};

FIXTURE_SETUP(faults)
{
	const char *wrong = rig_open(&self->rig, BUFFER_PAGES);

	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	self->log = log_open();
	self->seen = witness_counter(&self->rig.witness, WITNESS_FAULTS);
}

FIXTURE_TEARDOWN(faults)
{
	inject(&self->rig, 0);
	close(self->log);
	EXPECT_EQ(0, rig_close(&self->rig));
}

/* The interrupt may come later than the device's answer */
static bool handler_called(const struct rig *rig, u64 count, u64 iova)
{
	unsigned int ms;
	u64 where = 0;

	for (ms = 0; ms < FAULT_WAIT_MS; ms += 5) {
		if (domain_faults(rig->fd, &where) > count &&
		    where / HOST_PAGE == iova / HOST_PAGE)
			return true;
		host_sleep_ms(5);
	}
	printf("# the handler heard of %llu faults, the last at %#llx\n",
	       domain_faults(rig->fd, NULL),
	       where);
	return false;
}

TEST_F(faults, unmapped)
{
	u64 iova = 0x12345000;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		u64 before = domain_faults(self->rig.fd, NULL);

		EXPECT_EQ(DMA_FAULT, engine_run(&self->rig.dma,
						i ? DMA_WRITE : DMA_READ,
						i ? 0 : iova, i ? iova : 0, 64));
		EXPECT_TRUE(handler_called(&self->rig, before, iova));
	}
	/* Each beat of a burst may count */
	EXPECT_LE(self->seen + 2,
		  witness_counter(&self->rig.witness, WITNESS_FAULTS));
}

TEST_F(faults, read_only)
{
	u64 iova = 0x40200000, page = rig_page(&self->rig, 0);
	u64 before = domain_faults(self->rig.fd, NULL);

	memset(self->rig.buffer, 0xa5, HOST_PAGE);
	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE,
				IPMMU_TEST_PROT_READ));
	EXPECT_EQ(DMA_OK, engine_run(&self->rig.dma, DMA_READ, iova, 0, HOST_PAGE));
	memset(self->rig.buffer, 0x5a, HOST_PAGE);
	EXPECT_EQ(DMA_FAULT, engine_run(&self->rig.dma, DMA_WRITE, 0, iova, 64));
	EXPECT_TRUE(handler_called(&self->rig, before, iova));
	EXPECT_EQ(0x5a, self->rig.buffer[0]);
	EXPECT_LE(self->seen + 1,
		  witness_counter(&self->rig.witness, WITNESS_FAULTS));
}

/* A transfer that starts well and runs into a hole */
TEST_F(faults, runs_into_hole)
{
	u64 iova = 0x7fff0000, page = rig_page(&self->rig, 1);
	u64 before = domain_faults(self->rig.fd, NULL);

	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(DMA_FAULT, engine_run(&self->rig.dma, DMA_READ,
					iova + HOST_PAGE - 32, 0, 64));
	EXPECT_TRUE(handler_called(&self->rig, before, iova + HOST_PAGE));
}

/*
 * In the 64-bit format bit 39 selects the second table base, and the driver has
 * the same tables in both: such an address leads where its low bits lead, and
 * nowhere else. What the second base had before is not walked. Beyond 40 bits
 * there is nothing.
 */
TEST_F(faults, above_aperture)
{
	u64 low = 0x3000, page = rig_page(&self->rig, 2), seen;
	u64 above = self->rig.info.aperture_end + 1;

	ASSERT_EQ(0, domain_map(self->rig.fd, low, page, HOST_PAGE, DOMAIN_RW));
	seen = engine_translate(&self->rig.dma, above + low, DMA_TRANSLATE_READ);
	EXPECT_EQ(above > 1ull << 32 ? page : ~0ull, seen);
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, above + 2 * low,
					  DMA_TRANSLATE_READ));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, (1ull << 40) + low,
					  DMA_TRANSLATE_READ));
	EXPECT_EQ(DMA_FAULT, engine_run(&self->rig.dma, DMA_READ,
					0xfffffffffffff000ull, 0, 8));
	EXPECT_LE(self->seen + 3,
		  witness_counter(&self->rig.witness, WITNESS_FAULTS));
}

/* An operator must find the device and the address in one line */
TEST_F(faults, report_names_device)
{
	u64 iova = 0x2badf000;

	host_sleep_ms(LOG_QUIET_MS);
	log_count(self->log, "", NULL);
	EXPECT_EQ(DMA_FAULT, engine_run(&self->rig.dma, DMA_READ, iova, 0, 8));
	EXPECT_EQ(0, log_wait(self->log, self->rig.dma.name, "2badf000",
			      FAULT_WAIT_MS));
}

TEST_F(faults, walk_abort)
{
	u64 iova = 0x51000000, page = rig_page(&self->rig, 0);
	u64 before = domain_faults(self->rig.fd, NULL);

	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	host_sleep_ms(LOG_QUIET_MS);
	log_count(self->log, "", NULL);
	inject(&self->rig, WITNESS_INJECT_WALK_ABORT);
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	EXPECT_TRUE(handler_called(&self->rig, before, iova));
	EXPECT_EQ(0, log_wait(self->log, "bort", NULL, FAULT_WAIT_MS));

	inject(&self->rig, 0);
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
}

TEST_F(faults, multi_hit)
{
	u64 iova = 0x61000000, page = rig_page(&self->rig, 0);

	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	host_sleep_ms(LOG_QUIET_MS);
	log_count(self->log, "", NULL);
	inject(&self->rig, WITNESS_INJECT_MULTI_HIT);
	engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ);
	EXPECT_EQ(0, log_wait(self->log, "hit", NULL, FAULT_WAIT_MS));

	inject(&self->rig, 0);
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
}

#define STORM		5000
#define STORM_LINES	100

/* The interrupt may come later than what it tells of */
static bool storm_is_reported(const struct rig *rig)
{
	unsigned int ms;

	for (ms = 0; ms < FAULT_WAIT_MS; ms += 10) {
		if (domain_faults(rig->fd, NULL))
			return true;
		host_sleep_ms(10);
	}
	return false;
}

/* A device gone mad must not fill the log, nor stop the domain from working */
TEST_F_TIMEOUT(faults, storm, 120)
{
	u64 iova = 0x71000000, page = rig_page(&self->rig, 0);
	unsigned int i, refused = 0, lines;

	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	log_count(self->log, "", NULL);
	for (i = 0; i < STORM; i++)
		refused += engine_translate(&self->rig.dma, iova + HOST_2M + i * HOST_PAGE,
					    DMA_TRANSLATE_WRITE) == ~0ull;
	EXPECT_EQ(STORM, refused);
	EXPECT_EQ(self->seen + STORM,
		  witness_counter(&self->rig.witness, WITNESS_FAULTS));
	lines = log_count(self->log, "", NULL);
	EXPECT_GT(STORM_LINES, lines)
		TH_LOG("%u lines for %u faults", lines, STORM);
	EXPECT_TRUE(storm_is_reported(&self->rig));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
}

/* Interrupts of the main IPMMU so far, all CPUs together */
static u64 irq_count(void)
{
	char text[32768], *line, *word, *end;
	u64 count = 0;

	file_read("/proc/interrupts", text, sizeof(text));
	line = strstr(text, "b000000.iommu");
	while (line && line > text && line[-1] != '\n')
		line--;
	/* NUMBER: COUNT... CONTROLLER... */
	for (word = line ? strchr(line, ':') + 1 : text; line; word = end) {
		count += strtoull(word, &end, 10);
		if (end == word)
			break;
	}
	return count;
}

#define ENDLESS_MS	4000
/*
 * The driver says it again after ten seconds; one of the tests before may have
 * been it.
 */
#define SAID_MS		12000
/*
 * 200 in a second, then none in the next: generous, for a machine that is late
 */
#define ENDLESS_MOST	2000

/*
 * A device that never stops is refused all the same, and CPUs go on with their
 * work
 */
TEST_F_TIMEOUT(faults, endless, 120)
{
	u64 iova = 0x73000000, page = rig_page(&self->rig, 0), before, count;

	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	host_sleep_ms(SAID_MS);
	log_count(self->log, "", NULL);
	before = irq_count();
	ASSERT_NE(0, before);
	patrol_begin(&self->rig.dma, iova + HOST_2M, 16);
	host_sleep_ms(ENDLESS_MS);
	patrol_end(&self->rig.dma);
	count = irq_count() - before;
	TH_LOG("%llu faults, %llu interrupts", patrol_get(&self->rig.dma, DMA_REFUSED), count);
	EXPECT_LT(ENDLESS_MOST, patrol_get(&self->rig.dma, DMA_REFUSED));
	EXPECT_GT(ENDLESS_MOST, count);
	EXPECT_LT(0, count);
	EXPECT_EQ(1, log_count(self->log, "faults within a second", NULL));
	EXPECT_EQ(0, patrol_strayed(&self->rig.dma));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));

	/* And a single one is heard of again */
	host_sleep_ms(LOG_QUIET_MS);
	log_count(self->log, "", NULL);
	engine_translate(&self->rig.dma, iova + HOST_2M, DMA_TRANSLATE_READ);
	EXPECT_EQ(0, log_wait(self->log, "fault", "0x73200000", FAULT_WAIT_MS));
}

/* What Renesas' BSP does is to be had: each translation fault brings a flush */
TEST_F(faults, flush_on_fault)
{
	u64 flushes;

	EXPECT_EQ(0, parameter_set(DRIVER_PARAMETERS, "flush_on_fault", "Y"));
	flushes = witness_counter(&self->rig.witness, WITNESS_FLUSHES);
	engine_translate(&self->rig.dma, 0x74000000, DMA_TRANSLATE_READ);
	host_sleep_ms(FAULT_WAIT_MS);
	EXPECT_EQ(flushes + 1, witness_counter(&self->rig.witness, WITNESS_FLUSHES));

	EXPECT_EQ(0, parameter_set(DRIVER_PARAMETERS, "flush_on_fault", "N"));
	engine_translate(&self->rig.dma, 0x74000000, DMA_TRANSLATE_READ);
	host_sleep_ms(FAULT_WAIT_MS);
	EXPECT_EQ(flushes + 1, witness_counter(&self->rig.witness, WITNESS_FLUSHES));
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();

	if (missing)
		ksft_exit_skip("%s\n", missing);
	return test_harness_run(argc, argv);
}
