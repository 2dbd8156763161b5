// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user of a device behind the IPMMU by way of iommufd and VFIO's device node:
 * binds it, maps memory for it, lets it copy, replaces its domain while it does
 * DMA, and goes away in an orderly manner or by SIGKILL. Tracking of dirty
 * pages is refused, since the hardware has none.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "../ipmmu/lib/attachment.h"
#include "../ipmmu/lib/patrol.h"
#include "iommufd.h"
#include "vfio_rig.h"

#define BUFFER_SIZE	0x100000ull
#define IOVA		0x50000000ull
/* A window of MSI doorbells where no memory may be mapped */
#define SW_MSI_IOVA	0x08000000ull
#define PAGES		4
#define SPACES		2
#define REPLACEMENTS	40

struct user {
	struct vfio v;		/* v.device: the node, bound to iommufd */
	int iommufd;
	u32 device;
	u32 ioas;
};

/* NULL, or what failed; errno says why. user_close() is right after either */
static const char *user_open(struct user *u, const struct pci_function *dma)
{
	*u = (struct user) {
		.v = { .pci = *dma, .container = -1, .group = -1, .device = -1 },
	};
	u->v.pci.bar = NULL;
	u->iommufd = open(IOMMUFD_NODE, O_RDWR | O_CLOEXEC);
	if (u->iommufd < 0)
		return "open of " IOMMUFD_NODE;
	u->v.device = cdev_open(dma);
	if (u->v.device < 0)
		return "open of the device's node";
	if (cdev_bind(u->v.device, u->iommufd, &u->device))
		return "binding it to iommufd";
	if (iommufd_ioas(u->iommufd, &u->ioas))
		return "an address space";
	if (vfio_bus_master(&u->v))
		return "setting bus master";
	if (vfio_map_bar(&u->v))
		return "mapping BAR0";
	return NULL;
}

static void user_close(struct user *u)
{
	vfio_close(&u->v);
	if (u->iommufd >= 0)
		close(u->iommufd);
	u->iommufd = -1;
}

static u8 *memory_get(u64 size)
{
	u8 *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

FIXTURE(iommufd)
{
	struct vfio_rig rig;
	struct user u;
	u8 *buffer;
};

FIXTURE_SETUP(iommufd)
{
	const char *failed;

	failed = vfio_rig_open(&self->rig);
	ASSERT_EQ(NULL, failed)
		TH_LOG("%s", failed);
	self->buffer = memory_get(BUFFER_SIZE);
	ASSERT_NE(NULL, self->buffer);

	/* What the group keeps from the first time on is not what is counted */
	failed = user_open(&self->u, &self->rig.dma);
	ASSERT_EQ(NULL, failed)
		TH_LOG("%s: %s", failed, strerror(errno));
	user_close(&self->u);
	ASSERT_EQ(0, vfio_rig_count(&self->rig));

	failed = user_open(&self->u, &self->rig.dma);
	ASSERT_EQ(NULL, failed)
		TH_LOG("%s: %s", failed, strerror(errno));
}

FIXTURE_TEARDOWN(iommufd)
{
	user_close(&self->u);
	munmap(self->buffer, BUFFER_SIZE);
	EXPECT_EQ(0, vfio_rig_close(&self->rig));
}

/* Bound and attached to nothing, it reaches nothing */
TEST_F(iommufd, bound_is_blocked)
{
	EXPECT_EQ(~0ull, engine_translate(&self->u.v.pci, IOVA, DMA_TRANSLATE_READ));
	ASSERT_EQ(0, iommufd_map(self->u.iommufd, self->u.ioas, self->buffer, IOVA,
				 BUFFER_SIZE));
	EXPECT_EQ(DMA_FAULT, engine_run(&self->u.v.pci, DMA_READ, IOVA, 0, 64));
}

/* One half to the other, at an IOVA below and at one above 4 GiB */
TEST_F(iommufd, map_copy)
{
	u64 places[] = { IOVA, 0x1234500000 }, half = BUFFER_SIZE / 2;
	const struct user *u = &self->u;
	struct random r = random_seeded();
	unsigned int i;

	ASSERT_EQ(0, cdev_attach(u->v.device, u->ioas));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		u64 iova = places[i];

		if (iova > iommufd_last_iova(u->iommufd, u->ioas)) {
			TH_LOG("no IOVA above 4 GiB in this mode");
			break;
		}
		random_fill(&r, self->buffer, BUFFER_SIZE);
		ASSERT_EQ(0, iommufd_map(u->iommufd, u->ioas, self->buffer, iova,
					 BUFFER_SIZE));
		ASSERT_EQ(DMA_OK, engine_run(&u->v.pci, DMA_COPY, iova + 5,
					     iova + half + 5, half - 5));
		EXPECT_EQ(0, memcmp(self->buffer + 5, self->buffer + half + 5, half - 5));
		ASSERT_EQ(0, iommufd_unmap(u->iommufd, u->ioas, iova, BUFFER_SIZE));
		EXPECT_EQ(~0ull, engine_translate(&u->v.pci, iova, DMA_TRANSLATE_READ));
	}
}

