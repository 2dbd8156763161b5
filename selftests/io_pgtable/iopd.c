// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of io-pgtable-arm-deferred have in common.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "iopd.h"
#include "kselftest.h"

/* A sweep takes some grace periods: many times that */
#define SWEEP_MS	30000
#define SWEEP_ROUNDS	1000

/* The same without such a wait: chunks are held for a second */
#define IDLE_MS		30000

#define MODULE_PARAMS	"/sys/module/io_pgtable_arm_deferred/parameters/"
#define MODULE_HOLDERS	"/sys/module/io_pgtable_arm_deferred/holders"
#define DEBUGFS		"/sys/kernel/debug/io-pgtable-arm-deferred/"

const char *complain(const char *fmt, ...)
{
	static __thread char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return text;
}

/* --- files ---------------------------------------------------------------- */

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

/* Parameters of type bool read as Y and N */
static long read_number(const char *dir, const char *name)
{
	char path[PATH_MAX], text[64];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	if (!read_text(path, text, sizeof(text)))
		return -1;
	if (text[0] == 'Y' || text[0] == 'N')
		return text[0] == 'Y';
	return strtol(text, NULL, 0);
}

long iopd_stat(const char *name)
{
	return read_number(DEBUGFS, name);
}

void iopd_reset_longest(void)
{
	iopd_write_text(DEBUGFS "reset", "1");
}

long iopd_param(const char *name)
{
	return read_number(MODULE_PARAMS, name);
}

int iopd_set_param(const char *name, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), MODULE_PARAMS "%s", name);
	return iopd_write_text(path, value) ? 0 : -errno;
}

/*
 * Tables become none by themselves while a test counts them: a sweep is made
 * when the test asks for it. Once for all tests of a program, which run in
 * children.
 */
static char sweep_ms[24];

static void __attribute__((__constructor__)) stop_sweeps(void)
{
	snprintf(sweep_ms, sizeof(sweep_ms), "%ld", iopd_param("sweep_ms"));
	iopd_set_param("sweep_ms", "0");
}

static void __attribute__((__destructor__)) go_on_with_sweeps(void)
{
	iopd_set_param("sweep_ms", sweep_ms);
}

static bool alone;

bool iopd_alone(void)
{
	return alone;
}

static bool other_holders(void)
{
	struct dirent *entry;
	DIR *dir = opendir(MODULE_HOLDERS);
	bool others = false;

	if (!dir)
		return true;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    strcmp(entry->d_name, "iopd_test"))
			others = true;
	closedir(dir);
	return others;
}

/* Reading that file makes every CPU hand in what it has not told yet */
static void fold_vmstat(void)
{
	char line[128];

	read_text("/proc/sys/vm/stat_refresh", line, sizeof(line));
}

long iopd_vmstat(const char *name)
{
	fold_vmstat();
	return iopd_read_key("/proc/vmstat", name);
}

long iopd_node_vmstat(int node, const char *name)
{
	char path[PATH_MAX];

	fold_vmstat();
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/vmstat",
		 node);
	return iopd_read_key(path, name);
}

/* --- modules -------------------------------------------------------------- */

static int run(const char *program, const char *arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		close(STDERR_FILENO);
		execlp(program, program, arg, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The module lies beside the program, or one folder down as it was built */
static bool load_test_module(void)
{
	static const char * const places[] = { "", "kmod/" };
	char self[PATH_MAX], path[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *folder;
	unsigned int i;

	if (len < 0)
		return false;
	self[len] = '\0';
	folder = dirname(self);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%siopd_test.ko", folder,
			 places[i]);
		if (!access(path, R_OK))
			return !run("insmod", path);
	}
	return !run("modprobe", "iopd_test");
}

void iopd_skip_all(const char *reason)
{
	ksft_print_header();
	printf("1..0 # SKIP %s\n", reason);
	exit(KSFT_SKIP);
}

void iopd_require(void)
{
	int fd;

	if (access(IOPD_DEVICE, F_OK)) {
		if (geteuid())
			iopd_skip_all("needs root to load the test module");
		if (run("modprobe", "io-pgtable-arm-deferred"))
			iopd_skip_all("io-pgtable-arm-deferred.ko cannot be loaded");
		if (!load_test_module())
			iopd_skip_all("iopd_test.ko cannot be loaded");
	}
	fd = open(IOPD_DEVICE, O_RDWR);
	if (fd < 0)
		iopd_skip_all(IOPD_DEVICE " cannot be opened");
	close(fd);
	iopd_drain();
	/*
	 * A driver without a table does not disturb; tables left by us must not
	 * hide
	 */
	alone = !getenv("IOPD_SHARED") &&
		(!other_holders() || iopd_stat("live") == 0);
}

void iopd_require_cpus(int nr)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < nr)
		iopd_skip_all("needs more CPUs");
}

