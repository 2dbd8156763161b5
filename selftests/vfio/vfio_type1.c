// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO user of a device behind the IPMMU: takes it, maps memory for it, lets
 * it copy, is interrupted by it, and goes away in an orderly manner or by
 * SIGKILL.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <poll.h>

#include "kselftest_harness.h"

#include "vfio_rig.h"

#define BUFFER_SIZE	0x100000ull
/* A window of MSI doorbells where no memory may be mapped */
#define SW_MSI_IOVA	0x08000000ull

FIXTURE(type1)
{
	struct vfio_rig rig;
	struct vfio v;
	u8 *buffer;
};

FIXTURE_SETUP(type1)
{
	const char *failed = vfio_rig_use(&self->rig, &self->v);

	ASSERT_EQ(NULL, failed)
		TH_LOG("%s", failed);
	self->buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buffer);
}

FIXTURE_TEARDOWN(type1)
{
	vfio_close(&self->v);
	munmap(self->buffer, BUFFER_SIZE);
	EXPECT_EQ(0, vfio_rig_close(&self->rig));
}

/* One half to the other, at an IOVA below and at one above 4 GiB */
TEST_F(type1, map_copy)
{
	u64 places[] = { 0x50000000, 0x1234500000 };
	struct random r = random_seeded();
	u64 half = BUFFER_SIZE / 2;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		u64 iova = places[i];

		if (iova > vfio_last_iova(&self->v)) {
			TH_LOG("no IOVA above 4 GiB in this mode");
			break;
		}
		random_fill(&r, self->buffer, BUFFER_SIZE);
		ASSERT_EQ(0, vfio_map(&self->v, self->buffer, iova, BUFFER_SIZE, true));
		ASSERT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_COPY, iova + 5,
					     iova + half + 5, half - 5));
		EXPECT_EQ(0, memcmp(self->buffer + 5, self->buffer + half + 5,
				    half - 5));
		ASSERT_EQ(0, vfio_unmap(&self->v, iova, BUFFER_SIZE));
		EXPECT_EQ(~0ull, engine_translate(&self->v.pci, iova,
						  DMA_TRANSLATE_READ));
	}
}

TEST_F(type1, unmapped_refused)
{
	u64 iova = 0x60000000;

	EXPECT_EQ(DMA_FAULT, engine_run(&self->v.pci, DMA_READ, iova, 0, 64));
	ASSERT_EQ(0, vfio_map(&self->v, self->buffer, iova, HOST_PAGE, true));
	EXPECT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_READ, iova, 0, 64));
	EXPECT_EQ(DMA_FAULT, engine_run(&self->v.pci, DMA_READ, iova + HOST_PAGE,
					0, 64));
	ASSERT_EQ(0, vfio_unmap(&self->v, iova, HOST_PAGE));
	EXPECT_EQ(DMA_FAULT, engine_run(&self->v.pci, DMA_READ, iova, 0, 64));
	EXPECT_EQ(0, witness_counter(&self->rig.witness, WITNESS_BYPASSES));
}

TEST_F(type1, read_only)
{
	u64 iova = 0x61000000;

	memset(self->buffer, 0x11, HOST_PAGE);
	ASSERT_EQ(0, vfio_map(&self->v, self->buffer, iova, HOST_PAGE, false));
	EXPECT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_READ, iova, 0, HOST_PAGE));
	EXPECT_EQ(DMA_FAULT, engine_run(&self->v.pci, DMA_WRITE, 0, iova, 64));
	EXPECT_EQ(0x11, self->buffer[0]);
}

/* Beyond the space and in the MSI window the kernel itself says no */
TEST_F(type1, bad_iova)
{
	u64 beyond = (vfio_last_iova(&self->v) + HOST_1G) & ~(HOST_1G - 1);

	ASSERT_LT(0, self->v.range_count);
	EXPECT_EQ(-EINVAL, vfio_map(&self->v, self->buffer, beyond, HOST_PAGE, true));
	EXPECT_EQ(-EINVAL, vfio_map(&self->v, self->buffer, SW_MSI_IOVA, HOST_PAGE,
				    true));
	EXPECT_EQ(0, vfio_map(&self->v, self->buffer, SW_MSI_IOVA - HOST_PAGE,
			      HOST_PAGE, true));
}

/* Ten interrupts, DMA going on at the same time */
TEST_F(type1, msi)
{
	int i, event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pollfd pfd = { .fd = event, .events = POLLIN };
	u64 iova = 0x70000000, count;

	ASSERT_LE(0, event);
	ASSERT_EQ(0, vfio_map(&self->v, self->buffer, iova, BUFFER_SIZE, true));
	ASSERT_EQ(0, vfio_msi(&self->v, event));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_COPY, iova,
					     iova + HOST_2M / 4, HOST_PAGE));
		pci_set(&self->v.pci, DMA_MSI, 1);
		ASSERT_EQ(1, poll(&pfd, 1, 2000));
		ASSERT_EQ(sizeof(count), read(event, &count, sizeof(count)));
		EXPECT_EQ(1, count);
	}
	close(event);
}

