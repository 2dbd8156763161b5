// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fills a whole IO address space with 4 KiB pages and frees it, once with the
 * tables left to the reclaimer and once in the caller. Meanwhile a real-time
 * task on the same CPU notes how late it is woken. Under QEMU's -icount shift=0
 * a nanosecond is an instruction.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../ipmmu/lib/rig.h"

#define PIECE		(32 * HOST_1G)	/* filled between lines of progress */
#define IDLE_MS		200
#define QUIET_MS	3000
#define FREE_WAIT_MS	60000
#define SHOW_MS		10
/* Not a divisor of the tick, so that it meets every phase of it */
#define PERIOD_NS	97000
#define FIFO_PRIORITY	80

struct result {
	bool deferred;
	u64 tables, caller_ns, worst_ns, longest, longest_ns;
	long long batches;
};

static atomic_bool sampling, stop;
static atomic_ullong worst_ns;

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

/* 262657 as 262,657; a few at a time may be in one printf() */
static const char *grouped(u64 value)
{
	static char texts[16][32];
	static unsigned int next;
	char *text = texts[next++ % 16] + 31;
	unsigned int digits = 0;

	*text = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--text = ',';
		*--text = '0' + value % 10;
		value /= 10;
		digits++;
	} while (value);
	return text;
}

static void pin_to_first_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *wakeups(void *unused)
{
	struct timespec ts;
	u64 wanted = host_ns(), now;

	(void)unused;
	pin_to_first_cpu();
	while (!atomic_load(&stop)) {
		wanted += PERIOD_NS;
		ts.tv_sec = wanted / 1000000000;
		ts.tv_nsec = wanted % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		now = host_ns();
		if (atomic_load(&sampling) && now - wanted > atomic_load(&worst_ns))
			atomic_store(&worst_ns, now - wanted);
		/* What was slept through is not counted a second time */
		if (now > wanted + PERIOD_NS)
			wanted = now;
	}
	return NULL;
}

static int wakeups_start(pthread_t *thread)
{
	struct sched_param param = { .sched_priority = FIFO_PRIORITY };
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	atomic_store(&stop, false);
	return pthread_create(thread, &attr, wakeups, NULL);
}

static void sample_begin(void)
{
	host_sleep_ms(20);
	atomic_store(&worst_ns, 0);
	atomic_store(&sampling, true);
}

static u64 sample_end(void)
{
	atomic_store(&sampling, false);
	return atomic_load(&worst_ns);
}

/* Nothing but this program's own lines, written as often as during a free */
static u64 measure_idle(void)
{
	unsigned int ms;

	/* What booting and loading left behind comes first */
	host_sleep_ms(QUIET_MS);
	sample_begin();
	for (ms = 0; ms < IDLE_MS; ms += SHOW_MS) {
		host_sleep_ms(SHOW_MS);
		printf("  idle: %lld tables pending\n", reclaimer("pending"));
		fflush(stdout);
	}
	return sample_end();
}

static int fill_space(const struct rig *rig, u64 size, u64 *tables)
{
	u64 done, piece = size < PIECE ? size : PIECE;
	int ret;

	for (done = 0; done < size; done += piece) {
		ret = domain_fill(rig->fd, done, piece, 0);
		if (ret) {
			printf("  filling stopped at %llu GiB: %s\n",
			       (done / HOST_1G), strerror(-ret));
			return ret;
		}
		*tables = reclaimer("live") - rig->before.live;
		printf("  filled %3llu of %llu GiB with pages of 4 KiB: %s tables\n",
		       ((done + piece) / HOST_1G),
		       (size / HOST_1G), grouped(*tables));
		fflush(stdout);
	}
	return 0;
}

static int show_pending(void)
{
	u64 end = host_ns() + FREE_WAIT_MS * 1000000ull;
	long long pending;

	while ((pending = reclaimer("pending")) > 0 && host_ns() < end) {
		printf("  pending tables: %s\n", grouped(pending));
		fflush(stdout);
		host_sleep_ms(SHOW_MS);
	}
	return pending ? -ETIME : 0;
}

