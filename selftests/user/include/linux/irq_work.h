/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts that a CPU sends to itself: here at once.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_IRQ_WORK_H
#define SHIM_IRQ_WORK_H

#include <linux/types.h>

struct irq_work {
	void (*func)(struct irq_work *work);
};

static inline void init_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
	work->func = func;
}

static inline bool irq_work_queue(struct irq_work *work)
{
	work->func(work);
	return true;
}

static inline void irq_work_sync(struct irq_work *work)
{
}

#endif /* SHIM_IRQ_WORK_H */
