// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as the walker has it. The emulator has no caches, so by itself it
 * would show a walker each entry at once, and a table that was freed would look
 * like one that was not. What was cleaned comes from ipmmu-clean.c, which pages
 * were freed from a module that watches the guest's kernel (ipmmu_watch.ko).
 *
 * Copyright The ipmmu-deferred authors
 */
#include "ipmmu.h"
#include "ipmmu-bits.h"

#define PAGE_SHIFT		12
#define PAGE_WORDS		512

static uint64_t page_of(uint64_t address)
{
	return address >> PAGE_SHIFT;
}

static unsigned int word_of(uint64_t address)
{
	return address / 8 % PAGE_WORDS;
}

/*
 * The copy of a page as it was when last cleaned, or NULL: it is read where it
 * is. With the lock held, while it is used.
 */
static uint64_t *copy_of(struct ipmmu *mmu, uint64_t address)
{
	uint64_t page = page_of(address);

	return g_hash_table_lookup(mmu->cleaned, &page);
}

void ipmmu_memory_init(struct ipmmu *mmu)
{
	g_mutex_init(&mmu->cleaned_lock);
	mmu->cleaned = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

void ipmmu_memory_destroy(struct ipmmu *mmu)
{
	g_hash_table_destroy(mmu->cleaned);
	g_mutex_clear(&mmu->cleaned_lock);
}

/* Everything is seen as it is */
void ipmmu_memory_clear(struct ipmmu *mmu)
{
	g_mutex_lock(&mmu->cleaned_lock);
	g_hash_table_remove_all(mmu->cleaned);
	g_mutex_unlock(&mmu->cleaned_lock);
}

bool ipmmu_memory_read(struct ipmmu *mmu, uint64_t address, uint64_t *value)
{
	uint64_t *copy;

	g_mutex_lock(&mmu->cleaned_lock);
	copy = copy_of(mmu, address);
	if (copy)
		*value = copy[word_of(address)];
	g_mutex_unlock(&mmu->cleaned_lock);
	return copy || mmu->ops->read(mmu->opaque, address, value);
}

static void clean(struct ipmmu *mmu, uint64_t *copy, uint64_t address, unsigned int words)
{
	for (; words--; address += 8) {
		if (!mmu->ops->read(mmu->opaque, address, &copy[word_of(address)]))
			return;
	}
}

/* Of a page that is new here, all is taken: what it had before is not known. */
static void add_copy(struct ipmmu *mmu, uint64_t address)
{
	uint64_t *copy = g_new0(uint64_t, PAGE_WORDS);
	uint64_t *page = g_new(uint64_t, 1);

	*page = page_of(address);
	clean(mmu, copy, *page << PAGE_SHIFT, PAGE_WORDS);
	g_hash_table_insert(mmu->cleaned, page, copy);
}

/* A processor has cleaned @words from @address on, of one page */
void ipmmu_memory_cleaned(struct ipmmu *mmu, uint64_t address, unsigned int words)
{
	unsigned int room = PAGE_WORDS - word_of(address);
	uint64_t *copy;

	if (!(mmu->inject & WITNESS_INJECT_NONCOHERENT))
		return;
	g_mutex_lock(&mmu->cleaned_lock);
	copy = copy_of(mmu, address);
	if (copy)
		clean(mmu, copy, address, MIN(words, room));
	else
		add_copy(mmu, address);
	g_mutex_unlock(&mmu->cleaned_lock);
}

static bool rests_on(const struct ipmmu_entry *entry, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < entry->walk.steps; i++) {
		if (page_of(entry->walk.step[i].address) == page)
			return true;
	}
	/* What an entry of the walk cache leads to is the next table */
	return !entry->tag.unit && page_of(entry->walk.base) == page;
}

/*
 * Return: whether something in @store was found through the page, or leads
 * there
 */
static bool check_store(struct ipmmu *mmu, const struct ipmmu_store *store, uint64_t page)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct ipmmu_entry *entry = value;

		if (!rests_on(entry, page))
			continue;
		ipmmu_error(mmu, WITNESS_ERROR_FREED_TABLE, entry->tag.unit, 0,
			    page << PAGE_SHIFT, entry->tag.context);
		return true;
	}
	return false;
}

/*
 * The page at @address was freed: no cache may know of a table in it any more.
 * From now on it may be of any use, and is seen as it is.
 */
void ipmmu_memory_freed(struct ipmmu *mmu, uint64_t address)
{
	uint64_t page = page_of(address);

	ipmmu_flush_catch_up(mmu);
	if (!check_store(mmu, &mmu->walk_cache, page))
		check_store(mmu, &mmu->iotlb, page);
	g_mutex_lock(&mmu->cleaned_lock);
	g_hash_table_remove(mmu->cleaned, &page);
	g_mutex_unlock(&mmu->cleaned_lock);
}
