/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files for people; the tests read them, too.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_DEBUGFS_H
#define SHIM_DEBUGFS_H

#include <linux/kernel.h>

struct dentry;
struct seq_file;

struct file_operations {
	int (*show)(struct seq_file *seq, void *data);
	int (*get)(void *data, u64 *value);
	int (*set)(void *data, u64 value);
	const char *fmt;
};

#define DEFINE_DEBUGFS_ATTRIBUTE(name, get_, set_, fmt_)		\
static const struct file_operations name = {				\
	.get = get_,							\
	.set = set_,							\
	.fmt = fmt_,							\
}
#define DEFINE_SIMPLE_ATTRIBUTE(name, get, set, fmt)			\
	DEFINE_DEBUGFS_ATTRIBUTE(name, get, set, fmt)

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
void debugfs_create_ulong(const char *name, unsigned int mode,
			  struct dentry *parent, unsigned long *value);
struct dentry *debugfs_create_file(const char *name, unsigned int mode,
				   struct dentry *parent, void *data,
				   const struct file_operations *fops);
void debugfs_remove(struct dentry *dentry);

#define debugfs_create_file_unsafe(name, mode, parent, data, fops)	\
	debugfs_create_file(name, mode, parent, data, fops)
#define debugfs_remove_recursive(dentry)	debugfs_remove(dentry)

#endif /* SHIM_DEBUGFS_H */
