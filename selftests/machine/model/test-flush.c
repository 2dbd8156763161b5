// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Caches and flushes: what a driver gets wrong must show, what it does right
 * must not.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "test.h"

#define OTHER		(CONTEXT + 1)
#define NEW_PA		0x7777777000ull

static void start(void)
{
	world_map_first();
	world_enable();
	CHECK_EQ(access_read(0x123), LEAF_PA + 0x123);
	CHECK_EQ(all_errors(), 0);
}

static void unmap(void)
{
	world_put(PAGE(2), 0, 0);
}

static void end_of_flush(void)
{
	world.now += IPMMU_FLUSH_DELAY;
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, 0);
}

static void nothing_is_forgotten(void)
{
	start();
	world.now += 1000000000000ull;
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(counter(WITNESS_WALKS), 1);
	CHECK_EQ(counter(WITNESS_IOTLB_HITS), 1);
	/* A neighbour takes the cached table, and reads one entry more */
	CHECK_EQ(access_read(0x1000), REFUSED);
	CHECK_EQ(counter(WITNESS_WALK_CACHE_HITS), 1);
	CHECK_EQ(counter(WITNESS_WALK_READS), 3 + 1);
}

static void right_order(void)
{
	start();
	unmap();
	flush_all();
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(counter(WITNESS_STALE_HITS), 0);
	CHECK_EQ(all_errors(), 0);
}

static void root_first(void)
{
	start();
	unmap();
	write_root(IMCTR, ENABLE);
	write_cache(IMCTR, ENABLE_CACHE);
	end_of_flush();
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
}

/* The virtual processor lost its real one between the two writes */
static void root_long_first(void)
{
	start();
	unmap();
	write_root(IMCTR, ENABLE);
	world.now += 10 * IPMMU_FLUSH_DELAY;
	write_cache(IMCTR, ENABLE_CACHE);
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, 0);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
}

/*
 * A cache told first loads meanwhile through a walk cache that is still stale
 */
static void cache_first_then_access(void)
{
	start();
	world_put(PAGE(1), 0, GOOD_TABLE(PAGE(3)));
	write_cache(IMCTR, ENABLE_CACHE);
	world.now += IPMMU_FLUSH_DELAY;
	CHECK_EQ(access_read(0), LEAF_PA);
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(errors(WITNESS_ERROR_FLUSH_PARTIAL), 0);
}

/*
 * A flush that is late is asked for again; the old one ends between the two
 * writes, and takes nothing from the new one.
 */
static void asked_again_as_it_ends(void)
{
	start();
	unmap();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	world.now += IPMMU_FLUSH_DELAY - 1;
	write_cache(IMCTR, ENABLE_CACHE);
	world.now += 1;
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
}

/*
 * Asked for again in the root alone, as the old one is done: the cache is left
 * out
 */
static void asked_again_in_the_root(void)
{
	start();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	end_of_flush();
	unmap();
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(errors(WITNESS_ERROR_FLUSH_PARTIAL), 1);
}