/* Beyond the space and in the MSI window the kernel itself says no */
TEST_F(iommufd, bad_iova)
{
	const struct user *u = &self->u;
	u64 last, beyond;

	ASSERT_EQ(0, cdev_attach(u->v.device, u->ioas));
	last = iommufd_last_iova(u->iommufd, u->ioas);
	ASSERT_LT(0, last);
	beyond = (last + HOST_1G) & ~(HOST_1G - 1);
	EXPECT_GT(0, iommufd_map(u->iommufd, u->ioas, self->buffer, beyond, HOST_PAGE));
	EXPECT_GT(0, iommufd_map(u->iommufd, u->ioas, self->buffer, SW_MSI_IOVA,
				 HOST_PAGE));
	EXPECT_EQ(0, iommufd_map(u->iommufd, u->ioas, self->buffer,
				 SW_MSI_IOVA - HOST_PAGE, HOST_PAGE));
}

/* Detached it is blocked, and has its memory again when it is attached anew */
TEST_F(iommufd, detach)
{
	const struct user *u = &self->u;

	ASSERT_EQ(0, iommufd_map(u->iommufd, u->ioas, self->buffer, IOVA, BUFFER_SIZE));
	ASSERT_EQ(0, cdev_attach(u->v.device, u->ioas));
	EXPECT_EQ(DMA_OK, engine_run(&u->v.pci, DMA_READ, IOVA, 0, 64));
	ASSERT_EQ(0, cdev_detach(u->v.device));
	EXPECT_EQ(DMA_FAULT, engine_run(&u->v.pci, DMA_READ, IOVA, 0, 64));
	ASSERT_EQ(0, cdev_attach(u->v.device, u->ioas));
	EXPECT_EQ(DMA_OK, engine_run(&u->v.pci, DMA_READ, IOVA, 0, 64));
}

/* An address space of its own, with pages that the device is given */
struct space {
	u32 ioas;
	u32 hwpt;
	u8 *memory;
	u64 page[PAGES];
};

static int space_make(const struct user *u, struct space *s)
{
	unsigned int i;
	int ret;

	s->memory = memory_get(PAGES * HOST_PAGE);
	if (!s->memory || mlock(s->memory, PAGES * HOST_PAGE))
		return -ENOMEM;
	for (i = 0; i < PAGES; i++) {
		s->page[i] = patrol_physical(s->memory + i * HOST_PAGE);
		if (!s->page[i])
			return -ENOENT;
		patrol_set(&u->v.pci, DMA_GIVE, s->page[i]);
	}
	ret = iommufd_ioas(u->iommufd, &s->ioas);
	if (!ret)
		ret = iommufd_map(u->iommufd, s->ioas, s->memory, IOVA,
				  PAGES * HOST_PAGE);
	return ret ? ret : iommufd_hwpt(u->iommufd, u->device, s->ioas, 0, &s->hwpt);
}

static void space_end(const struct user *u, struct space *s)
{
	unsigned int i;

	iommufd_destroy(u->iommufd, s->hwpt);
	iommufd_destroy(u->iommufd, s->ioas);
	for (i = 0; i < PAGES; i++)
		patrol_set(&u->v.pci, DMA_TAKE, s->page[i]);
	munmap(s->memory, PAGES * HOST_PAGE);
}

/*
 * Domains are exchanged below a device that never stops: each access leads to a
 * page of one or the other, and to the new one's alone once the call has
 * returned.
 */
TEST_F_TIMEOUT(iommufd, replace, 120)
{
	const struct user *u = &self->u;
	struct space spaces[SPACES];
	unsigned int i, n;

	for (n = 0; n < SPACES; n++)
		ASSERT_EQ(0, space_make(u, &spaces[n]));
	ASSERT_EQ(0, cdev_attach(u->v.device, spaces[0].hwpt));
	patrol_begin(&u->v.pci, IOVA, PAGES);
	for (i = 1; i <= REPLACEMENTS; i++) {
		n = i % SPACES;
		ASSERT_EQ(0, cdev_attach(u->v.device, spaces[n].hwpt));
		EXPECT_EQ(spaces[n].page[i % PAGES],
			  engine_translate(&u->v.pci, IOVA + i % PAGES * HOST_PAGE,
					   DMA_TRANSLATE_WRITE));
		EXPECT_EQ(0, patrol_round(&u->v.pci));
	}
	EXPECT_LT(0, patrol_get(&u->v.pci, DMA_PASSED));
	patrol_end(&u->v.pci);
	EXPECT_EQ(0, patrol_strayed(&u->v.pci));
	EXPECT_EQ(0, witness_counter(&self->rig.witness, WITNESS_BYPASSES));

	/* The one that it is in cannot go; the other can */
	EXPECT_EQ(-EBUSY, iommufd_destroy(u->iommufd, spaces[n].hwpt));
	ASSERT_EQ(0, cdev_detach(u->v.device));
	for (n = 0; n < SPACES; n++)
		space_end(u, &spaces[n]);
}

