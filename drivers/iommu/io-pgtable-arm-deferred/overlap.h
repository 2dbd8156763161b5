/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug builds (IO_PGTABLE_DEFERRED_DEBUG=y): do calls that map and unmap at
 * the same time keep out of each other's ranges? In other builds nothing is
 * left of this.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPD_OVERLAP_H
#define _IOPD_OVERLAP_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct iopd;

#ifdef IOPD_DEBUG

/* Callers of a call that are kept to be told */
#define IOPD_CALL_FRAMES	6

/**
 * struct iopd_call - a map or unmap under way, on the stack of its caller
 * @node: among those of the page table
 * @at: the first address
 * @last: the last
 * @what: "map" or "unmap"
 * @comm: name of the task
 * @pid: its number
 * @frames: from where it was called
 * @nr_frames: how many of those there are
 */
struct iopd_call {
	struct list_head node;
	unsigned long at;
	unsigned long last;
	const char *what;
	char comm[TASK_COMM_LEN];
	pid_t pid;
	unsigned long frames[IOPD_CALL_FRAMES];
	unsigned int nr_frames;
};

/**
 * struct iopd_calls - those under way on a page table
 * @lock: guards @list; held for a few instructions for each of them
 * @list: each leaves before it returns
 */
struct iopd_calls {
	raw_spinlock_t lock;
	struct list_head list;
};

/* Calls that have met another in their range */
extern atomic_long_t iopd_overlaps;

void iopd_calls_init(struct iopd_calls *calls);
void iopd_call_enter(struct iopd *iopd, struct iopd_call *call,
		     const char *what, unsigned long at, size_t size);
void iopd_call_leave(struct iopd *iopd, struct iopd_call *call);

#else

struct iopd_call { };
struct iopd_calls { };

/**
 * iopd_calls_init() - a page table without calls under way
 * @calls: its list
 */
static inline void iopd_calls_init(struct iopd_calls *calls)
{
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
static inline void iopd_call_enter(struct iopd *iopd, struct iopd_call *call,
				   const char *what, unsigned long at,
				   size_t size)
{
}

/**
 * iopd_call_leave() - it ends
 * @iopd: the page table
 * @call: what iopd_call_enter() was given
 *
 * Context: any; takes a raw lock.
 */
static inline void iopd_call_leave(struct iopd *iopd, struct iopd_call *call)
{
}

#endif /* IOPD_DEBUG */
#endif /* _IOPD_OVERLAP_H */
