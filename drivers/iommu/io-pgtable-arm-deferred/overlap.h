/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug builds (IO_PGTABLE_DEFERRED_DEBUG=y): do calls that map and unmap at the same
 * time keep out of each other's ranges? In other builds nothing is left of this.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _IOPT_OVERLAP_H
#define _IOPT_OVERLAP_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct iopt;

#ifdef IOPT_DEBUG

/* Callers of a call that are kept to be told */
#define IOPT_CALL_FRAMES	6

/**
 * struct iopt_call - a map or unmap under way, on the stack of its caller
 * @node: among those of the page table
 * @at: the first address
 * @last: the last
 * @what: "map" or "unmap"
 * @comm: name of the task
 * @pid: its number
 * @frames: from where it was called
 * @nr_frames: how many of those there are
 */
struct iopt_call {
	struct list_head node;
	unsigned long at;
	unsigned long last;
	const char *what;
	char comm[TASK_COMM_LEN];
	pid_t pid;
	unsigned long frames[IOPT_CALL_FRAMES];
	unsigned int nr_frames;
};

/**
 * struct iopt_calls - those under way on a page table
 * @lock: guards @list; held for a few instructions for each of them
 * @list: each leaves before it returns
 */
struct iopt_calls {
	raw_spinlock_t lock;
	struct list_head list;
};

/* Calls that have met another in their range */
extern atomic_long_t iopt_overlaps;

void iopt_calls_init(struct iopt_calls *calls);
void iopt_call_enter(struct iopt *iopt, struct iopt_call *call,
		     const char *what, unsigned long at, size_t size);
void iopt_call_leave(struct iopt *iopt, struct iopt_call *call);

#else

struct iopt_call { };
struct iopt_calls { };

/**
 * iopt_calls_init() - a page table without calls under way
 * @calls: its list
 */
static inline void iopt_calls_init(struct iopt_calls *calls)
{
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
static inline void iopt_call_enter(struct iopt *iopt, struct iopt_call *call,
				   const char *what, unsigned long at,
				   size_t size)
{
}

/**
 * iopt_call_leave() - it ends
 * @iopt: the page table
 * @call: what iopt_call_enter() was given
 *
 * Context: any; takes a raw lock.
 */
static inline void iopt_call_leave(struct iopt *iopt, struct iopt_call *call)
{
}

#endif /* IOPT_DEBUG */
#endif /* _IOPT_OVERLAP_H */
