// SPDX-License-Identifier: GPL-2.0-only
/*
 * What contexts and micro-TLBs are used for, one a line. Described in
 * Documentation/ABI/debugfs-ipmmu-vmsa-deferred.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "ipmmu.h"

static const char * const state_names[] = {
	[IPMMU_FREE] = "free",
	[IPMMU_RESERVED] = "reserved",
	[IPMMU_FOUND] = "found",
	[IPMMU_BLOCKING] = "blocking",
	[IPMMU_BUSY] = "busy",
	[IPMMU_QUARANTINED] = "quarantined",
};

static struct dentry *directory;

static int ipmmu_contexts_show(struct seq_file *file, void *unused)
{
	struct ipmmu_root *root = file->private;
	const struct ipmmu_context *ctx;
	unsigned int id;

	mutex_lock(&root->mutex);
	if (root->mmu)
		seq_printf(file, "root %s va_bits %u\n",
			   dev_name(root->mmu->dev), ipmmu_root_ias(root));
	for (id = 0; root->mmu && id < root->count; id++) {
		ctx = &root->contexts[id];
		seq_printf(file, "context %u %s users %u caches 0x%lx flushes %lu\n",
			   id, state_names[ctx->state], ctx->utlbs, ctx->caches,
			   READ_ONCE(ctx->started));
	}
	mutex_unlock(&root->mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ipmmu_contexts);

/*
 * A position is a micro-TLB, counted through all caches. The mutex is held from
 * start to stop, which is as long as it takes to fill the buffer of one read.
 */
#define UTLBS_END	(IPMMU_CACHES_MAX * IPMMU_UTLBS_MAX)

static struct ipmmu *ipmmu_utlb_cache(const struct ipmmu_root *root, loff_t pos)
{
	return root->caches[(unsigned int)pos / IPMMU_UTLBS_MAX];
}

static unsigned int ipmmu_utlb_number(loff_t pos)
{
	return (unsigned int)pos % IPMMU_UTLBS_MAX;
}

/* From @pos on, the first that has masters or points somewhere */
static void *ipmmu_utlbs_find(const struct ipmmu_root *root, loff_t *pos)
{
	const struct ipmmu_utlb *utlb;
	const struct ipmmu *mmu;

	for (; *pos < UTLBS_END; ++*pos) {
		mmu = ipmmu_utlb_cache(root, *pos);
		if (!mmu)
			continue;
		utlb = &mmu->utlbs[ipmmu_utlb_number(*pos)];
		if (utlb->masters || utlb->context || utlb->foreign)
			return pos;
	}
	return NULL;
}

static void *ipmmu_utlbs_start(struct seq_file *file, loff_t *pos)
{
	struct ipmmu_root *root = file->private;

	mutex_lock(&root->mutex);
	return ipmmu_utlbs_find(root, pos);
}

static void *ipmmu_utlbs_next(struct seq_file *file, void *entry, loff_t *pos)
{
	++*pos;
	return ipmmu_utlbs_find(file->private, pos);
}

static void ipmmu_utlbs_stop(struct seq_file *file, void *entry)
{
	struct ipmmu_root *root = file->private;

	mutex_unlock(&root->mutex);
}

static bool ipmmu_master_has(const struct ipmmu_master *master,
			     unsigned int utlb)
{
	unsigned int i;

	for (i = 0; i < master->count; i++)
		if (master->utlb[i] == utlb)
			return true;
	return false;
}

static int ipmmu_utlbs_show(struct seq_file *file, void *entry)
{
	const struct ipmmu_root *root = file->private;
	const struct ipmmu *mmu = ipmmu_utlb_cache(root, *(loff_t *)entry);
	unsigned int number = ipmmu_utlb_number(*(loff_t *)entry);
	const struct ipmmu_context *ctx = mmu->utlbs[number].context;
	const struct ipmmu_master *master;

	seq_printf(file, "%s cache %u utlb %u ", dev_name(mmu->dev), mmu->index,
		   number);
	if (ctx)
		seq_printf(file, "context %u masters", ctx->id);
	else if (mmu->utlbs[number].foreign)
		seq_puts(file, "foreign masters");
	else
		seq_puts(file, "off masters");
	if (!mmu->utlbs[number].masters)
		seq_puts(file, " none");
	list_for_each_entry(master, &root->masters, node)
		if (master->mmu == mmu && ipmmu_master_has(master, number))
			seq_printf(file, " %s", dev_name(master->dev));
	seq_putc(file, '\n');
	return 0;
}

static const struct seq_operations ipmmu_utlbs_sops = {
	.start = ipmmu_utlbs_start,
	.next = ipmmu_utlbs_next,
	.stop = ipmmu_utlbs_stop,
	.show = ipmmu_utlbs_show,
};
DEFINE_SEQ_ATTRIBUTE(ipmmu_utlbs);

/* One root a system: the files need no names of their own. */
static const struct {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
} files[] = {
	{ "contexts", 0444, &ipmmu_contexts_fops },
	{ "utlbs", 0444, &ipmmu_utlbs_fops },
	{ "tables", 0400, &ipmmu_dump_fops },
};

/**
 * ipmmu_debugfs_root() - make the files of a root in debugfs, or take them away
 * @root: the root, or NULL when it goes
 *
 * Context: may sleep, until the last reader has left the files.
 */
void ipmmu_debugfs_root(struct ipmmu_root *root)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (root)
			debugfs_create_file(files[i].name, files[i].mode,
					    directory, root, files[i].fops);
		else
			debugfs_lookup_and_remove(files[i].name, directory);
	}
}

/**
 * ipmmu_debugfs_init() - make the directory of the driver in debugfs
 */
void ipmmu_debugfs_init(void)
{
	directory = debugfs_create_dir(IPMMU_DRIVER_NAME, NULL);
}

/**
 * ipmmu_debugfs_exit() - take it away
 *
 * Context: may sleep.
 */
void ipmmu_debugfs_exit(void)
{
	debugfs_remove_recursive(directory);
}
