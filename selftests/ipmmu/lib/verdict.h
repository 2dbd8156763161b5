/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulated IPMMU's word on the driver, and the DMA engine behind it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_VERDICT_H
#define IPMMU_LIB_VERDICT_H

#include "pci.h"
#include "witness.h"

#define WITNESS_BAR_SIZE	0x1000
#define DMA_BAR_SIZE		(DMA_BUFFER + DMA_BUFFER_SIZE)
#define VERDICT_SHOWN		16	/* errors printed, others counted */

int witness_open(struct pci_function *witness);

static inline void witness_clear(const struct pci_function *witness)
{
	pci_set(witness, WITNESS_CLEAR, 1);
}

u64 witness_counter(const struct pci_function *witness,
		    enum witness_counter counter);

/*
 * Has flushes take some random time from now on, and sleeps for a few ms. Most
 * take a moment; if @late, some take longer than the driver waits, or do not
 * end, and now and then the latter goes on for @stuck_ms.
 */
void witness_vary_flushes(const struct pci_function *witness, struct random *r,
			  bool late, unsigned int stuck_ms);

/* How many programming errors the model saw; prints the first of them */
u64 verdict(const struct pci_function *witness);

int engine_open(struct pci_function *dma, unsigned int nth);

enum dma_status engine_run(const struct pci_function *dma,
			   enum dma_command command, u64 src,
			   u64 dst, u64 len);

/* Where the device really gets to, ~0 when it is refused */
u64 engine_translate(const struct pci_function *dma, u64 iova,
		     enum dma_command command);

#endif /* IPMMU_LIB_VERDICT_H */
