// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that does DMA all the time, whatever becomes of it: it is blocked,
 * attached to a domain, moved to another, to VFIO, to the kernel's DMA API, let
 * through as identity, taken off the bus and found again, and suspended.
 * Another, with domains that come and go, does the same beside it. What each
 * has been given is known at every moment: what it is about to get is added
 * before the call that gives it, and what it had is taken back when the call
 * that ends it has returned. No access may get anywhere else.
 *
 *	window [--seconds N]	10 by default
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>

#include "kselftest.h"

#include "../vfio/vfio.h"
#include "kmod/ipmmu_dma_api.h"
#include "lib/domain.h"
#include "lib/options.h"
#include "lib/patrol.h"
#include "lib/suspend.h"

#define SECONDS		10
#define IOVA		0x50000000ull
#define PAGES		4
#define DOMAINS		2
#define VFIO_SIZE	(PAGES * HOST_PAGE)

struct mover {
	struct pci_function dma;
	int fd[DOMAINS];		/* a domain each, of PAGES pages */
	u64 page[DOMAINS][PAGES];
	int in;				/* which domain it is in, -1 none */
	char type[96];			/* of its group */
	struct random r;
	const char *problem;
};

static struct mover mover, neighbour;
static const char *no_suspend;	/* why, where that step is left out */
static bool over;

static void give(const struct mover *m, const u64 *page)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		patrol_set(&m->dma, DMA_GIVE, page[i]);
}

static void take(const struct mover *m, const u64 *page)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		patrol_set(&m->dma, DMA_TAKE, page[i]);
}

static bool fails(struct mover *m, const char *what, int ret)
{
	if (ret && !m->problem) {
		m->problem = what;
		ksft_print_msg("%s of %s: %s\n", what, m->dma.name, strerror(-ret));
	}
	return ret;
}

/* A driver that is tried on the device for a moment is no failure */
static int device_call(const struct mover *m, int n, unsigned long command)
{
	unsigned int ms;
	int ret;

	for (ms = 0; ; ms += 10) {
		ret = domain_device(m->fd[n], command, &m->dma);
		if ((ret != -EPERM && ret != -EBUSY) || ms >= 10000)
			return ret;
		host_sleep_ms(10);
	}
}

/* A domain with pages of its own, which no device is in yet */
static void domain_make(struct mover *m, unsigned int n)
{
	u64 i;

	m->fd[n] = domain_open(&m->dma);
	if (fails(m, "a domain", m->fd[n] < 0 ? m->fd[n] : 0))
		return;
	fails(m, "a buffer", domain_buffer(m->fd[n], PAGES) ? 0 : -ENOMEM);
	for (i = 0; i < PAGES; i++)
		m->page[n][i] = domain_page(m->fd[n], i);
}

/* Before 6.12 a domain takes pages only once it has had a device */
static void domain_enter(struct mover *m, int n)
{
	u64 i;

	give(m, m->page[n]);
	if (fails(m, "attach", device_call(m, n, IPMMU_TEST_ATTACH)))
		return;
	m->in = n;
	for (i = 0; i < PAGES; i++)
		fails(m, "map", domain_map(m->fd[n], IOVA + i * HOST_PAGE,
					   m->page[n][i], HOST_PAGE, DOMAIN_RW));
}

/* Half of the time mappings go first, and the device stays for a while */
static void domain_leave(struct mover *m)
{
	int n = m->in;

	if (n < 0)
		return;
	if (random_below(&m->r, 2)) {
		fails(m, "unmap", domain_unmap(m->fd[n], IOVA, PAGES * HOST_PAGE));
		take(m, m->page[n]);
		patrol_round(&m->dma);
		fails(m, "detach", domain_detach(m->fd[n], &m->dma));
	} else {
		fails(m, "detach", domain_detach(m->fd[n], &m->dma));
		take(m, m->page[n]);
		fails(m, "unmap", domain_unmap(m->fd[n], IOVA, PAGES * HOST_PAGE));
	}
	fails(m, "release", domain_release(m->fd[n], &m->dma));
	m->in = -1;
}

static void step_domain(struct mover *m)
{
	domain_enter(m, random_below(&m->r, DOMAINS));
	patrol_round(&m->dma);
	domain_leave(m);
	patrol_round(&m->dma);
}

/* Its memory goes back to the kernel, and may be anything a moment later */
static void step_domain_new(struct mover *m)
{
	unsigned int n = random_below(&m->r, DOMAINS);

	close(m->fd[n]);
	domain_make(m, n);
	step_domain(m);
}

static void step_blocked(struct mover *m)
{
	fails(m, "claim", device_call(m, 0, IPMMU_TEST_CLAIM));
	patrol_round(&m->dma);
	fails(m, "release", domain_release(m->fd[0], &m->dma));
}

/*
 * All memory is the device's from before the first write until after the second
 */
