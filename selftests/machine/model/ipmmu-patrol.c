// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA by itself, held against what the device was given.
 *
 * A timer makes the accesses, in the emulator's main loop, while the processors
 * run on. All of the model is under QEMU's big lock, so an access falls between
 * two register accesses of the driver, and between any two.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"

#include "ipmmu-qemu.h"
#include "ipmmu-patrol.h"

#define PAGE_BITS	12
#define ALL_MEMORY	(~0ull)

static bool is_given(const struct patrol *patrol, uint64_t address)
{
	uint64_t page = address >> PAGE_BITS;

	return patrol->all || g_hash_table_contains(patrol->given, &page);
}

static void stray(struct patrol *patrol, uint64_t iova, uint64_t address)
{
	if (patrol->strayed++)
		return;
	patrol->strayed_iova = iova;
	patrol->strayed_to = address;
}

/*
 * Where all memory was given, what would be hit is anything: it is left alone
 */
static void pass(struct patrol *patrol, uint64_t address, bool write)
{
	uint64_t value = cpu_to_le64(patrol->passed++);

	if (write && !patrol->all)
		address_space_write(&address_space_memory, address, MEMTXATTRS_UNSPECIFIED,
				    &value, sizeof(value));
}

static void access_next(struct patrol *patrol)
{
	struct ipmmu_translation translation = { .ok = true, .mask = ~0ull };
	uint64_t iova = patrol->iova + (patrol->next >> 1 << PAGE_BITS);
	bool write = patrol->next & 1;
	uint64_t address;

	patrol->next = (patrol->next + 1) % (2 * patrol->pages);
	if (!ipmmu_space_translate(patrol->space, iova, write, &translation))
		translation.mask = ~0ull;
	if (!translation.ok) {
		patrol->refused++;
		return;
	}
	address = translation.base | (iova & translation.mask);
	if (is_given(patrol, address))
		pass(patrol, address, write);
	else
		stray(patrol, iova, address);
}

static void rearm(struct patrol *patrol)
{
	if (patrol->ns && patrol->pages)
		timer_mod(patrol->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + patrol->ns);
	else
		timer_del(patrol->timer);
}

static void tick(void *opaque)
{
	struct patrol *patrol = opaque;
	unsigned int i;

	for (i = 0; i < DMA_PATROL_BURST; i++)
		access_next(patrol);
	rearm(patrol);
}

static void give(struct patrol *patrol, uint64_t address)
{
	uint64_t *page;

	if (address == ALL_MEMORY) {
		patrol->all = true;
		return;
	}
	page = g_new(uint64_t, 1);
	*page = address >> PAGE_BITS;
	g_hash_table_add(patrol->given, page);
}

static void take(struct patrol *patrol, uint64_t address)
{
	uint64_t page = address >> PAGE_BITS;

	if (address == ALL_MEMORY)
		patrol->all = false;
	else
		g_hash_table_remove(patrol->given, &page);
}

static struct patrol *patrols;

void patrol_init(struct patrol *patrol, AddressSpace *space, unsigned int rid)
{
	patrol->space = space;
	patrol->rid = rid;
	patrol->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, tick, patrol);
	patrol->given = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	patrol->others = patrols;
	patrols = patrol;
}

void patrol_exit(struct patrol *patrol)
{
	struct patrol **link = &patrols;

	while (*link && *link != patrol)
		link = &(*link)->others;
	if (*link)
		*link = patrol->others;
	timer_free(patrol->timer);
	g_hash_table_destroy(patrol->given);
}

/* NULL if there is no such function, or none that does DMA by itself */
struct patrol *patrol_find(unsigned int rid)
{
	struct patrol *patrol = patrols;

	while (patrol && patrol->rid != rid)
		patrol = patrol->others;
	return patrol;
}

/* False if the register is none of these */
bool patrol_read(const struct patrol *patrol, uint64_t offset, uint64_t *value)
{
	switch (offset) {
	case DMA_PATROL_IOVA:
		*value = patrol->iova;
		break;
	case DMA_PATROL_PAGES:
		*value = patrol->pages;
		break;
	case DMA_PATROL_NS:
		*value = patrol->ns;
		break;
	case DMA_PASSED:
		*value = patrol->passed;
		break;
	case DMA_REFUSED:
		*value = patrol->refused;
		break;
	case DMA_STRAYED:
		*value = patrol->strayed;
		break;
	case DMA_STRAYED_IOVA:
		*value = patrol->strayed_iova;
		break;
	case DMA_STRAYED_TO:
		*value = patrol->strayed_to;
		break;
	default:
		return false;
	}
	return true;
}

void patrol_write(struct patrol *patrol, uint64_t offset, uint64_t value)
{
	switch (offset) {
	case DMA_PATROL_IOVA:
		patrol->iova = value;
		break;
	case DMA_PATROL_PAGES:
		patrol->pages = value;
		patrol->next = 0;
		break;
	case DMA_PATROL_NS:
		patrol->ns = value;
		rearm(patrol);
		break;
	case DMA_GIVE:
		give(patrol, value);
		break;
	case DMA_TAKE:
		take(patrol, value);
		break;
	}
}
