// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VFIO user has to do on a host whose devices do not snoop, where the
 * administrator has set assume_coherent=1: clean what it has written before the
 * device reads it, and invalidate before it reads what the device has written.
 * The emulated engine shows stale data from fresh: what was not cleaned it does
 * not get, what was not invalidated the processor does not.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "kselftest_harness.h"

#include "vfio_rig.h"

#define BUFFER_SIZE	0x40000ull
#define HALF		(BUFFER_SIZE / 2)
#define IOVA		0x50000000ull
#define ROUNDS		200
#define OLD		0x11
#define NEW		0x22

FIXTURE(snoop)
{
	struct vfio_rig rig;
	struct vfio v;
	u64 inject;
	u8 *buffer;
};

#ifdef __aarch64__
/* The least line of any data cache, in bytes (CTR_EL0.DminLine) */
static u64 line_size(void)
{
	u64 ctr;

	asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
	return 4ull << (ctr >> 16 & 15);
}

/* Linux lets programs do this (SCTLR_EL1.UCI) */
static void cache_clean(const u8 *from, u64 size)
{
	u64 line = (uintptr_t)from & ~(line_size() - 1);

	for (; line < (uintptr_t)from + size; line += line_size())
		asm volatile("dc cvac, %0" : : "r"(line) : "memory");
	asm volatile("dsb sy" : : : "memory");
}

static void cache_invalidate(const u8 *from, u64 size)
{
	u64 line = (uintptr_t)from & ~(line_size() - 1);

	for (; line < (uintptr_t)from + size; line += line_size())
		asm volatile("dc civac, %0" : : "r"(line) : "memory");
	asm volatile("dsb sy" : : : "memory");
}
#else
static void cache_clean(const u8 *from, u64 size)
{
}

static void cache_invalidate(const u8 *from, u64 size)
{
}
#endif

static u8 byte_at(const u8 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

FIXTURE_SETUP(snoop)
{
	const char *failed = vfio_rig_use(&self->rig, &self->v);

	ASSERT_EQ(NULL, failed)
		TH_LOG("%s", failed);
	self->buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buffer);
	memset(self->buffer, OLD, BUFFER_SIZE);
	ASSERT_EQ(0, vfio_map(&self->v, self->buffer, IOVA, BUFFER_SIZE, true));

	self->inject = pci_get(&self->rig.witness, WITNESS_INJECT);
	pci_set(&self->rig.witness, WITNESS_INJECT,
		self->inject | WITNESS_INJECT_NO_SNOOP);
	/* As it was used before: in the caches, and in memory */
	cache_clean(self->buffer, BUFFER_SIZE);
}

FIXTURE_TEARDOWN(snoop)
{
	pci_set(&self->rig.witness, WITNESS_INJECT, self->inject);
	vfio_close(&self->v);
	munmap(self->buffer, BUFFER_SIZE);
	EXPECT_EQ(0, vfio_rig_close(&self->rig));
}

/* The byte that the engine has at an offset of the buffer, past all caches */
static int engine_byte(const struct vfio *v, u64 offset)
{
	if (engine_run(&v->pci, DMA_READ, IOVA + offset, 0, 1) != DMA_OK)
		return -1;
	return byte_at(v->pci.bar + DMA_BUFFER);
}

TEST_F(snoop, written_is_stale_until_cleaned)
{
	EXPECT_EQ(OLD, engine_byte(&self->v, 100));
	self->buffer[100] = NEW;
	EXPECT_EQ(OLD, engine_byte(&self->v, 100));
	cache_clean(self->buffer + 100, 1);
	EXPECT_EQ(NEW, engine_byte(&self->v, 100));
}

TEST_F(snoop, received_is_stale_until_invalidated)
{
	self->buffer[0] = NEW;
	cache_clean(self->buffer, 1);
	ASSERT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_COPY, IOVA,
				     IOVA + HALF, HOST_PAGE));
	EXPECT_EQ(OLD, byte_at(self->buffer + HALF));
	cache_invalidate(self->buffer + HALF, HOST_PAGE);
	EXPECT_EQ(NEW, byte_at(self->buffer + HALF));
}

/* What is in one line with a buffer of the device's takes what came with it */
TEST_F(snoop, shared_line_loses)
{
	self->buffer[0] = NEW;
	cache_clean(self->buffer, 1);
	self->buffer[HALF + 1] = NEW;
	ASSERT_EQ(DMA_OK, engine_run(&self->v.pci, DMA_COPY, IOVA,
				     IOVA + HALF, 1));
	cache_invalidate(self->buffer + HALF, 1);
	EXPECT_EQ(OLD, byte_at(self->buffer + HALF));
	EXPECT_EQ(NEW, byte_at(self->buffer + HALF + 1));
}

/* Copies @size bytes with the device as a driver has to; 0 if all came */
static int copy_with_care(const struct vfio *v, u8 *buffer, u64 from, u64 to, u64 size)
{
	cache_clean(buffer + from, size);
	cache_invalidate(buffer + to, size);
	if (engine_run(&v->pci, DMA_COPY, IOVA + from, IOVA + to, size) != DMA_OK)
		return -1;
	cache_invalidate(buffer + to, size);
	return memcmp(buffer + from, buffer + to, size);
}

/* Anything from anywhere to anywhere: all of it is right with the care taken */
TEST_F_TIMEOUT(snoop, all_right_with_care, 120)
{
	struct random r = random_seeded();
	int i;

	for (i = 0; i < ROUNDS; i++) {
		u64 size = 1 + random_below(&r, 2 * HOST_PAGE);
		u64 from = random_below(&r, HALF - size);
		u64 to = HALF + random_below(&r, HALF - size);

		random_fill(&r, self->buffer + from, size);
		ASSERT_EQ(0, copy_with_care(&self->v, self->buffer, from, to, size))
			TH_LOG("%llu bytes from %#llx to %#llx", size, from, to);
	}
}

static bool promised(void)
{
	char text[8];

	return file_read(DRIVER_PARAMETERS "assume_coherent", text, sizeof(text)) > 0 &&
	       text[0] == 'Y';
}

int main(int argc, char **argv)
{
	const char *missing = setup_driver();
	struct pci_function dma;
	char path[96];

	if (missing)
		ksft_exit_skip("%s\n", missing);
	setup_run("modprobe vfio-pci 2>/dev/null; modprobe vfio_iommu_type1 2>/dev/null");
	if (access("/dev/vfio/vfio", F_OK))
		ksft_exit_skip("no /dev/vfio/vfio: the kernel has no VFIO\n");
	if (pci_find(&dma, WITNESS_VENDOR, DMA_DEVICE, 0))
		ksft_exit_skip("no ipmmu-dma device\n");
	pci_path(&dma, "../../of_node/dma-coherent", path, sizeof(path));
	if (!access(path, F_OK))
		ksft_exit_skip("DMA is coherent here\n");
	if (!promised())
		ksft_exit_skip("DMA is not coherent and assume_coherent=0\n");
	return test_harness_run(argc, argv);
}
