// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file tables in debugfs: what live domains map, a line a run, while others
 * map, unmap, attach and free.
 *
 * Nothing is held from one line to the next. Each look takes the mutex anew,
 * finds the domain by the number of its context, reads 512 entries at most and
 * copies what it found: with the mutex held, a domain that has a context is not
 * freed. A place never goes back, so that a reader comes to an end whatever is
 * mapped meanwhile.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bitfield.h>
#include <linux/debugfs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "ipmmu.h"

/*
 * A place is the position in the file: which context, and below that which page
 * of its addresses, of which there are 39 bits at most.
 */
#define PLACE_PAGE_SHIFT	12
#define PLACE_PAGE		GENMASK_ULL(39 - PLACE_PAGE_SHIFT - 1, 0)
#define PLACE_CONTEXT		GENMASK_ULL(39, 39 - PLACE_PAGE_SHIFT)

/* Attributes of a leaf of stage 1, Arm ARM (DDI 0487) D8.3.2 */
#define LEAF_ATTR_INDEX		GENMASK_ULL(4, 2)
#define LEAF_AP_UNPRIV		BIT_ULL(6)
#define LEAF_AP_RDONLY		BIT_ULL(7)
#define LEAF_UXN		BIT_ULL(54)

/**
 * struct ipmmu_dump - a reader of the file
 * @root: the root
 * @next: the place after @run
 * @context: whose domain has @run
 * @mair: memory types that the attributes refer to
 * @run: what was found last
 */
struct ipmmu_dump {
	struct ipmmu_root *root;
	loff_t next;
	unsigned int context;
	u64 mair;
	struct io_pgtable_deferred_run run;
};

static loff_t ipmmu_dump_place(unsigned int context, unsigned long iova)
{
	return FIELD_PREP(PLACE_CONTEXT, context) |
	       FIELD_PREP(PLACE_PAGE, iova >> PLACE_PAGE_SHIFT);
}

/* One look from @at on. Returns where to look next. */
static loff_t ipmmu_dump_look(struct ipmmu_dump *dump, loff_t at)
{
	unsigned long iova = FIELD_GET(PLACE_PAGE, at) << PLACE_PAGE_SHIFT;
	unsigned int id = FIELD_GET(PLACE_CONTEXT, at);
	struct ipmmu_root *root = dump->root;
	struct ipmmu_domain *domain;
	bool more = false;

	mutex_lock(&root->mutex);
	domain = root->contexts[id].domain;
	if (domain) {
		more = io_pgtable_deferred_next_run(domain->ops, &iova,
						    &dump->run);
		dump->mair = domain->cfg.arm_lpae_s1_cfg.mair;
	}
	mutex_unlock(&root->mutex);

	dump->context = id;
	return more && iova != ULONG_MAX ? ipmmu_dump_place(id, iova) :
	       ipmmu_dump_place(id + 1, 0);
}

/* The first run from @at on, or NULL if there is none. */
static void *ipmmu_dump_find(struct ipmmu_dump *dump, loff_t at)
{
	while (at < ipmmu_dump_place(dump->root->count, 0)) {
		dump->run.count = 0;
		at = ipmmu_dump_look(dump, at);
		if (dump->run.count) {
			dump->next = at;
			return dump;
		}
		cond_resched();
	}
	return NULL;
}

static void *ipmmu_dump_start(struct seq_file *file, loff_t *pos)
{
	return ipmmu_dump_find(file->private, *pos);
}

static void *ipmmu_dump_next(struct seq_file *file, void *entry, loff_t *pos)
{
	struct ipmmu_dump *dump = file->private;

	*pos = dump->next;
	return ipmmu_dump_find(dump, *pos);
}

static void ipmmu_dump_stop(struct seq_file *file, void *entry)
{
}

/* What MAIR says of an index, D19.2: the types that the library makes use of */
static const char *ipmmu_dump_memory_type(const struct ipmmu_dump *dump)
{
	unsigned int index = FIELD_GET(LEAF_ATTR_INDEX, dump->run.attributes);

	switch ((u8)(dump->mair >> (8 * index))) {
	case 0x04:
		return "device";
	case 0x44:
		return "uncached";
	case 0xf4:
		return "outer-cached";
	case 0xff:
		return "cached";
	default:
		return "unknown";
	}
}

static const char *ipmmu_dump_page_name(size_t size)
{
	switch (size) {
	case SZ_1G:
		return "1 GiB";
	case SZ_2M:
		return "2 MiB";
	default:
		return "4 KiB";
	}
}

static int ipmmu_dump_show(struct seq_file *file, void *entry)
{
	const struct ipmmu_dump *dump = entry;
	const struct io_pgtable_deferred_run *run = &dump->run;
	u64 attributes = run->attributes;

	seq_printf(file, "context %u 0x%010lx-0x%010lx -> 0x%010llx level %d %u x %s r%c%c %s%s\n",
		   dump->context, run->iova,
		   run->iova + run->pgsize * run->count - 1, (u64)run->paddr,
		   run->level, run->count, ipmmu_dump_page_name(run->pgsize),
		   attributes & LEAF_AP_RDONLY ? '-' : 'w',
		   attributes & LEAF_UXN ? '-' : 'x', ipmmu_dump_memory_type(dump),
		   attributes & LEAF_AP_UNPRIV ? "" : " privileged");
	return 0;
}

static const struct seq_operations dump_sops = {
	.start = ipmmu_dump_start,
	.next = ipmmu_dump_next,
	.stop = ipmmu_dump_stop,
	.show = ipmmu_dump_show,
};

static int ipmmu_dump_open(struct inode *inode, struct file *file)
{
	struct ipmmu_dump *dump = __seq_open_private(file, &dump_sops,
						     sizeof(*dump));

	if (!dump)
		return -ENOMEM;
	dump->root = inode->i_private;
	return 0;
}

const struct file_operations ipmmu_dump_fops = {
	.owner = THIS_MODULE,
	.open = ipmmu_dump_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};