/* --- the device ----------------------------------------------------------- */

static void must(int fd, unsigned long cmd, void *arg, const char *what)
{
	if (!ioctl(fd, cmd, arg))
		return;
	fprintf(stderr, "# %s: %s\n", what, strerror(errno));
	abort();
}

int iopd_open(void)
{
	int fd = open(IOPD_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("# " IOPD_DEVICE);
		abort();
	}
	return fd;
}

int iopd_create(int fd, struct iopd_create *shape)
{
	return ioctl(fd, IOPD_IOC_CREATE, shape) ? -errno : 0;
}

bool iopd_is_concatenated(const struct iopd_create *shape)
{
	unsigned int page = __builtin_ctzll(shape->pgsize_bitmap);
	unsigned int bits = page - 3, levels;
	int start = ~shape->sl & 3;

	if (shape->fmt != IOPD_ARM_32_LPAE_S2 &&
	    shape->fmt != IOPD_ARM_64_LPAE_S2)
		return false;
	/* With 4 KiB the code of a level is another */
	if (page == 12)
		start--;
	levels = (shape->ias - page + bits - 1) / bits;
	return start > 4 - (int)levels;
}

const char *iopd_registers_differ(const struct iopd_create *ours,
				  const struct iopd_create *theirs)
{
	const struct {
		const char *name;
		__u64 ours;
		__u64 theirs;
	} fields[] = {
		{ "ias", ours->ias, theirs->ias },
		{ "oas", ours->oas, theirs->oas },
		{ "mair", ours->mair, theirs->mair },
		{ "ips", ours->ips, theirs->ips },
		{ "tg", ours->tg, theirs->tg },
		{ "sh", ours->sh, theirs->sh },
		{ "orgn", ours->orgn, theirs->orgn },
		{ "irgn", ours->irgn, theirs->irgn },
		{ "tsz", ours->tsz, theirs->tsz },
		{ "sl", ours->sl, theirs->sl },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].ours != fields[i].theirs)
			return complain("%s: 0x%llx, the kernel 0x%llx",
					fields[i].name, fields[i].ours,
					fields[i].theirs);
	/*
	 * Each has its own, and aligned to no less than the other's is for sure
	 */
	if (!ours->ttbr || ours->ttbr & 0xfff)
		return complain("ttbr: 0x%llx", ours->ttbr);
	return NULL;
}

int iopd_new(unsigned int ias, unsigned int flags)
{
	struct iopd_create shape = {
		.fmt		= IOPD_ARM_64_LPAE_S1,
		.ias		= ias,
		.oas		= 40,
		.flags		= flags,
		.pgsize_bitmap	= SIZES,
	};
	int fd = iopd_open();

	must(fd, IOPD_IOC_CREATE, &shape, "create");
	return fd;
}

int iopd_map(int fd, __u64 iova, __u64 paddr, __u64 pgsize,
	     __u64 pgcount, __u32 prot, __u64 *mapped)
{
	struct iopd_map arg = {
		.iova = iova, .paddr = paddr, .pgsize = pgsize,
		.pgcount = pgcount, .prot = prot,
	};

	must(fd, IOPD_IOC_MAP, &arg, "map");
	if (mapped)
		*mapped = arg.mapped;
	return arg.result;
}

