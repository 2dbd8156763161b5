/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library's worker, held back so that a test can see what others do.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>

/*
 * Is there a way to hold the worker back on this machine? If not, the program
 * ends here as skipped, and says what is missing.
 */
void worker_require(void);

/*
 * Put it on one CPU, which something of higher priority never leaves; the
 * caller is kept off that CPU, and so are the processes it makes. Return: NULL,
 * or why it cannot be done.
 *
 * Work of the kernel's that has to run on each CPU waits meanwhile: the files
 * that fold per-CPU counters (iopd_vmstat()) must not be read. Lasts for
 * WORKER_HELD_SECONDS at most.
 */
#define WORKER_HELD_SECONDS	25

const char *worker_hold(void);
void worker_let_go(void);

/* Has it been held since then? */
bool worker_is_held(void);

/*
 * The same in two steps: onto that CPU, and then off it, wherever it is just
 * then
 */
const char *worker_confine(void);
const char *worker_preempt(void);

/* CPUs that are there */
int worker_cpus(void);

/* This thread on that CPU, or on all; false if it is not there */
bool worker_pin(int cpu);

#endif /* WORKER_H */
