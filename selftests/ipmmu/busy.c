// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DMA engine that is at work, whatever becomes of this program and of its
 * kernel:
 *
 *	busy		gives it a domain of one page to go over, and waits
 *	busy COUNTER	passed, refused or strayed
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "lib/patrol.h"
#include "lib/rig.h"

#define IOVA		HOST_1G

static const struct {
	const char *name;
	unsigned int reg;
} counters[] = {
	{ "passed", DMA_PASSED },
	{ "refused", DMA_REFUSED },
	{ "strayed", DMA_STRAYED },
};

static int begin(void)
{
	const char *missing = setup_domains();
	static struct rig rig;

	if (!missing)
		missing = rig_open(&rig, 1);
	if (!missing && rig_map_buffer(&rig, IOVA, DOMAIN_RW))
		missing = "nothing can be mapped";
	if (missing) {
		fprintf(stderr, "busy: %s\n", missing);
		return 1;
	}
	patrol_set(&rig.dma, DMA_GIVE, rig_page(&rig, 0));
	patrol_begin(&rig.dma, IOVA, 1);
	printf("busy\n");
	fflush(stdout);
	pause();
	return 1;
}

int main(int argc, char **argv)
{
	struct pci_function dma;
	unsigned int i;

	if (argc == 1)
		return begin();
	if (pci_find(&dma, WITNESS_VENDOR, DMA_DEVICE, 0)) {
		fprintf(stderr, "busy: no ipmmu-dma device\n");
		return 1;
	}
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		if (!strcmp(argv[1], counters[i].name)) {
			printf("%llu\n", patrol_get(&dma, counters[i].reg));
			return 0;
		}
	}
	fprintf(stderr, "usage: busy [passed|refused|strayed]\n");
	return 2;
}