__u64 iopd_unmap(int fd, __u64 iova, __u64 pgsize, __u64 pgcount)
{
	struct iopd_unmap arg = {
		.iova = iova, .pgsize = pgsize, .pgcount = pgcount,
	};

	must(fd, IOPD_IOC_UNMAP, &arg, "unmap");
	return arg.unmapped;
}

__u64 iopd_lookup(int fd, __u64 iova)
{
	struct iopd_lookup arg = { .iova = iova };

	must(fd, IOPD_IOC_LOOKUP, &arg, "lookup");
	return arg.paddr;
}

int iopd_path(int fd, struct iopd_path *path)
{
	if (ioctl(fd, IOPD_IOC_PATH, path))
		return -errno;
	return 0;
}

bool iopd_next_run(int fd, struct iopd_next_run *run)
{
	must(fd, IOPD_IOC_NEXT_RUN, run, "next run");
	return run->more;
}

__u64 iopd_flush(int fd, unsigned int flags)
{
	struct iopd_flush arg = { .flags = flags };

	must(fd, IOPD_IOC_FLUSH, &arg, "flush");
	return arg.count;
}

void iopd_time_out(int fd, bool on)
{
	struct iopd_control arg = { .time_out = on };

	must(fd, IOPD_IOC_CONTROL, &arg, "control");
}

void iopd_meet(int fd, bool on)
{
	struct iopd_control arg = { .meet = on };

	must(fd, IOPD_IOC_CONTROL, &arg, "control");
}

void iopd_counters(int fd, struct iopd_counters *counters)
{
	must(fd, IOPD_IOC_COUNTERS, counters, "counters");
}

__u64 iopd_free(int fd)
{
	struct iopd_time arg;

	must(fd, IOPD_IOC_FREE, &arg, "free");
	return arg.ns;
}

/*
 * A drain begins the sweeps that are due, and does not wait for them: each has
 * a grace period in it. A sweep that was under way when the first drain began
 * has passed by what was unmapped meanwhile. The second drain begins the sweep
 * that looks there.
 */
void iopd_sweep_alone(void)
{
	int round, ms = SWEEP_MS;

	for (round = 0; round < 2; round++) {
		iopd_drain();
		while (iopd_stat("sweeps") > 0 && ms--)
			usleep(1000);
	}
	iopd_drain();
}

bool iopd_kernel_is_checked(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	bool checked = false;
	char line[256];

	if (!symbols)
		return false;
	while (!checked && fgets(line, sizeof(line), symbols))
		checked = strstr(line, " __asan_store8\n") ||
			  strstr(line, " __tsan_read8\n");
	fclose(symbols);
	return checked;
}

__u64 iopd_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

bool iopd_idles(void)
{
	int ms;

	if (!iopd_alone())
		return true;
	for (ms = 0; ms < IDLE_MS; ms++) {
		if (!iopd_stat("pending") && !iopd_stat("trees") &&
		    !iopd_stat("held"))
			return true;
		usleep(1000);
	}
	return false;
}

/*
 * A sweep that finds limbo full leaves tables for the next, which a flush asks
 * for.
 */
void iopd_sweep(int fd)
{
	int rounds = SWEEP_ROUNDS;

	do
		iopd_sweep_alone();
	while (iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END) && --rounds);
	iopd_drain();
}

__u64 iopd_drain(void)
{
	struct iopd_time arg;
	int fd = iopd_open();

	must(fd, IOPD_IOC_DRAIN, &arg, "drain");
	close(fd);
	return arg.ns;
}

void iopd_load(int fd, bool on)
{
	struct iopd_load arg = { .on = on };

	must(fd, IOPD_IOC_LOAD, &arg, "load");
}

void iopd_read_for(__u64 ns)
{
	struct iopd_time arg = { .ns = ns };
	int fd = iopd_open();

	must(fd, IOPD_IOC_READ, &arg, "read");
	close(fd);
}

__u64 iopd_grace(void)
{
	struct iopd_time arg;
	int fd = iopd_open();

	must(fd, IOPD_IOC_GRACE, &arg, "grace");
	close(fd);
	return arg.ns;
}