static void step_identity(struct mover *m)
{
	patrol_set(&m->dma, DMA_GIVE, PATROL_ALL);
	fails(m, "identity", file_write(m->type, "identity"));
	patrol_round(&m->dma);
	fails(m, "DMA", file_write(m->type, "DMA"));
	patrol_set(&m->dma, DMA_TAKE, PATROL_ALL);
	patrol_round(&m->dma);
}

static void memory_pages(const u8 *memory, u64 *page)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		page[i] = patrol_physical(memory + i * HOST_PAGE);
}

/*
 * vfio-pci turns decoding of the BAR off and on where it takes the device and
 * leaves it.
 */
static bool held_vfio_bind(const struct mover *m)
{
	bool bad;

	patrol_hold();
	bad = vfio_bind(&m->dma);
	patrol_go_on();
	return bad;
}

static int held_vfio_open(const struct mover *m, struct vfio *v)
{
	int ret;

	patrol_hold();
	ret = vfio_open(v, &m->dma) ? -errno : 0;
	patrol_go_on();
	return ret;
}

static void held_vfio_close(struct vfio *v)
{
	patrol_hold();
	vfio_close(v);
	patrol_go_on();
}

static void held_vfio_unbind(const struct mover *m)
{
	patrol_hold();
	vfio_unbind(&m->dma);
	patrol_go_on();
}

static int held_write(const char *path)
{
	int ret;

	patrol_hold();
	ret = file_write(path, "1");
	patrol_go_on();
	return ret;
}

static void vfio_round(struct mover *m, struct vfio *v, const u8 *memory)
{
	u64 page[PAGES];

	memory_pages(memory, page);
	give(m, page);
	fails(m, "VFIO map", vfio_map(v, memory, IOVA, VFIO_SIZE, true));
	patrol_round(&m->dma);
	if (random_below(&m->r, 2))
		fails(m, "VFIO unmap", vfio_unmap(v, IOVA, VFIO_SIZE));
	else
		held_vfio_close(v);
	take(m, page);
	patrol_round(&m->dma);
}

static void step_vfio(struct mover *m)
{
	u8 *memory = mmap(NULL, VFIO_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct vfio v;

	memset(memory, 1, VFIO_SIZE);
	mlock(memory, VFIO_SIZE);
	if (!fails(m, "vfio-pci", held_vfio_bind(m) ? 0 : -ENODEV)) {
		if (!fails(m, "VFIO", held_vfio_open(m, &v)))
			vfio_round(m, &v, memory);
		held_vfio_close(&v);
		patrol_round(&m->dma);
	}
	held_vfio_unbind(m);
	munmap(memory, VFIO_SIZE);
}

static void dma_api_round(struct mover *m, int fd)
{
	struct ipmmu_dma_api_alloc alloc = { .contiguous = 1, .size = VFIO_SIZE };
	struct ipmmu_dma_api_map map = { 0 };
	u64 page[PAGES];
	u8 *memory;

	if (fails(m, "DMA API memory", ioctl(fd, IPMMU_DMA_API_ALLOC, &alloc) ? -errno : 0))
		return;
	memory = mmap(NULL, VFIO_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(memory, 1, VFIO_SIZE);
	memory_pages(memory, page);
	give(m, page);
	if (!fails(m, "DMA API map", ioctl(fd, IPMMU_DMA_API_MAP, &map) ? -errno : 0)) {
		patrol_set(&m->dma, DMA_PATROL_IOVA, map.iova);
		patrol_round(&m->dma);
		fails(m, "DMA API unmap", ioctl(fd, IPMMU_DMA_API_UNMAP, &map) ? -errno : 0);
	}
	take(m, page);
	patrol_round(&m->dma);
	munmap(memory, VFIO_SIZE);
}

/*
 * The driver takes the first engine that is free, which is this. A lazy domain
 * (DMA-FQ, the default of some kernels) keeps what was unmapped within the
 * device's reach until its flush queue is flushed: this is about a strict one.
 */
static void step_dma_api(struct mover *m)
{
	int fd;

	if (fails(m, "DMA", file_write(m->type, "DMA")))
		return;
	if (fails(m, "ipmmu_dma_api.ko", setup_test_module("ipmmu_dma_api") ? -ENODEV : 0))
		return;
	fd = open("/dev/" IPMMU_DMA_API_NODE, O_RDWR | O_CLOEXEC);
	if (!fails(m, "/dev/ipmmu-dma-api", fd < 0 ? -errno : 0)) {
		dma_api_round(m, fd);
		close(fd);
	}
	setup_run("rmmod ipmmu_dma_api");
	patrol_set(&m->dma, DMA_PATROL_IOVA, IOVA);
}

static bool has_group(const struct pci_function *dma)
{
	char path[96];

	pci_path(dma, "iommu_group", path, sizeof(path));
	return !access(path, F_OK);
}

/*
 * Taken off the bus and found again: it is blocked in between, and has no page
 * after it
 */
static void step_removed(struct mover *m)
{
	unsigned int ms;
	char path[96];

	pci_path(&m->dma, "remove", path, sizeof(path));
	fails(m, "removal", held_write(path));
	patrol_round(&m->dma);
	fails(m, "rescan", held_write("/sys/bus/pci/rescan"));
	for (ms = 0; ms < 60000 && !has_group(&m->dma); ms += 10)
		host_sleep_ms(10);
	fails(m, "a group", has_group(&m->dma) ? 0 : -ENODEV);
	patrol_round(&m->dma);
}

/* In a domain, and the neighbour wherever it happens to be */
static void step_suspend(struct mover *m)
{
	domain_enter(m, 0);
	fails(m, "suspend", suspend_once(0));
	patrol_round(&m->dma);
	domain_leave(m);
}

static const struct {
	const char *name;
	void (*run)(struct mover *m);
} steps[] = {
	{ "blocked", step_blocked },
	{ "domain", step_domain },
	{ "new domain", step_domain_new },
	{ "identity", step_identity },
	{ "DMA API", step_dma_api },
	{ "VFIO", step_vfio },
	{ "removed", step_removed },
	{ "suspend", step_suspend },
};

static void *neighbour_run(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED) && !neighbour.problem) {
		step_domain_new(&neighbour);
		if (random_below(&neighbour.r, 4) == 0)
			step_blocked(&neighbour);
	}
	return NULL;
}