static void missing_flush(void)
{
	start();
	world_put(PAGE(2), 0, GOOD_PAGE(NEW_PA));
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(counter(WITNESS_STALE_HITS), 1);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void missing_flush_of_a_table(void)
{
	start();
	world_put(PAGE(1), 0, GOOD_TABLE(PAGE(3)));
	world_put(PAGE(2), 1, GOOD_PAGE(NEW_PA));
	/*
	 * The detached table is walked still: had it been freed, by whatever is
	 * there
	 */
	CHECK_EQ(access_read(0x1000), NEW_PA);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

/* Marks of software's in what is cached are no change of it */
static void software_marks(void)
{
	start();
	world_put(PAGE(1), 0, GOOD_TABLE(PAGE(2)) | 0xfull << 55);
	world_put(PAGE(2), 0, GOOD_PAGE(LEAF_PA) | 1ull << 58);
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(counter(WITNESS_STALE_HITS), 0);
	CHECK_EQ(all_errors(), 0);
}

/* Cut off and not flushed: it may be walked as long as it leads nowhere */
static void empty_table_cut_off(void)
{
	start();
	unmap();
	flush_all();
	CHECK_EQ(access_read(0), REFUSED);
	world_put(PAGE(1), 0, 0);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
	/*
	 * Used for something else before the flush, it is not empty any more.
	 */
	world_put(PAGE(2), 0, GOOD_PAGE(NEW_PA));
	CHECK_EQ(access_read(0), NEW_PA);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void flush_before_detach(void)
{
	start();
	flush_all();
	unmap();
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void detach_before_flush_is_done(void)
{
	start();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	unmap();
	end_of_flush();
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void table_flushed_before_detach(void)
{
	start();
	flush_all();
	world_put(PAGE(1), 0, 0);
	world_put(PAGE(2), 1, GOOD_PAGE(NEW_PA));
	CHECK_EQ(access_read(0x1000), NEW_PA);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void root_only(void)
{
	start();
	unmap();
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(errors(WITNESS_ERROR_FLUSH_PARTIAL), 1);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

/* Seen when the driver looks for the end; what comes later does not undo it */
static void root_only_then_all(void)
{
	start();
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(world.log.errors, 1);
	flush_all();
	CHECK_EQ(errors(WITNESS_ERROR_FLUSH_PARTIAL), 1);
	write_root(IMCTR, ENABLE);
	world.now += IPMMU_FLUSH_DELAY;
	write_root(IMCTR, ENABLE);
	CHECK_EQ(world.log.errors, 2);
	write_cache(IMCTR, ENABLE_CACHE);
	end_of_flush();
	CHECK_EQ(errors(WITNESS_ERROR_FLUSH_PARTIAL), 2);
}

static void root_does_not_speak_for_the_cache(void)
{
	start();
	unmap();
	CHECK_EQ(access_read(0), LEAF_PA);
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void cache_only(void)
{
	start();
	world_put(PAGE(1), 0, 0);
	write_cache(IMCTR, ENABLE_CACHE);
	world.now += IPMMU_FLUSH_DELAY;
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

/* What was found through a stale table is as old as that table */
static void found_through_stale_table(void)
{
	start();
	world_put(PAGE(1), 1, GOOD_TABLE(PAGE(3)));
	world_put(PAGE(3), 0, GOOD_PAGE(LEAF_PA));
	world_put(PAGE(3), 1, GOOD_PAGE(LEAF_PA));
	world_put(PAGE(0), 0, GOOD_TABLE(PAGE(4)));
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	CHECK_EQ(access_read(0x200000), LEAF_PA);
	end_of_flush();
	CHECK_EQ(access_read(0x200000), REFUSED);
	CHECK_EQ(access_read(0x201000), REFUSED);
}

/* An earlier flush of the cache does not count for this one */
static void old_cache_flush(void)
{
	start();
	write_cache(IMCTR, ENABLE_CACHE);
	world.now += 2 * IPMMU_FLUSH_TOGETHER;
	unmap();
	write_root(IMCTR, ENABLE);
	end_of_flush();
	CHECK_EQ(errors(WITNESS_ERROR_FLUSH_PARTIAL), 1);
}

static void not_waited_for(void)
{
	start();
	unmap();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, IMCTR_FLUSH);
	CHECK_EQ(access_read(0), LEAF_PA);
	world.now += IPMMU_FLUSH_DELAY - 1;
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, IMCTR_FLUSH);
	world.now++;
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, 0);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(counter(WITNESS_FLUSHES), counter(WITNESS_FLUSHES_DONE));
}

static void never_done(void)
{
	start();
	world.mmu.flush_delay = IPMMU_NEVER;
	unmap();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	world.now = ~0ull - 1;
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, IMCTR_FLUSH);
	CHECK_EQ(access_read(0), LEAF_PA);
}

static void at_once(void)
{
	start();
	world.mmu.flush_delay = 0;
	unmap();
	write_root(IMCTR, ENABLE);
	write_cache(IMCTR, ENABLE_CACHE);
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, 0);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
}

/* A use between unmap and its flush is the device owner's mistake */
static void late_use_is_forgiven(void)
{
	start();
	unmap();
	CHECK_EQ(access_read(0), LEAF_PA);
	flush_all();
	CHECK_EQ(counter(WITNESS_STALE_HITS), 1);
	CHECK_EQ(all_errors(), 0);
}

static void late_use_is_not_forgiven_at_the_end(void)
{
	start();
	unmap();
	CHECK_EQ(access_read(0), LEAF_PA);
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB), 0, 4);
	write_root(IMCTR, IMCTR_FLUSH);
	write_cache(IMCTR, IMCTR_FLUSH);
	world.now += IPMMU_FLUSH_DELAY;
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void disable(bool flush)
{
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB), 0, 4);
	write_root(IMCTR, IMCTR_VA64 | (flush ? IMCTR_FLUSH : 0));
	write_cache(IMCTR, flush ? IMCTR_FLUSH : 0);
	world.now += IPMMU_FLUSH_DELAY;
	read_root(IMCTR);
}

static void reuse_context(void)
{
	world_put(PAGE(4), 0, GOOD_TABLE(PAGE(5)));
	world_put(PAGE(5), 0, GOOD_TABLE(PAGE(6)));
	world_put(PAGE(6), 0, GOOD_PAGE(NEW_PA));
	write_root(IMTTLBR0, PAGE(4));
	write_root(IMCTR, ENABLE);
	write_cache(IMCTR, ENABLE_CACHE);
	world.now += IPMMU_FLUSH_DELAY;
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB),
		    CONTEXT << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN, 4);
}