/* Maps and copies until it is killed; the pipe tells that it has begun */
static void work_forever(const struct pci_function *dma, int started)
{
	u8 *buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio v;
	u64 i;

	if (buffer == MAP_FAILED || vfio_open(&v, dma))
		_exit(1);
	for (i = 0; ; i++) {
		u64 iova = HOST_1G + i % 1000 * BUFFER_SIZE;

		if (i >= 1000 && vfio_unmap(&v, iova, BUFFER_SIZE))
			_exit(2);
		if (vfio_map(&v, buffer, iova, BUFFER_SIZE, true))
			_exit(3);
		engine_run(&v.pci, DMA_COPY, iova, iova + BUFFER_SIZE / 2,
			   BUFFER_SIZE / 2);
		if (!i && write(started, "", 1) != 1)
			_exit(4);
	}
}

#define KILLS	6

TEST_F_TIMEOUT(type1, killed, 120)
{
	struct random r = random_seeded();
	const char *failed;
	int i;

	vfio_close(&self->v);
	for (i = 0; i < KILLS; i++) {
		failed = vfio_rig_kill(&self->rig, &r, work_forever);
		ASSERT_EQ(NULL, failed)
			TH_LOG("%s", failed);
	}
	/* And the device is to be had again */
	ASSERT_EQ(NULL, vfio_open(&self->v, &self->rig.dma));
}

#define BIG_BUFFER	(64ull << 20)
#define BIG_START	(2 * HOST_1G)
#define BIG_SIZE	(16 * HOST_1G)
#define BIG_COPIES	200

/* 16 GiB in pages of 4 KiB, on both sides of 4 GiB, all leading to 64 MiB */
TEST_F_TIMEOUT(type1, sixteen_gib, 280)
{
	struct random r = random_seeded();
	u8 *memory = scattered_memory(&r, BIG_BUFFER);
	u64 size = BIG_SIZE, offset;
	long long live;
	int i;

	ASSERT_NE(NULL, memory);
	if (vfio_last_iova(&self->v) < BIG_START + size)
		size = (1ull << 32) - BIG_START;
	random_fill(&r, memory, BIG_BUFFER);
	live = reclaimer("live");
	for (offset = 0; offset < size; offset += BIG_BUFFER)
		ASSERT_EQ(0, vfio_map(&self->v, memory, BIG_START + offset,
				      BIG_BUFFER, true));
	/* No block among them: every 2 MiB has its table; the root was there */
	EXPECT_EQ(tables_for(size) - 1, reclaimer("live") - live);

	for (i = 0; i < BIG_COPIES; i++) {
		u64 len = 1 + random_below(&r, 64 * HOST_PAGE);
		u64 src = random_below(&r, size - len);
		u64 dst = random_below(&r, size - len);
		u64 from = src % BIG_BUFFER, to = dst % BIG_BUFFER;

		if (from + len > BIG_BUFFER || to + len > BIG_BUFFER ||
		    (from < to + len && to < from + len))
			continue;
		ASSERT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_COPY,
					     BIG_START + src, BIG_START + dst, len));
		ASSERT_EQ(0, memcmp(memory + from, memory + to, len));
	}
	munmap(memory, BIG_BUFFER);
}

/*
 * As the device tree says of the host bridge, or as the administrator promised
 */
static bool dma_coherent(const struct pci_function *dma)
{
	char path[96], text[8];

	pci_path(dma, "../../of_node/dma-coherent", path, sizeof(path));
	if (!access(path, F_OK))
		return true;
	return file_read(DRIVER_PARAMETERS "assume_coherent", text, sizeof(text)) > 0 &&
	       text[0] == 'Y';
}

int main(int argc, char **argv)
{
	const char *missing = setup_driver();
	struct pci_function dma;

	if (missing)
		ksft_exit_skip("%s\n", missing);
	setup_run("modprobe vfio-pci 2>/dev/null; modprobe vfio_iommu_type1 2>/dev/null");
	if (access("/dev/vfio/vfio", F_OK))
		ksft_exit_skip("no /dev/vfio/vfio: the kernel has no VFIO\n");
	if (pci_find(&dma, WITNESS_VENDOR, DMA_DEVICE, 0))
		ksft_exit_skip("no ipmmu-dma device\n");
	/* Older kernels do not insist on it. */
	if (!dma_coherent(&dma) && !host_before(5, 19))
		ksft_exit_skip("DMA is not coherent and assume_coherent=0\n");
	return test_harness_run(argc, argv);
}
