// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device's access: micro-TLB, context, IOTLB, walk, permission, fault.
 *
 * Copyright The ipmmu-deferred authors
 */
#include <string.h>

#include "ipmmu.h"
#include "ipmmu-bits.h"

struct access {
	struct ipmmu *mmu;
	unsigned int cache;
	unsigned int context;
	struct ipmmu_tag tag;		/* in the IOTLB */
	struct ipmmu_format format;
	uint64_t iova;
};

static uint64_t ttbr(const struct ipmmu_context *context, unsigned int index)
{
	return (uint64_t)context->ttubr[index] << 32 | context->ttlbr[index];
}

/* SL0 counts in VMSAv8-32 only: 2 is level 1, 1 is level 2 */
static bool start_level_told(const struct ipmmu_context *context)
{
	unsigned int sl0 = (context->ttbcr & IMTTBCR_SL0) >> IMTTBCR_SL0_SHIFT;
	unsigned int tsz0 = context->ttbcr & IMTTBCR_TSZ32_MASK;

	return sl0 == (tsz0 < 2 ? 2u : 1u);
}

/* The format of the tables, or false if this walker has no such format */
bool ipmmu_context_format(const struct ipmmu_context *context, struct ipmmu_format *format)
{
	unsigned int mask;
	unsigned int i;

	format->va64 = context->ctr & IMCTR_VA64;
	mask = format->va64 ? IMTTBCR_TSZ_MASK : IMTTBCR_TSZ32_MASK;
	for (i = 0; i < 2; i++) {
		format->tsz[i] = (context->ttbcr >> (i * IMTTBCR_TSZ1_SHIFT)) & mask;
		format->ttbr[i] = ttbr(context, i);
	}
	if (!(context->ttbcr & IMTTBCR_EAE) || context->ttbcr & IMTTBCR_PMB)
		return false;
	if (!format->va64 && !start_level_told(context))
		return false;
	return ipmmu_format_valid(format);
}

static bool read_plain(void *opaque, uint64_t address, uint64_t *descriptor)
{
	return ipmmu_memory_read(opaque, address, descriptor);
}

static bool read_counted(void *opaque, uint64_t address, uint64_t *descriptor)
{
	struct access *access = opaque;
	struct ipmmu *mmu = access->mmu;

	ipmmu_count(mmu, WITNESS_WALK_READS);
	if (mmu->inject & WITNESS_INJECT_WALK_ABORT)
		return false;
	return ipmmu_memory_read(mmu, address, descriptor);
}

/*
 * Bits 58:55 of a valid descriptor are software's, and the walker ignores them
 * (Arm ARM D8.3.2): where they alone have changed, nothing has.
 */
#define DESC_SOFTWARE		(MASK64(59) & ~MASK64(55))

static bool same_step(const struct ipmmu_step *a, const struct ipmmu_step *b)
{
	return a->address == b->address &&
	       !((a->descriptor ^ b->descriptor) & ~DESC_SOFTWARE);
}

/* Would a walk from the root, caches left out, come the same way today? */
bool ipmmu_entry_agrees(void *opaque, const struct ipmmu_entry *entry)
{
	struct ipmmu *mmu = opaque;
	struct ipmmu_walker walker = { .opaque = mmu, .read = read_plain };
	struct ipmmu_format format;
	struct ipmmu_walk fresh;
	unsigned int i;

	if (!ipmmu_context_format(&mmu->context[entry->tag.context], &format))
		return false;
	ipmmu_walk(&format, entry->iova, &walker, &fresh);
	if (fresh.steps < entry->walk.steps)
		return false;
	for (i = 0; i < entry->walk.steps; i++)
		if (!same_step(&fresh.step[i], &entry->walk.step[i]))
			return false;
	return true;
}

