// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers behind the driver's back: what an earlier owner left, what context
 * 0's owner has, what a time without power makes of them.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "ipmmu.h"
#include "ipmmu-bits.h"

#define SEED_SHIFT	8

void ipmmu_poke(struct ipmmu *mmu, uint64_t where, uint32_t value)
{
	struct ipmmu_log *kept = g_new(struct ipmmu_log, 1);

	*kept = *mmu->log;
	ipmmu_write(mmu, where >> 32, (uint32_t)where, value, 4);
	*mmu->log = *kept;
	g_free(kept);
}

uint32_t ipmmu_peek(struct ipmmu *mmu, uint64_t where)
{
	struct ipmmu_log *kept = g_new(struct ipmmu_log, 1);
	uint32_t value;

	*kept = *mmu->log;
	value = ipmmu_read(mmu, where >> 32, (uint32_t)where, 4);
	*mmu->log = *kept;
	g_free(kept);
	return value;
}

/* Splitmix64 */
static uint32_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z >> 32;
}

static void garble_context(struct ipmmu_context *context, uint64_t *state)
{
	context->ctr = next_random(state) & (IMCTR_VA64 | IMCTR_INTEN | IMCTR_MMUEN);
	context->ttbcr = next_random(state) & IMTTBCR_ALL;
	context->ttlbr[0] = next_random(state) & IMTTLBR_ALL;
	context->ttubr[0] = next_random(state) & IMTTUBR_ALL;
	context->ttlbr[1] = next_random(state) & IMTTLBR_ALL;
	context->ttubr[1] = next_random(state) & IMTTUBR_ALL;
	context->mair[0] = next_random(state);
	context->mair[1] = next_random(state);
	context->str = 0;
}

/* Flushes that were under way are forgotten: FLUSH reads 0 */
static void garble_cache(struct ipmmu_cache *cache, const struct ipmmu_geometry *geometry,
			 uint64_t *state)
{
	unsigned int i;

	for (i = 0; i < geometry->contexts; i++)
		cache->context[i].ctr = next_random(state) & (IMCTR_INTEN | IMCTR_MMUEN);
	for (i = 0; i < geometry->utlbs; i++)
		cache->utlb[i].ctr = next_random(state) & (IMUCTR_TTSEL | IMUCTR_MMUEN);
}

static void garble(struct ipmmu *mmu, uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < mmu->geometry->contexts; i++)
		garble_context(&mmu->context[i], &seed);
	for (i = 0; i < mmu->caches; i++)
		garble_cache(&mmu->cache[i], mmu->geometry, &seed);
	for (i = 0; i < 1 + mmu->caches; i++) {
		mmu->control[i].sctlr = next_random(&seed) & IMSCTLR_USE_SECGRP;
		mmu->control[i].sauxctlr = next_random(&seed) & IMSAUXCTLR_S2PTE;
	}
	ipmmu_irq_update(mmu);
}

/* The injections are the test's, not the hardware's */
void ipmmu_power(struct ipmmu *mmu, uint64_t how)
{
	uint64_t inject = mmu->inject;

	switch (how & MASK64(SEED_SHIFT)) {
	case WITNESS_POWER_LOST:
		ipmmu_reset(mmu);
		mmu->inject = inject;
		break;
	case WITNESS_POWER_GARBAGE:
		garble(mmu, how >> SEED_SHIFT);
		break;
	}
}