static int free_space(struct rig *rig, struct result *result)
{
	long long batches = reclaimer("batches");
	pthread_t thread;
	s64 ns;
	int ret;

	parameter_set(RECLAIMER_DEBUGFS, "reset", "1");
	if (wakeups_start(&thread)) {
		say("  no real-time task: SCHED_FIFO is refused");
		return -EPERM;
	}
	sample_begin();
	ns = domain_free(rig->fd);
	ret = ns < 0 ? ns : show_pending();
	result->worst_ns = sample_end();
	atomic_store(&stop, true);
	pthread_join(thread, NULL);

	result->caller_ns = ns;
	result->batches = reclaimer("batches") - batches;
	result->longest = reclaimer("longest_batch");
	result->longest_ns = reclaimer("longest_batch_ns");
	return ret;
}

static int measure(struct result *result)
{
	const char *wrong;
	struct rig rig;
	u64 size;
	int ret = 0;

	printf("deferred=%d: the whole space of one domain\n", result->deferred);
	parameter_set(RECLAIMER_PARAMETERS, "deferred", result->deferred ? "1" : "0");
	wrong = rig_open(&rig, 0);
	if (wrong) {
		say(wrong);
		return -EIO;
	}
	size = rig.info.aperture_end + 1;
	ret = fill_space(&rig, size, &result->tables);
	if (!ret && result->tables != tables_for(size)) {
		printf("  %s tables, and not the %s of %llu GiB\n",
		       grouped(result->tables), grouped(tables_for(size)),
		       (size / HOST_1G));
		ret = -EIO;
	}
	if (!ret)
		ret = domain_release(rig.fd, &rig.dma);
	if (!ret)
		ret = free_space(&rig, result);
	if (rig_close(&rig))
		ret = ret ? ret : -EIO;
	else
		printf("  freed; page counters are back: %lld tables, %lld secondary pages\n",
		       rig.before.live, rig.before.secondary);
	return ret;
}

static void table(const struct result *r, u64 idle)
{
	printf("\n%-46s %15s %15s\n", "freeing one full domain (instructions)",
	       "deferred=1", "deferred=0");
	printf("%-46s %15s %15s\n", "tables", grouped(r[0].tables),
	       grouped(r[1].tables));
	printf("%-46s %15s %15s\n", "caller held up", grouped(r[0].caller_ns),
	       grouped(r[1].caller_ns));
	printf("%-46s %15s %15s\n", "worst wake-up delay of a FIFO task meanwhile",
	       grouped(r[0].worst_ns), grouped(r[1].worst_ns));
	printf("%-46s %15s %15s\n", "the same, idle", grouped(idle), grouped(idle));
	printf("%-46s %15s %15s\n", "batches", grouped(r[0].batches),
	       grouped(r[1].batches));
	printf("%-46s %15s %15s\n", "longest batch (tables)", grouped(r[0].longest),
	       grouped(r[1].longest));
	printf("%-46s %15s %15s\n", "longest batch (instructions)",
	       grouped(r[0].longest_ns), grouped(r[1].longest_ns));
	fflush(stdout);
}

int main(void)
{
	struct result results[2] = { { .deferred = true }, { .deferred = false } };
	const char *missing = setup_domains();
	pthread_t thread;
	u64 idle;
	int i;

	if (missing) {
		say(missing);
		return 1;
	}
	pin_to_first_cpu();
	if (wakeups_start(&thread)) {
		say("no real-time task: SCHED_FIFO is refused");
		return 1;
	}
	idle = measure_idle();
	atomic_store(&stop, true);
	pthread_join(thread, NULL);

	for (i = 0; i < 2; i++)
		if (measure(&results[i]))
			return 1;
	parameter_set(RECLAIMER_PARAMETERS, "deferred", "1");
	table(results, idle);
	return 0;
}
