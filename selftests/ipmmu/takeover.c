// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver comes to an IPMMU that an earlier owner has left on: a boot
 * loader, or a kernel that crashed. A device of that owner's does DMA all the
 * while. Until the driver has the hardware it reaches what it was given, from
 * then on nothing, and at no time anything else. What belongs to context 0
 * stays as it was.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/log.h"
#include "lib/owner.h"
#include "lib/setup.h"
#include "lib/suspend.h"

FIXTURE(takeover)
{
	struct owner o;
};

FIXTURE_SETUP(takeover)
{
	ASSERT_EQ(NULL, owner_open(&self->o));
}

FIXTURE_TEARDOWN(takeover)
{
	owner_close(&self->o);
}

/*
 * Of what it had set up nothing is left that a walk could start from or be told
 * by
 */
static void all_is_written(struct __test_metadata *_metadata, const struct owner *o)
{
	unsigned int n;

	for (n = 1; n < CONTEXTS; n++) {
		EXPECT_NE(o->root & 0xfffff000, peek(&o->witness, ROOT, CONTEXT(n, IMTTLBR0)));
		EXPECT_NE(o->root & 0xfffff000, peek(&o->witness, ROOT, CONTEXT(n, IMTTLBR1)));
		EXPECT_EQ(peek(&o->witness, ROOT, CONTEXT(n, IMTTUBR0)),
			  peek(&o->witness, ROOT, CONTEXT(n, IMTTUBR1)));
	}
	EXPECT_EQ(0, peek(&o->witness, 1 + o->cache, imuctr(o->utlb) + IMUASID));
}

/* Context 0 and what points there are another owner's */
static void foreign_is_left_alone(struct __test_metadata *_metadata, const struct owner *o)
{
	EXPECT_EQ(IMCTR_VA64 | IMCTR_MMUEN, peek(&o->witness, ROOT, CONTEXT(0, IMCTR)));
	EXPECT_EQ(IMCTR_MMUEN, peek(&o->witness, 2, CONTEXT(0, IMCTR)));
	EXPECT_EQ(IMUCTR_ON(0), peek(&o->witness, 2, imuctr(FOREIGN_UTLB)));
}

/* The driver says so of it, too */
static bool foreign_is_told(void)
{
	char text[16384];

	file_read(DRIVER_DEBUGFS "utlbs", text, sizeof(text));
	return strstr(text, " utlb 47 foreign masters none\n");
}

/* Contexts that are on in an IPMMU, number 0 left out */
static unsigned int contexts_on(const struct owner *o, u64 unit)
{
	unsigned int n, count = 0;

	for (n = 1; n < CONTEXTS; n++)
		count += peek(&o->witness, unit, CONTEXT(n, IMCTR)) & IMCTR_MMUEN;
	return count;
}

