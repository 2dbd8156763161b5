/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work, done when the test, or a thread of its, gets to it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_WORKQUEUE_H
#define SHIM_WORKQUEUE_H

#include <linux/list.h>
#include <linux/rcupdate.h>

struct work_struct;
struct workqueue_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	struct list_head node;
	work_func_t func;
	struct workqueue_struct *wq;
	unsigned long at;	/* in jiffies; of one that is delayed */
	bool pending;
};

struct delayed_work {
	struct work_struct work;
};

#define INIT_WORK(work_, func_)						\
do {									\
	struct work_struct *shim_work_ = (work_);			\
									\
	INIT_LIST_HEAD(&shim_work_->node);				\
	shim_work_->func = (func_);					\
	shim_work_->wq = NULL;						\
	shim_work_->pending = false;					\
} while (0)
#define INIT_DELAYED_WORK(dwork, func)	INIT_WORK(&(dwork)->work, func)

#define to_delayed_work(w)	container_of(w, struct delayed_work, work)

enum {
	WQ_UNBOUND		= 1 << 1,
	WQ_FREEZABLE		= 1 << 2,
	WQ_MEM_RECLAIM		= 1 << 3,
	WQ_HIGHPRI		= 1 << 4,
	WQ_CPU_INTENSIVE	= 1 << 5,
	WQ_SYSFS		= 1 << 6,
};

#define WQ_MAX_ACTIVE		512

/* Of the kernel's own, the one that is in a hurry */
extern struct workqueue_struct *system_highpri_wq;

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags,
					 int max_active, ...) __printf(1, 4);
void destroy_workqueue(struct workqueue_struct *wq);
void drain_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool flush_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
void workqueue_set_max_active(struct workqueue_struct *wq, int max_active);

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			unsigned long delay);
bool cancel_delayed_work_sync(struct delayed_work *dwork);

#define work_pending(work)			READ_ONCE((work)->pending)
#define delayed_work_pending(dwork)		work_pending(&(dwork)->work)

#endif /* SHIM_WORKQUEUE_H */
