// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flushes: they take time, and the root and the caches must each be told.
 *
 * Every entry has an age, a request notes the youngest, and completion drops
 * all up to it. Nothing runs by timer: each look at the model first
 * completes what is due by the clock, so that the outcome depends on the clock
 * alone.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "ipmmu.h"
#include "ipmmu-bits.h"

static uint64_t now(struct ipmmu *mmu)
{
	return mmu->ops->now(mmu->opaque);
}

static struct ipmmu_tag cache_tag(unsigned int cache, unsigned int context)
{
	struct ipmmu_tag tag = { .unit = 1 + cache, .utlb = IPMMU_ANY, .context = context };

	return tag;
}

static struct ipmmu_tag root_tag(unsigned int context)
{
	struct ipmmu_tag tag = { .unit = 0, .utlb = 0, .context = context };

	return tag;
}

static void request(struct ipmmu *mmu, struct ipmmu_flush *flush)
{
	uint64_t delay = mmu->flush_delay;

	flush->pending = true;
	flush->sequence = mmu->sequence;
	flush->deadline = delay == IPMMU_NEVER ? IPMMU_NEVER : now(mmu) + delay;
}

/* Of a context, whose end the driver looks for */
static void request_polled(struct ipmmu *mmu, struct ipmmu_flush *flush)
{
	request(mmu, flush);
	flush->polls = mmu->flush_polls;
	if (flush->polls)
		flush->deadline = IPMMU_NEVER;
}

static bool due(struct ipmmu *mmu, const struct ipmmu_flush *flush)
{
	return flush->pending && flush->deadline != IPMMU_NEVER && flush->deadline <= now(mmu);
}

static void refetch(struct ipmmu *mmu, struct ipmmu_store *store, struct ipmmu_tag tag)
{
	if (!(mmu->inject & WITNESS_INJECT_REFETCH))
		return;
	mmu->log->counter[WITNESS_REFETCHES] +=
		ipmmu_store_refetch(store, &tag, ++mmu->sequence, ipmmu_entry_reloads, mmu);
}

static void forget(struct ipmmu *mmu, struct ipmmu_store *store, struct ipmmu_tag tag,
		   const struct ipmmu_flush *flush)
{
	mmu->log->counter[WITNESS_FORGOTTEN] += ipmmu_store_forget(store, &tag, flush->sequence);
}

static void complete_cache(struct ipmmu *mmu, unsigned int cache, unsigned int context)
{
	struct ipmmu_flush *flush = &mmu->cache[cache].context[context].flush;

	flush->pending = false;
	forget(mmu, &mmu->iotlb, cache_tag(cache, context), flush);
}

static bool uses_context(struct ipmmu *mmu, unsigned int cache, unsigned int context)
{
	struct ipmmu_tag tag = cache_tag(cache, context);

	return mmu->cache[cache].context[context].ctr & IMCTR_MMUEN ||
	       ipmmu_store_count(&mmu->iotlb, &tag);
}

/* Was the cache told of a flush that no flush of the root has met yet? */
static bool meets(struct ipmmu *mmu, struct ipmmu_cache_context *part)
{
	bool told = part->joined && (part->flush.pending || now(mmu) <= part->joined_until);

	part->joined = false;
	return told;
}

/*
 * A cache that was told first may have loaded since from a walk cache that the
 * root had not yet dropped: its flush ends with the root's. A cache that was
 * not told yet is owed one, and has until the driver looks for the end. One
 * that is told once more, while the root's flush is under way, has been told
 * for the next.
 */
static void join_cache(struct ipmmu *mmu, unsigned int cache, unsigned int context)
{
	struct ipmmu_cache_context *part = &mmu->cache[cache].context[context];

	if (part->met || meets(mmu, part))
		complete_cache(mmu, cache, context);
	else if (uses_context(mmu, cache, context))
		part->owed = true;
	part->met = false;
}

static void complete_root(struct ipmmu *mmu, unsigned int context)
{
	struct ipmmu_flush *flush = &mmu->context[context].flush;
	unsigned int cache;

	flush->pending = false;
	forget(mmu, &mmu->walk_cache, root_tag(context), flush);
	ipmmu_count(mmu, WITNESS_FLUSHES_DONE);
	for (cache = 0; cache < mmu->caches; cache++)
		join_cache(mmu, cache, context);
}

static void complete_utlb(struct ipmmu *mmu, unsigned int cache, unsigned int utlb)
{
	struct ipmmu_flush *flush = &mmu->cache[cache].utlb[utlb].flush;
	struct ipmmu_tag tag = { .unit = 1 + cache, .utlb = utlb, .context = IPMMU_ANY };

	flush->pending = false;
	forget(mmu, &mmu->iotlb, tag, flush);
}

/* The flush that puts a stale use right: it was only on its way */
static void forgive(struct ipmmu *mmu, unsigned int context, unsigned int unit)
{
	struct ipmmu_suspect *suspect = &mmu->context[context].suspect;

	if (suspect->unit == unit)
		suspect->set = false;
}