/* Only what is switched on loads anything: units, micro-TLB, context */
bool ipmmu_entry_reloads(void *opaque, const struct ipmmu_entry *entry)
{
	struct ipmmu *mmu = opaque;
	unsigned int context = entry->tag.context;

	if (!(mmu->context[context].ctr & IMCTR_MMUEN))
		return false;
	if (entry->tag.unit) {
		struct ipmmu_cache *cache = &mmu->cache[entry->tag.unit - 1];
		uint32_t utlb = cache->utlb[entry->tag.utlb].ctr;

		if (!(cache->context[context].ctr & utlb & IMUCTR_MMUEN) ||
		    (utlb & IMUCTR_TTSEL) >> IMUCTR_TTSEL_SHIFT != context)
			return false;
	}
	return ipmmu_entry_agrees(mmu, entry);
}

/*
 * Between an entry's change and its flush an access may be served from the old
 * one, which the device's owner has to expect. So a stale hit is only suspected
 * until a flush comes; without one it becomes an error.
 */
static void check_stale(struct access *access, const struct ipmmu_entry *entry)
{
	struct ipmmu *mmu = access->mmu;
	struct ipmmu_suspect *suspect = &mmu->context[access->context].suspect;

	if (ipmmu_entry_agrees(mmu, entry))
		return;
	ipmmu_count(mmu, WITNESS_STALE_HITS);
	if (suspect->set)
		return;
	suspect->set = true;
	suspect->unit = entry->tag.unit;
	suspect->iova = access->iova;
}

/* A walk by the book, or one that begins with a cached table */
struct probe {
	struct ipmmu *mmu;
	const struct ipmmu_entry *entry;
	unsigned int level;
};

static bool probe_read(void *opaque, uint64_t address, uint64_t *descriptor)
{
	struct probe *probe = opaque;

	return ipmmu_memory_read(probe->mmu, address, descriptor);
}

static bool probe_lookup(void *opaque, unsigned int level, uint64_t iova,
			 struct ipmmu_walk *walk)
{
	struct probe *probe = opaque;

	(void)iova;
	if (!probe->entry || level != probe->level)
		return false;
	*walk = probe->entry->walk;
	return true;
}

static bool refuses(const struct access *access, const struct ipmmu_entry *entry,
		    unsigned int level)
{
	struct probe probe = { .mmu = access->mmu, .entry = entry, .level = level };
	struct ipmmu_walker walker = {
		.opaque = &probe, .read = probe_read, .lookup = probe_lookup,
	};
	struct ipmmu_format format;
	struct ipmmu_walk walk;

	return !ipmmu_context_format(&access->mmu->context[access->context], &format) ||
	       ipmmu_walk(&format, access->iova, &walker, &walk) == WITNESS_WALK_TRANSLATION;
}

/*
 * A table that maps nothing may be cut off long before the flush that frees it:
 * what the cache still leads to refuses an access as well as the walk of today.
 */
static bool makes_no_difference(const struct access *access,
				const struct ipmmu_entry *entry, unsigned int level)
{
	return refuses(access, entry, level) && refuses(access, NULL, level);
}

static bool lookup_table(void *opaque, unsigned int level, uint64_t iova,
			 struct ipmmu_walk *walk)
{
	struct access *access = opaque;
	struct ipmmu_tag tag = { .context = access->context };
	struct ipmmu_entry *entry;

	entry = ipmmu_store_lookup(&access->mmu->walk_cache, &tag, level, iova);
	if (!entry)
		return false;
	ipmmu_count(access->mmu, WITNESS_WALK_CACHE_HITS);
	if (!makes_no_difference(access, entry, level))
		check_stale(access, entry);
	*walk = entry->walk;
	return true;
}

static void store_table(void *opaque, unsigned int level, uint64_t iova,
			const struct ipmmu_walk *walk)
{
	struct access *access = opaque;
	struct ipmmu_tag tag = { .context = access->context };
	struct ipmmu_walk aged = *walk;

	/* No younger than the cached table it was found through */
	if (aged.sequence > access->mmu->sequence)
		aged.sequence = ++access->mmu->sequence;
	ipmmu_store_insert(&access->mmu->walk_cache, &tag, level, iova, &aged);
}

