// SPDX-License-Identifier: GPL-2.0-only
/*
 * The witness's registers and the DMA engine's.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "verdict.h"

/* Driver's time limit of a flush, which the late ones are to exceed */
#define FLUSH_LIMIT_NS	100000

int witness_open(struct pci_function *witness)
{
	if (pci_find(witness, WITNESS_VENDOR, WITNESS_DEVICE, 0) ||
	    pci_open(witness, WITNESS_BAR_SIZE))
		return -1;
	return pci_get(witness, WITNESS_ID) == WITNESS_ID_VALUE ? 0 : -1;
}

u64 witness_counter(const struct pci_function *witness,
		    enum witness_counter counter)
{
	pci_set(witness, WITNESS_COUNTER_SELECT, counter);
	return pci_get(witness, WITNESS_COUNTER_VALUE);
}

static u64 witness_flush_delay(struct random *r, bool late, unsigned int dice)
{
	if (late && !dice)
		return ~0ull;
	if (late && dice < 4)
		return FLUSH_LIMIT_NS + random_below(r, 3 * FLUSH_LIMIT_NS);
	return random_below(r, dice < 12 ? 2000 : FLUSH_LIMIT_NS / 2);
}

void witness_vary_flushes(const struct pci_function *witness, struct random *r,
			  bool late, unsigned int stuck_ms)
{
	unsigned int dice = random_below(r, 16), ms = 1 + random_below(r, 4);

	if (late && !dice && random_below(r, 2))
		ms = stuck_ms;
	pci_set(witness, WITNESS_FLUSH_DELAY_NS,
		witness_flush_delay(r, late, dice));
	host_sleep_ms(ms);
}

static const char *witness_error_name(u64 kind)
{
	static const char * const names[] = {
		[WITNESS_ERROR_NONE] = "none",
		[WITNESS_ERROR_RESERVED_BITS] = "reserved bits written as one",
		[WITNESS_ERROR_BAD_OFFSET] = "no such register",
		[WITNESS_ERROR_UTLB_RANGE] = "micro-TLB out of range",
		[WITNESS_ERROR_UTLB_NO_CONTEXT] = "micro-TLB on with its context off",
		[WITNESS_ERROR_CONTEXT_LIVE] = "live context changed, no flush with it",
		[WITNESS_ERROR_CONTEXT_OFF_IN_USE] = "context off while a micro-TLB uses it",
		[WITNESS_ERROR_FLUSH_PARTIAL] = "root flushed, a cache IPMMU not",
		[WITNESS_ERROR_SECGRP] = "DMA with USE_SECGRP set",
		[WITNESS_ERROR_STATUS_EARLY] = "status cleared before the address was read",
		[WITNESS_ERROR_SIZE] = "access that is not 32 bits wide",
		[WITNESS_ERROR_STALE_WALK] = "stale entry used after its flush",
		[WITNESS_ERROR_UNSUPPORTED] = "enabled in a format that it has not",
		[WITNESS_ERROR_FREED_TABLE] = "table freed that a cache still leads to",
		[WITNESS_ERROR_UTLB_NO_FLUSH] = "micro-TLB on or moved, not flushed",
	};

	if (kind >= ARRAY_SIZE(names) || !names[kind])
		return "unknown";
	return names[kind];
}

static void verdict_show(const struct pci_function *witness, u64 number)
{
	u64 kind;

	pci_set(witness, WITNESS_ERROR_SELECT, number);
	kind = pci_get(witness, WITNESS_ERROR_KIND);
	printf("# error %llu: %s (kind %llu), IPMMU %llu, ", number,
	       witness_error_name(kind), kind,
	       pci_get(witness, WITNESS_ERROR_IPMMU));
	printf("offset %#llx, value %#llx, context %lld\n",
	       pci_get(witness, WITNESS_ERROR_OFFSET),
	       pci_get(witness, WITNESS_ERROR_VALUE),
	       (long long)pci_get(witness, WITNESS_ERROR_CONTEXT));
}

u64 verdict(const struct pci_function *witness)
{
	u64 i, count = pci_get(witness, WITNESS_ERRORS);

	for (i = 0; i < count && i < VERDICT_SHOWN; i++)
		verdict_show(witness, i);
	if (count > VERDICT_SHOWN)
		printf("# and %llu more\n", count - VERDICT_SHOWN);
	fflush(stdout);
	return count;
}

int engine_open(struct pci_function *dma, unsigned int nth)
{
	if (pci_find_grouped(dma, WITNESS_VENDOR, DMA_DEVICE, nth) ||
	    pci_open(dma, DMA_BAR_SIZE))
		return -1;
	return pci_get(dma, DMA_ID) == DMA_ID_VALUE ? 0 : -1;
}

enum dma_status engine_run(const struct pci_function *dma,
			   enum dma_command command, u64 src,
			   u64 dst, u64 len)
{
	pci_set(dma, DMA_SRC, src);
	pci_set(dma, DMA_DST, dst);
	pci_set(dma, DMA_LEN, len);
	pci_set(dma, DMA_COMMAND, command);
	return pci_get(dma, DMA_STATUS);
}

u64 engine_translate(const struct pci_function *dma, u64 iova,
		     enum dma_command command)
{
	if (engine_run(dma, command, iova, 0, 1) != DMA_OK)
		return ~0ull;
	return pci_get(dma, DMA_RESULT);
}
