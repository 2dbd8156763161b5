// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user without privileges who has four devices by VFIO: each of four
 * processes opens a container, has as many mappings made as VFIO allows, each
 * in a table of its own, and closes it, in a loop. They are in a memory control
 * group. Beside them a victim maps and unmaps a buffer with the kernel's DMA
 * interface, and a task of FIFO priority notes how late it is woken.
 *
 * Users of memory alone hold a FIFO task up, too, for the kernel frees pages by
 * the hundreds without giving up the CPU. So two other crowds go before: one
 * without devices, which has as much memory as the tables take and gives it
 * back, and one with mappings side by side, which have a table for 512 of them.
 * What is ours is told from the rest by the kernel's tracer, see held.h, which
 * goes last, for it makes everything later.
 *
 *	crowd [--seconds N] [--mib N] [--factor N] [--traced N]
 *
 * @factor is how many times worse a delay may be: the victim's worst map, and
 * the FIFO task's delay with a function of ours on a stack, traced for @traced
 * seconds, than on the idle host; the FIFO task's delay without the tracer than
 * beside the crowd without devices, or with PREEMPT_RT than on the idle host,
 * too. All are judged where it is given: it takes guest time that counts
 * instructions. The figures are printed anyway.
 *
 * Behind an SMMUv3 (boot --smmu) the users have QEMU's devices for teaching,
 * which do no DMA here, and there is no victim: that is for the comparison with
 * the kernel's own page tables.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "kselftest.h"

#include "../guest/delays.h"
#include "../io_pgtable/group.h"
#include "../ipmmu/kmod/ipmmu_dma_api.h"
#include "../ipmmu/lib/options.h"
#include "../smmu/edu.h"
#include "held.h"
#include "vfio_rig.h"

#define CROWD		4
#define USER		65534
#define ENTRIES		65535u		/* VFIO's limit for a container */
#define FIRST		HOST_1G
#define SPARSE		HOST_2M		/* a table for each mapping */
#define DENSE		HOST_PAGE
#define TABLES		(ENTRIES + ENTRIES / 512 + 2)
#define MEMORY		(TABLES * HOST_PAGE)

#define VICTIM_PRIORITY	(DELAYS_PRIORITY - 10)
#define VICTIM_PAGES	16
#define VICTIM_MS	1

#define IDLE_MS		5000
#define DENSE_NS	10000000000ull
#define MEMORY_NS	5000000000ull
#define SAMPLE_MS	50
#define END_MS		60000
#define BACK_MS		30000
#define MIB		1048576ll

/* Containers that each process has filled, and seconds more to wait for that */
#define ROUNDS		2
#define MORE_SECONDS	300

/* What one process of the crowd has done; shared with it */
struct tally {
	u64 filled;		/* containers with all mappings */
	u64 refused;		/* containers left early: no memory for a map */
	u64 beyond;		/* mappings past the limit that were made */
	u64 unreached;		/* containers whose last mapping a device got wrong */
	u64 killed;
	int error;
	char failed[64];
};

struct member {
	struct pci_function dma;
	struct tally *tally;
	pid_t pid;
};

struct peak {
	long long live;		/* tables */
	long long charged;	/* to the group, bytes of tables */
	long long group;	/* bytes of the group in all */
};

static struct member members[CROWD];
static struct pci_function witness;
static struct host_pages before;
static struct peak peak;
static bool foreign;		/* behind an SMMUv3 */
static u64 seconds = 60, limit_mib = 1536, factor, traced;
/* Between two mappings; 0 for a crowd without devices */
static u64 stride;

static u64 time_scale(void)
{
	const char *text = getenv("TIME_SCALE");
	u64 scale = text ? strtoull(text, NULL, 10) : 1;

	return scale ? scale : 1;
}

/* --- the victim ----------------------------------------------------------- */

static int victim_fd;
static atomic_ullong victim_worst_ns, victim_maps, victim_failed;
static atomic_bool victim_over;
static pthread_t victim;

