// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several devices at work at once through an IOMMU: disks that are written and
 * read, pairs of network cards with streams both ways. All data is compared, and
 * each of them has to get on in every window of time, however slowly; how far it
 * gets is printed and not judged.
 *
 *	LOAD_DISKS="nvme0n1 vdb" load [--windows N] [--seconds N] [--readers N]
 *
 * What is on those disks is lost. In every other window @readers tasks read all
 * files that the driver and the library have in debugfs: nothing may stand still
 * for them either.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <dirent.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <linux/fs.h>

#include "kselftest.h"

#include "../ipmmu/lib/options.h"
#include "../ipmmu/lib/setup.h"
#include "nics.h"
#include "stream.h"

#define WORKS_MAX	16
#define READERS_MAX	8
#define TASKS_EACH	2		/* of a disk, each with its part of it */
#define DISK_PIECE	65536u
#define PIECES_MAX	512u		/* 32 MiB of a task */

#define SAMPLE_MS	250
#define START_SECONDS	60
/* Without a byte for so long, on a machine of common speed: it stands still */
#define STILL_SECONDS	120
#define END_SECONDS	60
#define PENDING_MS	60000

/* Of what lost an interrupt, or had to do something again */
#define LOG_LINES	"timed? ?out|polled|abort|reset|I/O error"

/**
 * struct work - one thing that has to get on
 * @bytes: how far it is; the task adds to it
 * @wrong: pieces that came back otherwise
 * @ended: it gave up, of itself
 * @seen: bytes when it was last looked at, by the parent alone
 * @since: when that was less
 * @pause_ns: the longest time without a byte
 * @at: bytes when the window began
 * @sum: bytes in windows without readers, and with them
 */
struct work {
	char name[32];
	u64 bytes, wrong;
	int ended;
	u64 seen, since, pause_ns;
	u64 at, sum[2];
};

static struct work *works;		/* shared */
static unsigned int nr_works;
static u64 windows = 4, seconds = 15, readers;
static const char *still;
static struct nics cards[2];

static u64 time_scale(void)
{
	const char *text = getenv("TIME_SCALE");
	u64 scale = text ? strtoull(text, NULL, 10) : 1;

	return scale ? scale : 1;
}

static struct work *work_new(const char *name, const char *more)
{
	struct work *w = &works[nr_works++];

	snprintf(w->name, sizeof(w->name), "%s%s", name, more);
	return w;
}

static void work_ends(struct work *w)
{
	__atomic_store_n(&w->ended, 1, __ATOMIC_RELAXED);
	fflush(stdout);
	_exit(1);
}

/* --- disks ---------------------------------------------------------------- */

struct disk {
	struct work *work;
	struct random r;
	int fd;
	u64 first;			/* byte where its part begins */
	unsigned int pieces;
	u32 written[PIECES_MAX];	/* how many times, each */
	u64 *words;
};

/* Different for each piece, and each time that it is written */
static u64 disk_seed(const struct disk *d, unsigned int piece)
{
	return (d->first + (u64)piece * DISK_PIECE) << 16 ^ d->written[piece];
}

static bool disk_write(struct disk *d, unsigned int piece)
{
	u64 seed, i;

	d->written[piece]++;
	seed = disk_seed(d, piece);
	for (i = 0; i < DISK_PIECE / 8; i++)
		d->words[i] = stream_word(seed, i);
	return pwrite(d->fd, d->words, DISK_PIECE,
		      d->first + (u64)piece * DISK_PIECE) == DISK_PIECE;
}

static bool disk_read(struct disk *d, unsigned int piece)
{
	u64 seed = disk_seed(d, piece), i;

	memset(d->words, 0, DISK_PIECE);
	if (pread(d->fd, d->words, DISK_PIECE,
		  d->first + (u64)piece * DISK_PIECE) != DISK_PIECE)
		return false;
	for (i = 0; i < DISK_PIECE / 8; i++) {
		if (d->words[i] == stream_word(seed, i))
			continue;
		printf("# %s: piece %u, word %llu is %#llx instead of %#llx\n",
		       d->work->name, piece, i, d->words[i], stream_word(seed, i));
		d->work->wrong++;
		break;
	}
	return true;
}

