// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug builds (IO_PGTABLE_DEFERRED_DEBUG=y): do calls that map and unmap at the same
 * time keep out of each other's ranges?
 *
 * Each call enters a list of its page table, with a record on its own stack, so that
 * nothing is allocated, and looks whether one of the others has a part of its range.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#ifdef CONFIG_STACKTRACE
#include <linux/stacktrace.h>
#endif

#include "pgtable.h"

#ifdef IOPT_DEBUG

atomic_long_t iopt_overlaps;

static bool overlap_warn = true;
module_param(overlap_warn, bool, 0644);
MODULE_PARM_DESC(overlap_warn,
		 "warn of calls with overlapping ranges; N: count them, and tell in the log");

/**
 * iopt_calls_init() - a page table without calls under way
 * @calls: its list
 */
void iopt_calls_init(struct iopt_calls *calls)
{
	raw_spin_lock_init(&calls->lock);
	INIT_LIST_HEAD(&calls->list);
}

static void iopt_call_init(struct iopt_call *call, const char *what,
			   unsigned long at, size_t size)
{
	call->at = at;
	call->last = at + size - 1;
	call->what = what;
	strscpy(call->comm, current->comm, sizeof(call->comm));
	call->pid = task_pid_nr(current);
#ifdef CONFIG_STACKTRACE
	/* Without the two functions of this file */
	call->nr_frames = stack_trace_save(call->frames, IOPT_CALL_FRAMES, 2);
#else
	call->nr_frames = 0;
#endif
}

static void iopt_call_tell(const struct iopt *iopt, const char *which,
			   const struct iopt_call *call)
{
	unsigned int i;

	pr_info("%s: %s call: %s of 0x%lx to 0x%lx by %s/%d\n",
		dev_name(iopt->tree.dev), which, call->what,
		iopt->base + call->at, iopt->base + call->last, call->comm,
		call->pid);
	for (i = 0; i < call->nr_frames; i++)
		pr_info("  %pS\n", (void *)call->frames[i]);
}

/* @other is a copy: that call may have returned. */
static void iopt_call_overlaps(const struct iopt *iopt,
			       const struct iopt_call *call,
			       const struct iopt_call *other)
{
	/* The first tells enough, and the log has an end. */
	if (atomic_long_inc_return(&iopt_overlaps) == 1 ||
	    !READ_ONCE(overlap_warn)) {
		iopt_call_tell(iopt, "first", other);
		iopt_call_tell(iopt, "second", call);
	}
	WARN_ONCE(READ_ONCE(overlap_warn),
		  "%s: %s of 0x%lx by %s/%d overlaps %s of 0x%lx by %s/%d: callers at the same time need ranges of their own\n",
		  dev_name(iopt->tree.dev), call->what, iopt->base + call->at,
		  call->comm, call->pid, other->what, iopt->base + other->at,
		  other->comm, other->pid);
}

/**
 * iopt_call_enter() - a call begins
 * @iopt: the page table
 * @call: its record, on the stack of the caller
 * @what: "map" or "unmap"
 * @at: the first address of its range
 * @size: how many bytes that has
 *
 * Warns if the range of another call under way has a part of it.
 *
 * Context: any; takes a raw lock.
 */
void iopt_call_enter(struct iopt *iopt, struct iopt_call *call,
		     const char *what, unsigned long at, size_t size)
{
	struct iopt_call *other, found;
	unsigned long flags;
	bool overlaps = false;

	iopt_call_init(call, what, at, size);
	raw_spin_lock_irqsave(&iopt->calls.lock, flags);
	list_for_each_entry(other, &iopt->calls.list, node) {
		if (other->at > call->last || call->at > other->last)
			continue;
		found = *other;
		overlaps = true;
		break;
	}
	list_add(&call->node, &iopt->calls.list);
	raw_spin_unlock_irqrestore(&iopt->calls.lock, flags);
	if (overlaps)
		iopt_call_overlaps(iopt, call, &found);
}

/**
 * iopt_call_leave() - it ends
 * @iopt: the page table
 * @call: what iopt_call_enter() was given
 *
 * Context: any; takes a raw lock.
 */
void iopt_call_leave(struct iopt *iopt, struct iopt_call *call)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iopt->calls.lock, flags);
	list_del(&call->node);
	raw_spin_unlock_irqrestore(&iopt->calls.lock, flags);
}

#endif /* IOPT_DEBUG */
