// SPDX-License-Identifier: GPL-2.0-only
/*
 * For how long VFIO holds its mutex when a group leaves its container, and what
 * iommu_domain_free() and the library's worker have of that, with arm-smmu-v3:
 * the kernel's own, or with tables of io-pgtable-arm-deferred. The kernel's
 * tracer of functions says it.
 *
 * Where guest time counts instructions (smmu_test.icount=1) on one CPU the
 * figures have limits.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "edu.h"
#include "../vfio/vfio.h"
#include "kselftest_harness.h"

#define TRACING		"/sys/kernel/tracing/"
#define MUTEX_HELD	"vfio_iommu_type1_detach_group"
#define FREE		"iommu_domain_free"
#define WORKER		"iopd_reclaim_work"

#define AT		(8 * HOST_1G)
/* Pages of 4 KiB, each with a table of its own */
#define PAGES		2048

/* Instructions: see teardown.c */
#define FREE_MAX	60000

/* Nanoseconds in each, from the moment at which VFIO takes the mutex */
struct held {
	u64 whole;
	u64 free;
	u64 worker;
};

static int trace_set(const char *file, const char *text)
{
	return parameter_set(TRACING, file, text);
}

/* Only these functions, with the time from their calls to their returns */
static int trace_begin(void)
{
	const char *functions = is_deferred() ? MUTEX_HELD " " FREE " " WORKER :
						MUTEX_HELD " " FREE;
	char command[200];

	snprintf(command, sizeof(command), "echo %s > " TRACING "set_ftrace_filter",
		 functions);
	if (trace_set("current_tracer", "nop") || setup_run(command) ||
	    trace_set("options/funcgraph-tail", "1"))
		return -1;
	return trace_set("current_tracer", "function_graph");
}

static void trace_end(void)
{
	trace_set("current_tracer", "nop");
	trace_set("options/funcgraph-tail", "0");
	trace_set("set_ftrace_filter", "\n");
}

/* " 0) + 12.345 us  |  text": the time, 0 where there is none */
static u64 trace_ns(const char *line)
{
	const char *us = strstr(line, " us");
	const char *at = us;
	unsigned long whole, thousandths;

	while (at && at > line && strchr("0123456789.", at[-1]))
		at--;
	if (!at || sscanf(at, "%lu.%lu", &whole, &thousandths) != 2)
		return 0;
	return whole * 1000 + thousandths;
}

/*
 * A function that others are seen in has its time where it returns, behind a
 * name.
 */
static void trace_line(const char *line, struct held *held, bool *inside)
{
	u64 ns = trace_ns(line);

	if (strstr(line, MUTEX_HELD)) {
		*inside = !ns;
		held->whole += ns;
	} else if (*inside && strstr(line, FREE)) {
		held->free += ns;
	} else if (*inside && strstr(line, WORKER)) {
		held->worker += ns;
	}
}

static struct held trace_read(void)
{
	struct held held = { 0 };
	bool inside = false;
	char line[256];
	FILE *file = fopen(TRACING "trace", "r");

	while (file && fgets(line, sizeof(line), file)) {
		if (getenv("SMMU_TEST_VERBOSE"))
			printf("# %s", line);
		trace_line(line, &held, &inside);
	}
	if (file)
		fclose(file);
	return held;
}

static int map_pages(const struct vfio *v, const u8 *page)
{
	u64 i;
	int ret;

	for (i = 0; i < PAGES; i++) {
		ret = vfio_map(v, page, AT + i * HOST_2M, HOST_PAGE, true);
		if (ret)
			return ret;
	}
	return 0;
}

static const char *container_open(struct vfio *v, const struct pci_function *pci)
{
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	v->group = vfio_group_open(pci);
	v->device = -1;
	if (v->container < 0 || v->group < 0)
		return "no VFIO group";
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return "VFIO_GROUP_SET_CONTAINER";
	return vfio_set_type1(v->container) ? "VFIO_SET_IOMMU" : NULL;
}

static const char *what_is_missing(struct pci_function *edu)
{
	if (pci_find(edu, EDU_VENDOR, EDU_DEVICE, 0))
		return "no edu device";
	if (!vfio_bind(edu))
		return "vfio-pci does not get the edu device";
	if (access(TRACING "set_ftrace_filter", F_OK))
		return "no function tracer";
	return NULL;
}

TEST(mutex_is_held)
{
	static struct pci_function edu;
	const char *missing = what_is_missing(&edu);
	struct vfio v = { .container = -1 };
	struct held held;
	u8 *page;

	if (missing)
		SKIP(return, "%s", missing);
	page = mmap(NULL, HOST_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	missing = container_open(&v, &edu);
	ASSERT_TRUE(!missing) {
		TH_LOG("%s: %s", missing, strerror(errno));
	}
	ASSERT_EQ(0, map_pages(&v, page));
	ASSERT_EQ(0, trace_begin());
	vfio_close(&v);
	held = trace_read();
	trace_end();
	vfio_unbind(&edu);
	printf("# %s: mutex of VFIO held %llu ns, worker %llu, iommu_domain_free %llu%s\n",
	       is_deferred() ? "deferred" : "stock", held.whole, held.worker, held.free,
	       counts_instructions() ? " (instructions)" : "");
	ASSERT_LT(0, held.whole);
	ASSERT_LT(0, held.free);
	if (is_deferred() && counts_instructions())
		EXPECT_GE(FREE_MAX, held.free);
}

TEST_HARNESS_MAIN