TEST_F_TIMEOUT(takeover, left_on, 120)
{
	unsigned int seen, busy;
	int log = log_open();
	char found[32];
	u64 refused;

	owner_sets_up(&self->o, CONTEXTS);
	ASSERT_EQ(self->o.root & 0xfffff000,
		  peek(&self->o.witness, ROOT, CONTEXT(0, IMTTLBR0)));
	foreign_is_left_alone(_metadata, &self->o);

	patrol_set(&self->o.dma, DMA_GIVE, self->o.target);
	patrol_begin(&self->o.dma, self->o.iova, 1);
	host_sleep_ms(100);
	ASSERT_LT(0, patrol_get(&self->o.dma, DMA_PASSED));
	ASSERT_EQ(0, patrol_get(&self->o.dma, DMA_STRAYED));

	ASSERT_EQ(NULL, setup_driver());
	snprintf(found, sizeof(found), " %u contexts were on", CONTEXTS - 1);
	EXPECT_EQ(1, log_count(log, found, NULL));
	close(log);
	patrol_set(&self->o.dma, DMA_TAKE, self->o.target);
	refused = patrol_get(&self->o.dma, DMA_REFUSED);
	seen = patrol_get(&self->o.dma, DMA_PASSED);
	host_sleep_ms(200);
	EXPECT_EQ(0, patrol_strayed(&self->o.dma));
	EXPECT_EQ(seen, patrol_get(&self->o.dma, DMA_PASSED));
	EXPECT_LT(refused, patrol_get(&self->o.dma, DMA_REFUSED));
	EXPECT_EQ(0, witness_counter(&self->o.witness, WITNESS_BYPASSES));

	EXPECT_EQ(self->o.root & 0xfffff000,
		  peek(&self->o.witness, ROOT, CONTEXT(0, IMTTLBR0)));
	foreign_is_left_alone(_metadata, &self->o);
	EXPECT_TRUE(foreign_is_told());
	/* What pointed elsewhere is on, and not where it was */
	EXPECT_EQ(1, peek(&self->o.witness, 2, imuctr(LEFT_UTLB)) & 1);
	EXPECT_EQ(~0ull, engine_translate(&self->o.dma, self->o.iova, DMA_TRANSLATE_READ));
	all_is_written(_metadata, &self->o);

	/* All but those two contexts are to be had */
	EXPECT_EQ(1, contexts_in_state("reserved"));
	EXPECT_EQ(1, contexts_in_state("blocking"));
	/* Some kernels have given their own domains some of them by now */
	busy = contexts_in_state("busy");
	EXPECT_EQ(CONTEXTS - 2 - busy, contexts_in_state("free"));
	/* What is free is off: the flush that has made it free has done that */
	EXPECT_EQ(1 + busy, contexts_on(&self->o, ROOT));
	/*
	 * A cache that has not probed yet cannot be flushed: that is no error
	 * here
	 */
	witness_clear(&self->o.witness);
}

/* A device of the kernel's now, it has a domain like any other */
TEST_F(takeover, device_works)
{
	ASSERT_EQ(NULL, setup_domains());
	EXPECT_EQ(~0ull, engine_translate(&self->o.dma, self->o.iova,
					  DMA_TRANSLATE_READ));
	EXPECT_EQ(0, witness_counter(&self->o.witness, WITNESS_BYPASSES));
	EXPECT_EQ(0, verdict(&self->o.witness));
}

/*
 * And are so after a suspend, without a driver, and when there is one again
 */
TEST_F_TIMEOUT(takeover, stays_foreign, 120)
{
	const char *missing = suspend_prepare();

	if (missing)
		TH_LOG("no suspend: %s", missing);
	else
		ASSERT_EQ(0, suspend_once(0));
	file_write("/sys/power/pm_test", "none");
	foreign_is_left_alone(_metadata, &self->o);
	if (host_before(6, 12))
		SKIP(return, "IPMMUs cannot be taken from the driver before 6.12");
	ASSERT_EQ(0, setup_unbind());
	ASSERT_EQ(0, parameter_set(UNBIND, "bound", "N"));
	foreign_is_left_alone(_metadata, &self->o);
	/* What an owner in between has on in a cache alone goes off */
	poke(&self->o.witness, 2, CONTEXT(6, IMCTR), IMCTR_MMUEN);
	ASSERT_EQ(0, parameter_set(UNBIND, "bound", "Y"));
	ASSERT_EQ(NULL, setup_driver());
	foreign_is_left_alone(_metadata, &self->o);
	EXPECT_TRUE(foreign_is_told());
	EXPECT_EQ(0, peek(&self->o.witness, 2, CONTEXT(6, IMCTR)));
}

int main(int argc, char **argv)
{
	struct pci_function pci;

	if (!access(DRIVER_PARAMETERS, F_OK))
		ksft_exit_skip("the driver is loaded already\n");
	if (pci_find(&pci, WITNESS_VENDOR, WITNESS_DEVICE, 0) ||
	    pci_find(&pci, WITNESS_VENDOR, DMA_DEVICE, 0))
		ksft_exit_skip("no emulated IPMMU here, or no ipmmu-dma device\n");
	return test_harness_run(argc, argv);
}