void iopd_scan(int fd, struct iopd_scan *scan)
{
	must(fd, IOPD_IOC_SCAN, scan, "scan");
}

__u64 iopd_tables(int fd)
{
	struct iopd_scan scan = { .last = ~0ull };

	iopd_scan(fd, &scan);
	return scan.tables;
}

static bool fill_or_strip(int fd, unsigned long cmd, struct iopd_fill *arg)
{
	must(fd, cmd, arg, cmd == IOPD_IOC_FILL ? "fill" : "strip");
	if (arg->done == arg->count)
		return true;
	fprintf(stderr, "# %llu of %llu, then error %d\n", arg->done,
		arg->count, arg->result);
	return false;
}

bool iopd_fill(int fd, __u64 iova, __u64 stride, __u64 count,
	       __u64 pgsize, __u64 pgcount)
{
	struct iopd_fill arg = {
		.iova = iova, .stride = stride, .count = count,
		.paddr = SZ_1G, .pgsize = pgsize, .pgcount = pgcount,
		.prot = IOPD_READ | IOPD_WRITE,
	};

	return fill_or_strip(fd, IOPD_IOC_FILL, &arg);
}

bool iopd_strip(int fd, __u64 iova, __u64 stride, __u64 count,
		__u64 pgsize, __u64 pgcount)
{
	struct iopd_fill arg = {
		.iova = iova, .stride = stride, .count = count,
		.pgsize = pgsize, .pgcount = pgcount,
	};

	return fill_or_strip(fd, IOPD_IOC_STRIP, &arg);
}

static bool kernel_is_before(unsigned int wanted_major, unsigned int wanted_minor)
{
	unsigned int major, minor;
	struct utsname name;

	uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major < wanted_major ||
	       (major == wanted_major && minor < wanted_minor);
}

bool kernel_splits_blocks(void)
{
	return kernel_is_before(6, 14);
}

bool kernel_maps_runs(void)
{
	return !kernel_is_before(5, 15);
}

bool kernel_knows(__u64 quirks)
{
	if (quirks & IOPD_QUIRK_NON_STRICT && !kernel_is_before(5, 15))
		return false;
	if (quirks & IOPD_QUIRK_ARM_OUTER_WBWA && kernel_is_before(5, 12))
		return false;
	return !(quirks & IOPD_QUIRK_ARM_HD) || !kernel_is_before(6, 7);
}

/* --- chance and options --------------------------------------------------- */

void rng_seed(struct rng *rng, __u64 seed)
{
	/* Zero is the one state that the generator never leaves */
	rng->state = seed ? seed : 0x9e3779b97f4a7c15ull;
}

__u64 rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1dull;
}

__u64 rng_below(struct rng *rng, __u64 limit)
{
	return (rng_next(rng) >> 8) % limit;
}

static void take_argument(int *argc, char **argv, int i)
{
	memmove(&argv[i], &argv[i + 1], (*argc - i) * sizeof(argv[0]));
	--*argc;
}

__u64 iopd_option(int *argc, char **argv, const char *name, const char *env,
		  __u64 otherwise)
{
	const char *text = getenv(env);
	size_t len = strlen(name);
	char *end;
	int i;

	for (i = 1; i < *argc; i++) {
		if (strncmp(argv[i], "--", 2) ||
		    strncmp(argv[i] + 2, name, len) || argv[i][2 + len] != '=')
			continue;
		text = argv[i] + 3 + len;
		take_argument(argc, argv, i);
		break;
	}
	if (!text)
		return otherwise;
	otherwise = strtoull(text, &end, 0);
	if (end == text || *end) {
		fprintf(stderr, "--%s=%s: not a number\n", name, text);
		exit(KSFT_FAIL);
	}
	return otherwise;
}

/*
 * Before everything of normal priority on this CPU, so that the worker that a
 * free wakes does not get its turn before the next call.
 */
void iopd_go_first(bool on)
{
	struct sched_param param = { .sched_priority = on };

	sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &param);
}
