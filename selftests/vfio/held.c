// SPDX-License-Identifier: GPL-2.0-only
/*
 * What held a CPU: see held.h. In the tracer's buffer each wake-up is two
 * events, each with a stack, and a line of the task's own that says how late it
 * was.
 *
 * A function is ours that /proc/kallsyms has in one of the two modules. What
 * ours did between the two moments, and was on neither stack, is not seen.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "../guest/delays.h"
#include "held.h"

#define SCHED		DELAYS_TRACING "events/sched/"
#define BUFFER_KIB	"49152"
/* As the kernel counts */
#define KERNEL_PRIORITY	(99 - DELAYS_PRIORITY)
#define NAMED		12	/* functions of a stack that are named */
#define OURS_MAX	4096

/* What is known of a wake-up while its lines are read */
struct wake {
	bool ours;
	bool due;		/* the stack is that of the interrupted task */
	bool below;		/* and the interrupt has been left behind */
	unsigned int named;
	char by[HELD_TEXT];
};

static char *ours[OURS_MAX];
static size_t ours_count;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "ffff800079a2c0a8 t iopd_map_range	[io_pgtable_arm_deferred]" */
static void ours_take(const char *line)
{
	char name[128], module[64];

	if (sscanf(line, "%*s %*s %127s [%63[^]]]", name, module) != 2 ||
	    ours_count == OURS_MAX || name[0] == '$')
		return;
	if (!strcmp(module, "io_pgtable_arm_deferred") ||
	    !strcmp(module, "ipmmu_vmsa_deferred"))
		ours[ours_count++] = strdup(name);
}

static int ours_read(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[256];

	if (!symbols)
		return -1;
	for (ours_count = 0; fgets(line, sizeof(line), symbols);)
		ours_take(line);
	fclose(symbols);
	qsort(ours, ours_count, sizeof(*ours), by_name);
	return ours_count ? 0 : -1;
}

static bool is_ours(const char *name)
{
	return bsearch(&name, ours, ours_count, sizeof(*ours), by_name);
}

/* Only of the task: @field is where the event has its priority */
static int event_set(const char *event, const char *field, bool on)
{
	char folder[128], filter[48], trigger[96];
	int ret;

	snprintf(folder, sizeof(folder), SCHED "%s/", event);
	snprintf(filter, sizeof(filter), "%s == %d", field, KERNEL_PRIORITY);
	snprintf(trigger, sizeof(trigger), "%sstacktrace if %s", on ? "" : "!", filter);
	ret = parameter_set(folder, "filter", on ? filter : "0");
	ret |= parameter_set(folder, "trigger", trigger);
	return ret | parameter_set(folder, "enable", on ? "1" : "0");
}

static int events_set(bool on)
{
	return event_set("sched_waking", "prio", on) |
	       event_set("sched_switch", "next_prio", on);
}

/* By opening it so: what is written to it does nothing */
static int trace_clear(void)
{
	int fd = open(DELAYS_TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

int held_begin(void)
{
	if (ours_read())
		return -1;
	parameter_set(DELAYS_TRACING, "buffer_size_kb", BUFFER_KIB);
	return trace_clear() | events_set(true) | parameter_set(DELAYS_TRACING, "tracing_on", "1");
}

/* Of the interrupt itself nothing is named: what it has interrupted is */
static void wake_takes(struct wake *w, char *name)
{
	size_t len = strlen(w->by);

	name[strcspn(name, "\n ")] = '\0';
	w->ours |= is_ours(name);
	if (!w->due)
		return;
	if (!w->below && !strcmp(name, "el1h_64_irq")) {
		w->below = true;
		w->named = 0;
		w->by[0] = '\0';
		return;
	}
	if (w->named++ < NAMED && len + strlen(name) + 4 < sizeof(w->by))
		sprintf(w->by + len, "%s%s", len ? " < " : "", name);
}

static void delay_set(struct held_delay *d, u64 ns, const struct wake *w)
{
	d->ns = ns;
	memcpy(d->by, w->by, sizeof(d->by));
}

static void longest_take(struct held *h, u64 ns, const struct wake *w)
{
	int i = HELD_LONGEST - 1;

	if (ns <= h->longest[i].ns)
		return;
	for (; i > 0 && h->longest[i - 1].ns < ns; i--)
		h->longest[i] = h->longest[i - 1];
	delay_set(&h->longest[i], ns, w);
}

static void held_takes(struct held *h, u64 ns, const struct wake *w)
{
	h->wakes++;
	h->ours += w->ours;
	if (ns > h->worst_ns)
		h->worst_ns = ns;
	if (w->ours && ns > h->ours_worst.ns)
		delay_set(&h->ours_worst, ns, w);
	longest_take(h, ns, w);
}

static void held_reads(struct held *h, struct wake *w, char *line)
{
	const char *mark = strstr(line, DELAYS_MARK);

	if (!strncmp(line, " => ", 4)) {
		wake_takes(w, line + 4);
	} else if (strstr(line, ": sched_waking: ")) {
		*w = (struct wake) { .due = true };
	} else if (strstr(line, ": sched_switch: ")) {
		w->due = false;
	} else if (mark) {
		held_takes(h, strtoull(mark + strlen(DELAYS_MARK), NULL, 10), w);
		*w = (struct wake) { 0 };
	}
}

int held_end(struct held *h)
{
	struct wake w = { 0 };
	char line[512];
	FILE *trace;

	parameter_set(DELAYS_TRACING, "tracing_on", "0");
	events_set(false);
	*h = (struct held) { 0 };
	trace = fopen(DELAYS_TRACING "trace", "r");
	if (!trace)
		return -1;
	while (fgets(line, sizeof(line), trace))
		held_reads(h, &w, line);
	fclose(trace);
	return h->wakes ? 0 : -1;
}

void held_show(const char *when, const struct held *h)
{
	unsigned int i;

	printf("# traced, %s: %llu wake-ups, the latest %llu ns\n", when, h->wakes,
	       h->worst_ns);
	printf("# %llu with ours on a stack, the latest %llu ns: %s\n", h->ours,
	       h->ours_worst.ns, h->ours_worst.by);
	for (i = 0; i < HELD_LONGEST; i++)
		printf("# %8llu ns: %s\n", h->longest[i].ns, h->longest[i].by);
}
