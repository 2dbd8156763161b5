// SPDX-License-Identifier: GPL-2.0-only
/*
 * A door to io-pgtable-arm-deferred for tests: /dev/iopd-test. No hardware
 * walks these tables; the flushes are counted and, on demand, do not complete.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/atomic.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/io-pgtable.h>
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include <compat/io-pgtable-api.h>
#include "ioctl_arg.h"
#include "iopd_test.h"

/* VMSAv8 long descriptors */
#define LAST_LEVEL		3
#define DESC_VALID		BIT_ULL(0)
#define DESC_TABLE		BIT_ULL(1)
#define DESC_RDONLY		BIT_ULL(7)
#define DESC_DBM		BIT_ULL(51)

/* The shape of a table as the registers tell it */
struct iopd_shape {
	unsigned int page_bits;
	unsigned int level_bits;
	unsigned int root_bits;
	int start;
};

struct iopd_file {
	/*
	 * shared: everything that the library lets run in parallel; else:
	 * exclusive
	 */
	struct rw_semaphore lock;
	struct io_pgtable_ops *ops;
	struct io_pgtable_cfg cfg;
	struct iopd_shape shape;
	bool stage2;
	bool by_address;
	gfp_t gfp;		/* of maps that may sleep */
	bool kernel;
	bool time_out;
	bool meet;
	struct task_struct *load;

	/* a bracket that user space left open */
	struct mutex bracket_lock;
	struct io_pgtable_deferred_limbo bracket;
	bool bracket_open;

	atomic64_t flush_all;
	atomic64_t flush_walk;
	atomic64_t add_page;
	u64 flush_walk_iova;
	u64 flush_walk_size;
};

static struct platform_device *iopd_pdev;

static int node = NUMA_NO_NODE;
module_param(node, int, 0644);
MODULE_PARM_DESC(node,
		 "where the IOMMU of page tables made from now on is, -1: nowhere (default)");

/*
 * The flush that the library asks for; there are no caches, so it is done at
 * once
 */
static void iopd_bracket(struct iopd_file *file)
{
	struct io_pgtable_deferred_limbo limbo;

	if (file->kernel)
		return;
	io_pgtable_deferred_flush_begin(file->ops, &limbo);
	io_pgtable_deferred_flush_end(file->ops, &limbo,
				      !READ_ONCE(file->time_out));
}

static void iopd_tlb_flush_all(void *cookie)
{
	struct iopd_file *file = cookie;

	atomic64_inc(&file->flush_all);
	iopd_bracket(file);
}

static void iopd_tlb_flush_walk(unsigned long iova, size_t size,
				size_t granule, void *cookie)
{
	struct iopd_file *file = cookie;

	atomic64_inc(&file->flush_walk);
	WRITE_ONCE(file->flush_walk_iova, iova);
	WRITE_ONCE(file->flush_walk_size, size);
	/* In the middle of the call that asks: it has that page to itself. */
	if (READ_ONCE(file->meet))
		compat_unmap_pages(file->ops, iova, granule, 1, NULL);
	iopd_bracket(file);
}

static void iopd_tlb_add_page(struct iommu_iotlb_gather *gather,
			      unsigned long iova, size_t granule, void *cookie)
{
	struct iopd_file *file = cookie;

	atomic64_inc(&file->add_page);
}

static const struct iommu_flush_ops iopd_tlb = {
	.tlb_flush_all	= iopd_tlb_flush_all,
	.tlb_flush_walk	= iopd_tlb_flush_walk,
	.tlb_add_page	= iopd_tlb_add_page,
};

/* --- making and freeing --------------------------------------------------- */

static struct io_pgtable_ops *iopd_alloc(struct iopd_file *file, u32 fmt)
{
	if (file->kernel)
		return alloc_io_pgtable_ops(fmt, &file->cfg, file);
	return io_pgtable_deferred_alloc(fmt, &file->cfg, file);
}

static void iopd_report_s2(const struct io_pgtable_cfg *cfg,
			   struct iopd_create *arg)
{
	arg->ttbr = cfg->arm_lpae_s2_cfg.vttbr;
	arg->mair = 0;
	arg->ips = cfg->arm_lpae_s2_cfg.vtcr.ps;
	arg->tg = cfg->arm_lpae_s2_cfg.vtcr.tg;
	arg->sh = cfg->arm_lpae_s2_cfg.vtcr.sh;
	arg->orgn = cfg->arm_lpae_s2_cfg.vtcr.orgn;
	arg->irgn = cfg->arm_lpae_s2_cfg.vtcr.irgn;
	arg->tsz = cfg->arm_lpae_s2_cfg.vtcr.tsz;
	arg->sl = cfg->arm_lpae_s2_cfg.vtcr.sl;
}