static void victim_step(void)
{
	struct ipmmu_dma_api_map arg = { .id = 0 };
	u64 begin = host_ns(), ns;

	if (ioctl(victim_fd, IPMMU_DMA_API_MAP, &arg)) {
		atomic_fetch_add(&victim_failed, 1);
		return;
	}
	ns = host_ns() - begin;
	if (ns > atomic_load(&victim_worst_ns))
		atomic_store(&victim_worst_ns, ns);
	if (ioctl(victim_fd, IPMMU_DMA_API_UNMAP, &arg))
		atomic_fetch_add(&victim_failed, 1);
	atomic_fetch_add(&victim_maps, 1);
}

static void *victim_run(void *unused)
{
	(void)unused;
	while (!atomic_load(&victim_over)) {
		victim_step();
		host_sleep_ms(VICTIM_MS);
	}
	return NULL;
}

static const char *victim_open(void)
{
	struct ipmmu_dma_api_alloc arg = {
		.id = 0, .size = VICTIM_PAGES * HOST_PAGE,
	};

	if (setup_test_module("ipmmu_dma_api"))
		return "ipmmu_dma_api.ko does not load";
	victim_fd = open("/dev/" IPMMU_DMA_API_NODE, O_RDWR | O_CLOEXEC);
	if (victim_fd < 0)
		return "/dev/ipmmu-dma-api does not open";
	if (ioctl(victim_fd, IPMMU_DMA_API_ALLOC, &arg))
		return "no memory for a buffer";
	victim_step();
	return victim_failed ? "the victim cannot map" : NULL;
}

/* Nothing but what is on the CPU without being preempted holds it up */
static int victim_start(void)
{
	struct sched_param param = { .sched_priority = VICTIM_PRIORITY };
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	return pthread_create(&victim, &attr, victim_run, NULL);
}

static void victim_end(void)
{
	atomic_store(&victim_over, true);
	pthread_join(victim, NULL);
}

/* --- the crowd ------------------------------------------------------------ */

static int become_user(void)
{
	struct rlimit memory = { 2 * ENTRIES * HOST_PAGE, 2 * ENTRIES * HOST_PAGE };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return !group_enter(0) || setrlimit(RLIMIT_MEMLOCK, &memory) ||
	       setgroups(0, NULL) || setgid(USER) || setuid(USER) ? -1 : 0;
}

/* It is full: the device reaches the last, and there is no further one */
static void member_looks(struct tally *t, const struct vfio *v, const u8 *page)
{
	u64 last = FIRST + (ENTRIES - 1) * stride;

	t->filled++;
	t->unreached += !foreign &&
			engine_run(&v->pci, DMA_READ, last, 0, 64) != DMA_OK;
	t->beyond += !vfio_map(v, page, last + stride, HOST_PAGE, true);
}

static const char *member_opens(struct vfio *v, const struct pci_function *pci)
{
	return foreign ? vfio_open_any(v, pci) : vfio_open(v, pci);
}

/* One container, as full as VFIO has it. False when there is no going on */
static bool member_round(struct member *m, const u8 *page)
{
	struct tally *t = m->tally;
	const char *failed;
	struct vfio v;
	unsigned int i;
	int ret = 0;

	failed = member_opens(&v, &m->dma);
	if (failed) {
		t->error = errno;
		snprintf(t->failed, sizeof(t->failed), "%s", failed);
		vfio_close(&v);
		return t->error == ENOMEM;
	}
	for (i = 0; i < ENTRIES && !ret; i++)
		ret = vfio_map(&v, page, FIRST + i * stride, HOST_PAGE, true);
	if (!ret)
		member_looks(t, &v, page);
	t->refused += ret == -ENOMEM;
	if (ret && ret != -ENOMEM) {
		t->error = -ret;
		snprintf(t->failed, sizeof(t->failed), "map %u", i);
	}
	vfio_close(&v);
	return !ret || ret == -ENOMEM;
}

/* The same memory without a device, in pages of its own */
static bool memory_round(struct member *m)
{
	u64 i;
	u8 *all;

	all = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (all == MAP_FAILED) {
		m->tally->error = errno;
		snprintf(m->tally->failed, sizeof(m->tally->failed), "memory");
		return false;
	}
	/* Refused by a kernel that has no huge pages */
	madvise(all, MEMORY, MADV_NOHUGEPAGE);
	for (i = 0; i < MEMORY; i += HOST_PAGE)
		all[i] = 1;
	m->tally->filled++;
	return !munmap(all, MEMORY);
}