/* A second device of the same user in the same domain; -1 if there is none */
static int partner_open(const struct user *u, struct pci_function *dma, u32 hwpt)
{
	u32 id;
	int fd;

	if (pci_find(dma, WITNESS_VENDOR, DMA_DEVICE, 1) || !vfio_bind(dma))
		return -1;
	fd = cdev_open(dma);
	if (fd < 0)
		return -1;
	if (!cdev_bind(fd, u->iommufd, &id) && !cdev_attach(fd, hwpt))
		return fd;
	close(fd);
	return -1;
}

/* Domains for other engines until one is refused; how many, or an error */
static int contexts_use_up(struct attachment *a, unsigned int max, u64 page)
{
	unsigned int n;
	int ret;

	for (n = 0; n < max; n++) {
		ret = attachment_open(&a[n], n + 2, page);
		if (!ret)
			continue;
		attachment_close(&a[n]);
		return ret == -EBUSY ? (int)n : ret;
	}
	return -ENOSPC;
}

static void reaches_space(struct __test_metadata *_metadata, const struct user *u,
			  const struct space *s)
{
	EXPECT_EQ(s->page[1], engine_translate(&u->v.pci, IOVA + HOST_PAGE,
					       DMA_TRANSLATE_WRITE));
}

/* A refusal that neither notices: no register is written */
static void shared_is_kept(struct __test_metadata *_metadata,
			   const struct _test_data_iommufd *self,
			   const struct space *spaces)
{
	const struct user *u = &self->u;
	u64 refused = patrol_get(&u->v.pci, DMA_REFUSED);
	u64 writes = witness_counter(&self->rig.witness, WITNESS_MMIO_WRITES);

	EXPECT_EQ(-EBUSY, cdev_attach(u->v.device, spaces[1].hwpt));
	EXPECT_EQ(writes, witness_counter(&self->rig.witness, WITNESS_MMIO_WRITES));
	EXPECT_EQ(0, patrol_round(&u->v.pci));
	EXPECT_EQ(refused, patrol_get(&u->v.pci, DMA_REFUSED));
	reaches_space(_metadata, u, &spaces[0]);
}

/*
 * Alone in the context, the device gives it back for the other domain's sake;
 * where the flush for that does not end, it has its former domain again.
 */
static void own_is_exchanged(struct __test_metadata *_metadata,
			     const struct _test_data_iommufd *self,
			     const struct space *spaces)
{
	u64 delay = pci_get(&self->rig.witness, WITNESS_FLUSH_DELAY_NS);
	const struct user *u = &self->u;

	pci_set(&self->rig.witness, WITNESS_FLUSH_DELAY_NS, ~0ull);
	EXPECT_EQ(-EBUSY, cdev_attach(u->v.device, spaces[1].hwpt));
	pci_set(&self->rig.witness, WITNESS_FLUSH_DELAY_NS, delay);
	reaches_space(_metadata, u, &spaces[0]);
	EXPECT_EQ(0, cdev_attach(u->v.device, spaces[1].hwpt));
	reaches_space(_metadata, u, &spaces[1]);
}

/*
 * Two devices of two groups share a domain and its context, and there is no
 * other context. One of them is to have another domain: that is refused, and
 * neither is cut off for a moment. Once the other device has left it is not.
 */
TEST_F_TIMEOUT(iommufd, contexts_run_out, 120)
{
	const struct user *u = &self->u;
	struct attachment a[CONTEXTS_MAX];
	struct space spaces[SPACES];
	struct pci_function dma;
	int partner, count;
	unsigned int n;

	for (n = 0; n < SPACES; n++)
		ASSERT_EQ(0, space_make(u, &spaces[n]));
	ASSERT_EQ(0, cdev_attach(u->v.device, spaces[0].hwpt));
	partner = partner_open(u, &dma, spaces[0].hwpt);
	count = contexts_use_up(a, CONTEXTS_MAX, spaces[0].page[0]);
	TH_LOG("%d other domains", count);

	patrol_begin(&u->v.pci, IOVA, PAGES);
	EXPECT_EQ(0, patrol_round(&u->v.pci));
	if (partner >= 0 && count > 0)
		shared_is_kept(_metadata, self, spaces);
	close(partner);
	if (partner >= 0 && count > 0)
		own_is_exchanged(_metadata, self, spaces);
	patrol_end(&u->v.pci);
	EXPECT_EQ(0, patrol_strayed(&u->v.pci));

	for (n = 0; (int)n < count; n++)
		attachment_close(&a[n]);
	vfio_unbind(&dma);
	ASSERT_EQ(0, cdev_detach(u->v.device));
	for (n = 0; n < SPACES; n++)
		space_end(u, &spaces[n]);
	if (partner < 0 || count <= 0)
		SKIP(return, "too few ipmmu-dma devices: contexts do not run out");
}