static void iopd_report_s1(const struct io_pgtable_cfg *cfg,
			   struct iopd_create *arg)
{
	arg->ttbr = cfg->arm_lpae_s1_cfg.ttbr;
	arg->mair = cfg->arm_lpae_s1_cfg.mair;
	arg->ips = cfg->arm_lpae_s1_cfg.tcr.ips;
	arg->tg = cfg->arm_lpae_s1_cfg.tcr.tg;
	arg->sh = cfg->arm_lpae_s1_cfg.tcr.sh;
	arg->orgn = cfg->arm_lpae_s1_cfg.tcr.orgn;
	arg->irgn = cfg->arm_lpae_s1_cfg.tcr.irgn;
	arg->tsz = cfg->arm_lpae_s1_cfg.tcr.tsz;
	arg->sl = 0;
}

/* Stage 2 says at which level it starts, in a way of its own with 4 KiB */
static int iopd_start_level(const struct iopd_file *file, unsigned int levels)
{
	int sl = ~file->cfg.arm_lpae_s2_cfg.vtcr.sl & 3;

	if (!file->stage2)
		return LAST_LEVEL + 1 - levels;
	return file->shape.page_bits == 12 ? sl - 1 : sl;
}

static void iopd_find_shape(struct iopd_file *file)
{
	struct iopd_shape *shape = &file->shape;
	unsigned int bits;

	shape->page_bits = __ffs(file->cfg.pgsize_bitmap);
	shape->level_bits = shape->page_bits - 3;
	bits = file->cfg.ias - shape->page_bits;
	shape->start = iopd_start_level(file, DIV_ROUND_UP(bits, shape->level_bits));
	shape->root_bits = bits - shape->level_bits * (LAST_LEVEL - shape->start);
}

static bool iopd_node_is_there(int nid)
{
	return nid == NUMA_NO_NODE ||
	       (nid >= 0 && nid < MAX_NUMNODES && node_online(nid));
}

static void iopd_take_shape(struct iopd_file *file,
			    const struct iopd_create *arg)
{
	file->gfp = arg->flags & IOPD_ACCOUNT ? GFP_KERNEL_ACCOUNT : GFP_KERNEL;
	file->kernel = arg->flags & IOPD_KERNEL;
	file->by_address = arg->flags & IOPD_BY_ADDRESS;
	file->stage2 = arg->fmt == ARM_32_LPAE_S2 || arg->fmt == ARM_64_LPAE_S2;
	file->cfg = (struct io_pgtable_cfg) {
		.quirks		= arg->quirks,
		.pgsize_bitmap	= arg->pgsize_bitmap,
		.ias		= arg->ias,
		.oas		= arg->oas,
		.coherent_walk	= arg->flags & IOPD_COHERENT,
		.tlb		= arg->flags & IOPD_NO_TLB ? NULL : &iopd_tlb,
		.iommu_dev	= &iopd_pdev->dev,
	};
}

static void iopd_report(const struct iopd_file *file, struct iopd_create *arg)
{
	arg->pgsize_bitmap = file->cfg.pgsize_bitmap;
	arg->ias = file->cfg.ias;
	arg->oas = file->cfg.oas;
	if (file->stage2)
		iopd_report_s2(&file->cfg, arg);
	else
		iopd_report_s1(&file->cfg, arg);
}

static long iopd_create(struct iopd_file *file, struct iopd_create *arg)
{
	int nid = READ_ONCE(node);

	if (arg->flags & ~(IOPD_COHERENT | IOPD_KERNEL | IOPD_NO_TLB |
			   IOPD_ACCOUNT | IOPD_BY_ADDRESS |
			   IOPD_WORKER_FLUSHES) ||
	    !iopd_node_is_there(nid))
		return -EINVAL;
	if (file->ops)
		return -EBUSY;
	/* Others of the kernel's would leave the fields read back unset. */
	if (arg->flags & IOPD_KERNEL && arg->fmt > ARM_64_LPAE_S2)
		return -EINVAL;

	set_dev_node(&iopd_pdev->dev, nid);
	iopd_take_shape(file, arg);
	file->ops = iopd_alloc(file, arg->fmt);
	if (!file->ops)
		return -EOPNOTSUPP;
	/* Tests count flushes, so the module makes none by itself. */
	if (!file->kernel && !(arg->flags & IOPD_WORKER_FLUSHES))
		io_pgtable_deferred_allow_flush(file->ops, false);
	iopd_report(file, arg);
	iopd_find_shape(file);
	return 0;
}

