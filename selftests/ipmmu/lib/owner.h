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
#define FOREIGN_UTLB		47	/* of the second cache: there is no device */
#define LEFT_UTLB		46

/* A block of 1 GiB: user, AF, NS, memory type 0 */
#define BLOCK			0x461

static inline u64 imuctr(unsigned int utlb)
{
	return utlb < 32 ? 0x300 + 16 * utlb : 0x600 + 16 * (utlb - 32);
}

static inline void poke(const struct pci_function *witness, u64 unit, u64 offset, u64 value)
{
	pci_set(witness, WITNESS_POKE_WHERE, unit << 32 | offset);
	pci_set(witness, WITNESS_POKE_VALUE, value);
}

static inline u64 peek(const struct pci_function *witness, u64 unit, u64 offset)
{
	pci_set(witness, WITNESS_POKE_WHERE, unit << 32 | offset);
	return pci_get(witness, WITNESS_POKE_VALUE);
}

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
static inline const char *owner_open(struct owner *o)
{
	if (witness_open(&o->witness))
		return "the witness does not answer";
	if (pci_find(&o->dma, WITNESS_VENDOR, DMA_DEVICE, 0) ||
	    pci_open(&o->dma, DMA_BAR_SIZE))
		return "the ipmmu-dma device does not answer";
	o->cache = o->dma.rid / 48;
	o->utlb = o->dma.rid % 48;
	o->table = mmap(NULL, 2 * HOST_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (o->table == MAP_FAILED || mlock(o->table, 2 * HOST_PAGE))
		return "no memory for tables";
	memset(o->table, 0, 2 * HOST_PAGE);
	o->root = patrol_physical(o->table);
	o->target = patrol_physical((u8 *)o->table + HOST_PAGE);
	if (!o->root || !o->target)
		return "the kernel does not say where memory is";
	o->iova = o->target & (HOST_1G - 1);
	o->table[0] = (o->target - o->iova) | BLOCK;
	return NULL;
}

static inline void owner_close(struct owner *o)
{
	patrol_end(&o->dma);
	pci_close(&o->dma);
	pci_close(&o->witness);
}

static inline void owner_context(const struct owner *o, unsigned int n)
{
	unsigned int i;

	poke(&o->witness, ROOT, CONTEXT(n, IMTTLBR0), o->root & 0xfffff000);
	poke(&o->witness, ROOT, CONTEXT(n, IMTTUBR0), o->root >> 32);
	poke(&o->witness, ROOT, CONTEXT(n, IMTTLBR1), o->root & 0xfffff000);
	poke(&o->witness, ROOT, CONTEXT(n, IMTTUBR1), o->root >> 32);
	poke(&o->witness, ROOT, CONTEXT(n, IMTTBCR), IMTTBCR_39_BITS);
	for (i = 1; i <= 2; i++)
		poke(&o->witness, i, CONTEXT(n, IMCTR), IMCTR_MMUEN | IMCTR_FLUSH);
	poke(&o->witness, ROOT, CONTEXT(n, IMCTR),
	     IMCTR_VA64 | IMCTR_MMUEN | IMCTR_FLUSH);
}

/* Contexts below @contexts on, and three micro-TLBs */
static inline void owner_sets_up(const struct owner *o, unsigned int contexts)
{
	unsigned int i;

	for (i = 0; i <= 2; i++)
		poke(&o->witness, i, IMSCTLR, 0);
	for (i = 0; i < contexts; i++)
		owner_context(o, i);
	poke(&o->witness, 2, imuctr(FOREIGN_UTLB), IMUCTR_ON(0));
	poke(&o->witness, 2, imuctr(LEFT_UTLB), IMUCTR_ON(3));
	poke(&o->witness, 1 + o->cache, imuctr(o->utlb), IMUCTR_ON(OWNERS));
	poke(&o->witness, 1 + o->cache, imuctr(o->utlb) + IMUASID, OWNERS);
	witness_clear(&o->witness);
}

#endif /* IPMMU_LIB_OWNER_H */
