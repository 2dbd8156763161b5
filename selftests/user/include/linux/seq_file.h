/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that a file is read as.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SEQ_FILE_H
#define SHIM_SEQ_FILE_H

#include <linux/debugfs.h>

struct seq_file {
	char *text;
	size_t size;
	size_t used;
	void *private;
};

void seq_printf(struct seq_file *seq, const char *fmt, ...) __printf(2, 3);
#define seq_puts(seq, text)	seq_printf(seq, "%s", text)
#define seq_putc(seq, c)	seq_printf(seq, "%c", c)

#define DEFINE_SHOW_ATTRIBUTE(name)					\
static const struct file_operations name##_fops = {			\
	.show = name##_show,						\
}

#endif /* SHIM_SEQ_FILE_H */