/* A bracket must not outlive its page table */
static void iopd_close_bracket(struct iopd_file *file)
{
	if (file->bracket_open)
		io_pgtable_deferred_flush_end(file->ops, &file->bracket, true);
	file->bracket_open = false;
}

static void iopd_stop_load(struct iopd_file *file)
{
	if (file->load)
		kthread_stop(file->load);
	file->load = NULL;
}

static long iopd_free(struct iopd_file *file, struct iopd_time *arg)
{
	u64 start;

	if (!file->ops)
		return -EINVAL;
	iopd_stop_load(file);
	iopd_close_bracket(file);
	start = ktime_get_ns();
	if (file->kernel)
		free_io_pgtable_ops(file->ops);
	else
		io_pgtable_deferred_free_flushed(file->ops);
	arg->ns = ktime_get_ns() - start;
	file->ops = NULL;
	return 0;
}

/* --- map, unmap, lookup --------------------------------------------------- */

/* The first IOVA: of the upper half of a split space it is not 0 */
static u64 iopd_base(const struct iopd_file *file)
{
	return file->cfg.quirks & IO_PGTABLE_QUIRK_ARM_TTBR1 ?
	       ~0ULL << file->cfg.ias : 0;
}

/* The kernel's own code warns of what the library is to refuse: keep it out */
static bool iopd_kernel_would_warn(struct iopd_file *file, u64 iova, u64 paddr,
				   u64 pgsize, u64 pgcount)
{
	u64 size;

	if (!file->kernel)
		return false;
	iova -= iopd_base(file);
	if (!pgsize || (pgsize & file->cfg.pgsize_bitmap) != pgsize ||
	    (pgsize & (pgsize - 1)) || ((iova | paddr) & (pgsize - 1)) ||
	    !pgcount || pgcount > BIT_ULL(file->cfg.ias) / pgsize)
		return true;
	size = pgsize * pgcount;
	return iova > BIT_ULL(file->cfg.ias) - size ||
	       paddr >> file->cfg.oas || (paddr + size - 1) >> file->cfg.oas;
}

static bool iopd_fits_size_t(u64 pgsize, u64 pgcount)
{
	return pgsize <= SIZE_MAX && pgcount <= SIZE_MAX;
}

static long iopd_map(struct iopd_file *file, struct iopd_map *arg)
{
	bool atomic = arg->flags & IOPD_ATOMIC;
	size_t mapped = 0;
	u64 start;

	if (!file->ops || arg->flags & ~IOPD_ATOMIC ||
	    !iopd_fits_size_t(arg->pgsize, arg->pgcount) ||
	    iopd_kernel_would_warn(file, arg->iova, arg->paddr, arg->pgsize,
				   arg->pgcount))
		return -EINVAL;

	if (atomic)
		local_bh_disable();
	start = ktime_get_ns();
	arg->result = compat_map_pages(file->ops, arg->iova, arg->paddr,
				       arg->pgsize, arg->pgcount, arg->prot,
				       atomic ? GFP_ATOMIC : file->gfp,
				       &mapped);
	arg->ns = ktime_get_ns() - start;
	if (atomic)
		local_bh_enable();
	arg->mapped = mapped;
	return 0;
}

/*
 * Unless it is one by address, the test makes a whole flush after each unmap.
 */
static void iopd_gather_init(const struct iopd_file *file,
			     struct iommu_iotlb_gather *gather)
{
	iommu_iotlb_gather_init(gather);
	if (!file->by_address) {
		gather->start = 0;
		gather->end = ULONG_MAX;
	}
}

