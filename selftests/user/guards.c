// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the lock held that guards what is read or written?
 *
 * The library is compiled as for a detector of races, with the functions here
 * in the place of the detector's: clang calls one of them before each plain
 * access. WRITE_ONCE() says so by itself. READ_ONCE() and atomic operations are
 * for those that have no lock, and are not looked at.
 *
 * A part of a page table is guarded from when it has been made to kfree(), what
 * there is one of while the library is loaded. The linker puts these functions
 * around those that say when (--wrap).
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <malloc.h>

#include <linux/io-pgtable-arm-deferred.h>
#include <linux/mutex.h>

#include "guards.h"
#include "pgtable.h"
#include "reclaim-parts.h"
#include "shim.h"

#define GUARDS		4096

/*
 * struct guard - what may be written, and read without READ_ONCE(), by the
 * holder of a lock alone
 * @start: its first byte
 * @end: the byte after its last
 * @owner: the word of the lock that says which CPU holds it
 * @what: its name
 * @writes: may be read without
 */
struct guard {
	const char *start;
	const char *end;
	const void *const *owner;
	const char *what;
	bool writes;
};

static struct guard guards[GUARDS];
static unsigned int nr_guards;

/* How many guards there are in each line of memory, by part of its address */
#define LINES		65536
static unsigned short lines[LINES];

static unsigned short *line_of(unsigned long at)
{
	return &lines[at / SMP_CACHE_BYTES % LINES];
}

static void count_lines(const struct guard *guard, int nr)
{
	unsigned long at = ALIGN_DOWN((unsigned long)guard->start, SMP_CACHE_BYTES);

	for (; at < (unsigned long)guard->end; at += SMP_CACHE_BYTES)
		*line_of(at) += nr;
}

static void guard_add(const void *start, const void *end,
		      const void *const *owner, const char *what)
{
	if (nr_guards == GUARDS)
		shim_panic("more than %d guards", GUARDS);
	guards[nr_guards] = (struct guard) { start, end, owner, what, false };
	count_lines(&guards[nr_guards++], 1);
}

static void guards_drop(const char *start, const char *end)
{
	unsigned int i = 0;

	while (i < nr_guards) {
		if (guards[i].start < start || guards[i].start >= end) {
			i++;
			continue;
		}
		count_lines(&guards[i], -1);
		guards[i] = guards[--nr_guards];
	}
}

static void guards_drop_all(void)
{
	guards_drop(NULL, (const char *)ULONG_MAX);
}

static void look(const char *at, size_t size, bool writes)
{
	const struct guard *guard;

	if (likely(!*line_of((unsigned long)at)))
		return;
	for (guard = guards; guard < guards + nr_guards; guard++)
		if (at < guard->end && at + size > guard->start &&
		    *guard->owner != shim_cpu && (writes || !guard->writes))
			shim_panic("%s, at byte %td, is %s without its lock", guard->what,
				   at - guard->start, writes ? "written" : "read");
}

void shim_guard_write(const volatile void *at, size_t size)
{
	look((const char *)at, size, true);
}

/* --- what clang calls ----------------------------------------------------- */

void __tsan_init(void)
{
}

#define ACCESS(name, size, writes)					\
void __tsan_##name(void *at)						\
{									\
	look(at, size, writes);						\
}

ACCESS(read1, 1, false)
ACCESS(read2, 2, false)
ACCESS(read4, 4, false)
ACCESS(read8, 8, false)
ACCESS(read16, 16, false)
ACCESS(write1, 1, true)
ACCESS(write2, 2, true)
ACCESS(write4, 4, true)
ACCESS(write8, 8, true)
ACCESS(write16, 16, true)
ACCESS(unaligned_read2, 2, false)
ACCESS(unaligned_read4, 4, false)
ACCESS(unaligned_read8, 8, false)
ACCESS(unaligned_read16, 16, false)
ACCESS(unaligned_write2, 2, true)
ACCESS(unaligned_write4, 4, true)
ACCESS(unaligned_write8, 8, true)
ACCESS(unaligned_write16, 16, true)

/* --- what is guarded ------------------------------------------------------ */

/* From one member to the end of another */
#define GUARD(object, first, last, lock, what)				\
	guard_add(&(object)->first, &(object)->last + 1, &(lock)->owner, what)

#define GUARD_RECLAIMER(first, last)					\
	GUARD(&iopd_reclaimer, first, last, &iopd_reclaimer.lock,	\
	      "the reclaimer's " #first " to " #last)

static void guard_reclaimer(void)
{
	GUARD_RECLAIMER(epochs, asked);
	GUARD_RECLAIMER(due, flushing);
	guard_add(&iopd_reclaim_stats, &iopd_reclaim_stats + 1,
		  &iopd_reclaimer.lock.owner, "the reclaimer's statistics");
}

static void guard_tree(struct iopd_tree *tree)
{
	raw_spinlock_t *lock = &iopd_reclaimer.lock;

	GUARD(tree, ungraced, grace, lock, "a tree's part that is the reclaimer's");
	GUARD(tree, in_grace, awaited, lock, "a tree's part that is the reclaimer's");
	GUARD(tree, sweep, sweep_at, lock, "a tree's sweep");
	GUARD(tree, flush_node, flush_node, lock, "a tree's turn to be flushed");
}

static void guard_iopd(struct iopd *iopd)
{
	spinlock_t *lock = &iopd->limbo.detach_lock;

	GUARD(iopd, unsettled, flushed_gen, lock, "a page table's part that flushes write");
	GUARD(&iopd->limbo, tables, ended, lock, "limbo");
	GUARD(iopd, worker_flushes, worker_flushes, &iopd->flush_lock, "whether a worker flushes");
}

/* refill.c keeps its own to itself: how that begins */
struct refill_head {
	raw_spinlock_t lock;
	struct list_head trees;
	struct iopd_tree *at;
	bool orphaned;
	struct list_head orphans;
};

static struct refill_head *refill;

/* --- from when to when ---------------------------------------------------- */

void __wrap_shim_lock_init(raw_spinlock_t *lock, const char *name)
{
	__real_shim_lock_init(lock, name);
	if (!strcmp(name, "&refill.lock"))
		refill = container_of(lock, struct refill_head, lock);
}

int __wrap_shim_module_init(void)
{
	int ret;

	/* The one that is guarded from the first moment to the last */
	GUARD(&iopd_reclaimer, wq, wq, &shim_param_mutex, "the workqueue");
	guards[nr_guards - 1].writes = true;
	ret = __real_shim_module_init();
	if (ret) {
		guards_drop_all();
		return ret;
	}
	if (!refill)
		shim_panic("refill.c has no lock any more");
	guard_reclaimer();
	GUARD(refill, trees, orphans, &refill->lock, "what is to be refilled");
	return 0;
}

void __wrap_shim_module_exit(void)
{
	__real_shim_module_exit();
	guards_drop_all();
}

struct io_pgtable_ops *__wrap_io_pgtable_deferred_alloc(enum io_pgtable_fmt fmt,
							struct io_pgtable_cfg *cfg, void *cookie)
{
	struct io_pgtable_ops *ops = __real_io_pgtable_deferred_alloc(fmt, cfg, cookie);
	struct iopd *iopd;

	if (!ops)
		return NULL;
	iopd = iopd_from_ops(ops);
	guard_iopd(iopd);
	guard_tree(&iopd->tree);
	GUARD(&iopd->tree, asked, asked, &refill->lock, "whether a tree has asked");
	return ops;
}

void __wrap_kfree(const void *object)
{
	if (object)
		guards_drop(object, (const char *)object + malloc_usable_size((void *)object));
	__real_kfree(object);
}