static void member_run(struct member *m)
{
	u8 *page;

	if (become_user())
		_exit(1);
	while (!stride && memory_round(m))
		;
	page = mmap(NULL, HOST_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED)
		_exit(1);
	while (stride && member_round(m, page))
		;
	_exit(2);
}

static bool member_start(struct member *m)
{
	fflush(stdout);
	m->pid = fork();
	if (!m->pid)
		member_run(m);
	return m->pid > 0;
}

static const char *member_open(struct member *m, unsigned int nth)
{
	static char text[96];
	const char *failed;
	struct vfio v;
	char node[64];

	/* The first engine is the victim's */
	if (foreign ? pci_find(&m->dma, EDU_VENDOR, EDU_DEVICE, nth) :
		      pci_find(&m->dma, WITNESS_VENDOR, DMA_DEVICE, nth + 1))
		return "fewer than five ipmmu-dma devices, or four edu devices";
	if (!vfio_bind(&m->dma))
		return "vfio-pci does not take the device";
	m->tally = mmap(NULL, sizeof(*m->tally), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->tally == MAP_FAILED)
		return "no memory";
	/* What the group keeps from the first time on is not what is counted */
	failed = member_opens(&v, &m->dma);
	vfio_close(&v);
	if (failed) {
		snprintf(text, sizeof(text), "%s: %s", failed, strerror(errno));
		return text;
	}
	snprintf(node, sizeof(node), "/dev/vfio/%d", pci_group(&m->dma));
	return chown(node, USER, USER) ? "chown of the group's node" : NULL;
}

/* One that has no memory left may be killed for it, and comes again */
static bool member_goes_on(struct member *m)
{
	int status;

	if (!waitpid(m->pid, &status, WNOHANG))
		return true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		m->tally->killed++;
		return member_start(m);
	}
	printf("# a process ended: status %#x, %s: %s\n", status,
	       m->tally->failed, strerror(m->tally->error));
	m->pid = 0;
	return false;
}

/* The group's figures are read with the CPU held for 60,000 instructions */
static void peak_note(void)
{
	long long live, charged, group;

	delays_pause();
	charged = group_read("memory.stat", "sec_pagetables");
	live = before.live < 0 ? charged / (long long)HOST_PAGE :
				 reclaimer("live") - before.live;
	group = group_read("memory.current", NULL);
	delays_resume();
	peak.live = live > peak.live ? live : peak.live;
	peak.charged = charged > peak.charged ? charged : peak.charged;
	peak.group = group > peak.group ? group : peak.group;
}

static bool all_filled(void)
{
	unsigned int i;

	for (i = 0; i < CROWD; i++)
		if (__atomic_load_n(&members[i].tally->filled, __ATOMIC_RELAXED) < ROUNDS)
			return false;
	return true;
}

/* For as long as that, and longer where a slow host has not filled them yet */
static bool crowd_run(u64 apart, u64 ns)
{
	u64 end = host_ns() + ns, last = end + MORE_SECONDS * time_scale() * 1000000000ull;
	bool good = true;
	unsigned int i;

	stride = apart;
	for (i = 0; i < CROWD; i++) {
		memset(members[i].tally, 0, sizeof(*members[i].tally));
		good &= member_start(&members[i]);
	}
	while (good && (host_ns() < end || (!all_filled() && host_ns() < last))) {
		peak_note();
		host_sleep_ms(SAMPLE_MS);
		for (i = 0; i < CROWD; i++)
			good &= member_goes_on(&members[i]);
	}
	return good;
}

/* All at once, in the middle of what they do */
static bool crowd_end(void)
{
	u64 end = host_ns() + END_MS * time_scale() * 1000000ull;
	unsigned int i;

	for (i = 0; i < CROWD; i++)
		if (members[i].pid > 0)
			kill(members[i].pid, SIGKILL);
	for (i = 0; i < CROWD; i++) {
		while (members[i].pid > 0 && !waitpid(members[i].pid, NULL, WNOHANG)) {
			if (host_ns() > end)
				return false;
			host_sleep_ms(1);
		}
	}
	return true;
}

/* --- what is judged ------------------------------------------------------- */

struct worst {
	u64 map_ns, fifo_ns, maps;
	bool good;
};

