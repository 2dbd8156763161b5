/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test does to the small kernel that the library runs in.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_H
#define SHIM_H

#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

/* --- failures ------------------------------------------------------------- */

/* Tells what is wrong, calls shim_context, and aborts */
void shim_panic(const char *fmt, ...) __printf(1, 2) __attribute__((__noreturn__));
extern void (*shim_context)(void);

/* Warnings of the library that are expected: counted down instead of failing */
extern unsigned int shim_warnings_expected;

/* The last warning */
extern char shim_warning[256];

/*
 * The last message of the library; "" when there was none since this was
 * cleared
 */
extern char shim_message[256];
extern bool shim_verbose;

/* --- CPUs ----------------------------------------------------------------- */

/*
 * struct shim_cpu - a CPU that runs the library's code
 * @below: whom it has interrupted, as far as this thread is concerned
 * @slot: which of all CPUs it is
 * @readers: how deep in such sections it is
 * @locks: spinlocks held
 * @irqs_off: interrupts disabled
 * @off_since: what shim_steps was then
 * @reclaims: is here to make memory free, and may take from the reserves
 * @atomic: may not sleep for a reason of its own
 * @killed: its task has a fatal signal pending
 * @gives_up: and gets one where it would wait for ever
 * @waits: how often it has waited on a queue
 * @lent_to: the mutex whose holder it has lent its priority, and never got
 * @task: that task
 */
struct shim_cpu {
	struct shim_cpu *below;
	unsigned int slot;
	unsigned int readers;
	unsigned int locks;
	bool irqs_off;
	long off_since;
	bool reclaims;
	bool atomic;
	bool killed;
	bool gives_up;
	unsigned int waits;
	const void *lent_to;
	struct task_struct task;
};

extern __thread struct shim_cpu *shim_cpu;

/* Until it leaves, this thread is another CPU; the one before stands still. */
void shim_cpu_enter(struct shim_cpu *cpu);
void shim_cpu_leave(struct shim_cpu *cpu);

/*
 * Called when shim_steps accesses have been made, between two of them, with
 * locked set where the CPU that stands still has a spinlock. Sets shim_steps
 * anew.
 */
extern void (*shim_hook)(bool locked);
#define SHIM_NO_STEPS		LONG_MAX

/* Let one callback, or one item of work, run. Return: false if none could. */
bool shim_run_rcu(void);
bool shim_run_work(void);
bool shim_pass_time(void);
/* All of them, until there is nothing left */
void shim_run_all(void);
bool shim_pass_jiffies(unsigned long nr);
unsigned int shim_rcu_waiting(void);

/* The most accesses to memory between interrupts off and on, of any CPU */
extern long shim_longest_off;

/* How often tasks have offered to reschedule between two parts of a call */
extern unsigned long shim_offers;

/* Microseconds that tasks have slept for, at least */
extern unsigned long shim_slept;

/* What need_resched() says how many times in a row; then no */
extern unsigned int shim_resched;

/* --- memory --------------------------------------------------------------- */

/*
 * Where the arena begins for the hardware; changed while nothing is allocated
 */
extern phys_addr_t shim_phys_base;

void shim_memory_init(void);

/*
 * Addresses from here on no IOMMU reaches, 0 for none such. Mapping a page
 * there for DMA fails, or gives another address. Does the DMA mask tell?
 */
extern phys_addr_t shim_reach;
extern bool shim_reach_moves;
extern bool shim_reach_is_told;

/* Where the lowest zone ends, which is taken only where it is asked for */
phys_addr_t shim_low_end(void);

/* A page table of 32 bits of output: its tables are to be of that zone. */
extern bool shim_narrow;

/* Table pages and objects that are allocated */
extern long shim_pages;
extern long shim_objects;

/* memcg to charge __GFP_ACCOUNT to, 1 to SHIM_GROUPS - 1 */
extern unsigned int shim_group;
long shim_charged(unsigned int group);
long shim_node_stat(int node, enum node_stat_item item);
long shim_group_stat(unsigned int group, enum node_stat_item item);

/* A page goes: no CPU may know it any more */
extern void (*shim_on_free)(phys_addr_t pa, size_t size);

/* Is the whole of a range in pages that are allocated? */
bool shim_is_allocated(phys_addr_t pa, size_t size);

/*
 * struct shim_fail - which allocations fail
 * @after: this many more succeed, one fails; LONG_MAX for none
 * @every: one in so many fails, 0 for none
 * @hurried: and so does one in so many of those that may be refused
 *	     (__GFP_NORETRY), 0 for none
 * @calls: allocations since this was last set to 0
 * @failed: how many of them have failed
 *
 * Pages, objects and DMA mappings alike.
 */
struct shim_fail {
	long after;
	unsigned long every;
	unsigned long hurried;
	unsigned long calls;
	unsigned long failed;
};

extern struct shim_fail shim_fail;
bool shim_fails(void);

/* --- what a walker that does not snoop sees ------------------------------- */

/* The word at pa as memory has it, or as it was when last cleaned */
u64 shim_word(phys_addr_t pa, bool cleaned);

/* Stores that may not have left the CPU yet */
unsigned int shim_buffered(void);

/* A walker that snoops writes it. */
void shim_set_word(phys_addr_t pa, u64 word);

/* --- the rest ------------------------------------------------------------- */

int shim_param_set(const char *name, const char *value);
long shim_param_get(const char *name);

/*
 * How often a tracepoint was come by, and an argument of the last time; not
 * where there are threads
 */
long shim_traced(const char *name);
u64 shim_traced_arg(const char *name, unsigned int nr);

/* As a file of debugfs reads; -1 when there is none */
long shim_stat(const char *name);
ssize_t shim_debugfs_read(const char *name, char *text, size_t size);
int shim_debugfs_write(const char *name, u64 value);
unsigned int shim_debugfs_files(void);

/* How many works of a queue run at a time */
struct workqueue_struct;
int shim_max_active(const struct workqueue_struct *wq);

/* Pages that the allocator was told were freed for it */
extern unsigned long shim_reclaimed;

/* All shrinkers: what they say they have, and have them free some */
unsigned long shim_shrink_count(void);
unsigned long shim_shrink(unsigned long nr);

#endif /* SHIM_H */