static long iopd_unmap(struct iopd_file *file, struct iopd_unmap *arg)
{
	bool atomic = arg->flags & IOPD_ATOMIC;
	struct iommu_iotlb_gather gather;
	u64 start;

	if (!file->ops || arg->flags & ~IOPD_ATOMIC ||
	    !iopd_fits_size_t(arg->pgsize, arg->pgcount) ||
	    iopd_kernel_would_warn(file, arg->iova, 0, arg->pgsize,
				   arg->pgcount))
		return -EINVAL;

	iopd_gather_init(file, &gather);
	if (atomic)
		local_bh_disable();
	start = ktime_get_ns();
	arg->unmapped = compat_unmap_pages(file->ops, arg->iova, arg->pgsize,
					   arg->pgcount, &gather);
	arg->ns = ktime_get_ns() - start;
	if (atomic)
		local_bh_enable();
	return 0;
}

static long iopd_lookup(struct iopd_file *file, struct iopd_lookup *arg)
{
	if (!file->ops)
		return -EINVAL;
	arg->paddr = file->ops->iova_to_phys(file->ops, arg->iova);
	return 0;
}

static long iopd_next_run(struct iopd_file *file, struct iopd_next_run *arg)
{
	struct io_pgtable_deferred_run run = { .count = 0 };
	unsigned long iova = arg->iova;

	if (!file->ops || file->kernel)
		return -EINVAL;
	arg->more = io_pgtable_deferred_next_run(file->ops, &iova, &run);
	arg->iova = iova;
	arg->start = run.iova;
	arg->paddr = run.paddr;
	arg->pgsize = run.pgsize;
	arg->attributes = run.attributes;
	arg->count = run.count;
	arg->level = run.level;
	return 0;
}

/*
 * One element of a fill: in pieces, as the library may stop at the end of a
 * table
 */
static int iopd_fill_one(struct iopd_file *file, const struct iopd_fill *arg,
			 u64 iova)
{
	size_t size = arg->pgsize * arg->pgcount, total = 0, mapped;
	int ret;

	while (total < size) {
		mapped = 0;
		ret = compat_map_pages(file->ops, iova + total,
				       arg->paddr + total, arg->pgsize,
				       (size - total) / arg->pgsize,
				       arg->prot, file->gfp, &mapped);
		if (ret)
			return ret;
		if (!mapped)
			return -EIO;
		total += mapped;
	}
	return 0;
}

static int iopd_strip_one(struct iopd_file *file, const struct iopd_fill *arg,
			  u64 iova)
{
	size_t size = arg->pgsize * arg->pgcount, total = 0, unmapped;
	struct iommu_iotlb_gather gather;

	iopd_gather_init(file, &gather);
	while (total < size) {
		unmapped = compat_unmap_pages(file->ops, iova + total,
					      arg->pgsize,
					      (size - total) / arg->pgsize,
					      &gather);
		if (!unmapped)
			return -ENOENT;
		total += unmapped;
	}
	return 0;
}

