// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated IPMMU's counters and verdict for scripts:
 *
 *	witness clear		forget everything
 *	witness NAME		one counter
 *	witness verdict		the programming errors; fails if there are any
 *	witness reaches IOVA	where each DMA engine gets with that address
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "lib/verdict.h"

static const char * const counters[] = {
	[WITNESS_MMIO_READS] = "mmio_reads",
	[WITNESS_MMIO_WRITES] = "mmio_writes",
	[WITNESS_FLUSHES] = "flushes",
	[WITNESS_FLUSHES_DONE] = "flushes_done",
	[WITNESS_WALKS] = "walks",
	[WITNESS_WALK_READS] = "walk_reads",
	[WITNESS_IOTLB_HITS] = "iotlb_hits",
	[WITNESS_WALK_CACHE_HITS] = "walk_cache_hits",
	[WITNESS_FAULTS] = "faults",
	[WITNESS_BYPASSES] = "bypasses",
	[WITNESS_TRANSLATIONS] = "translations",
	[WITNESS_STALE_HITS] = "stale_hits",
};

static int reaches(u64 iova)
{
	struct pci_function dma;
	unsigned int i;
	u64 to;

	for (i = 0; !pci_find(&dma, WITNESS_VENDOR, DMA_DEVICE, i); i++) {
		if (pci_open(&dma, DMA_BAR_SIZE))
			return 1;
		to = engine_translate(&dma, iova, DMA_TRANSLATE_READ);
		if (to == ~0ull)
			printf("%s refused\n", dma.name);
		else
			printf("%s %#llx\n", dma.name, to);
		pci_close(&dma);
	}
	return i ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct pci_function witness;
	unsigned int i;

	if (argc != 2 && !(argc == 3 && !strcmp(argv[1], "reaches"))) {
		fprintf(stderr, "usage: witness clear|verdict|COUNTER|reaches IOVA\n");
		return 2;
	}
	if (witness_open(&witness)) {
		fprintf(stderr, "no emulated IPMMU here (its witness 1234:1de0 is missing)\n");
		return 4;
	}
	if (!strcmp(argv[1], "clear")) {
		witness_clear(&witness);
		return 0;
	}
	if (argc == 3)
		return reaches(strtoull(argv[2], NULL, 0));
	if (!strcmp(argv[1], "verdict"))
		return verdict(&witness) ? 1 : 0;
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		if (counters[i] && !strcmp(argv[1], counters[i])) {
			printf("%llu\n", witness_counter(&witness, i));
			return 0;
		}
	}
	fprintf(stderr, "%s: no such counter\n", argv[1]);
	return 2;
}
