// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wake-up delay: on each CPU a task of real-time priority sleeps until a moment
 * and looks how much later it is, as cyclictest does. The moments are uneven,
 * so that they fall into step with nothing.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define WAKE_CPUS	8

/* Enough for seconds of a full 39-bit space; the pages are touched before */
#define WAKE_SAMPLES	(1 << 17)

/* Between two wake-ups: some six times what one costs, and as much again */
#define WAKE_GAP_NS	40000
#define WAKE_SPREAD_NS	32768

/* Above the kernel's threads of real-time priority, which have 50 */
#define WAKE_PRIORITY	80

struct wake_sample {
	uint64_t wanted;
	uint64_t delay;
};

struct wake {
	pthread_t thread;
	int cpu;
	struct wake_sample *samples;
	size_t count;
};

void (*wake_watch)(uint64_t delay);

static struct wake wakes[WAKE_CPUS];
static atomic_bool wake_stop;

static uint64_t wake_sleep_until(uint64_t wanted)
{
	struct timespec ts = {
		.tv_sec = wanted / 1000000000,
		.tv_nsec = wanted % 1000000000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
	return now() - wanted;
}

static void *wake_run(void *arg)
{
	struct sched_param param = { .sched_priority = WAKE_PRIORITY };
	struct wake *wake = arg;
	uint32_t random = 1 + wake->cpu;

	pin(wake->cpu);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		fail("SCHED_FIFO");

	while (!atomic_load(&wake_stop) && wake->count < WAKE_SAMPLES) {
		struct wake_sample *sample = &wake->samples[wake->count];

		/* Numerical Recipes' generator: any would do */
		random = random * 1664525 + 1013904223;
		sample->wanted = now() + WAKE_GAP_NS +
				 (random >> 16) % WAKE_SPREAD_NS;
		sample->delay = wake_sleep_until(sample->wanted);
		if (wake_watch)
			wake_watch(sample->delay);
		wake->count++;
	}
	return NULL;
}

static void wake_start(struct wake *wake, int cpu)
{
	if (!wake->samples) {
		wake->samples = malloc(WAKE_SAMPLES * sizeof(*wake->samples));
		if (!wake->samples)
			fail("memory for samples");
		memset(wake->samples, 0xff, WAKE_SAMPLES * sizeof(*wake->samples));
	}
	wake->cpu = cpu;
	wake->count = 0;
	errno = pthread_create(&wake->thread, NULL, wake_run, wake);
	if (errno)
		fail("thread");
}

void wake_begin(void)
{
	int i;

	atomic_store(&wake_stop, false);
	for (i = 0; i < cpus() && i < WAKE_CPUS; i++)
		wake_start(&wakes[i], i);
	/* First wake-ups fault things in */
	pause_ns(2000000);
}

void wake_end(void)
{
	int i;

	/* What was asked for until now is still answered */
	pause_ns(200000);
	atomic_store(&wake_stop, true);
	for (i = 0; i < cpus() && i < WAKE_CPUS; i++)
		pthread_join(wakes[i].thread, NULL);
}

/* Was the sample's task waiting at any time of the span? */
static bool wake_in_span(const struct wake_sample *sample, uint64_t from,
			 uint64_t to)
{
	return sample->wanted + sample->delay >= from && sample->wanted <= to;
}

uint64_t wake_worst(uint64_t from, uint64_t to)
{
	uint64_t worst = 0;
	size_t i, j;

	for (i = 0; i < WAKE_CPUS; i++)
		for (j = 0; j < wakes[i].count; j++)
			if (wake_in_span(&wakes[i].samples[j], from, to) &&
			    wakes[i].samples[j].delay > worst)
				worst = wakes[i].samples[j].delay;
	return worst;
}

uint64_t wake_samples(uint64_t from, uint64_t to)
{
	uint64_t count = 0;
	size_t i, j;

	for (i = 0; i < WAKE_CPUS; i++)
		for (j = 0; j < wakes[i].count; j++)
			count += wake_in_span(&wakes[i].samples[j], from, to);
	return count;
}

/* The first CPU's, and a little of the time before and after */
void wake_print(uint64_t from, uint64_t to)
{
	const struct wake *wake = &wakes[0];
	uint64_t around = 500000;
	size_t i;

	for (i = 0; i < wake->count; i++)
		if (wake_in_span(&wake->samples[i], from - around, to + around))
			printf("sample %s %lld %llu\n", options.variant,
			       (long long)(wake->samples[i].wanted - from),
			       (unsigned long long)wake->samples[i].delay);
	fflush(stdout);
}