static void disk_run(struct disk *d)
{
	unsigned int piece;

	for (;;) {
		piece = random_below(&d->r, d->pieces);
		if (!disk_write(d, piece))
			break;
		do
			piece = random_below(&d->r, d->pieces);
		while (!d->written[piece]);
		if (!disk_read(d, piece) || d->work->wrong)
			break;
		__atomic_fetch_add(&d->work->bytes, 2 * DISK_PIECE, __ATOMIC_RELAXED);
	}
	printf("# %s: %s\n", d->work->name, d->work->wrong ? "wrong data" : strerror(errno));
	work_ends(d->work);
}

static void child_begins(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static bool disk_task(struct work *w, const char *path, u64 size, unsigned int nth)
{
	static struct disk disk;
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid > 0;
	child_begins(parent);
	disk.work = w;
	disk.r.state = host_ns() ^ (nth + 1);
	disk.first = size / TASKS_EACH * nth & -(u64)DISK_PIECE;
	disk.pieces = size / TASKS_EACH / DISK_PIECE;
	if (disk.pieces > PIECES_MAX)
		disk.pieces = PIECES_MAX;
	disk.fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	disk.words = mmap(NULL, DISK_PIECE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (disk.fd < 0 || disk.words == MAP_FAILED)
		work_ends(w);
	disk_run(&disk);
	return false;
}

/* What its module brings comes a little later */
static u64 disk_size(const char *path)
{
	u64 size = 0;
	unsigned int ms;
	int fd = -1;

	for (ms = 0; ms < SETUP_WAIT_MS && fd < 0; ms += 100) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			host_sleep_ms(100);
	}
	if (fd >= 0 && ioctl(fd, BLKGETSIZE64, &size))
		size = 0;
	if (fd >= 0)
		close(fd);
	return size;
}

/* Those of one disk count as one */
static const char *disk_start(const char *name)
{
	char path[64], type[32];
	struct work *w;
	unsigned int i;
	u64 size;

	snprintf(path, sizeof(path), "/dev/%.31s", name);
	size = disk_size(path);
	if (size < TASKS_EACH * DISK_PIECE)
		return "a disk of LOAD_DISKS is not there";
	snprintf(path, sizeof(path), "/sys/block/%.31s/device", name);
	if (!domain_type(path, type, sizeof(type)) || strncmp(type, "DMA", 3))
		return "a disk is not translated";
	printf("# %s: domain type %s\n", name, type);
	snprintf(path, sizeof(path), "/dev/%.31s", name);
	w = work_new(name, "");
	for (i = 0; i < TASKS_EACH; i++)
		if (!disk_task(w, path, size, i))
			return "no process";
	return NULL;
}

static const char *disks_start(void)
{
	char names[128], *name, *rest = names;
	const char *missing = NULL;

	snprintf(names, sizeof(names), "%s", getenv("LOAD_DISKS") ? : "");
	setup_run("modprobe nvme 2>/dev/null; modprobe virtio_blk 2>/dev/null");
	while (!missing && (name = strsep(&rest, " ")))
		if (*name && nr_works < WORKS_MAX)
			missing = disk_start(name);
	return missing;
}

/* --- network cards -------------------------------------------------------- */

/* A process sends, its parent receives, for ever. Return: 1 when that breaks */
static int exchange(int sock, struct work *in, u64 out_seed, u64 in_seed)
{
	pid_t parent = getpid();
	u64 wrong;

	if (sock < 0)
		return 1;
	fflush(stdout);
	if (!fork()) {
		child_begins(parent);
		stream_send(sock, out_seed, STREAM_ENDLESS, NULL);
		work_ends(in);
	}
	wrong = stream_receive(sock, in_seed, STREAM_ENDLESS, &in->bytes);
	in->wrong += wrong;
	work_ends(in);
	return 1;
}

static int far_exchange(int sock, void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return exchange(sock, arg, 2, 1);
}

static const char *nics_start(const struct nic_kind *kind, struct nics *nics)
{
	struct work *there, *here;
	pid_t parent = getpid();

	*nics = nics_find(kind);
	if (nics->count < 2) {
		printf("# no two cards of %s that are down\n", kind->driver);
		return NULL;
	}
	if (!nics_translated(nics))
		return "a network card is not translated";
	there = work_new(kind->driver, ">");
	here = work_new(kind->driver, "<");
	if (nics_far_end(nics, far_exchange, there) < 0)
		return "no network";
	fflush(stdout);
	if (!fork()) {
		child_begins(parent);
		exchange(nics_connect(nics), here, 1, 2);
		work_ends(here);
	}
	return NULL;
}

/* --- readers of debugfs --------------------------------------------------- */

static const char * const read_folders[] = {
	RECLAIMER_DEBUGFS, "/sys/kernel/debug/ipmmu-vmsa-deferred/",
};

static void read_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	char file[320], text[8192];
	int fd;

	while (folder && (entry = readdir(folder))) {
		snprintf(file, sizeof(file), "%s%s", path, entry->d_name);
		fd = open(file, O_RDONLY | O_CLOEXEC);
		while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
			;
		if (fd >= 0)
			close(fd);
	}
	if (folder)
		closedir(folder);
}