static uint32_t fault_status(enum witness_walk status)
{
	switch (status) {
	case WITNESS_WALK_FORMAT:
		return IMSTR_TF | IMSTR_ERRCODE_FORMAT;
	case WITNESS_WALK_ACCESS:
	case WITNESS_WALK_PERMISSION:
		return IMSTR_PF | IMSTR_ERRCODE_ACCESS;
	case WITNESS_WALK_SECURE:
		return IMSTR_PF | IMSTR_ERRCODE_SECURE;
	case WITNESS_WALK_ABORT:
		return IMSTR_ABORT;
	default:
		return IMSTR_TF;
	}
}

static void refuse(struct access *access, enum witness_walk status, unsigned int level)
{
	ipmmu_fault(access->mmu, access->context,
		    fault_status(status) | level << IMSTR_ERRLVL_SHIFT, access->iova);
}

/* Of this context; or of any, where micro-TLBs do not note it */
static struct ipmmu_entry *lookup_leaf(struct access *access, unsigned int level)
{
	struct ipmmu_store *store = &access->mmu->iotlb;
	struct ipmmu_tag tag = access->tag;
	struct ipmmu_entry *entry = ipmmu_store_lookup(store, &tag, level, access->iova);
	unsigned int i;

	if (!(access->mmu->inject & WITNESS_INJECT_UNTAGGED))
		return entry;
	for (i = 0; !entry && i < access->mmu->geometry->contexts; i++) {
		tag.context = i;
		entry = ipmmu_store_lookup(store, &tag, level, access->iova);
	}
	return entry;
}

/* Entries of different sizes over one address: hardware calls it a multi-hit */
static unsigned int find(struct access *access, struct ipmmu_entry **found)
{
	unsigned int hits = 0;
	unsigned int level;

	*found = NULL;
	for (level = 1; level < IPMMU_LEVELS; level++) {
		struct ipmmu_entry *entry = lookup_leaf(access, level);

		if (entry) {
			*found = entry;
			hits++;
		}
	}
	return hits;
}

/* Walks and loads; what cannot be used at all is not loaded */
static bool load(struct access *access, struct ipmmu_walk *walk)
{
	struct ipmmu *mmu = access->mmu;
	struct ipmmu_walker walker = {
		.opaque = access,
		.read = read_counted,
		.lookup = lookup_table,
		.store = store_table,
	};
	enum witness_walk status;

	ipmmu_count(mmu, WITNESS_WALKS);
	status = ipmmu_walk(&access->format, access->iova, &walker, walk);
	if (status != WITNESS_WALK_OK) {
		refuse(access, status, walk->level);
		return false;
	}
	if (walk->sequence > mmu->sequence)
		walk->sequence = ++mmu->sequence;
	ipmmu_store_insert(&mmu->iotlb, &access->tag, walk->level, access->iova, walk);
	return true;
}

static bool find_or_load(struct access *access, struct ipmmu_walk *walk)
{
	struct ipmmu_entry *entry;
	unsigned int hits = find(access, &entry);

	if (access->mmu->inject & WITNESS_INJECT_MULTI_HIT) {
		access->mmu->inject &= ~(uint64_t)WITNESS_INJECT_MULTI_HIT;
		hits = 2;
	}
	if (hits > 1) {
		ipmmu_fault(access->mmu, access->context, IMSTR_MHIT, access->iova);
		return false;
	}
	if (!hits)
		return load(access, walk);
	ipmmu_count(access->mmu, WITNESS_IOTLB_HITS);
	ipmmu_flush_owed(access->mmu, access->context, true);
	check_stale(access, entry);
	*walk = entry->walk;
	return true;
}