/* The walker sets no dirty state: what migrates a guest is told so at once */
TEST_F(iommufd, dirty_tracking_refused)
{
	const struct user *u = &self->u;
	u32 id;

	EXPECT_EQ(-EOPNOTSUPP, iommufd_hwpt(u->iommufd, u->device, u->ioas,
					    IOMMUFD_HWPT_DIRTY, &id));
	EXPECT_EQ(-EOPNOTSUPP, iommufd_hwpt(u->iommufd, u->device, u->ioas,
					    IOMMUFD_HWPT_PARENT, &id));
	ASSERT_EQ(0, iommufd_hwpt(u->iommufd, u->device, u->ioas, 0, &id));
	EXPECT_EQ(-EOPNOTSUPP, iommufd_set_dirty(u->iommufd, id, 1));
	ASSERT_EQ(0, cdev_attach(u->v.device, id));
	EXPECT_EQ(-EOPNOTSUPP, iommufd_set_dirty(u->iommufd, id, 1));
	ASSERT_EQ(0, cdev_detach(u->v.device));
	EXPECT_EQ(0, iommufd_destroy(u->iommufd, id));
}

/*
 * The device's node is closed last: memory is unmapped while it is still bound
 */
TEST_F(iommufd, closed_in_any_order)
{
	struct user *u = &self->u;

	ASSERT_EQ(0, iommufd_map(u->iommufd, u->ioas, self->buffer, IOVA, BUFFER_SIZE));
	ASSERT_EQ(0, cdev_attach(u->v.device, u->ioas));
	EXPECT_EQ(DMA_OK, engine_run(&u->v.pci, DMA_READ, IOVA, 0, 64));
	close(u->iommufd);
	u->iommufd = -1;
	EXPECT_EQ(DMA_OK, engine_run(&u->v.pci, DMA_READ, IOVA, 0, 64));
}

/* Maps and copies until it is killed; the pipe tells that it has begun */
static void work_forever(const struct pci_function *dma, int started)
{
	u8 *buffer = memory_get(BUFFER_SIZE);
	struct user u;
	u64 i;

	if (!buffer || user_open(&u, dma) || cdev_attach(u.v.device, u.ioas))
		_exit(1);
	for (i = 0; ; i++) {
		u64 iova = HOST_1G + i % 1000 * BUFFER_SIZE;

		if (i >= 1000 && iommufd_unmap(u.iommufd, u.ioas, iova, BUFFER_SIZE))
			_exit(2);
		if (iommufd_map(u.iommufd, u.ioas, buffer, iova, BUFFER_SIZE))
			_exit(3);
		engine_run(&u.v.pci, DMA_COPY, iova, iova + BUFFER_SIZE / 2,
			   BUFFER_SIZE / 2);
		if (!i && write(started, "", 1) != 1)
			_exit(4);
	}
}

#define KILLS	4

TEST_F_TIMEOUT(iommufd, killed, 240)
{
	struct random r = random_seeded();
	const char *failed;
	int i;

	user_close(&self->u);
	for (i = 0; i < KILLS; i++) {
		failed = vfio_rig_kill(&self->rig, &r, work_forever);
		ASSERT_EQ(NULL, failed)
			TH_LOG("%s", failed);
	}
	/* And the device is to be had again */
	ASSERT_EQ(NULL, user_open(&self->u, &self->rig.dma));
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();
	struct pci_function dma;

	if (missing)
		ksft_exit_skip("%s\n", missing);
	setup_run("modprobe iommufd 2>/dev/null; modprobe vfio-pci 2>/dev/null");
	if (access(IOMMUFD_NODE, F_OK))
		ksft_exit_skip("no " IOMMUFD_NODE ": the kernel has no iommufd\n");
	if (pci_find(&dma, WITNESS_VENDOR, DMA_DEVICE, 0) || !vfio_bind(&dma))
		ksft_exit_skip("vfio-pci does not take an ipmmu-dma device\n");
	if (access("/dev/vfio/devices", F_OK))
		ksft_exit_skip("no /dev/vfio/devices: VFIO has no device nodes\n");
	return test_harness_run(argc, argv);
}
