/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of io-pgtable-arm-deferred have in common.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IOPD_H
#define IOPD_H

#include <linux/types.h>
#include <stdbool.h>

#include "kmod/iopd_test.h"
#include "kselftest.h"

#define SZ_4K		0x1000ull
#define SZ_16K		0x4000ull
#define SZ_64K		0x10000ull
#define SZ_2M		0x200000ull
#define SZ_32M		0x2000000ull
#define SZ_512M		0x20000000ull
#define SZ_1G		0x40000000ull
#define SZ_4G		0x100000000ull
#define SZ_512G		0x8000000000ull
#define SIZES		(SZ_4K | SZ_2M | SZ_1G)

/*
 * Checks return what they have to say, or NULL when all is well. The text
 * is the thread's own and lasts until its next.
 */
const char *complain(const char *fmt, ...) __printf(1, 2);

/* For a whole program: says why, and exits with status 4 */
void iopd_skip_all(const char *reason);

/*
 * Loads the modules if need be; exits with status 4 if there is no device after
 */
void iopd_require(void);
void iopd_require_cpus(int nr);

/* A page table of its own; the usual shape, if no other is given */
int iopd_open(void);
int iopd_create(int fd, struct iopd_create *shape);
int iopd_new(unsigned int ias, unsigned int flags);

/* Has the root of this table, as it was made, more tables than one? */
bool iopd_is_concatenated(const struct iopd_create *shape);

/* The first difference in what the hardware is told, or NULL */
const char *iopd_registers_differ(const struct iopd_create *ours,
				  const struct iopd_create *theirs);

/*
 * The library's own results: a negative errno for a map, the bytes of an unmap.
 * An ioctl that fails ends the test, as no caller could do better.
 */
int iopd_map(int fd, __u64 iova, __u64 paddr, __u64 pgsize,
	     __u64 pgcount, __u32 prot, __u64 *mapped);
__u64 iopd_unmap(int fd, __u64 iova, __u64 pgsize, __u64 pgcount);
__u64 iopd_lookup(int fd, __u64 iova);
/*
 * -EOPNOTSUPP where the kernel has no such operation; path->result is the
 * library's
 */
int iopd_path(int fd, struct iopd_path *path);
/* False at the end; run->iova is where to go on from */
bool iopd_next_run(int fd, struct iopd_next_run *run);

__u64 iopd_flush(int fd, unsigned int flags);
void iopd_time_out(int fd, bool on);
/*
 * The flush of a range that the library asks for unmaps the first page of it,
 * too
 */
void iopd_meet(int fd, bool on);
void iopd_counters(int fd, struct iopd_counters *counters);
__u64 iopd_free(int fd);
void iopd_go_first(bool on);
__u64 iopd_drain(void);

/* Tables that are empty are looked for, flushed, and freed. */
void iopd_sweep(int fd);

/* The same without a flush of the test's own */
void iopd_sweep_alone(void);

/*
 * Is there nothing left to free, after a while and without a drain? A drain
 * takes along what the worker was not told of, and would hide that. True where
 * others use the library.
 */
bool iopd_idles(void);

/*
 * Has the compiler put a check (KASAN, KCSAN) before each access? Then what is
 * large elsewhere is to be smaller.
 */
bool iopd_kernel_is_checked(void);

/* Of the clock that runs on monotonically, but not while suspended */
__u64 iopd_now_ns(void);

/*
 * Foreign load on this page table; a reader for so long; a plain callback's way
 */
void iopd_load(int fd, bool on);
void iopd_read_for(__u64 ns);
__u64 iopd_grace(void);
void iopd_scan(int fd, struct iopd_scan *scan);
__u64 iopd_tables(int fd);

/* count times the same pgcount pages, stride apart; false when not all went */
bool iopd_fill(int fd, __u64 iova, __u64 stride, __u64 count,
	       __u64 pgsize, __u64 pgcount);
bool iopd_strip(int fd, __u64 iova, __u64 stride, __u64 count,
		__u64 pgsize, __u64 pgcount);

/*
 * Into a file that is there; false, and errno, when the kernel does not take it
 */
bool iopd_write_text(const char *path, const char *text);

/* The library's debugfs counters and parameters; -1 when there is none */
long iopd_stat(const char *name);
void iopd_reset_longest(void);
long iopd_param(const char *name);
int iopd_set_param(const char *name, const char *value);

/*
 * The counters are ours: no other program had tables when iopd_require() was
 * called, and IOPD_SHARED in the environment does not say that others will
 * have.
 */
bool iopd_alone(void);

/*
 * The number in a file, or behind @key in one of its lines; -1 when not there
 */
long iopd_read_key(const char *path, const char *key);

/* The same of /proc/vmstat or a node's, per-CPU differences folded in */
long iopd_vmstat(const char *name);
long iopd_node_vmstat(int node, const char *name);

/* Until 5.15 page tables were mapped and unmapped one page at a time */
bool kernel_maps_runs(void);

/* Quirks that are not in every kernel here: NON_STRICT went, others came */
bool kernel_knows(__u64 quirks);

/* From 6.14 on, kernels refuse to unmap a part of a block, with a warning */
bool kernel_splits_blocks(void);

/* xorshift64*: good enough, and the same everywhere */
struct rng {
	__u64 state;
};

void rng_seed(struct rng *rng, __u64 seed);
__u64 rng_next(struct rng *rng);
__u64 rng_below(struct rng *rng, __u64 limit);

/*
 * --name=value on the command line (and takes it off), else NAME in the
 * environment
 */
__u64 iopd_option(int *argc, char **argv, const char *name, const char *env,
		  __u64 otherwise);

#endif /* IOPD_H */