/* With USE_SECGRP set, in the root or in the cache, nothing is translated */
static bool translation_allowed(struct access *access)
{
	struct ipmmu *mmu = access->mmu;
	unsigned int units[] = { 0, 1 + access->cache };
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(units); i++) {
		unsigned int unit = units[i];

		if (!(mmu->control[unit].sctlr & IMSCTLR_USE_SECGRP))
			continue;
		ipmmu_error(mmu, WITNESS_ERROR_SECGRP, unit, IMSCTLR,
			    mmu->control[unit].sctlr, access->context);
		refuse(access, WITNESS_WALK_SECURE, 0);
		return false;
	}
	return true;
}

/*
 * Is the context on, here and in the root, and in a format that can be walked?
 */
static bool context_ready(struct access *access)
{
	struct ipmmu *mmu = access->mmu;
	struct ipmmu_context *context = &mmu->context[access->context];

	if (!ipmmu_context_format(context, &access->format) ||
	    mmu->control[0].sauxctlr & IMSAUXCTLR_S2PTE) {
		refuse(access, WITNESS_WALK_FORMAT, 0);
		return false;
	}
	if (context->modified)
		ipmmu_error(mmu, WITNESS_ERROR_CONTEXT_LIVE, 0,
			    ipmmu_context_place(mmu, access->context), access->iova,
			    access->context);
	context->modified = false;
	return true;
}

static void permit(struct access *access, const struct ipmmu_walk *walk, bool write,
		   struct ipmmu_translation *translation)
{
	translation->base = walk->base;
	translation->mask = MASK64(ipmmu_level_shift(walk->level));
	translation->read = walk->prot & WITNESS_PROT_READ;
	translation->write = walk->prot & WITNESS_PROT_WRITE;
	translation->ok = write ? translation->write : translation->read;
	if (!translation->ok)
		refuse(access, WITNESS_WALK_PERMISSION, walk->level);
}

static bool context_on(const struct access *access)
{
	const struct ipmmu *mmu = access->mmu;

	return mmu->context[access->context].ctr &
	       mmu->cache[access->cache].context[access->context].ctr & IMCTR_MMUEN;
}

/*
 * What is off lets everything through, micro-TLB or context: bypass, not block
 */
static void bypass(struct ipmmu *mmu, uint64_t iova, struct ipmmu_translation *translation)
{
	ipmmu_count(mmu, WITNESS_BYPASSES);
	translation->ok = true;
	translation->read = true;
	translation->write = true;
	translation->mask = MASK64(ipmmu_level_shift(3));
	translation->base = iova & ~translation->mask;
}

void ipmmu_translate(struct ipmmu *mmu, unsigned int cache, unsigned int utlb, uint64_t iova,
		     bool write, struct ipmmu_translation *translation)
{
	uint32_t ctr = mmu->cache[cache].utlb[utlb].ctr;
	struct access access = {
		.mmu = mmu,
		.cache = cache,
		.context = (ctr & IMUCTR_TTSEL) >> IMUCTR_TTSEL_SHIFT,
		.iova = iova,
	};
	struct ipmmu_walk walk;

	memset(translation, 0, sizeof(*translation));
	ipmmu_flush_catch_up(mmu);
	if (!(ctr & IMUCTR_MMUEN)) {
		bypass(mmu, iova, translation);
		return;
	}
	if (access.context >= mmu->geometry->contexts) {
		ipmmu_count(mmu, WITNESS_TRANSLATIONS);
		ipmmu_count(mmu, WITNESS_FAULTS);
		return;
	}
	if (!context_on(&access)) {
		bypass(mmu, iova, translation);
		return;
	}
	ipmmu_count(mmu, WITNESS_TRANSLATIONS);
	access.tag.unit = 1 + cache;
	access.tag.utlb = utlb;
	access.tag.context = access.context;
	if (iova >> IPMMU_ADDRESS_BITS) {
		refuse(&access, WITNESS_WALK_TRANSLATION, 0);
		return;
	}
	if (translation_allowed(&access) && context_ready(&access) &&
	    find_or_load(&access, &walk))
		permit(&access, &walk, write, translation);
}
