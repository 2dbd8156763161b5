/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting: a task wakes by a wake-up and by nothing else.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_WAIT_H
#define SHIM_WAIT_H

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched/signal.h>

typedef struct wait_queue_head {
	unsigned int sleepers;
	unsigned int wakes;
} wait_queue_head_t;

#define DECLARE_WAIT_QUEUE_HEAD(name)	wait_queue_head_t name = { 0, 0 }

static inline void init_waitqueue_head(wait_queue_head_t *head)
{
	head->sleepers = 0;
	head->wakes = 0;
}

void shim_wait_begin(wait_queue_head_t *head);
void shim_wait(wait_queue_head_t *head);
bool shim_wait_some(wait_queue_head_t *head);
void shim_wait_end(wait_queue_head_t *head);
bool wq_has_sleeper(wait_queue_head_t *head);
void wake_up_all(wait_queue_head_t *head);

#define waitqueue_active(head)		wq_has_sleeper(head)
#define wake_up(head)			wake_up_all(head)

/* On the queue before the condition is looked at, as in the kernel */
#define wait_event(head, condition)					\
do {									\
	might_sleep();							\
	shim_wait_begin(&(head));					\
	while (!(condition))						\
		shim_wait(&(head));					\
	shim_wait_end(&(head));						\
} while (0)

/* No signal comes but that which the test has sent before. */
#define wait_event_killable(head, condition)				\
({									\
	int shim_killed_ = 0;						\
									\
	might_sleep();							\
	shim_wait_begin(&(head));					\
	while (!(condition)) {						\
		shim_killed_ = shim_is_killed() ? -ERESTARTSYS : 0;	\
		if (shim_killed_)					\
			break;						\
		shim_wait(&(head));					\
	}								\
	shim_wait_end(&(head));						\
	shim_killed_;							\
})

#define wait_event_killable_timeout(head, condition, jiffies)		\
	(shim_is_killed() && !(condition) ? -ERESTARTSYS :		\
	 wait_event_timeout(head, condition, jiffies))

/* Gives up when there is nothing left to wait for, whatever the time is */
#define wait_event_timeout(head, condition, jiffies)			\
({									\
	long shim_left_ = (jiffies);					\
									\
	might_sleep();							\
	shim_wait_begin(&(head));					\
	while (!(condition) && shim_left_ && shim_wait_some(&(head)))	\
		shim_left_--;						\
	shim_wait_end(&(head));						\
	(condition) ? shim_left_ + !shim_left_ : 0;			\
})

#endif /* SHIM_WAIT_H */
