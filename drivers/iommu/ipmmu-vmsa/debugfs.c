// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/ipmmu-vmsa-deferred/contexts: what each context of the root
 * is used for, one a line.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "ipmmu.h"

static const char * const state_names[] = {
	[IPMMU_FREE] = "free",
	[IPMMU_RESERVED] = "reserved",
	[IPMMU_BLOCKING] = "blocking",
	[IPMMU_BUSY] = "busy",
	[IPMMU_QUARANTINED] = "quarantined",
};

static struct dentry *directory;

static int contexts_show(struct seq_file *file, void *unused)
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
DEFINE_SHOW_ATTRIBUTE(contexts);

/* One root a system: the file needs no name of its own. */
void ipmmu_debugfs_root(struct ipmmu_root *root)
{
	if (root)
		debugfs_create_file("contexts", 0444, directory, root,
				    &contexts_fops);
	else
		debugfs_lookup_and_remove("contexts", directory);
}

void ipmmu_debugfs_init(void)
{
	directory = debugfs_create_dir(IPMMU_DRIVER_NAME, NULL);
}

void ipmmu_debugfs_exit(void)
{
	debugfs_remove_recursive(directory);
}