static void readers_start(pid_t *pids)
{
	pid_t parent = getpid();
	unsigned int i, k;

	fflush(stdout);
	for (i = 0; i < readers && i < READERS_MAX; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		child_begins(parent);
		for (k = 0;; k++)
			read_folder(read_folders[k % ARRAY_SIZE(read_folders)]);
	}
}

static void readers_end(const pid_t *pids)
{
	unsigned int i;

	for (i = 0; i < readers && i < READERS_MAX; i++) {
		if (pids[i] <= 0)
			continue;
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

/* --- windows -------------------------------------------------------------- */

/* What the kernel knows of who waits for what, to the console */
static void still_show(const struct work *w)
{
	printf("# %s stands still, see the console for who waits\n", w->name);
	fflush(stdout);
	still = w->name;
	file_write("/proc/sysrq-trigger", "w");
	setup_run("cat /proc/interrupts > /dev/console");
}

/* False when one of them has ended or stands still */
static bool works_look(void)
{
	u64 now = host_ns(), limit = STILL_SECONDS * time_scale() * 1000000000ull;
	unsigned int i;

	for (i = 0; i < nr_works; i++) {
		struct work *w = &works[i];
		u64 bytes = __atomic_load_n(&w->bytes, __ATOMIC_RELAXED);

		if (now - w->since > w->pause_ns)
			w->pause_ns = now - w->since;
		if (bytes != w->seen)
			w->since = now;
		w->seen = bytes;
		if (__atomic_load_n(&w->ended, __ATOMIC_RELAXED))
			return false;
		if (now - w->since > limit) {
			still_show(w);
			return false;
		}
	}
	return true;
}

static bool works_all_moved(void)
{
	unsigned int i;

	for (i = 0; i < nr_works; i++)
		if (works[i].seen == works[i].at)
			return false;
	return true;
}

/* All are at work; what they did until then does not count */
static bool works_begin(void)
{
	u64 now = host_ns(), end = now + START_SECONDS * time_scale() * 1000000000ull;
	bool good = true;
	unsigned int i;

	for (i = 0; i < nr_works; i++)
		works[i].since = now;
	while (good && !works_all_moved() && host_ns() < end) {
		host_sleep_ms(SAMPLE_MS);
		good = works_look();
	}
	for (i = 0; i < nr_works; i++)
		works[i].pause_ns = 0;
	return good && works_all_moved();
}

/* As long as it is, and longer until each has moved: the limit is works_look()'s */
static bool window_run(bool with_readers)
{
	pid_t pids[READERS_MAX] = { 0 };
	u64 begin = host_ns(), ns = seconds * 1000000000ull, took;
	bool good = true;
	unsigned int i;

	for (i = 0; i < nr_works; i++)
		works[i].at = works[i].seen;
	if (with_readers)
		readers_start(pids);
	while (good && (host_ns() - begin < ns || !works_all_moved())) {
		host_sleep_ms(SAMPLE_MS);
		good = works_look();
	}
	readers_end(pids);
	took = (host_ns() - begin) / 1000000;
	for (i = 0; i < nr_works; i++)
		works[i].sum[with_readers] += (works[i].seen - works[i].at) * 1000 / took;
	return good;
}

static void rates_show(bool with_readers, u64 nr)
{
	unsigned int i;

	for (i = 0; i < nr_works && nr; i++)
		printf("# %s %s %llu KiB a minute, longest pause %llu ms\n",
		       with_readers ? "rate-readers" : "rate", works[i].name,
		       works[i].sum[with_readers] * 60 / 1024 / nr,
		       works[i].pause_ns / 1000000);
}

/* Each half has windows with readers and without, one after the other */
static bool windows_run(void)
{
	u64 nr[2] = { 0 }, i;
	bool good = true;

	for (i = 0; i < windows && good; i++) {
		bool with_readers = readers && i % 2;

		good = window_run(with_readers);
		nr[with_readers]++;
	}
	rates_show(false, nr[0]);
	rates_show(true, nr[1]);
	if (!good && !still)
		printf("# one has ended of itself\n");
	return good;
}

static bool data_right(void)
{
	bool right = true;
	unsigned int i;

	for (i = 0; i < nr_works; i++) {
		if (works[i].wrong)
			printf("# %s: %llu wrong\n", works[i].name, works[i].wrong);
		right &= !works[i].wrong;
	}
	return right;
}

/* A lost interrupt or completion has a line there */
static void log_show(void)
{
	fflush(stdout);
	setup_run("dmesg | grep -iE '" LOG_LINES "' | tail -n 20 | sed 's/^/# log: /'");
}

static bool model_content(struct pci_function *witness)
{
	bool bad = witness_counter(witness, WITNESS_BYPASSES) || verdict(witness);

	pci_close(witness);
	return !bad;
}

/* All of them at once, with their children. False when one cannot end */
static bool works_end(void)
{
	u64 end = host_ns() + END_SECONDS * time_scale() * 1000000000ull;

	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		if (host_ns() > end)
			return false;
		host_sleep_ms(10);
	}
	return true;
}

static const char *works_start(void)
{
	const char *missing;

	works = mmap(NULL, WORKS_MAX * sizeof(*works), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (works == MAP_FAILED)
		return "no memory";
	missing = disks_start();
	if (!missing)
		missing = nics_start(&nics_e1000e, &cards[0]);
	if (!missing)
		missing = nics_start(&nics_virtio, &cards[1]);
	return missing ? : nr_works ? NULL : "no devices";
}

int main(int argc, char **argv)
{
	const struct number_option options[] = {
		{ "windows", &windows }, { "seconds", &seconds }, { "readers", &readers },
	};
	struct pci_function witness;
	const char *missing;
	bool has_witness;

	options_numbers(argc, argv, options, ARRAY_SIZE(options));
	ksft_print_header();
	setpgid(0, 0);
	has_witness = !setup_driver() && !witness_open(&witness);
	if (has_witness)
		witness_clear(&witness);
	missing = works_start();
	if (missing)
		ksft_exit_skip("%s\n", missing);
	ksft_set_plan(6);
	ksft_test_result(works_begin(), "load.all_at_work\n");
	ksft_test_result(windows_run(), "load.none_stands_still\n");
	ksft_test_result(works_end(), "load.all_end\n");
	log_show();
	ksft_test_result(data_right(), "load.data\n");
	ksft_test_result(!has_witness || !reclaimer_wait(PENDING_MS * time_scale()),
			 "load.pending_falls_to_0\n");
	ksft_test_result(!has_witness || model_content(&witness), "load.verdict\n");
	ksft_finished();
}
