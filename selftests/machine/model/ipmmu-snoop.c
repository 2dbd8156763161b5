// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as an engine has it that does not snoop. The emulator has no caches,
 * so by itself it would show an engine what a processor has written, and a
 * processor what an engine has. Here a page whose lines a program has cleaned
 * or invalidated once is in the processors' caches for good, and has two
 * contents: the emulator's memory is what the caches hold, and a copy is what
 * has come to memory. An engine reads and writes the copy. A clean brings a
 * line that was written by a processor to the copy; a line that was not, and is
 * invalidated, is loaded from there.
 *
 * So every line that may be stale is: a real cache might have written it back
 * before, or lost it.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "ipmmu.h"

#define PAGE_SHIFT	12
#define PAGE_BYTES	(1u << PAGE_SHIFT)
#define PAGE_WORDS	(PAGE_BYTES / 8)
#define LINE_BYTES	64u
#define LINE_WORDS	(LINE_BYTES / 8)

struct held {
	uint64_t memory[PAGE_WORDS];
	/* what a line had when caches and memory agreed last */
	uint64_t agreed[PAGE_WORDS];
};

static struct held *held_of(struct ipmmu *mmu, uint64_t address)
{
	uint64_t page = address >> PAGE_SHIFT;

	return g_hash_table_lookup(mmu->held, &page);
}

static unsigned int word_of(uint64_t address)
{
	return address % PAGE_BYTES / 8;
}

void ipmmu_snoop_init(struct ipmmu *mmu)
{
	g_mutex_init(&mmu->held_lock);
	mmu->held = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

void ipmmu_snoop_destroy(struct ipmmu *mmu)
{
	g_hash_table_destroy(mmu->held);
	g_mutex_clear(&mmu->held_lock);
}

/* Engines and processors see the same again: what the caches held */
void ipmmu_snoop_clear(struct ipmmu *mmu)
{
	g_mutex_lock(&mmu->held_lock);
	g_hash_table_remove_all(mmu->held);
	g_mutex_unlock(&mmu->held_lock);
}

static void hold(struct ipmmu *mmu, uint64_t address)
{
	struct held *held = g_new0(struct held, 1);
	uint64_t *page = g_new(uint64_t, 1);
	unsigned int i;

	*page = address >> PAGE_SHIFT;
	for (i = 0; i < PAGE_WORDS; i++) {
		mmu->ops->read(mmu->opaque, (*page << PAGE_SHIFT) + i * 8, &held->agreed[i]);
		held->memory[i] = held->agreed[i];
	}
	g_hash_table_insert(mmu->held, page, held);
}

/* Brings the line at @address to memory if a processor has written to it */
static bool write_back(struct ipmmu *mmu, struct held *held, uint64_t address)
{
	uint64_t now[LINE_WORDS] = { 0 };
	unsigned int i, first = word_of(address);

	for (i = 0; i < LINE_WORDS; i++)
		mmu->ops->read(mmu->opaque, address + i * 8, &now[i]);
	if (!memcmp(now, &held->agreed[first], sizeof(now)))
		return false;
	memcpy(&held->agreed[first], now, sizeof(now));
	memcpy(&held->memory[first], now, sizeof(now));
	return true;
}

static void load(struct ipmmu *mmu, struct held *held, uint64_t address)
{
	unsigned int i, first = word_of(address);

	for (i = first; i < first + LINE_WORDS; i++, address += 8) {
		if (held->agreed[i] != held->memory[i])
			mmu->ops->write(mmu->opaque, address, held->memory[i]);
		held->agreed[i] = held->memory[i];
	}
}

/* A program has cleaned the line at @address, and invalidated it if @invalid */
void ipmmu_snoop_cleaned(struct ipmmu *mmu, uint64_t address, bool invalid)
{
	struct held *held;

	if (!(mmu->inject & WITNESS_INJECT_NO_SNOOP))
		return;
	address -= address % LINE_BYTES;
	g_mutex_lock(&mmu->held_lock);
	held = held_of(mmu, address);
	if (!held)
		hold(mmu, address);
	else if (!write_back(mmu, held, address) && invalid)
		load(mmu, held, address);
	g_mutex_unlock(&mmu->held_lock);
}

/*
 * An engine has read @length bytes at @address, of one page, where the
 * processors see them: @bytes becomes what it sees
 */
void ipmmu_snoop_read(struct ipmmu *mmu, uint64_t address, uint8_t *bytes, unsigned int length)
{
	struct held *held;

	g_mutex_lock(&mmu->held_lock);
	held = held_of(mmu, address);
	for (; held && length--; address++)
		*bytes++ = held->memory[word_of(address)] >> address % 8 * 8;
	g_mutex_unlock(&mmu->held_lock);
}

static void put_byte(uint64_t *word, unsigned int byte, uint8_t value)
{
	*word &= ~(0xffull << byte * 8);
	*word |= (uint64_t)value << byte * 8;
}

/*
 * The same for a write of @bytes; false if the page is in no cache, so that the
 * bytes go where the processors see them
 */
bool ipmmu_snoop_write(struct ipmmu *mmu, uint64_t address, const uint8_t *bytes,
		       unsigned int length)
{
	struct held *held;

	g_mutex_lock(&mmu->held_lock);
	held = held_of(mmu, address);
	for (; held && length--; address++)
		put_byte(&held->memory[word_of(address)], address % 8, *bytes++);
	g_mutex_unlock(&mmu->held_lock);
	return held;
}
