/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts that a CPU sends to itself: at once, or when they are waited for
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_IRQ_WORK_H
#define SHIM_IRQ_WORK_H

#include <linux/types.h>

struct irq_work {
	void (*func)(struct irq_work *work);
	bool pending;
};

/* They have to wait: interrupts are off there. */
extern bool shim_irqs_wait;
extern unsigned int shim_irqs_waiting;

static inline void init_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
	work->func = func;
	work->pending = false;
}

static inline bool irq_work_queue(struct irq_work *work)
{
	if (shim_irqs_wait && !work->pending)
		shim_irqs_waiting++;
	work->pending |= shim_irqs_wait;
	if (!work->pending)
		work->func(work);
	return true;
}

static inline void irq_work_sync(struct irq_work *work)
{
	if (work->pending) {
		shim_irqs_waiting--;
		work->func(work);
	}
	work->pending = false;
}

#endif /* SHIM_IRQ_WORK_H */
