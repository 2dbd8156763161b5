/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two libraries, threads, and the patterns in which those map and unmap.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_H
#define SMP_H

#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/kernel.h>

#define SMP_THREADS_MAX		64

struct smp_domain;

/*
 * struct smp_library - one of the two
 * @open: make a page table in the domain
 * @close: give it back
 * @sync: what a driver does after an unmap, but for the hardware's part
 * @work: let the library's workers do what they have been given; false if
 *	  that was nothing
 */
struct smp_library {
	const char *name;
	void (*open)(struct smp_domain *domain);
	void (*close)(struct smp_domain *domain);
	void (*sync)(struct smp_domain *domain);
	bool (*work)(void);
};

struct smp_domain {
	struct io_pgtable_ops *ops;
	struct io_pgtable_cfg cfg;
	const struct smp_library *library;
};

extern const struct smp_library smp_ours, smp_intree;

/*
 * struct smp_thread - one that maps and unmaps
 * @number: which of @threads
 * @domain: whose page table
 * @random: state of its random numbers
 * @step: where a pattern is that goes on in the next round
 * @silent: takes part, but its time does not count
 * @all: the threads, by number
 * @done: pairs so far in this round, for threads that wait for each other
 */
struct smp_thread {
	unsigned int number;
	unsigned int threads;
	struct smp_domain *domain;
	u64 random;
	unsigned long step;
	bool silent;
	struct smp_thread *all;

	unsigned long done __aligned(64);
} __aligned(64);

/*
 * struct smp_pattern - what the threads do
 * @run: so many pairs of map and unmap
 * @begin: what has to be there before, of each thread; may be NULL
 * @end: undoes that; may be NULL
 * @regions: of 2 MiB, a thread
 * @least: threads it takes
 */
struct smp_pattern {
	const char *name;
	void (*run)(struct smp_thread *thread, const struct smp_pattern *pattern,
		    unsigned long pairs);
	void (*begin)(struct smp_thread *thread);
	void (*end)(struct smp_thread *thread);
	unsigned int regions;
	unsigned int least;
};

extern const struct smp_pattern smp_patterns[];
extern const unsigned int smp_nr_patterns;

/* Set when those whose time counts have come to the end of a round */
extern bool smp_round_over;

#endif /* SMP_H */