void ipmmu_flush_root(struct ipmmu *mmu, unsigned int context)
{
	unsigned int cache;

	ipmmu_flush_catch_up(mmu);
	ipmmu_count(mmu, WITNESS_FLUSHES);
	mmu->context[context].loaded = mmu->context[context].written;
	mmu->context[context].written = false;
	mmu->context[context].modified = false;
	forgive(mmu, context, 0);
	request_polled(mmu, &mmu->context[context].flush);
	for (cache = 0; cache < mmu->caches; cache++) {
		struct ipmmu_cache_context *part = &mmu->cache[cache].context[context];

		part->met |= meets(mmu, part);
	}
	refetch(mmu, &mmu->walk_cache, root_tag(context));
	ipmmu_flush_catch_up(mmu);
}

/* Told after the root, a cache is not slower than it */
static void hurry(struct ipmmu *mmu, struct ipmmu_cache_context *part,
		  const struct ipmmu_flush *root)
{
	if (part->owed)
		part->flush.deadline = now(mmu);
	else if (root->pending && root->deadline < part->flush.deadline)
		part->flush.deadline = root->deadline;
}

void ipmmu_flush_cache(struct ipmmu *mmu, unsigned int cache, unsigned int context)
{
	struct ipmmu_cache_context *part = &mmu->cache[cache].context[context];

	ipmmu_flush_catch_up(mmu);
	forgive(mmu, context, 1 + cache);
	request_polled(mmu, &part->flush);
	hurry(mmu, part, &mmu->context[context].flush);
	/* What is late by leave counts for the root's next flush as well */
	part->joined = !part->owed || mmu->context[context].loaded;
	part->joined_until = now(mmu) + IPMMU_FLUSH_TOGETHER;
	part->owed = false;
	refetch(mmu, &mmu->iotlb, cache_tag(cache, context));
	ipmmu_flush_catch_up(mmu);
}

/* One that is turned on or @moved with it uses nothing older from then on */
void ipmmu_flush_utlb(struct ipmmu *mmu, unsigned int cache, unsigned int utlb, bool moved)
{
	struct ipmmu_tag tag = { .unit = 1 + cache, .utlb = utlb, .context = IPMMU_ANY };

	ipmmu_flush_catch_up(mmu);
	request(mmu, &mmu->cache[cache].utlb[utlb].flush);
	refetch(mmu, &mmu->iotlb, tag);
	if (moved)
		mmu->cache[cache].utlb[utlb].flush.deadline = now(mmu);
	ipmmu_flush_catch_up(mmu);
}

static void catch_up_cache(struct ipmmu *mmu, unsigned int cache)
{
	unsigned int i;

	for (i = 0; i < IPMMU_CONTEXTS; i++) {
		if (due(mmu, &mmu->cache[cache].context[i].flush))
			complete_cache(mmu, cache, i);
	}
	for (i = 0; i < IPMMU_UTLBS; i++) {
		if (due(mmu, &mmu->cache[cache].utlb[i].flush))
			complete_utlb(mmu, cache, i);
	}
}

/* Completes what the clock has passed */
void ipmmu_flush_catch_up(struct ipmmu *mmu)
{
	unsigned int i;

	for (i = 0; i < mmu->caches; i++)
		catch_up_cache(mmu, i);
	for (i = 0; i < IPMMU_CONTEXTS; i++) {
		if (due(mmu, &mmu->context[i].flush))
			complete_root(mmu, i);
	}
}

/* The root's FLUSH is about to be read */
void ipmmu_flush_polled(struct ipmmu *mmu, unsigned int context)
{
	struct ipmmu_flush *flush = &mmu->context[context].flush;

	if (!flush->pending || !flush->polls || --flush->polls)
		return;
	flush->deadline = now(mmu);
	ipmmu_flush_catch_up(mmu);
}

/*
 * The driver takes the root's flush for done: a cache that is still owed one
 * was left out. A context that was loaded before this flush is judged when the
 * cache uses what it should have dropped: a driver that takes over, or resumes,
 * comes to caches later.
 */
void ipmmu_flush_owed(struct ipmmu *mmu, unsigned int context, bool used)
{
	unsigned int cache;

	if (mmu->context[context].flush.pending || (mmu->context[context].loaded && !used))
		return;
	for (cache = 0; cache < mmu->caches; cache++) {
		struct ipmmu_cache_context *part = &mmu->cache[cache].context[context];

		if (part->owed)
			ipmmu_error(mmu, WITNESS_ERROR_FLUSH_PARTIAL, 1 + cache,
				    ipmmu_context_place(mmu, context) + IMCTR, part->ctr, context);
		part->owed = false;
	}
}

void ipmmu_suspect_report(struct ipmmu *mmu, unsigned int context)
{
	struct ipmmu_suspect *suspect = &mmu->context[context].suspect;

	if (suspect->set)
		ipmmu_error(mmu, WITNESS_ERROR_STALE_WALK, suspect->unit, 0, suspect->iova,
			    context);
	suspect->set = false;
}

void ipmmu_verdict(struct ipmmu *mmu)
{
	unsigned int i;

	ipmmu_flush_catch_up(mmu);
	for (i = 0; i < IPMMU_CONTEXTS; i++) {
		ipmmu_flush_owed(mmu, i, true);
		ipmmu_suspect_report(mmu, i);
	}
}
