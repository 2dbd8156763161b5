// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs QEMU with an assigned device, passes on what its guest says, and kills
 * it once the guest is busy with the device:
 *
 *	assigned FILE COMMAND...
 *
 * The guest speaks to standard output: "guest: interrupts by CHIP", "guest:
 * read SUM", "guest: wrote SUM", "guest: highest ADDRESS", and "guest: busy
 * NUMBER" as long as it does I/O. FILE gets a line with all that was measured.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "delays.h"

#define IDLE_MS		1000
#define BUSY_MS		1000
#define BUSY_LINES	3	/* the guest's disk is at work by then */
#define STILL_BUSY_LINES	5	/* more than came during the sample */
#define GUEST_SECONDS	600
#define GONE_SECONDS	120
#define BACK_MS		60000

struct measured {
	u64 idle_ns, busy_ns, killed_ns, gone_ns, back_ns;
	long long highest, tables, pinned, pinned_left, batches;
	char interrupts[32], read[65], wrote[65];
	unsigned int said, busy;
	pid_t pid;
};

static int complain(const char *what)
{
	printf("failed: %s\n", what);
	fflush(stdout);
	return -1;
}

static u64 time_scale(void)
{
	const char *text = getenv("TIME_SCALE");
	u64 scale = text ? strtoull(text, NULL, 10) : 1;

	return scale ? scale : 1;
}

static long long pinned_pages(void)
{
	return vm_counter("nr_foll_pin_acquired") -
	       vm_counter("nr_foll_pin_released");
}

static FILE *start(char **command, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return NULL;
	fflush(stdout);
	*pid = fork();
	if (*pid < 0)
		return NULL;
	if (!*pid) {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		execvp(command[0], command);
		_exit(127);
	}
	close(ends[1]);
	return fdopen(ends[0], "r");
}

/* What the guest says of itself; consoles end their lines with a return */
static void heed(struct measured *m, char *line)
{
	long long address;

	line[strcspn(line, "\r\n")] = '\0';
	if (sscanf(line, "guest: interrupts by %31s", m->interrupts) == 1 ||
	    sscanf(line, "guest: read %64s", m->read) == 1 ||
	    sscanf(line, "guest: wrote %64s", m->wrote) == 1)
		m->said++;
	else if (sscanf(line, "guest: highest %lli", &address) == 1)
		m->highest = address > m->highest ? address : m->highest;
	else if (sscanf(line, "guest: busy %lli", &address) == 1)
		m->busy++;
	printf("  | %s\n", line);
	fflush(stdout);
}

/* It is not reaped: that is for what measures its end */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

/*
 * 0 once the guest has said @lines times that it is busy. The pipe may have
 * other writers that live on, so its end is not all that is looked for.
 */
static int listen_to(FILE *from, struct measured *m, unsigned int lines)
{
	u64 end = host_ns() + GUEST_SECONDS * time_scale() * 1000000000ull;
	struct pollfd ready = { .fd = fileno(from), .events = POLLIN };
	char line[512];

	/* Unbuffered, so that what poll() says is all that there is */
	setvbuf(from, NULL, _IONBF, 0);
	while (m->busy < lines) {
		if (host_ns() > end)
			return complain("the guest is not busy: time limit");
		if (poll(&ready, 1, 1000) <= 0) {
			if (has_ended(m->pid))
				return complain("QEMU ended");
			continue;
		}
		if (!fgets(line, sizeof(line), from))
			return complain("QEMU ended");
		heed(m, line);
		if (strstr(line, "guest: FAILED"))
			return complain("the guest says so");
	}
	return 0;
}

static int sample_busy(FILE *from, struct measured *m)
{
	unsigned int before = m->busy;

	delays_begin();
	host_sleep_ms(BUSY_MS);
	m->busy_ns = delays_end();
	/* It still is, now that it is to be killed */
	return listen_to(from, m, before + STILL_BUSY_LINES);
}

static int wait_gone(pid_t pid)
{
	u64 end = host_ns() + GONE_SECONDS * time_scale() * 1000000000ull;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (host_ns() > end)
			return complain("QEMU does not end");
		/* Its parent is not what takes the CPU meanwhile */
		host_sleep_ms(1);
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 :
		complain("QEMU had ended before it was killed");
}

static int kill_measured(struct measured *m)
{
	long long batches = reclaimer("batches");
	u64 begin;
	int ret;

	delays_begin();
	begin = host_ns();
	kill(m->pid, SIGKILL);
	ret = wait_gone(m->pid);
	m->gone_ns = host_ns() - begin;
	if (!ret && reclaimer_wait(BACK_MS))
		ret = complain("tables are still pending");
	m->back_ns = host_ns() - begin;
	m->killed_ns = delays_end();
	m->batches = reclaimer("batches") - batches;
	return ret;
}

static int run(char **command, struct measured *m)
{
	struct host_pages before;
	long long pinned;
	FILE *from;
	int ret;

	/* What the device's former driver had mapped is swept */
	host_settle(BACK_MS);
	before = host_pages();
	pinned = pinned_pages();
	delays_begin();
	host_sleep_ms(IDLE_MS);
	m->idle_ns = delays_end();
	from = start(command, &m->pid);
	if (!from)
		return complain("no pipe or no process");
	ret = listen_to(from, m, BUSY_LINES);
	if (!ret)
		ret = sample_busy(from, m);
	m->tables = reclaimer("live") - before.live;
	m->pinned = pinned_pages() - pinned;
	ret = kill_measured(m) || ret;
	fclose(from);
	if (host_pages_back(&before, BACK_MS))
		ret = complain("tables are left");
	m->pinned_left = pinned_pages() - pinned;
	return m->pinned_left ? complain("pages are left pinned") : ret;
}

static int tell(const struct measured *m, const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return complain(path);
	fprintf(file, "tables=%lld pinned=%lld left=%lld gone=%llu back=%llu",
		m->tables, m->pinned, m->pinned_left, m->gone_ns / 1000,
		m->back_ns / 1000);
	fprintf(file, " delay=%llu busy=%llu idle=%llu batches=%lld",
		m->killed_ns / 1000, m->busy_ns / 1000, m->idle_ns / 1000,
		m->batches);
	fprintf(file, " highest=%#llx interrupts=%s read=%s wrote=%s\n", m->highest,
		m->interrupts, m->read, m->wrote);
	return fclose(file) ? complain(path) : 0;
}

int main(int argc, char **argv)
{
	struct measured measured = {
		.interrupts = "none", .read = "none", .wrote = "none",
	};
	int ret;

	if (argc < 3) {
		fprintf(stderr, "usage: assigned FILE COMMAND...\n");
		return 2;
	}
	if (reclaimer("live") < 0)
		ret = complain("io-pgtable-arm-deferred is not loaded");
	else if (delays_start())
		ret = complain("no real-time task: SCHED_FIFO is refused");
	else
		ret = run(argv + 2, &measured) || tell(&measured, argv[1]);
	return ret ? 1 : 0;
}
