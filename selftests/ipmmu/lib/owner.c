// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an earlier owner of the IPMMU leaves on, register by register.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "owner.h"

void poke(const struct pci_function *witness, u64 unit, u64 offset, u64 value)
{
	pci_set(witness, WITNESS_POKE_WHERE, unit << 32 | offset);
	pci_set(witness, WITNESS_POKE_VALUE, value);
}

u64 peek(const struct pci_function *witness, u64 unit, u64 offset)
{
	pci_set(witness, WITNESS_POKE_WHERE, unit << 32 | offset);
	return pci_get(witness, WITNESS_POKE_VALUE);
}

const char *owner_open(struct owner *o)
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

void owner_close(struct owner *o)
{
	patrol_end(&o->dma);
	pci_close(&o->dma);
	pci_close(&o->witness);
}

static void owner_context(const struct owner *o, unsigned int n)
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

void owner_sets_up(const struct owner *o, unsigned int contexts)
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
