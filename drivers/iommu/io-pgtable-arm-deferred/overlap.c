// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug builds (IO_PGTABLE_DEFERRED_DEBUG=y): do calls that map and unmap at
 * the same time keep out of each other's ranges?
 *
 * Each call enters a list of its page table, with a record on its own stack, so
 * that nothing is allocated, and looks whether one of the others has a part of
 * its range.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#ifdef CONFIG_STACKTRACE
#include <linux/stacktrace.h>
#endif

#include "pgtable.h"

#ifdef IOPD_DEBUG

atomic_long_t iopd_overlaps;

static bool overlap_warn = true;
module_param(overlap_warn, bool, 0644);
MODULE_PARM_DESC(overlap_warn,
		 "warn of calls with overlapping ranges; N: count them, and tell in the log");

/**
 * iopd_calls_init() - a page table without calls under way
 * @calls: its list
 */
void iopd_calls_init(struct iopd_calls *calls)
{
	raw_spin_lock_init(&calls->lock);
	INIT_LIST_HEAD(&calls->list);
}

static void iopd_call_init(struct iopd_call *call, const char *what,
			   unsigned long at, size_t size)
{
	call->at = at;
	call->last = at + size - 1;
	call->what = what;
	strscpy(call->comm, current->comm, sizeof(call->comm));
	call->pid = task_pid_nr(current);
#ifdef CONFIG_STACKTRACE
	/* Without the two functions of this file */
	call->nr_frames = stack_trace_save(call->frames, IOPD_CALL_FRAMES, 2);
#else
	call->nr_frames = 0;
#endif
}

static void iopd_call_tell(const struct iopd *iopd, const char *which,
			   const struct iopd_call *call)
{
	unsigned int i;

	pr_info("%s: %s call: %s of 0x%lx to 0x%lx by %s/%d\n",
		dev_name(iopd->tree.dev), which, call->what,
		iopd->base + call->at, iopd->base + call->last, call->comm,
		call->pid);
	for (i = 0; i < call->nr_frames; i++)
		pr_info("  %pS\n", (void *)call->frames[i]);
}

/* @other is a copy: that call may have returned. */
static void iopd_call_overlaps(const struct iopd *iopd,
			       const struct iopd_call *call,
			       const struct iopd_call *other)
{
	/* The first tells enough, and the log has an end. */
	if (atomic_long_inc_return(&iopd_overlaps) == 1 ||
	    !READ_ONCE(overlap_warn)) {
		iopd_call_tell(iopd, "first", other);
		iopd_call_tell(iopd, "second", call);
	}
	WARN_ONCE(READ_ONCE(overlap_warn),
		  "%s: %s of 0x%lx by %s/%d overlaps %s of 0x%lx by %s/%d: callers at the same time need ranges of their own\n",
		  dev_name(iopd->tree.dev), call->what, iopd->base + call->at,
		  call->comm, call->pid, other->what, iopd->base + other->at,
		  other->comm, other->pid);
}

/**
 * iopd_call_enter() - a call begins
 * @iopd: the page table
 * @call: its record, on the stack of the caller
 * @what: "map" or "unmap"
 * @at: the first address of its range
 * @size: how many bytes that has
 *
 * Warns if the range of another call under way has a part of it.
 *
 * Context: any; takes a raw lock.
 */
void iopd_call_enter(struct iopd *iopd, struct iopd_call *call,
		     const char *what, unsigned long at, size_t size)
{
	struct iopd_call *other, found;
	unsigned long flags;
	bool overlaps = false;

	iopd_call_init(call, what, at, size);
	raw_spin_lock_irqsave(&iopd->calls.lock, flags);
	list_for_each_entry(other, &iopd->calls.list, node) {
		if (other->at > call->last || call->at > other->last)
			continue;
		found = *other;
		overlaps = true;
		break;
	}
	list_add(&call->node, &iopd->calls.list);
	raw_spin_unlock_irqrestore(&iopd->calls.lock, flags);
	if (overlaps)
		iopd_call_overlaps(iopd, call, &found);
}

/**
 * iopd_call_leave() - it ends
 * @iopd: the page table
 * @call: what iopd_call_enter() was given
 *
 * Context: any; takes a raw lock.
 */
void iopd_call_leave(struct iopd *iopd, struct iopd_call *call)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopd->calls.lock, flags);
	list_del(&call->node);
	raw_spin_unlock_irqrestore(&iopd->calls.lock, flags);
}

#endif /* IOPD_DEBUG */
