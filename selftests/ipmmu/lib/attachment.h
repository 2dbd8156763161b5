/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Engines in domains of their own beside the rig's, and what the driver says of
 * the contexts that they have.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_ATTACHMENT_H
#define IPMMU_LIB_ATTACHMENT_H

#include "rig.h"

#define DRIVER_DEBUGFS	"/sys/kernel/debug/ipmmu-vmsa-deferred/"
#define CONTEXTS_MAX	16	/* of the root; the driver uses two less */

struct attachment {
	struct pci_function dma;
	int fd;
};

/*
 * A domain of its own behind the device, with one page. Before 6.12 the
 * attachment fails when contexts run out, from then on the allocation.
 */
int attachment_try(struct attachment *a, u64 paddr);

/* 0 or the error; -ENODEV when there is no nth device */
int attachment_open(struct attachment *a, unsigned int nth, u64 paddr);
void attachment_close(struct attachment *a);

/* Since 5.19 a group that is claimed and attached to nothing is blocked. */
static inline bool claim_blocks(void)
{
	return !host_before(5, 19);
}

/* How many contexts are in that state */
unsigned int contexts_in_state(const char *state);

/* The number of the context that an engine is in; -1 if its micro-TLB is off */
int context_of(const struct pci_function *dma);

#endif /* IPMMU_LIB_ATTACHMENT_H */