static void worst_begin(void)
{
	atomic_store(&victim_worst_ns, 0);
	atomic_store(&victim_maps, 0);
	delays_begin();
}

static struct worst worst_end(void)
{
	struct worst w = {
		.fifo_ns = delays_end(),
		.map_ns = atomic_load(&victim_worst_ns),
		.maps = atomic_load(&victim_maps),
	};

	return w;
}

static void worst_show(const char *when, const struct worst *w)
{
	printf("# %-22s victim's worst of %5llu maps %llu ns, FIFO task's worst delay %llu ns\n",
	       when, w->maps, w->map_ns, w->fifo_ns);
}

static bool within(u64 value, u64 idle)
{
	return !factor || value <= factor * idle;
}

/* The page allocator's lock is one to sleep on, and what is left is short */
static bool preemptible(void)
{
	struct utsname name;

	return !uname(&name) && strstr(name.version, "PREEMPT_RT");
}

static bool crowd_was_busy(void)
{
	u64 filled = 0, refused = 0, wrong = 0, killed = 0;
	unsigned int i;
	bool all = true;

	for (i = 0; i < CROWD; i++) {
		const struct tally *t = members[i].tally;

		all &= t->filled >= ROUNDS;
		filled += t->filled;
		refused += t->refused;
		wrong += t->beyond + t->unreached;
		killed += t->killed;
	}
	printf("# %llu containers with %u mappings\n", filled, ENTRIES);
	printf("# for want of memory %llu were left early, %llu killed\n", refused, killed);
	return all && !wrong;
}

/* The group's limit holds for all tables, those that wait to be freed, too */
static bool memory_in_limit(void)
{
	printf("# at most %lld tables (%lld MiB), %lld MiB charged, group %lld of %llu MiB\n",
	       peak.live, peak.live * 4096 / MIB, peak.charged / MIB,
	       peak.group / MIB, limit_mib);
	return peak.live >= TABLES && peak.live * 4096 <= (long long)limit_mib * MIB &&
	       peak.group <= (long long)limit_mib * MIB &&
	       peak.charged * 10 >= peak.live * 4096 * 9;
}

static bool group_is_empty(void)
{
	u64 end = host_ns() + BACK_MS * time_scale() * 1000000ull;

	while (group_read("memory.stat", "sec_pagetables")) {
		if (host_ns() > end) {
			printf("# %ld bytes of tables still charged\n",
			       group_read("memory.stat", "sec_pagetables"));
			return false;
		}
		host_sleep_ms(10);
	}
	return group_remove();
}

static bool all_back(void)
{
	unsigned int i;
	int bad;

	bad = host_pages_back(&before, BACK_MS);
	for (i = 0; i < CROWD; i++)
		vfio_unbind(&members[i].dma);
	if (!foreign) {
		bad |= witness_counter(&witness, WITNESS_BYPASSES) ||
		       verdict(&witness);
		pci_close(&witness);
	}
	return !bad;
}

/* --- the whole ------------------------------------------------------------ */

static const char *setup_host(void)
{
	const char *missing;
	struct pci_function pci;

	foreign = pci_find(&pci, WITNESS_VENDOR, WITNESS_DEVICE, 0) &&
		  !pci_find(&pci, EDU_VENDOR, EDU_DEVICE, 0);
	if (foreign)
		return NULL;
	missing = setup_driver();
	if (!missing && witness_open(&witness))
		missing = "the witness does not answer";
	return missing ? missing : victim_open();
}

static const char *setup(void)
{
	const char *missing = setup_host();
	unsigned int i;

	for (i = 0; !missing && i < CROWD; i++)
		missing = member_open(&members[i], i);
	if (!missing)
		missing = group_make();
	if (!missing && (group_read("memory.stat", "sec_pagetables") < 0 ||
			 !group_write("memory.max", limit_mib * MIB)))
		missing = "no memory controller that counts tables";
	if (!missing && (delays_start() || reclaimer_wait(BACK_MS)))
		missing = "no real-time task, or tables are still pending";
	if (missing)
		return missing;
	/* What the victim and the users had before is swept */
	host_settle(BACK_MS);
	before = host_pages();
	if (foreign)
		return NULL;
	witness_clear(&witness);
	return victim_start() ? "no real-time task" : NULL;
}

