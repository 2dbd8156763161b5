// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two libraries of page tables side by side on all CPUs: rounds of half a
 * millisecond, one of each in turn, so that whatever else the machine does
 * meets both. A pair of rounds in which a thread lost its CPU, or began late,
 * does not count.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <linux/module.h>
#include <linux/percpu.h>

#include "shim.h"
#include "smp.h"

/* Nanoseconds of a round, and how far apart its threads may begin */
#define ROUND		500000.0
#define APART		(ROUND / 20)

/*
 * Pairs of rounds that are enough, that are needed, and pairs of calls to warm
 * up
 */
#define ROUNDS_MAX	201
#define ROUNDS_MIN	9
#define WARM_UP		64

#define LIBRARIES	2

static const struct smp_library *const libraries[LIBRARIES] = { &smp_intree, &smp_ours };
static struct smp_thread threads[SMP_THREADS_MAX];
static pthread_t handles[SMP_THREADS_MAX];
static int cpus[SMP_THREADS_MAX];
static unsigned int nr_cpus;

/* The row that is being measured */
static const struct smp_pattern *pattern;
static unsigned int nr_threads;

/* What the threads are to do next, between two barriers */
static enum { BEGIN, ROUND_OF, END, EXIT } task;
static unsigned long task_pairs;
static pthread_barrier_t task_begins, task_ends;

/* Of the last round */
static double round_start[SMP_THREADS_MAX], round_ns[SMP_THREADS_MAX];
static unsigned long round_lost[SMP_THREADS_MAX];
static unsigned int round_ready, round_left;

/* Of the row, by library, and the ratio of each pair of rounds */
static double samples[LIBRARIES][ROUNDS_MAX], ratios[ROUNDS_MAX];

static double seconds = 45;
static const char *only = "";

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static unsigned long lost_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

/* --- threads -------------------------------------------------------------- */

/* All begin at the same moment: each is on its CPU by then. */
static void meet(void)
{
	__atomic_fetch_add(&round_ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&round_ready, __ATOMIC_ACQUIRE) < nr_threads)
		__builtin_ia32_pause();
}

static void time_round(struct smp_thread *thread)
{
	unsigned long lost;
	double start;

	/* Threads that wait for each other would not end while one is away. */
	if (pattern->least == 1)
		pattern->run(thread, pattern, WARM_UP);
	thread->done = 0;
	meet();
	lost = lost_cpu();
	start = now_ns();
	pattern->run(thread, pattern, task_pairs);
	round_ns[thread->number] = now_ns() - start;
	round_start[thread->number] = start;
	round_lost[thread->number] = lost_cpu() - lost;
	if (!thread->silent &&
	    !__atomic_sub_fetch(&round_left, 1, __ATOMIC_ACQ_REL))
		WRITE_ONCE(smp_round_over, true);
}

static void pin(unsigned int number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[number], &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		shim_panic("CPU %d cannot be had", cpus[number]);
}

static void *live(void *arg)
{
	struct smp_thread *thread = arg;
	struct shim_cpu cpu;

	shim_cpu_enter(&cpu);
	smp_cpu_offset = smp_offset_of(thread->number + 1);
	pin(thread->number);
	for (;;) {
		pthread_barrier_wait(&task_begins);
		if (task == EXIT)
			break;
		if (task == BEGIN && pattern->begin)
			pattern->begin(thread);
		else if (task == ROUND_OF)
			time_round(thread);
		else if (task == END && pattern->end)
			pattern->end(thread);
		pthread_barrier_wait(&task_ends);
	}
	shim_cpu_leave(&cpu);
	return NULL;
}

static void start_threads(unsigned int nr)
{
	unsigned int i;

	nr_threads = nr;
	pthread_barrier_init(&task_begins, NULL, nr + 1);
	pthread_barrier_init(&task_ends, NULL, nr + 1);
	for (i = 0; i < nr; i++) {
		threads[i] = (struct smp_thread) {
			.number = i, .threads = nr, .random = i + 1, .all = threads,
		};
		if (pthread_create(&handles[i], NULL, live, &threads[i]))
			shim_panic("no thread");
	}
}

