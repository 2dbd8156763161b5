// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters for people and tests: a number a file, and a list of what is
 * pending. Described in Documentation/ABI/debugfs-io-pgtable-arm-deferred.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "counter.h"
#include "debugfs.h"
#include "limbo.h"
#include "overlap.h"
#include "pages.h"
#include "reclaim.h"

/* Trees listed at most: a screenful, and few enough to copy under a lock */
#define IOPD_TREES_SHOWN	32

static struct dentry *iopd_debugfs;

/* debugfs_create_ulong() would read without saying that others write. */
static int iopd_counter_get(void *data, u64 *val)
{
	*val = READ_ONCE(*(unsigned long *)data);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopd_counter_fops, iopd_counter_get, NULL, "%llu\n");

static int iopd_atomic_get(void *data, u64 *val)
{
	*val = atomic_long_read((atomic_long_t *)data);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopd_atomic_fops, iopd_atomic_get, NULL, "%llu\n");

static int iopd_sum_get(void *data, u64 *val)
{
	*val = max(iopd_counter_sum((__force const long __percpu *)data), 0L);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopd_sum_fops, iopd_sum_get, NULL, "%llu\n");

static int iopd_reset_set(void *data, u64 val)
{
	iopd_reclaim_reset();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopd_reset_fops, NULL, iopd_reset_set, "%llu\n");

static void iopd_show_tree(struct seq_file *seq,
			   const struct iopd_reclaim_tree_info *info)
{
	seq_printf(seq, "%s %s pending %lu freed %lu age_ms %lld%s\n",
		   info->dev, info->closed ? "whole" : "parts", info->pending,
		   info->freed, info->age_ms, info->busy ? " busy" : "");
}

static int iopd_trees_list_show(struct seq_file *seq, void *data)
{
	unsigned long trees = READ_ONCE(iopd_reclaim_stats.trees);
	struct iopd_reclaim_tree_info *infos;
	unsigned int i, nr;

	infos = kcalloc(IOPD_TREES_SHOWN, sizeof(*infos), GFP_KERNEL);
	if (!infos)
		return -ENOMEM;

	nr = iopd_reclaim_tree_infos(infos, IOPD_TREES_SHOWN);
	for (i = 0; i < nr; i++)
		iopd_show_tree(seq, &infos[i]);
	if (trees > nr)
		seq_printf(seq, "and %lu more\n", trees - nr);
	kfree(infos);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(iopd_trees_list);

/* A line for each bucket up to the last that is not empty */
static int iopd_hist_show(struct seq_file *seq, void *data)
{
	const struct iopd_hist *hist = seq->private;
	unsigned int i, end = IOPD_HIST_BUCKETS;

	while (end && !READ_ONCE(hist->count[end - 1]))
		end--;
	for (i = 0; i < end; i++)
		seq_printf(seq, "%llu %llu %lu\n", i ? BIT_ULL(i) : 0,
			   BIT_ULL(i + 1), READ_ONCE(hist->count[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(iopd_hist);

static const struct {
	const char *name;
	unsigned long *counter;
} iopd_counters[] = {
	{ "pending", &iopd_reclaim_stats.pending },
	{ "pending_pages", &iopd_reclaim_stats.pending_pages },
	{ "freed", &iopd_reclaim_stats.freed },
	{ "freed_pages", &iopd_reclaim_stats.freed_pages },
	{ "batches", &iopd_reclaim_stats.batches },
	{ "longest_batch", &iopd_reclaim_stats.longest_batch },
	{ "longest_batch_ns", &iopd_reclaim_stats.longest_batch_ns },
	{ "trees", &iopd_reclaim_stats.trees },
	{ "held", &iopd_reclaim_stats.held },
	{ "trees_done", &iopd_reclaim_stats.trees_done },
	{ "helps", &iopd_reclaim_stats.helps },
	{ "drains", &iopd_reclaim_stats.drains },
	{ "shrinks", &iopd_reclaim_stats.shrinks },
	{ "sweeps", &iopd_reclaim_stats.sweeps },
	{ "swept", &iopd_reclaim_stats.swept },
};

static void iopd_show_counters(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iopd_counters); i++)
		debugfs_create_file_unsafe(iopd_counters[i].name, 0444,
					   iopd_debugfs,
					   iopd_counters[i].counter,
					   &iopd_counter_fops);
}

static void iopd_show_atomic(const char *name, atomic_long_t *counter)
{
	debugfs_create_file_unsafe(name, 0444, iopd_debugfs, counter,
				   &iopd_atomic_fops);
}

static void iopd_show_sum(const char *name, long __percpu *counter)
{
	debugfs_create_file_unsafe(name, 0444, iopd_debugfs,
				   (__force void *)counter, &iopd_sum_fops);
}

/**
 * iopd_debugfs_init() - make the files of the library in debugfs
 *
 * Context: may sleep. Fails in silence, as debugfs does: nothing depends on it.
 */
void iopd_debugfs_init(void)
{
	struct iopd_reclaim_stats *stats = &iopd_reclaim_stats;
	struct dentry *dir = debugfs_create_dir("io-pgtable-arm-deferred", NULL);

	iopd_debugfs = dir;
	iopd_show_counters();
	debugfs_create_file("batch_hist", 0444, dir, &stats->batch_hist,
			    &iopd_hist_fops);
	debugfs_create_file("queue_hist", 0444, dir, &stats->queue_hist,
			    &iopd_hist_fops);
	iopd_show_sum("live", &iopd_reclaim_live);
	iopd_show_sum("pages", &iopd_page_count);
	iopd_show_sum("limbo", &iopd_limbo_tables);
	iopd_show_atomic("limbo_flushes", &iopd_limbo_flushes);
#ifdef IOPD_DEBUG
	iopd_show_atomic("overlaps", &iopd_overlaps);
#endif
	debugfs_create_file_unsafe("reset", 0200, dir, NULL, &iopd_reset_fops);
	debugfs_create_file("trees_list", 0444, dir, NULL,
			    &iopd_trees_list_fops);
}

/**
 * iopd_debugfs_exit() - take them away
 *
 * Context: may sleep, until the last reader has left the files.
 */
void iopd_debugfs_exit(void)
{
	debugfs_remove(iopd_debugfs);
}