static struct worst idle_measured(void)
{
	worst_begin();
	host_sleep_ms(IDLE_MS);
	return worst_end();
}

/* From its first mapping until nothing is left of what it had */
static struct worst crowd_measured(u64 apart, u64 ns)
{
	struct worst w;
	u64 killed;
	bool good;

	worst_begin();
	good = crowd_run(apart, ns);
	killed = host_ns();
	good &= crowd_end();
	printf("# the crowd is gone %llu ms after it was killed, ",
	       (host_ns() - killed) / 1000000);
	good &= !reclaimer_wait(BACK_MS);
	w = worst_end();
	printf("no table pending after %llu ms\n", (host_ns() - killed) / 1000000);
	w.good = good;
	return w;
}

static void judge_delays(const struct worst *idle, const struct worst *memory,
			 const struct worst *sparse)
{
	u64 other = idle->fifo_ns;

	/* On some kernels memory alone is not late either */
	if (!preemptible() && memory->fifo_ns > other)
		other = memory->fifo_ns;
	if (foreign)
		ksft_test_result_skip("crowd.victim_maps: there is no victim\n");
	else
		ksft_test_result(sparse->maps && !victim_failed &&
				 within(sparse->map_ns, idle->map_ns),
				 "crowd.victim_maps\n");
	ksft_test_result(memory->good && within(sparse->fifo_ns, other),
			 "crowd.fifo_task\n");
}

static void judge(void)
{
	struct worst idle, memory, dense, sparse;

	idle = idle_measured();
	memory = crowd_measured(0, MEMORY_NS);
	dense = crowd_measured(DENSE, DENSE_NS);
	ksft_test_result(dense.good, "crowd.side_by_side\n");
	peak = (struct peak) { 0 };
	sparse = crowd_measured(SPARSE, seconds * 1000000000ull);
	worst_show("idle", &idle);
	worst_show("no devices", &memory);
	worst_show("mappings side by side", &dense);
	worst_show("mappings far apart", &sparse);
	ksft_test_result(sparse.good, "crowd.far_apart_and_pending_falls_to_0\n");
	ksft_test_result(crowd_was_busy(), "crowd.goes_on\n");
	ksft_test_result(memory_in_limit(), "crowd.memory_in_limit\n");
	judge_delays(&idle, &memory, &sparse);
}

static bool held_measured(u64 apart, u64 ns, struct held *h)
{
	bool good = !held_begin() && delays_mark(true);

	if (good && ns)
		good = crowd_measured(apart, ns).good;
	else if (good)
		idle_measured();
	delays_mark(false);
	return !held_end(h) && good;
}

/*
 * With a function of ours on a stack it is hardly later than on the idle host,
 * @idle, before any crowd: lists that one has filled are emptied long after it.
 */
static void judge_traced(const struct held *idle)
{
	struct held memory, sparse;

	if (!traced) {
		ksft_test_result_skip("crowd.ours: not traced\n");
		return;
	}
	if (!idle->wakes || !held_measured(0, MEMORY_NS, &memory) ||
	    !held_measured(SPARSE, traced * 1000000000ull, &sparse)) {
		ksft_test_result_fail("crowd.ours: no trace\n");
		return;
	}
	held_show("idle", idle);
	held_show("no devices", &memory);
	held_show("mappings far apart", &sparse);
	ksft_test_result(sparse.ours && within(sparse.ours_worst.ns, idle->worst_ns),
			 "crowd.ours\n");
}

int main(int argc, char **argv)
{
	const struct number_option options[] = {
		{ "seconds", &seconds }, { "mib", &limit_mib }, { "factor", &factor },
		{ "traced", &traced },
	};
	struct held idle = { 0 };
	const char *missing;

	options_numbers(argc, argv, options, ARRAY_SIZE(options));
	ksft_print_header();
	missing = setup();
	if (missing)
		ksft_exit_skip("%s\n", missing);
	ksft_set_plan(9);
	if (traced && !held_measured(0, 0, &idle))
		idle.wakes = 0;
	judge();
	judge_traced(&idle);
	if (!foreign)
		victim_end();
	ksft_test_result(group_is_empty(), "crowd.group_is_empty\n");
	ksft_test_result(all_back(), "crowd.all_back\n");
	ksft_finished();
}
