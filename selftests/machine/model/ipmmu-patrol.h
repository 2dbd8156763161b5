/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMA by itself, held against what the device was given.
 *
 * Include after qemu/osdep.h.
 *
 * Copyright The ipmmu-deferred authors
 */
#ifndef IPMMU_PATROL_H
#define IPMMU_PATROL_H

#include "qemu/timer.h"
#include "exec/memory.h"

struct patrol {
	unsigned int rid;		/* of the function, if it is on PCI */
	struct patrol *others;
	AddressSpace *space;		/* behind the first of its micro-TLBs */
	QEMUTimer *timer;
	GHashTable *given;		/* page numbers */
	bool all;			/* all memory was */
	uint64_t iova;
	uint64_t pages;
	uint64_t ns;
	uint64_t next;			/* page of the next access */
	uint64_t passed;
	uint64_t refused;
	uint64_t strayed;
	uint64_t strayed_iova;
	uint64_t strayed_to;
};

#define PATROL_NO_PCI		(~0u)

void patrol_init(struct patrol *patrol, AddressSpace *space, unsigned int rid);
void patrol_exit(struct patrol *patrol);
struct patrol *patrol_find(unsigned int rid);
bool patrol_read(const struct patrol *patrol, uint64_t offset, uint64_t *value);
void patrol_write(struct patrol *patrol, uint64_t offset, uint64_t value);

#endif /* IPMMU_PATROL_H */