static const char *mover_open(struct mover *m, unsigned int nth, struct random *r)
{
	unsigned int n;

	if (engine_open(&m->dma, nth))
		return "there are fewer than two ipmmu-dma devices";
	m->r.state = random_next(r) | 1;
	m->in = -1;
	pci_path(&m->dma, "iommu_group/type", m->type, sizeof(m->type));
	for (n = 0; n < DOMAINS; n++)
		domain_make(m, n);
	if (m->problem)
		return m->problem;
	patrol_begin(&m->dma, IOVA, PAGES);
	return NULL;
}

static void mover_close(struct mover *m)
{
	unsigned int n;

	for (n = 0; n < DOMAINS; n++)
		close(m->fd[n]);
	patrol_round(&m->dma);
	patrol_end(&m->dma);
	ksft_test_result(!m->problem, "%s: no step failed\n", m->dma.name);
	ksft_print_msg("%s: %llu accesses passed, %llu refused\n", m->dma.name,
		       patrol_get(&m->dma, DMA_PASSED), patrol_get(&m->dma, DMA_REFUSED));
	ksft_test_result(patrol_get(&m->dma, DMA_PASSED) && patrol_get(&m->dma, DMA_REFUSED),
			 "%s: was given pages, and was not\n", m->dma.name);
	ksft_test_result(!patrol_strayed(&m->dma), "%s: got nowhere else\n", m->dma.name);
	pci_close(&m->dma);
}

/* Each step once, the rest at random; a suspend takes more than a second */
static void move(u64 seconds)
{
	unsigned int counts[ARRAY_SIZE(steps)] = { 0 };
	u64 end = host_ns() + seconds * 1000000000ull;
	unsigned int n, i;

	for (n = 0; !mover.problem; n++) {
		i = n < ARRAY_SIZE(steps) ? n : random_below(&mover.r, ARRAY_SIZE(steps));
		if (n >= ARRAY_SIZE(steps) && host_ns() > end)
			break;
		if (i == ARRAY_SIZE(steps) - 1 &&
		    (no_suspend || (n >= ARRAY_SIZE(steps) && random_below(&mover.r, 8))))
			continue;
		steps[i].run(&mover);
		counts[i]++;
	}
	for (i = 0; i < ARRAY_SIZE(steps); i++)
		ksft_print_msg("%s: %u times\n", steps[i].name, counts[i]);
}

int main(int argc, char **argv)
{
	struct random r = random_seeded();
	u64 seconds = options_seconds(argc, argv, SECONDS);
	const char *missing = setup_domains();
	struct pci_function witness;
	pthread_t thread;

	no_suspend = suspend_prepare();
	if (no_suspend)
		ksft_print_msg("no suspend: %s\n", no_suspend);
	if (!missing && witness_open(&witness))
		missing = "the witness does not answer";
	if (!missing)
		missing = mover_open(&mover, 0, &r) ?: mover_open(&neighbour, 1, &r);
	if (missing)
		ksft_exit_skip("%s\n", missing);

	ksft_print_header();
	ksft_set_plan(7);
	witness_clear(&witness);
	pthread_create(&thread, NULL, neighbour_run, NULL);
	move(seconds);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	mover_close(&mover);
	mover_close(&neighbour);
	file_write("/sys/power/pm_test", "none");
	ksft_test_result(!verdict(&witness), "verdict\n");
	ksft_finished();
}