static long iopd_fill(struct iopd_file *file, struct iopd_fill *arg,
		      int (*one)(struct iopd_file *, const struct iopd_fill *,
				 u64))
{
	u64 start = ktime_get_ns();

	if (!file->ops || !arg->pgsize || !arg->pgcount ||
	    arg->pgcount > SIZE_MAX / arg->pgsize ||
	    iopd_kernel_would_warn(file, arg->iova, arg->paddr, arg->pgsize,
				   arg->pgcount) ||
	    (file->kernel && arg->stride & (arg->pgsize - 1)))
		return -EINVAL;

	arg->result = 0;
	for (arg->done = 0; arg->done < arg->count; arg->done++) {
		u64 iova = arg->iova + arg->done * arg->stride;

		if (iopd_kernel_would_warn(file, iova, arg->paddr, arg->pgsize,
					   arg->pgcount))
			return -EINVAL;
		arg->result = one(file, arg, iova);
		if (arg->result)
			break;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	arg->ns = ktime_get_ns() - start;
	return 0;
}

/* --- flushing ------------------------------------------------------------- */

static long iopd_flush_whole(struct iopd_file *file, struct iopd_flush *arg)
{
	struct io_pgtable_deferred_limbo limbo;

	io_pgtable_deferred_flush_begin(file->ops, &limbo);
	arg->count = limbo.count;
	io_pgtable_deferred_flush_end(file->ops, &limbo,
				      !(arg->flags & IOPD_FLUSH_TIMED_OUT));
	return 0;
}

/*
 * A bracket that spans several calls, to put detaches into the middle of a
 * flush
 */
static long iopd_flush_half(struct iopd_file *file, struct iopd_flush *arg)
{
	bool begin = arg->flags & IOPD_FLUSH_BEGIN;
	long ret = 0;

	mutex_lock(&file->bracket_lock);
	if (begin == file->bracket_open) {
		ret = begin ? -EBUSY : -EINVAL;
	} else if (begin) {
		io_pgtable_deferred_flush_begin(file->ops, &file->bracket);
		arg->count = file->bracket.count;
		file->bracket_open = true;
	} else {
		arg->count = file->bracket.count;
		io_pgtable_deferred_flush_end(file->ops, &file->bracket,
					      !(arg->flags & IOPD_FLUSH_TIMED_OUT));
		file->bracket_open = false;
	}
	mutex_unlock(&file->bracket_lock);
	return ret;
}

static long iopd_flush(struct iopd_file *file, struct iopd_flush *arg)
{
	u32 halves = arg->flags & (IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);

	if (!file->ops || file->kernel || !halves ||
	    arg->flags & ~(halves | IOPD_FLUSH_TIMED_OUT))
		return -EINVAL;
	if (halves == (IOPD_FLUSH_BEGIN | IOPD_FLUSH_END))
		return iopd_flush_whole(file, arg);
	return iopd_flush_half(file, arg);
}

static long iopd_counters(struct iopd_file *file, struct iopd_counters *arg)
{
	arg->flush_all = atomic64_read(&file->flush_all);
	arg->flush_walk = atomic64_read(&file->flush_walk);
	arg->add_page = atomic64_read(&file->add_page);
	arg->flush_walk_iova = READ_ONCE(file->flush_walk_iova);
	arg->flush_walk_size = READ_ONCE(file->flush_walk_size);
	return 0;
}

/* --- the test's own walk -------------------------------------------------- */

static int iopd_scan_leaf(struct iopd_scan *arg, u64 iova, u64 desc, int level)
{
	struct iopd_leaf leaf = {
		.iova = iova, .descriptor = desc, .level = level,
	};
	struct iopd_leaf __user *out = u64_to_user_ptr(arg->buffer);

	if (arg->leaves < arg->capacity &&
	    copy_to_user(out + arg->leaves, &leaf, sizeof(leaf)))
		return -EFAULT;
	arg->leaves++;
	return 0;
}

/*
 * Where a descriptor leads; with 64 KiB its bits 15:12 are bits 51:48 of that
 */
static u64 iopd_desc_address(const struct iopd_shape *shape, u64 desc)
{
	u64 address = desc & GENMASK_ULL(47, shape->page_bits);

	if (shape->page_bits == 16)
		address |= (desc & GENMASK_ULL(15, 12)) << 36;
	return address;
}

static int iopd_scan_table(const struct iopd_shape *shape,
			   struct iopd_scan *arg, u64 table, u64 base, int level)
{
	unsigned int bits = level == shape->start ? shape->root_bits :
						    shape->level_bits;
	unsigned int shift = shape->page_bits +
			     shape->level_bits * (LAST_LEVEL - level);
	u64 *entry = phys_to_virt(table);
	unsigned int i;
	int ret = 0;

	arg->tables++;
	for (i = 0; i < BIT(bits) && !ret; i++) {
		u64 iova = base + ((u64)i << shift);
		u64 desc = le64_to_cpu(READ_ONCE(*(__le64 *)&entry[i]));

		if (!(desc & DESC_VALID) || iova > arg->last ||
		    iova + BIT_ULL(shift) - 1 < arg->start)
			continue;
		if (level < LAST_LEVEL && desc & DESC_TABLE)
			ret = iopd_scan_table(shape, arg,
					      iopd_desc_address(shape, desc),
					      iova, level + 1);
		else
			ret = iopd_scan_leaf(arg, iova, desc, level);
		cond_resched();
	}
	return ret;
}

static u64 iopd_root(const struct iopd_file *file)
{
	return file->stage2 ? file->cfg.arm_lpae_s2_cfg.vttbr :
			      file->cfg.arm_lpae_s1_cfg.ttbr;
}

static long iopd_scan(struct iopd_file *file, struct iopd_scan *arg)
{
	if (!file->ops || arg->start > arg->last)
		return -EINVAL;
	arg->leaves = 0;
	arg->tables = 0;
	return iopd_scan_table(&file->shape, arg, iopd_root(file), 0,
			       file->shape.start);
}

/* --- dirty leaves, and the way to them ------------------------------------ */

#ifdef COMPAT_HAS_DIRTY
static long iopd_dirty(struct iopd_file *file, struct iopd_dirty *arg)
{
	struct iommu_iotlb_gather gather;
	struct iommu_dirty_bitmap dirty;

	if (!file->ops || !file->ops->read_and_clear_dirty)
		return -EINVAL;
	iommu_dirty_bitmap_init(&dirty, NULL, &gather);
	arg->result = file->ops->read_and_clear_dirty(file->ops, arg->iova,
						      arg->size,
						      arg->keep ?
						      IOMMU_DIRTY_NO_CLEAR : 0,
						      &dirty);
	arg->start = gather.end ? gather.start : 0;
	arg->end = gather.end ? gather.end + 1 : 0;
	return 0;
}
#else
static long iopd_dirty(struct iopd_file *file, struct iopd_dirty *arg)
{
	return -EOPNOTSUPP;
}
#endif

static u64 *iopd_find_leaf(const struct iopd_file *file, u64 at)
{
	const struct iopd_shape *shape = &file->shape;
	unsigned int shift = shape->page_bits +
			     shape->level_bits * (LAST_LEVEL - shape->start);
	u64 *entry = (u64 *)phys_to_virt(iopd_root(file)) + (at >> shift);
	int level;

	for (level = shape->start; level < LAST_LEVEL; level++) {
		if ((READ_ONCE(*entry) & (DESC_VALID | DESC_TABLE)) !=
		    (DESC_VALID | DESC_TABLE))
			break;
		shift -= shape->level_bits;
		entry = (u64 *)phys_to_virt(iopd_desc_address(shape,
							      READ_ONCE(*entry))) +
			((at >> shift) & (BIT(shape->level_bits) - 1));
	}
	return READ_ONCE(*entry) & DESC_VALID ? entry : NULL;
}

static long iopd_write(struct iopd_file *file, struct iopd_write *arg)
{
	u64 *leaf, old;

	if (!file->ops || file->stage2 || (arg->iova - iopd_base(file)) >> file->cfg.ias)
		return -EINVAL;
	leaf = iopd_find_leaf(file, arg->iova - iopd_base(file));
	old = leaf ? READ_ONCE(*leaf) : 0;
	arg->done = (old & DESC_DBM) && (old & DESC_RDONLY) &&
		    cmpxchg64(leaf, old, old & ~DESC_RDONLY) == old;
	return 0;
}

static long iopd_path(struct iopd_file *file, struct iopd_path *arg)
{
	memset(arg->entries, 0, sizeof(arg->entries));
	if (!file->ops)
		return -EINVAL;
	return compat_pgtable_walk(file->ops, arg->iova, arg->entries,
				   &arg->result);
}

/* --- others at work ------------------------------------------------------- */

/* Tables that the load makes and cuts in turn */
#define LOAD_TABLES		64

static void iopd_load_turn(struct iopd_file *file, u64 iova)
{
	struct io_pgtable_deferred_limbo limbo;
	struct iommu_iotlb_gather gather;
	size_t mapped = 0;

	compat_map_pages(file->ops, iova, SZ_1G, SZ_4K, 1,
			 IOMMU_READ | IOMMU_WRITE, GFP_KERNEL, &mapped);
	if (!mapped)
		return;
	iommu_iotlb_gather_init(&gather);
	compat_unmap_pages(file->ops, iova, SZ_2M, 1, &gather);
	io_pgtable_deferred_flush_begin(file->ops, &limbo);
	io_pgtable_deferred_flush_end(file->ops, &limbo, true);
}

static int iopd_load_thread(void *arg)
{
	unsigned int turn;

	for (turn = 0; !kthread_should_stop(); turn++) {
		iopd_load_turn(arg, turn % LOAD_TABLES * (u64)SZ_2M);
		cond_resched();
	}
	return 0;
}

static long iopd_load(struct iopd_file *file, struct iopd_load *arg)
{
	struct task_struct *load;

	if (!file->ops || file->kernel)
		return -EINVAL;
	if (!arg->on) {
		iopd_stop_load(file);
		return 0;
	}
	if (file->load)
		return -EBUSY;
	load = kthread_run(iopd_load_thread, file, "iopd-load");
	if (IS_ERR(load))
		return PTR_ERR(load);
	file->load = load;
	return 0;
}

static long iopd_read(const struct iopd_time *arg)
{
	u64 start = ktime_get_ns();

	rcu_read_lock();
	while (ktime_get_ns() - start < arg->ns && !fatal_signal_pending(current))
		cpu_relax();
	rcu_read_unlock();
	return 0;
}

struct iopd_grace {
	struct rcu_head rcu;
	struct completion over;
};

static void iopd_grace_over(struct rcu_head *rcu)
{
	complete(&container_of(rcu, struct iopd_grace, rcu)->over);
}

static long iopd_grace(struct iopd_time *arg)
{
	struct iopd_grace grace;
	u64 start = ktime_get_ns();

	init_completion(&grace.over);
	init_rcu_head_on_stack(&grace.rcu);
	call_rcu(&grace.rcu, iopd_grace_over);
	wait_for_completion(&grace.over);
	destroy_rcu_head_on_stack(&grace.rcu);
	arg->ns = ktime_get_ns() - start;
	return 0;
}

/* --- the file ------------------------------------------------------------- */

static long iopd_drain(struct iopd_time *arg)
{
	u64 start = ktime_get_ns();

	io_pgtable_deferred_drain();
	arg->ns = ktime_get_ns() - start;
	return 0;
}

union iopd_arg {
	struct iopd_create create;
	struct iopd_map map;
	struct iopd_unmap unmap;
	struct iopd_lookup lookup;
	struct iopd_fill fill;
	struct iopd_flush flush;
	struct iopd_time time;
	struct iopd_control control;
	struct iopd_counters counters;
	struct iopd_scan scan;
	struct iopd_next_run next_run;
	struct iopd_dirty dirty;
	struct iopd_write write;
	struct iopd_path path;
	struct iopd_load load;
};

static long iopd_shared(struct iopd_file *file, unsigned int cmd,
			union iopd_arg *arg)
{
	switch (cmd) {
	case IOPD_IOC_MAP:
		return iopd_map(file, &arg->map);
	case IOPD_IOC_UNMAP:
		return iopd_unmap(file, &arg->unmap);
	case IOPD_IOC_LOOKUP:
		return iopd_lookup(file, &arg->lookup);
	case IOPD_IOC_NEXT_RUN:
		return iopd_next_run(file, &arg->next_run);
	case IOPD_IOC_DIRTY:
		return iopd_dirty(file, &arg->dirty);
	case IOPD_IOC_PATH:
		return iopd_path(file, &arg->path);
	case IOPD_IOC_FILL:
		return iopd_fill(file, &arg->fill, iopd_fill_one);
	case IOPD_IOC_STRIP:
		return iopd_fill(file, &arg->fill, iopd_strip_one);
	case IOPD_IOC_FLUSH:
		return iopd_flush(file, &arg->flush);
	case IOPD_IOC_COUNTERS:
		return iopd_counters(file, &arg->counters);
	case IOPD_IOC_DRAIN:
		return iopd_drain(&arg->time);
	case IOPD_IOC_READ:
		return iopd_read(&arg->time);
	case IOPD_IOC_GRACE:
		return iopd_grace(&arg->time);
	case IOPD_IOC_CONTROL:
		WRITE_ONCE(file->time_out, arg->control.time_out);
		WRITE_ONCE(file->meet, arg->control.meet);
		return 0;
	default:
		return -ENOTTY;
	}
}

static long iopd_exclusive(struct iopd_file *file, unsigned int cmd,
			   union iopd_arg *arg)
{
	switch (cmd) {
	case IOPD_IOC_CREATE:
		return iopd_create(file, &arg->create);
	case IOPD_IOC_FREE:
		return iopd_free(file, &arg->time);
	case IOPD_IOC_WRITE:
		return iopd_write(file, &arg->write);
	case IOPD_IOC_LOAD:
		return iopd_load(file, &arg->load);
	default:
		return iopd_scan(file, &arg->scan);
	}
}

static long iopd_locked(struct iopd_file *file, unsigned int cmd,
			union iopd_arg *arg)
{
	long ret;

	switch (cmd) {
	case IOPD_IOC_CREATE:
	case IOPD_IOC_FREE:
	case IOPD_IOC_SCAN:
	case IOPD_IOC_WRITE:
	case IOPD_IOC_LOAD:
		down_write(&file->lock);
		ret = iopd_exclusive(file, cmd, arg);
		up_write(&file->lock);
		return ret;
	default:
		down_read(&file->lock);
		ret = iopd_shared(file, cmd, arg);
		up_read(&file->lock);
		return ret;
	}
}

static long iopd_ioctl(struct file *filp, unsigned int cmd, unsigned long uarg)
{
	union iopd_arg arg;
	long ret;

	ret = ioctl_arg_get(cmd, uarg, &arg, sizeof(arg));
	if (!ret)
		ret = iopd_locked(filp->private_data, cmd, &arg);
	return ret ? ret : ioctl_arg_put(cmd, uarg, &arg);
}

static int iopd_open(struct inode *inode, struct file *filp)
{
	struct iopd_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	init_rwsem(&file->lock);
	mutex_init(&file->bracket_lock);
	filp->private_data = file;
	return 0;
}

static int iopd_release(struct inode *inode, struct file *filp)
{
	struct iopd_file *file = filp->private_data;
	struct iopd_time unused;

	iopd_free(file, &unused);
	kfree(file);
	return 0;
}

static const struct file_operations iopd_fops = {
	.owner		= THIS_MODULE,
	.open		= iopd_open,
	.release	= iopd_release,
	.unlocked_ioctl	= iopd_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice iopd_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "iopd-test",
	.fops	= &iopd_fops,
};

/* What the header promises to user space */
static void __init iopd_check_values(void)
{
	BUILD_BUG_ON(IOPD_ARM_32_LPAE_S1 ^ ARM_32_LPAE_S1);
	BUILD_BUG_ON(IOPD_ARM_32_LPAE_S2 ^ ARM_32_LPAE_S2);
	BUILD_BUG_ON(IOPD_ARM_64_LPAE_S1 ^ ARM_64_LPAE_S1);
	BUILD_BUG_ON(IOPD_ARM_64_LPAE_S2 ^ ARM_64_LPAE_S2);
	BUILD_BUG_ON(IOPD_QUIRK_ARM_NS ^ IO_PGTABLE_QUIRK_ARM_NS);
	BUILD_BUG_ON(IOPD_QUIRK_ARM_TTBR1 ^ IO_PGTABLE_QUIRK_ARM_TTBR1);
	/* These are not in every kernel */
#ifdef IO_PGTABLE_QUIRK_ARM_OUTER_WBWA
	BUILD_BUG_ON(IOPD_QUIRK_ARM_OUTER_WBWA ^ IO_PGTABLE_QUIRK_ARM_OUTER_WBWA);
#endif
#ifdef IO_PGTABLE_QUIRK_ARM_HD
	BUILD_BUG_ON(IOPD_QUIRK_ARM_HD ^ IO_PGTABLE_QUIRK_ARM_HD);
#endif
#ifdef IO_PGTABLE_QUIRK_NON_STRICT
	BUILD_BUG_ON(IOPD_QUIRK_NON_STRICT ^ IO_PGTABLE_QUIRK_NON_STRICT);
#endif
	BUILD_BUG_ON(IOPD_READ ^ IOMMU_READ);
	BUILD_BUG_ON(IOPD_WRITE ^ IOMMU_WRITE);
	BUILD_BUG_ON(IOPD_CACHE ^ IOMMU_CACHE);
	BUILD_BUG_ON(IOPD_NOEXEC ^ IOMMU_NOEXEC);
	BUILD_BUG_ON(IOPD_MMIO ^ IOMMU_MMIO);
	BUILD_BUG_ON(IOPD_PRIV ^ IOMMU_PRIV);
}

static int __init iopd_init(void)
{
	int ret;

	iopd_check_values();
	iopd_pdev = platform_device_register_simple("iopd-test",
						    PLATFORM_DEVID_NONE, NULL,
						    0);
	if (IS_ERR(iopd_pdev))
		return PTR_ERR(iopd_pdev);
	/* Tables may lie anywhere: a bounce buffer would be refused */
	ret = dma_coerce_mask_and_coherent(&iopd_pdev->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = misc_register(&iopd_misc);
	if (ret)
		platform_device_unregister(iopd_pdev);
	return ret;
}

static void __exit iopd_exit(void)
{
	misc_deregister(&iopd_misc);
	/* Pending tables hold their own reference to the device */
	platform_device_unregister(iopd_pdev);
}

module_init(iopd_init);
module_exit(iopd_exit);

MODULE_DESCRIPTION("Tests of io-pgtable-arm-deferred from user space");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
/* Kernels that know it taint themselves as under test */
MODULE_INFO(test, "Y");
