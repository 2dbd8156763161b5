// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an administrator says to the reclaimer. All may change at any time, and
 * are read anew for each batch and each call.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "reclaim-parts.h"

/*
 * Tables of a batch. At some 350 instructions a table a batch is 20 to 50 us on
 * an R-Car Gen3 core, and the cost of a turn (two short locks, one requeue)
 * is 2 % of it.
 */
#define IOPD_RECLAIM_BATCH_DEFAULT	64
#define IOPD_RECLAIM_BATCH_MAX	4096

/*
 * From the first unmap to the search for empty tables: many unmaps share one,
 * and what is mapped again meanwhile keeps its tables. A day at most.
 */
#define IOPD_RECLAIM_SWEEP_MS_DEFAULT	250
#define IOPD_RECLAIM_SWEEP_MS_MAX	86400000

struct iopd_reclaim_params iopd_reclaim_params = {
	.deferred = true,
	.batch = IOPD_RECLAIM_BATCH_DEFAULT,
	.workers = 1,
	.sweep_ms = IOPD_RECLAIM_SWEEP_MS_DEFAULT,
};

module_param_named(deferred, iopd_reclaim_params.deferred, bool, 0644);
MODULE_PARM_DESC(deferred,
		 "free page tables in a worker (default), or in the task that gives them back (0); in bounded batches either way");

static int iopd_reclaim_set_range(const char *val,
				  const struct kernel_param *kp,
				  unsigned long min, unsigned long max)
{
	unsigned long n;
	int ret = kstrtoul(val, 0, &n);

	if (ret || n < min || n > max) {
		pr_err("parameter %s: '%.*s' is not a number from %lu to %lu\n",
		       kp->name, (int)strcspn(val, "\n"), val, min, max);
		return -EINVAL;
	}
	WRITE_ONCE(*(unsigned long *)kp->arg, n);
	return 0;
}

static int iopd_reclaim_set_batch(const char *val,
				  const struct kernel_param *kp)
{
	return iopd_reclaim_set_range(val, kp, 1, IOPD_RECLAIM_BATCH_MAX);
}

static int iopd_reclaim_set_limit(const char *val,
				  const struct kernel_param *kp)
{
	return iopd_reclaim_set_range(val, kp, 1, LONG_MAX);
}

/*
 * The workqueue runs no more works at once than there are to be workers: with
 * room for others, each work that queues itself anew would wake a thread that
 * finds it still running. The lock of the parameters, which is held here,
 * keeps the workqueue.
 */
static int iopd_reclaim_set_workers(const char *val,
				    const struct kernel_param *kp)
{
	int ret = iopd_reclaim_set_range(val, kp, 1, IOPD_RECLAIM_WORKERS_MAX);

	if (!ret && iopd_reclaimer.wq)
		workqueue_set_max_active(iopd_reclaimer.wq,
					 iopd_reclaim_params.workers);
	return ret;
}

static int iopd_reclaim_set_sweep_ms(const char *val,
				     const struct kernel_param *kp)
{
	return iopd_reclaim_set_range(val, kp, 0, IOPD_RECLAIM_SWEEP_MS_MAX);
}

static const struct kernel_param_ops iopd_reclaim_sweep_ms_ops = {
	.set = iopd_reclaim_set_sweep_ms,
	.get = param_get_ulong,
};

static const struct kernel_param_ops iopd_reclaim_batch_ops = {
	.set = iopd_reclaim_set_batch,
	.get = param_get_ulong,
};

static const struct kernel_param_ops iopd_reclaim_limit_ops = {
	.set = iopd_reclaim_set_limit,
	.get = param_get_ulong,
};

static const struct kernel_param_ops iopd_reclaim_workers_ops = {
	.set = iopd_reclaim_set_workers,
	.get = param_get_ulong,
};

module_param_cb(batch, &iopd_reclaim_batch_ops, &iopd_reclaim_params.batch,
		0644);
__MODULE_PARM_TYPE(batch, "ulong");
MODULE_PARM_DESC(batch,
		 "most tables to free before offering to reschedule, 1 to 4096 (default 64)");

module_param_cb(limit, &iopd_reclaim_limit_ops, &iopd_reclaim_params.limit,
		0644);
__MODULE_PARM_TYPE(limit, "ulong");
MODULE_PARM_DESC(limit,
		 "pages of pending tables above which callers that may sleep help to free them (default: half of the memory)");

module_param_cb(workers, &iopd_reclaim_workers_ops,
		&iopd_reclaim_params.workers, 0644);
__MODULE_PARM_TYPE(workers, "ulong");
MODULE_PARM_DESC(workers,
		 "most trees that workers free at the same time, 1 to 8 (default 1)");

module_param_cb(sweep_ms, &iopd_reclaim_sweep_ms_ops,
		&iopd_reclaim_params.sweep_ms, 0644);
__MODULE_PARM_TYPE(sweep_ms, "ulong");
MODULE_PARM_DESC(sweep_ms,
		 "milliseconds from an unmap to the search for empty tables (default 250; 0: only when memory is short)");

/**
 * iopd_reclaim_init_params() - the limit, which depends on how much memory
 * there is
 *
 * Unless the administrator has given one.
 */
void iopd_reclaim_init_params(void)
{
	if (!iopd_reclaim_params.limit)
		iopd_reclaim_params.limit = totalram_pages() / 2;
}