static void context_handed_on(void)
{
	start();
	disable(true);
	CHECK_EQ(world.log.counter[WITNESS_FORGOTTEN], 3);
	reuse_context();
	CHECK_EQ(access_read(0), NEW_PA);
	CHECK_EQ(all_errors(), 0);
}

static void context_off_without_flush(void)
{
	start();
	disable(false);
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_LIVE), 2);
	CHECK(world.mmu.iotlb.entries && g_hash_table_size(world.mmu.iotlb.entries));
}

/* Nothing is loaded through what is off, so a flush there leaves nothing */
static void nothing_reloads_when_off(void)
{
	struct ipmmu_tag all = { IPMMU_ANY, IPMMU_ANY, IPMMU_ANY };

	start();
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB), CONTEXT << 4, 4);
	flush_all();
	CHECK_EQ(ipmmu_store_count(&world.mmu.iotlb, &all), 0);
	CHECK_EQ(ipmmu_store_count(&world.mmu.walk_cache, &all), 2);

	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB),
		    CONTEXT << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN, 4);
	CHECK_EQ(access_read(0), LEAF_PA);
	write_cache(IMCTR, IMCTR_FLUSH);
	world.now += IPMMU_FLUSH_DELAY;
	ipmmu_flush_catch_up(&world.mmu);
	CHECK_EQ(ipmmu_store_count(&world.mmu.iotlb, &all), 0);
	write_root(IMCTR, IMCTR_VA64 | IMCTR_FLUSH);
	world.now += IPMMU_FLUSH_DELAY;
	ipmmu_flush_catch_up(&world.mmu);
	CHECK_EQ(ipmmu_store_count(&world.mmu.walk_cache, &all), 0);
}

static void contexts_share_nothing(void)
{
	uint64_t base = (CONTEXT + 1) * CONTEXT_STRIDE;

	start();
	ipmmu_write(&world.mmu, 0, base + IMTTLBR0, PAGE(4), 4);
	ipmmu_write(&world.mmu, 0, base + IMTTBCR, IMTTBCR_EAE | 25, 4);
	ipmmu_write(&world.mmu, 0, base + IMCTR, ENABLE, 4);
	ipmmu_write(&world.mmu, 1 + CACHE, base + IMCTR, ENABLE_CACHE, 4);
	world.now += IPMMU_FLUSH_DELAY;
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB),
		    (CONTEXT + 1) << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN, 4);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
}

/* TTBR changed under a live context and never flushed */
static void live_change(void)
{
	start();
	write_root(IMTTLBR0, PAGE(4));
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(errors(WITNESS_ERROR_CONTEXT_LIVE), 1);
	CHECK_EQ(errors(WITNESS_ERROR_STALE_WALK), 1);
}

static void multi_hit(void)
{
	start();
	world_put(PAGE(1), 0, GOOD_BLOCK(0x200000));
	ipmmu_store_clear(&world.mmu.walk_cache);
	CHECK_EQ(access_read(0x5000), 0x205000);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(read_root(IMSTR), IMSTR_MHIT);
}

static void utlb_flush(void)
{
	start();
	unmap();
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB),
		    CONTEXT << 4 | IMUCTR_FLUSH | IMUCTR_MMUEN, 4);
	CHECK(ipmmu_read(&world.mmu, 1 + CACHE, utlb_register(UTLB), 4) & IMUCTR_FLUSH);
	world.now += IPMMU_FLUSH_DELAY;
	CHECK(!(ipmmu_read(&world.mmu, 1 + CACHE, utlb_register(UTLB), 4) & IMUCTR_FLUSH));
	CHECK_EQ(access_read(0), REFUSED);
}

static void other_context_kept(void)
{
	uint64_t base = (CONTEXT + 1) * CONTEXT_STRIDE;

	start();
	ipmmu_write(&world.mmu, 1 + CACHE, base + IMCTR, IMCTR_FLUSH, 4);
	ipmmu_write(&world.mmu, 0, base + IMCTR, IMCTR_FLUSH, 4);
	world.now += IPMMU_FLUSH_DELAY;
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(counter(WITNESS_WALKS), 1);
	CHECK_EQ(counter(WITNESS_REFETCHES), 0);
}

static void without_refetch(void)
{
	start();
	world.mmu.inject = 0;
	flush_all();
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(counter(WITNESS_WALKS), 2);
}

