// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters for people and tests: a number a file, and a list of what is pending.
 * Described in Documentation/ABI/debugfs-io-pgtable-arm-deferred.
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
#define IOPT_TREES_SHOWN	32

static struct dentry *iopt_debugfs;

/* debugfs_create_ulong() would read without saying that others write. */
static int iopt_counter_get(void *data, u64 *val)
{
	*val = READ_ONCE(*(unsigned long *)data);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopt_counter_fops, iopt_counter_get, NULL, "%llu\n");

static int iopt_atomic_get(void *data, u64 *val)
{
	*val = atomic_long_read((atomic_long_t *)data);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopt_atomic_fops, iopt_atomic_get, NULL, "%llu\n");

static int iopt_sum_get(void *data, u64 *val)
{
	*val = max(iopt_counter_sum((__force const long __percpu *)data), 0L);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopt_sum_fops, iopt_sum_get, NULL, "%llu\n");

static int iopt_reset_set(void *data, u64 val)
{
	reclaim_reset();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(iopt_reset_fops, NULL, iopt_reset_set, "%llu\n");

static void iopt_show_tree(struct seq_file *seq,
			   const struct reclaim_tree_info *info)
{
	seq_printf(seq, "%s %s pending %lu freed %lu age_ms %lld%s\n",
		   info->dev, info->closed ? "whole" : "parts", info->pending,
		   info->freed, info->age_ms, info->busy ? " busy" : "");
}

static int iopt_trees_list_show(struct seq_file *seq, void *data)
{
	unsigned long trees = READ_ONCE(reclaim_stats.trees);
	struct reclaim_tree_info *infos;
	unsigned int i, nr;

	infos = kcalloc(IOPT_TREES_SHOWN, sizeof(*infos), GFP_KERNEL);
	if (!infos)
		return -ENOMEM;

	nr = reclaim_tree_infos(infos, IOPT_TREES_SHOWN);
	for (i = 0; i < nr; i++)
		iopt_show_tree(seq, &infos[i]);
	if (trees > nr)
		seq_printf(seq, "and %lu more\n", trees - nr);
	kfree(infos);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(iopt_trees_list);

/* A line for each bucket up to the last that is not empty */
static int iopt_hist_show(struct seq_file *seq, void *data)
{
	const struct iopt_hist *hist = seq->private;
	unsigned int i, end = IOPT_HIST_BUCKETS;

	while (end && !READ_ONCE(hist->count[end - 1]))
		end--;
	for (i = 0; i < end; i++)
		seq_printf(seq, "%llu %llu %lu\n", i ? BIT_ULL(i) : 0,
			   BIT_ULL(i + 1), READ_ONCE(hist->count[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(iopt_hist);

static void iopt_show_counter(const char *name, unsigned long *counter)
{
	debugfs_create_file_unsafe(name, 0444, iopt_debugfs, counter,
				   &iopt_counter_fops);
}

static void iopt_show_atomic(const char *name, atomic_long_t *counter)
{
	debugfs_create_file_unsafe(name, 0444, iopt_debugfs, counter,
				   &iopt_atomic_fops);
}

static void iopt_show_sum(const char *name, long __percpu *counter)
{
	debugfs_create_file_unsafe(name, 0444, iopt_debugfs,
				   (__force void *)counter, &iopt_sum_fops);
}

/**
 * iopt_debugfs_init() - make the files of the library in debugfs
 *
 * Context: may sleep. Fails in silence, as debugfs does: nothing depends on it.
 */
void iopt_debugfs_init(void)
{
	struct reclaim_stats *stats = &reclaim_stats;
	struct dentry *dir = debugfs_create_dir("io-pgtable-arm-deferred", NULL);

	iopt_debugfs = dir;
	iopt_show_counter("pending", &stats->pending);
	iopt_show_counter("pending_pages", &stats->pending_pages);
	iopt_show_counter("freed", &stats->freed);
	iopt_show_counter("freed_pages", &stats->freed_pages);
	iopt_show_counter("batches", &stats->batches);
	iopt_show_counter("longest_batch", &stats->longest_batch);
	iopt_show_counter("longest_batch_ns", &stats->longest_batch_ns);
	iopt_show_counter("trees", &stats->trees);
	iopt_show_counter("held", &stats->held);
	iopt_show_counter("trees_done", &stats->trees_done);
	iopt_show_counter("helps", &stats->helps);
	iopt_show_counter("drains", &stats->drains);
	iopt_show_counter("shrinks", &stats->shrinks);
	iopt_show_counter("sweeps", &stats->sweeps);
	iopt_show_counter("swept", &stats->swept);
	debugfs_create_file("batch_hist", 0444, dir, &stats->batch_hist,
			    &iopt_hist_fops);
	debugfs_create_file("queue_hist", 0444, dir, &stats->queue_hist,
			    &iopt_hist_fops);
	iopt_show_sum("live", &reclaim_live);
	iopt_show_sum("pages", &iopt_page_count);
	iopt_show_sum("limbo", &iopt_limbo_tables);
	iopt_show_atomic("limbo_flushes", &iopt_limbo_flushes);
#ifdef IOPT_DEBUG
	iopt_show_atomic("overlaps", &iopt_overlaps);
#endif
	debugfs_create_file_unsafe("reset", 0200, dir, NULL, &iopt_reset_fops);
	debugfs_create_file("trees_list", 0444, dir, NULL,
			    &iopt_trees_list_fops);
}

/**
 * iopt_debugfs_exit() - take them away
 *
 * Context: may sleep, until the last reader has left the files.
 */
void iopt_debugfs_exit(void)
{
	debugfs_remove(iopt_debugfs);
}
