/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A DMA engine that goes on by itself, and what it was given: see witness.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_PATROL_H
#define IPMMU_LIB_PATROL_H

#include "verdict.h"

#define PATROL_NS		200000
#define PATROL_ALL		(~0ull)

void patrol_set(const struct pci_function *dma, unsigned int reg, u64 value);
u64 patrol_get(const struct pci_function *dma, unsigned int reg);
void patrol_begin(const struct pci_function *dma, u64 iova, u64 pages);

static inline void patrol_end(const struct pci_function *dma)
{
	patrol_set(dma, DMA_PATROL_NS, 0);
}

/*
 * No register is accessed between the two. When a BAR comes or goes QEMU up to
 * 8.1 has other CPUs look up their accesses in the new map with positions in
 * the old one, for a moment: they hit another device, or nothing, which is a
 * bus error.
 */
void patrol_hold(void);
void patrol_go_on(void);

/* Waits until it has gone round once more; -1 if it does not in 10 s */
int patrol_round(const struct pci_function *dma);

/* 0 when it got nowhere but where it may; says where it did */
u64 patrol_strayed(const struct pci_function *dma);

/* Of a page of this process that is there; 0 if that cannot be told */
u64 patrol_physical(const void *memory);

#endif /* IPMMU_LIB_PATROL_H */
