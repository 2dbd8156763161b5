// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs, their locks and what they may not do; RCU.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sched.h>

#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/rtmutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "quiet.h"
#include "shim.h"

/* CPUs at once: threads, and those that the tests nest in them */
#define CPUS		64

/* The main thread's, which every test begins on */
static struct shim_cpu first = { .task.prio = MAX_RT_PRIO };
static struct shim_cpu *cpus[CPUS] = { &first };
__thread struct shim_cpu *shim_cpu = &first;

/*
 * When their RCU read-side sections began, 0 outside; here, for CPUs come and
 * go.
 */
static u64 reading_since[CPUS];

__thread long shim_steps = SHIM_NO_STEPS;
__thread long quiet_steps;
void (*shim_hook)(bool locked);
unsigned int shim_resched;

__thread unsigned long shim_barriers;

void shim_step_done(void)
{
	/* Without this a hook that steps would come here again. */
	shim_steps = SHIM_NO_STEPS;
	if (shim_hook)
		shim_hook(shim_cpu->locks || shim_cpu->irqs_off);
}

void shim_cpu_enter(struct shim_cpu *cpu)
{
	struct shim_cpu *none = NULL;
	unsigned int i = 0;

	memset(cpu, 0, sizeof(*cpu));
	cpu->task.prio = MAX_RT_PRIO;
	cpu->below = shim_cpu;
	shim_cpu = cpu;
	while (!__atomic_compare_exchange_n(&cpus[i], &none, cpu, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		none = NULL;
		if (++i == CPUS)
			shim_panic("more than %u CPUs", CPUS);
	}
	cpu->slot = i;
}

void shim_cpu_leave(struct shim_cpu *cpu)
{
	if (cpu != shim_cpu || cpu->readers || cpu->locks || cpu->irqs_off)
		shim_panic("a CPU leaves with %u readers, %u locks, interrupts %s",
			   cpu->readers, cpu->locks, cpu->irqs_off ? "off" : "on");
	shim_cpu = cpu->below;
	__atomic_store_n(&cpus[cpu->slot], NULL, __ATOMIC_SEQ_CST);
}

pid_t shim_task_number(void)
{
	return shim_cpu->slot;
}

void might_sleep(void)
{
	const struct shim_cpu *cpu = shim_cpu;

	if (cpu->readers || cpu->locks || cpu->irqs_off || cpu->atomic)
		shim_panic("sleeps in atomic context: %u readers, %u locks, interrupts %s%s",
			   cpu->readers, cpu->locks, cpu->irqs_off ? "off" : "on",
			   cpu->atomic ? ", and the caller said no" : "");
	shim_step();
}

unsigned long shim_offers;

void cond_resched(void)
{
	might_sleep();
	__atomic_fetch_add(&shim_offers, 1, __ATOMIC_RELAXED);
}

unsigned long shim_slept;

void usleep_range(unsigned long min, unsigned long max)
{
	might_sleep();
	if (max < min)
		shim_panic("a task sleeps for %lu to %lu us", min, max);
	__atomic_fetch_add(&shim_slept, min, __ATOMIC_RELAXED);
#ifdef SHIM_THREADS
	sched_yield();
#endif
}

struct task_struct *shim_current(void)
{
	return &shim_cpu->task;
}

bool shim_is_killed(void)
{
	shim_step();
	return shim_cpu->killed;
}

bool need_resched(void)
{
	if (!__atomic_load_n(&shim_resched, __ATOMIC_RELAXED))
		return false;
	__atomic_fetch_sub(&shim_resched, 1, __ATOMIC_RELAXED);
	return true;
}

/* --- locks ---------------------------------------------------------------- */

void shim_lock_init(raw_spinlock_t *lock, const char *name)
{
	lock->owner = NULL;
	lock->name = name;
}

bool shim_trylock(raw_spinlock_t *lock)
{
	const void *none = NULL;

	if (!lock->name)
		shim_panic("a lock is taken that was not initialised");
	if (!__atomic_compare_exchange_n(&lock->owner, &none, shim_cpu, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	shim_cpu->locks++;
	return true;
}

void shim_lock(raw_spinlock_t *lock)
{
	shim_step();
	if (shim_lock_is_mine(lock))
		shim_panic("%s is taken twice", lock->name);
	while (!shim_trylock(lock)) {
#ifdef SHIM_THREADS
		sched_yield();
#else
		shim_panic("%s is taken already", lock->name);
#endif
	}
}

void shim_unlock(raw_spinlock_t *lock)
{
	if (!shim_lock_is_mine(lock))
		shim_panic("%s is given back by another CPU", lock->name);
	shim_cpu->locks--;
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELEASE);
	shim_step();
}

bool shim_lock_is_mine(const raw_spinlock_t *lock)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == shim_cpu;
}

long shim_longest_off;

/* Where threads do this at a time, none of them asks. */
static void note_off(long steps)
{
#ifndef SHIM_THREADS
	shim_longest_off = max(shim_longest_off, steps);
#endif
}

bool shim_irq_save(void)
{
	bool were_off = shim_cpu->irqs_off;

	shim_cpu->irqs_off = true;
	if (!were_off)
		shim_cpu->off_since = shim_steps;
	return were_off;
}

void shim_irq_restore(bool were_off)
{
	if (!shim_cpu->irqs_off)
		shim_panic("interrupts are restored, but not off");
	shim_cpu->irqs_off = were_off;
	if (!were_off)
		note_off(shim_cpu->off_since - shim_steps);
	shim_step();
}

void shim_irq_disable(void)
{
	if (shim_irq_save())
		shim_panic("interrupts are disabled twice, and would be enabled too early");
}

void shim_irq_enable(void)
{
	shim_irq_restore(false);
}

bool mutex_trylock(struct mutex *mutex)
{
	const void *none = NULL;

	if (!mutex->initialised)
		shim_panic("a mutex is taken that was not initialised");
	return __atomic_compare_exchange_n(&mutex->owner, &none, shim_cpu, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void mutex_lock(struct mutex *mutex)
{
	might_sleep();
	while (!mutex_trylock(mutex)) {
#ifdef SHIM_THREADS
		sched_yield();
#else
		shim_panic("a mutex is taken already");
#endif
	}
}

void mutex_unlock(struct mutex *mutex)
{
	if (__atomic_load_n(&mutex->owner, __ATOMIC_RELAXED) != shim_cpu)
		shim_panic("a mutex is given back by another CPU");
	__atomic_store_n(&mutex->owner, NULL, __ATOMIC_RELEASE);
}

#define RT_MUTEX_MAGIC		0x72746d75

void rt_mutex_init(struct rt_mutex *lock)
{
	mutex_init(&lock->mutex);
	lock->magic = RT_MUTEX_MAGIC;
}

bool rt_mutex_trylock(struct rt_mutex *lock)
{
	if (lock->magic != RT_MUTEX_MAGIC)
		shim_panic("what is taken is no mutex");
	return mutex_trylock(&lock->mutex);
}

void rt_mutex_lock(struct rt_mutex *lock)
{
#ifndef SHIM_THREADS
	might_sleep();
	if (!rt_mutex_trylock(lock)) {
		shim_cpu->lent_to = lock;
		shim_cpu->killed = true;
	}
#else
	mutex_lock(&lock->mutex);
#endif
}

void rt_mutex_unlock(struct rt_mutex *lock)
{
	if (shim_cpu->lent_to != lock)
		mutex_unlock(&lock->mutex);
}

/* --- RCU ------------------------------------------------------------------ */

static pthread_mutex_t rcu_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct rcu_head *rcu_first;
static struct rcu_head **rcu_last = &rcu_first;
static unsigned int rcu_queued, rcu_running;
static u64 rcu_clock = 1;

static u64 rcu_now(void)
{
	return __atomic_fetch_add(&rcu_clock, 1, __ATOMIC_SEQ_CST) + 1;
}

void rcu_read_lock(void)
{
	struct shim_cpu *cpu = shim_cpu;

	if (!cpu->readers++) {
		/* The oldest of all, until it is known how old */
		__atomic_store_n(&reading_since[cpu->slot], 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&reading_since[cpu->slot], rcu_now(), __ATOMIC_SEQ_CST);
	}
	shim_step();
}

void rcu_read_unlock(void)
{
	struct shim_cpu *cpu = shim_cpu;

	shim_step();
	if (!cpu->readers)
		shim_panic("an RCU read-side section ends that has not begun");
	if (!--cpu->readers)
		__atomic_store_n(&reading_since[cpu->slot], 0, __ATOMIC_SEQ_CST);
}

bool rcu_read_lock_held(void)
{
	return shim_cpu->readers;
}

/* A section, or what keeps the CPU from being taken from the task */
bool rcu_read_lock_any_held(void)
{
	return shim_cpu->readers || shim_cpu->locks || shim_cpu->irqs_off;
}

/* Has every section that had begun at that time come to its end? */
static bool rcu_is_over(u64 began)
{
	unsigned int i;

	for (i = 0; i < CPUS; i++) {
		u64 since = __atomic_load_n(&reading_since[i], __ATOMIC_SEQ_CST);

		if (since && since <= began)
			return false;
	}
	return true;
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	quiet_lock(&rcu_mutex);
	head->func = func;
	head->next = NULL;
	head->began = rcu_now();
	*rcu_last = head;
	rcu_last = &head->next;
	rcu_queued++;
	quiet_unlock(&rcu_mutex);
}

static struct rcu_head *rcu_take(void)
{
	struct rcu_head *head;

	quiet_lock(&rcu_mutex);
	head = rcu_first;
	if (head && rcu_is_over(head->began)) {
		rcu_first = head->next;
		if (!rcu_first)
			rcu_last = &rcu_first;
		rcu_queued--;
		rcu_running++;
	} else {
		head = NULL;
	}
	quiet_unlock(&rcu_mutex);
	return head;
}

/* Callbacks run in a softirq: they must not sleep. */
bool shim_run_rcu(void)
{
	struct rcu_head *head = rcu_take();
	struct shim_cpu cpu;

	if (!head)
		return false;
	shim_cpu_enter(&cpu);
	cpu.atomic = true;
	head->func(head);
	shim_cpu_leave(&cpu);
	quiet_lock(&rcu_mutex);
	rcu_running--;
	quiet_unlock(&rcu_mutex);
	return true;
}

unsigned int shim_rcu_waiting(void)
{
	unsigned int nr;

	quiet_lock(&rcu_mutex);
	nr = rcu_queued + rcu_running;
	quiet_unlock(&rcu_mutex);
	return nr;
}

void rcu_barrier(void)
{
	might_sleep();
	while (shim_rcu_waiting()) {
#ifdef SHIM_THREADS
		sched_yield();
#else
		if (!shim_run_rcu())
			shim_panic("rcu_barrier() waits for ever");
#endif
	}
}

void synchronize_rcu(void)
{
	u64 began = rcu_now();

	might_sleep();
	while (!rcu_is_over(began)) {
#ifdef SHIM_THREADS
		sched_yield();
#else
		shim_panic("synchronize_rcu() waits for ever");
#endif
	}
}

unsigned long get_state_synchronize_rcu(void)
{
	return rcu_now();
}

unsigned long start_poll_synchronize_rcu(void)
{
	return rcu_now();
}

bool poll_state_synchronize_rcu(unsigned long state)
{
	return rcu_is_over(state);
}

static void free_object(struct rcu_head *head)
{
	/* Objects say where their head is by being what it is the start of. */
	kfree(head);
}

void shim_kfree_rcu(void *object, struct rcu_head *head)
{
	if ((void *)head != object)
		shim_panic("kfree_rcu() of an object that does not begin with its head");
	call_rcu(head, free_object);
}

/* --- waiting -------------------------------------------------------------- */

/* What a sleeper knows of wake-ups: those since it last looked do count */
static __thread unsigned int wakes_seen;

void shim_wait_begin(wait_queue_head_t *head)
{
	shim_cpu->waits++;
	__atomic_fetch_add(&head->sleepers, 1, __ATOMIC_SEQ_CST);
	wakes_seen = __atomic_load_n(&head->wakes, __ATOMIC_SEQ_CST);
}

void shim_wait_end(wait_queue_head_t *head)
{
	__atomic_fetch_sub(&head->sleepers, 1, __ATOMIC_SEQ_CST);
}

void shim_wait(wait_queue_head_t *head)
{
	while (__atomic_load_n(&head->wakes, __ATOMIC_SEQ_CST) == wakes_seen) {
#ifdef SHIM_THREADS
		sched_yield();
#else
		if (shim_run_rcu() || shim_run_work())
			continue;
		if (!shim_cpu->gives_up)
			shim_panic("waits for ever: nothing is left to run");
		shim_cpu->killed = true;
		break;
#endif
	}
	wakes_seen = __atomic_load_n(&head->wakes, __ATOMIC_SEQ_CST);
}

/* Return: false if nothing has happened, and with one thread nothing will */
bool shim_wait_some(wait_queue_head_t *head)
{
#ifdef SHIM_THREADS
	sched_yield();
	return true;
#else
	return shim_run_rcu() || shim_run_work();
#endif
}

bool wq_has_sleeper(wait_queue_head_t *head)
{
	shim_step();
	return __atomic_load_n(&head->sleepers, __ATOMIC_SEQ_CST);
}

void wake_up_all(wait_queue_head_t *head)
{
	/* Its lock sleeps on a real-time kernel. */
	if (shim_cpu->locks)
		shim_panic("a wake-up with a raw spinlock held");
	__atomic_fetch_add(&head->wakes, 1, __ATOMIC_SEQ_CST);
}