static void let_threads(int what)
{
	task = what;
	pthread_barrier_wait(&task_begins);
	if (what != EXIT)
		pthread_barrier_wait(&task_ends);
}

static void stop_threads(void)
{
	unsigned int i;

	let_threads(EXIT);
	for (i = 0; i < nr_threads; i++)
		pthread_join(handles[i], NULL);
	pthread_barrier_destroy(&task_begins);
	pthread_barrier_destroy(&task_ends);
}

/*
 * What the library has left for later: between two rounds it has the machine.
 */
static void let_workers(const struct smp_library *library)
{
	bool any;

	do {
		any = shim_run_rcu();
		any |= library->work();
	} while (any);
}

/* --- a row ---------------------------------------------------------------- */

/*
 * Was each thread on its CPU all the time, and were all there at the same time?
 */
static bool round_counts(void)
{
	double first = round_start[0], last = first;
	unsigned int i;

	for (i = 0; i < nr_threads; i++) {
		if (round_lost[i])
			return false;
		first = min(first, round_start[i]);
		last = max(last, round_start[i]);
	}
	return last - first < APART;
}

/* Return: nanoseconds of a pair, or 0 if the round does not count */
static double measure_round(struct smp_domain *domain, unsigned long pairs)
{
	unsigned int i, count = 0;
	double sum = 0;

	for (i = 0; i < nr_threads; i++) {
		threads[i].domain = domain;
		count += !threads[i].silent;
	}
	task_pairs = pairs;
	round_ready = 0;
	round_left = count;
	smp_round_over = false;
	let_threads(ROUND_OF);
	for (i = 0; i < nr_threads; i++)
		if (!threads[i].silent)
			sum += round_ns[i];
	let_workers(domain->library);
	return round_counts() ? sum / count / pairs : 0;
}

static void open_domain(struct smp_domain *domain, const struct smp_library *library)
{
	unsigned int i;

	domain->library = library;
	library->open(domain);
	for (i = 0; i < nr_threads; i++) {
		threads[i].domain = domain;
		threads[i].silent = false;
		threads[i].step = 0;
	}
	let_threads(BEGIN);
}

static void close_domain(struct smp_domain *domain)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		threads[i].domain = domain;
	let_threads(END);
	domain->library->close(domain);
	shim_pass_time();
	let_workers(domain->library);
}

/*
 * So many that a round takes its time; of one that was not disturbed, if there
 * is one
 */
static unsigned long calibrate(struct smp_domain *domain)
{
	double ns = 0;
	unsigned int i;

	for (i = 0; i < 20 && !ns; i++)
		ns = measure_round(domain, 500);
	return ns ? ROUND / ns + 1 : 1000;
}

/* Return: how many pairs of rounds count */
static unsigned int measure(struct smp_domain *domains, double until, unsigned int *tried)
{
	unsigned long pairs[LIBRARIES];
	unsigned int i, nr = 0;

	for (i = 0; i < LIBRARIES; i++)
		pairs[i] = calibrate(&domains[i]);

	for (*tried = 0; nr < ROUNDS_MAX && (now_ns() < until || !*tried); ++*tried) {
		unsigned int first = *tried & 1;
		double ns[LIBRARIES];

		ns[first] = measure_round(&domains[first], pairs[first]);
		ns[!first] = measure_round(&domains[!first], pairs[!first]);
		if (!ns[0] || !ns[1])
			continue;
		samples[0][nr] = ns[0];
		samples[1][nr] = ns[1];
		ratios[nr++] = ns[1] / ns[0];
	}
	return nr;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quartile(double *values, unsigned int nr, unsigned int which)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[(nr - 1) * which / 4];
}