/* By number of looks, however much time goes by */
static void polled(void)
{
	start();
	world.mmu.flush_polls = 3;
	unmap();
	write_cache(IMCTR, ENABLE_CACHE);
	write_root(IMCTR, ENABLE);
	world.now += 10 * IPMMU_FLUSH_DELAY;
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, IMCTR_FLUSH);
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, IMCTR_FLUSH);
	CHECK_EQ(read_root(IMCTR) & IMCTR_FLUSH, 0);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(all_errors(), 0);
}

static void point_utlb(unsigned int context, uint32_t bits)
{
	ipmmu_write(&world.mmu, 1 + CACHE, utlb_register(UTLB),
		    context << 4 | IMUCTR_MMUEN | bits, 4);
}

/* Turned on like the first, with tables of its own that lead nowhere */
static void second_context(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ipmmu_write(&world.mmu, 0, OTHER * CONTEXT_STRIDE + (i ? IMTTLBR1 : IMTTLBR0),
			    PAGE(4), 4);
		ipmmu_write(&world.mmu, 0, OTHER * CONTEXT_STRIDE + (i ? IMTTUBR1 : IMTTUBR0),
			    0, 4);
	}
	ipmmu_write(&world.mmu, 0, OTHER * CONTEXT_STRIDE + IMTTBCR,
		    IMTTBCR_EAE | 25 << IMTTBCR_TSZ1_SHIFT | 25, 4);
	ipmmu_write(&world.mmu, 1 + CACHE, OTHER * CONTEXT_STRIDE + IMCTR, ENABLE_CACHE, 4);
	ipmmu_write(&world.mmu, 0, OTHER * CONTEXT_STRIDE + IMCTR, ENABLE, 4);
	world.now += IPMMU_FLUSH_DELAY;
}

/* A micro-TLB that does not note contexts serves what it had, unless flushed */
static void untagged(void)
{
	start();
	second_context();
	world.mmu.inject |= WITNESS_INJECT_UNTAGGED;
	point_utlb(OTHER, 0);
	CHECK_EQ(access_read(0), LEAF_PA);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_NO_FLUSH), 1);
	point_utlb(OTHER, IMUCTR_FLUSH);
	CHECK_EQ(access_read(0), LEAF_PA);
	point_utlb(CONTEXT, IMUCTR_FLUSH);
	CHECK_EQ(access_read(0), LEAF_PA);
	point_utlb(OTHER, IMUCTR_FLUSH);
	CHECK_EQ(access_read(0), REFUSED);
	CHECK_EQ(errors(WITNESS_ERROR_UTLB_NO_FLUSH), 1);
}

const struct test flush_tests[] = {
	{ "flush: nothing is forgotten without one", nothing_is_forgotten },
	{ "flush: unmap, cache, root", right_order },
	{ "flush: unmap, root, cache", root_first },
	{ "flush: the cache told long after the root", root_long_first },
	{ "flush: the cache loads before the root is told", cache_first_then_access },
	{ "flush: asked for again as it ends", asked_again_as_it_ends },
	{ "flush: asked for again in the root alone", asked_again_in_the_root },
	{ "flush: a missing one is caught", missing_flush },
	{ "flush: a missing one is caught, table", missing_flush_of_a_table },
	{ "flush: marks of software's need none", software_marks },
	{ "flush: an empty table that is cut off needs none yet", empty_table_cut_off },
	{ "flush: one before the detach is caught", flush_before_detach },
	{ "flush: one asked for before the detach is caught", detach_before_flush_is_done },
	{ "flush: one before the detach is caught, table", table_flushed_before_detach },
	{ "flush: root only is caught", root_only },
	{ "flush: root only is caught, whatever follows", root_only_then_all },
	{ "flush: root only forgives no use of the cache's entry",
	  root_does_not_speak_for_the_cache },
	{ "flush: cache only is caught", cache_only },
	{ "flush: what a stale table led to goes with it", found_through_stale_table },
	{ "flush: a cache's old flush does not count", old_cache_flush },
	{ "flush: takes its time", not_waited_for },
	{ "flush: never done", never_done },
	{ "flush: done at once", at_once },
	{ "flush: use before the flush is forgiven", late_use_is_forgiven },
	{ "flush: use without a flush is not", late_use_is_not_forgiven_at_the_end },
	{ "flush: a context is handed on", context_handed_on },
	{ "flush: a context switched off without one", context_off_without_flush },
	{ "flush: what is off loads nothing", nothing_reloads_when_off },
	{ "flush: contexts share nothing", contexts_share_nothing },
	{ "flush: a live context changed without one", live_change },
	{ "flush: page and block at once are a multi-hit", multi_hit },
	{ "flush: of one micro-TLB", utlb_flush },
	{ "flush: other contexts keep theirs", other_context_kept },
	{ "flush: ends by number of looks", polled },
	{ "flush: of a micro-TLB that notes no context", untagged },
	{ "flush: with refetch off all is forgotten", without_refetch },
	{ }
};
