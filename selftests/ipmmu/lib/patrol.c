// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine that goes on by itself, by way of the witness.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>

#include "patrol.h"

/*
 * By way of the witness: whatever drives the function itself may have taken its
 * registers for itself, or turned them off.
 */
static struct pci_function patrol_witness;
static pthread_mutex_t patrol_lock = PTHREAD_MUTEX_INITIALIZER;

/* With the lock held */
static void patrol_select(const struct pci_function *dma)
{
	if (!patrol_witness.bar && witness_open(&patrol_witness))
		abort();
	pci_set(&patrol_witness, WITNESS_ENGINE, dma->rid);
}

void patrol_set(const struct pci_function *dma, unsigned int reg, u64 value)
{
	pthread_mutex_lock(&patrol_lock);
	patrol_select(dma);
	pci_set(&patrol_witness, WITNESS_ENGINE_REGISTERS + reg, value);
	pthread_mutex_unlock(&patrol_lock);
}

u64 patrol_get(const struct pci_function *dma, unsigned int reg)
{
	u64 value;

	pthread_mutex_lock(&patrol_lock);
	patrol_select(dma);
	value = pci_get(&patrol_witness, WITNESS_ENGINE_REGISTERS + reg);
	pthread_mutex_unlock(&patrol_lock);
	return value;
}

void patrol_begin(const struct pci_function *dma, u64 iova, u64 pages)
{
	patrol_set(dma, DMA_PATROL_IOVA, iova);
	patrol_set(dma, DMA_PATROL_PAGES, pages);
	patrol_set(dma, DMA_PATROL_NS, PATROL_NS);
}

void patrol_hold(void)
{
	pthread_mutex_lock(&patrol_lock);
}

void patrol_go_on(void)
{
	pthread_mutex_unlock(&patrol_lock);
}

int patrol_round(const struct pci_function *dma)
{
	u64 pages = patrol_get(dma, DMA_PATROL_PAGES);
	u64 from = patrol_get(dma, DMA_PASSED) + patrol_get(dma, DMA_REFUSED) +
		   patrol_get(dma, DMA_STRAYED);
	unsigned int ms;

	for (ms = 0; ms < 10000; ms++) {
		u64 now = patrol_get(dma, DMA_PASSED) + patrol_get(dma, DMA_REFUSED) +
			  patrol_get(dma, DMA_STRAYED);

		if (now >= from + 4 * pages)
			return 0;
		host_sleep_ms(1);
	}
	return -1;
}

u64 patrol_strayed(const struct pci_function *dma)
{
	u64 strayed = patrol_get(dma, DMA_STRAYED);

	if (strayed)
		printf("# %s strayed %llu times, first from %#llx to %#llx\n", dma->name,
		       strayed, patrol_get(dma, DMA_STRAYED_IOVA),
		       patrol_get(dma, DMA_STRAYED_TO));
	fflush(stdout);
	return strayed;
}

u64 patrol_physical(const void *memory)
{
	u64 entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)memory / HOST_PAGE * 8) != 8 ||
	    !(entry >> 63))
		entry = 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) * HOST_PAGE;
}
