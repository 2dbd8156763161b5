/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An earlier owner of the IPMMU, a boot loader or a kernel that crashed: what
 * it leaves on, written behind the driver's back.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_OWNER_H
#define IPMMU_LIB_OWNER_H

#include <sys/mman.h>

#include "patrol.h"

/* Registers, as the hardware's description has them */
#define CONTEXT(n, reg)		((n) * 0x40 + (reg))
#define IMCTR			0x00
#define  IMCTR_VA64		0x20000000
#define  IMCTR_FLUSH		0x2
#define  IMCTR_MMUEN		0x1
#define IMTTBCR			0x08
#define  IMTTBCR_39_BITS	0x80190099	/* EAE, both sizes 25, SL0 2 */
#define IMTTLBR0		0x10
#define IMTTUBR0		0x14
#define IMTTLBR1		0x18
#define IMTTUBR1		0x1c
#define  IMUCTR_ON(context)	((context) << 4 | 1)
#define IMUASID			0x08	/* behind IMUCTR */
#define IMSCTLR			0x500
#define IMSAUXCTLR		0x504
#define  IMSAUXCTLR_S2PTE	0x8
#define  IMSAUXCTLR_NMERGE40	0x1000000

#define ROOT			0
#define CONTEXTS		8
#define OWNERS			5	/* context of the device that goes on */
#define FOREIGN_UTLB		47	/* of the second cache: no device */
#define LEFT_UTLB		46

/* A block of 1 GiB: user, AF, NS, memory type 0 */
#define BLOCK			0x461

static inline u64 imuctr(unsigned int utlb)
{
	return utlb < 32 ? 0x300 + 16 * utlb : 0x600 + 16 * (utlb - 32);
}

void poke(const struct pci_function *witness, u64 unit, u64 offset, u64 value);
u64 peek(const struct pci_function *witness, u64 unit, u64 offset);

struct owner {
	struct pci_function witness;
	struct pci_function dma;
	u64 *table;
	u64 root;		/* where it is */
	u64 target;		/* the page behind it, which is the device's */
	u64 iova;		/* what leads there */
	unsigned int cache, utlb;
};

/*
 * Slot S, function F: cache S / 6, micro-TLB (S % 6) * 8 + F. NULL, or what is
 * missing
 */
const char *owner_open(struct owner *o);
void owner_close(struct owner *o);

/* Contexts below @contexts on, and three micro-TLBs */
void owner_sets_up(const struct owner *o, unsigned int contexts);

#endif /* IPMMU_LIB_OWNER_H */
