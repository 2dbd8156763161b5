/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What held a CPU while the task of ../guest/delays.h was due there, by the
 * kernel's tracer: the stack of the task that the timer interrupted, and that
 * of the task which gave the CPU up in the end.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_HELD_H
#define IPMMU_HELD_H

#include "../ipmmu/lib/types.h"

#define HELD_LONGEST	10
#define HELD_TEXT	320

struct held_delay {
	u64 ns;
	char by[HELD_TEXT];	/* functions, each called by the next */
};

struct held {
	u64 wakes;
	u64 worst_ns;
	u64 ours;		/* wakes with a function of ours on a stack */
	struct held_delay ours_worst;
	struct held_delay longest[HELD_LONGEST];
};

/* 0, or -1 where the kernel has no such tracer. The task's marks come after */
int held_begin(void);
/* 0, or -1 when the tracer's lines cannot be read */
int held_end(struct held *h);
void held_show(const char *when, const struct held *h);

#endif /* IPMMU_HELD_H */
