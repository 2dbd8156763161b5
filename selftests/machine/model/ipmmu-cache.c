// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store behind the IOTLB and the walk cache. It has room for everything and
 * forgets nothing by itself: what real hardware may keep, this one keeps.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "ipmmu.h"

/* Bits of a key: page number 28, level 2, context 4, micro-TLB 6, unit 6 */
#define KEY_LEVEL		28
#define KEY_CONTEXT		30
#define KEY_UTLB		34
#define KEY_UNIT		40

static uint64_t make_key(const struct ipmmu_tag *tag, unsigned int level, uint64_t iova)
{
	uint64_t page = (iova & MASK64(IPMMU_ADDRESS_BITS)) >> ipmmu_level_shift(level);

	return page | (uint64_t)level << KEY_LEVEL | (uint64_t)tag->context << KEY_CONTEXT |
	       (uint64_t)tag->utlb << KEY_UTLB | (uint64_t)tag->unit << KEY_UNIT;
}

void ipmmu_store_init(struct ipmmu_store *store)
{
	store->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
}

void ipmmu_store_destroy(struct ipmmu_store *store)
{
	g_hash_table_destroy(store->entries);
}

void ipmmu_store_clear(struct ipmmu_store *store)
{
	g_hash_table_remove_all(store->entries);
}

void ipmmu_store_insert(struct ipmmu_store *store, const struct ipmmu_tag *tag,
			unsigned int level, uint64_t iova, const struct ipmmu_walk *walk)
{
	struct ipmmu_entry *entry = g_new0(struct ipmmu_entry, 1);

	entry->key = make_key(tag, level, iova);
	entry->tag = *tag;
	entry->level = level;
	entry->iova = iova & ~MASK64(ipmmu_level_shift(level));
	entry->walk = *walk;
	/* The key lives in the entry, so both must be exchanged at once */
	g_hash_table_replace(store->entries, &entry->key, entry);
}

struct ipmmu_entry *ipmmu_store_lookup(struct ipmmu_store *store, const struct ipmmu_tag *tag,
				       unsigned int level, uint64_t iova)
{
	uint64_t key = make_key(tag, level, iova);

	return g_hash_table_lookup(store->entries, &key);
}

static bool matches(const struct ipmmu_entry *entry, const struct ipmmu_tag *match)
{
	return (match->unit == IPMMU_ANY || match->unit == entry->tag.unit) &&
	       (match->utlb == IPMMU_ANY || match->utlb == entry->tag.utlb) &&
	       (match->context == IPMMU_ANY || match->context == entry->tag.context);
}

/* Drops what is as old as @sequence or older */
unsigned int ipmmu_store_forget(struct ipmmu_store *store, const struct ipmmu_tag *match,
				uint64_t sequence)
{
	unsigned int forgotten = 0;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ipmmu_entry *entry = value;

		if (!matches(entry, match) || entry->walk.sequence > sequence)
			continue;
		g_hash_table_iter_remove(&iter);
		forgotten++;
	}
	return forgotten;
}

/*
 * A walker may load an entry again as soon as it was told to forget it. What
 * memory still says at that moment becomes as young as @sequence, and outlives
 * the flush: a flush that comes before the change it was meant for is no flush.
 */
unsigned int ipmmu_store_refetch(struct ipmmu_store *store, const struct ipmmu_tag *match,
				 uint64_t sequence, ipmmu_agrees_fn agrees, void *opaque)
{
	unsigned int refetched = 0;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ipmmu_entry *entry = value;

		if (!matches(entry, match) || !agrees(opaque, entry))
			continue;
		entry->walk.sequence = sequence;
		refetched++;
	}
	return refetched;
}

unsigned int ipmmu_store_count(struct ipmmu_store *store, const struct ipmmu_tag *match)
{
	unsigned int count = 0;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		count += matches(value, match);
	return count;
}