static void print_ns(double *values, unsigned int nr)
{
	printf(" %.0f (%.0f to %.0f) |", quartile(values, nr, 2),
	       quartile(values, nr, 1), quartile(values, nr, 3));
}

/* Return: ours / in-tree, or 0 if the machine was too busy */
static double measure_row(double until)
{
	struct smp_domain domains[LIBRARIES];
	unsigned int i, nr, tried;
	double ratio = 0;

	for (i = 0; i < LIBRARIES; i++)
		open_domain(&domains[i], libraries[i]);
	nr = measure(domains, until, &tried);
	for (i = 0; i < LIBRARIES; i++)
		close_domain(&domains[i]);

	printf("| %s | %u |", pattern->name, nr_threads);
	if (nr < ROUNDS_MIN) {
		printf(" - | - | - | %u of %u |\n", nr, tried);
	} else {
		print_ns(samples[0], nr);
		print_ns(samples[1], nr);
		ratio = quartile(ratios, nr, 2);
		printf(" **%.2f** (%.2f to %.2f) | %u of %u |\n", ratio,
		       quartile(ratios, nr, 1), quartile(ratios, nr, 3), nr, tried);
	}
	fflush(stdout);
	return ratio;
}

/* --- all of it ------------------------------------------------------------ */

static bool is_row(const struct smp_pattern *row, unsigned int nr)
{
	return row->least <= nr && strstr(row->name, only);
}

static unsigned int count_rows(void)
{
	unsigned int i, rows = 0;

	for (i = 0; i < smp_nr_patterns; i++)
		rows += is_row(&smp_patterns[i], 1) +
			(nr_cpus > 1 && is_row(&smp_patterns[i], nr_cpus));
	return rows;
}

/* Return: how many rows could not be measured */
static unsigned int measure_with(unsigned int nr, double each)
{
	double found[64];
	unsigned int i, rows = 0, failed = 0;

	start_threads(nr);
	for (i = 0; i < smp_nr_patterns; i++) {
		if (!is_row(&smp_patterns[i], nr))
			continue;
		pattern = &smp_patterns[i];
		found[rows] = measure_row(now_ns() + each);
		if (found[rows])
			rows++;
		else
			failed++;
	}
	stop_threads();
	if (rows)
		printf("| all, median and worst | %u | | | **%.2f**, %.2f | |\n", nr,
		       quartile(found, rows, 2), quartile(found, rows, 4));
	return failed;
}

static void find_cpus(void)
{
	cpu_set_t set;
	int cpu;

	if (sched_getaffinity(0, sizeof(set), &set))
		shim_panic("the CPUs are not known");
	for (cpu = 0; cpu < CPU_SETSIZE && nr_cpus < SMP_THREADS_MAX; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[nr_cpus++] = cpu;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's' && atof(optarg) > 0) {
			seconds = atof(optarg);
		} else if (option == 'o') {
			only = optarg;
		} else {
			fprintf(stderr, "usage: smp [--seconds=ALL] [--only=PART OF A NAME]\n");
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int failed = 0;
	double each;

	parse(argc, argv);
	find_cpus();
	if (!count_rows()) {
		fprintf(stderr, "smp: no pattern has \"%s\" in its name\n", only);
		return 2;
	}
	shim_memory_init();
	if (shim_module_init())
		shim_panic("the library does not come up");

	each = seconds * 1e9 / count_rows();
	printf("| pattern | threads | in-tree, ns a pair | ours, ns a pair ");
	printf("| ours / in-tree | rounds |\n");
	printf("|---|---:|---:|---:|---:|---:|\n");
	failed += measure_with(1, each);
	if (nr_cpus > 1)
		failed += measure_with(nr_cpus, each);
	shim_module_exit();
	if (failed)
		fprintf(stderr, "smp: %u rows not measured: others had the CPUs\n",
			failed);
	return !!failed;
}
