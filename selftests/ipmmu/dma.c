// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA through the driver's tables, as the device sees it. The emulated IPMMU
 * forgets a translation only when it is flushed, so whatever the driver fails
 * to flush is still reachable here.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <pthread.h>

#include "kselftest_harness.h"

#include "lib/attachment.h"
#include "lib/log.h"
#include "lib/rig.h"

#define BUFFER_PAGES	64
#define IPMMU_PA_BITS	40	/* what IMTTUBR and a descriptor can hold */

FIXTURE(dma)
{
	struct rig rig;
};

FIXTURE_SETUP(dma)
{
	const char *wrong = rig_open(&self->rig, BUFFER_PAGES);

	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

FIXTURE_TEARDOWN(dma)
{
	EXPECT_EQ(0, rig_close(&self->rig));
}

struct mapping {
	u64 iova, size, paddr;
};

static bool overlaps(const struct mapping *list, unsigned int count,
		     u64 iova, u64 size)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (iova < list[i].iova + list[i].size && list[i].iova < iova + size)
			return true;
	return false;
}

/* One page in two, and blocks of both sizes; anywhere in the aperture */
static struct mapping mapping_at_random(struct random *r, const struct rig *rig)
{
	static const u64 sizes[] = {
		HOST_PAGE, HOST_PAGE, HOST_PAGE, HOST_PAGE,
		HOST_2M, HOST_2M, HOST_2M, HOST_1G,
	};
	u64 span = rig->info.aperture_end - rig->info.aperture_start + 1;
	struct mapping m;

	m.size = sizes[random_below(r, ARRAY_SIZE(sizes))];
	m.iova = rig->info.aperture_start + random_below(r, span / m.size) * m.size;
	m.paddr = random_below(r, (1ull << IPMMU_PA_BITS) / m.size) * m.size;
	return m;
}

/* In a 32-bit space blocks of 1 GiB leave room for nothing else */
#define BLOCK_1G_MAX	2

TEST_F_TIMEOUT(dma, translate, 120)
{
	struct random r = random_seeded();
	struct mapping list[1000];
	unsigned int count = 0, huge = 0, tries, i;

	for (tries = 0; tries < 4000 && count < 1000; tries++) {
		struct mapping m = mapping_at_random(&r, &self->rig);

		if (overlaps(list, count, m.iova, m.size) ||
		    (m.size == HOST_1G && huge++ >= BLOCK_1G_MAX))
			continue;
		ASSERT_EQ(0, domain_map(self->rig.fd, m.iova, m.paddr, m.size,
					DOMAIN_RW));
		list[count++] = m;
	}
	ASSERT_LT(100, count);

	for (i = 0; i < 4 * count; i++) {
		const struct mapping *m = &list[random_below(&r, count)];
		u64 offset = random_below(&r, m->size);

		ASSERT_EQ(m->paddr + offset,
			  engine_translate(&self->rig.dma, m->iova + offset,
					   i & 1 ? DMA_TRANSLATE_READ :
						DMA_TRANSLATE_WRITE)) {
			TH_LOG("iova %#llx, map %u", m->iova, i);
		}
		ASSERT_EQ(m->paddr + offset,
			  domain_lookup(self->rig.fd, m->iova + offset));
	}
	for (i = 0; i < count; i++)
		ASSERT_EQ(0, domain_unmap(self->rig.fd, list[i].iova, list[i].size));
	for (i = 0; i < count; i += 10)
		ASSERT_EQ(~0ull, engine_translate(&self->rig.dma, list[i].iova,
						  DMA_TRANSLATE_READ));
	EXPECT_EQ(0, witness_counter(&self->rig.witness, WITNESS_BYPASSES));
}

#define HALF	(BUFFER_PAGES / 2 * HOST_PAGE)

TEST_F(dma, copy)
{
	struct random r = random_seeded();
	u64 iova = self->rig.info.aperture_end + 1 - HOST_2M;
	unsigned int i;

	ASSERT_EQ(0, rig_map_buffer(&self->rig, iova, DOMAIN_RW));
	random_fill(&r, self->rig.buffer, 2 * HALF);
	for (i = 0; i < 100; i++) {
		u64 len = 1 + random_below(&r, HALF / 2);
		u64 src = random_below(&r, HALF - len);
		u64 dst = HALF + random_below(&r, HALF - len);

		ASSERT_EQ(DMA_OK, engine_run(&self->rig.dma, DMA_COPY, iova + src,
					     iova + dst, len));
		ASSERT_EQ(len, pci_get(&self->rig.dma, DMA_RESULT));
		ASSERT_EQ(0, memcmp(self->rig.buffer + src, self->rig.buffer + dst,
				    len));
	}
	EXPECT_LT(0, witness_counter(&self->rig.witness, WITNESS_TRANSLATIONS));
	EXPECT_EQ(0, witness_counter(&self->rig.witness, WITNESS_FAULTS));
}

/* Into the device and out of it again, over page ends */
TEST_F(dma, device_buffer)
{
	struct random r = random_seeded();
	u64 iova = self->rig.info.aperture_start + HOST_2M;
	u64 len = 3 * HOST_PAGE;

	ASSERT_EQ(0, rig_map_buffer(&self->rig, iova, DOMAIN_RW));
	random_fill(&r, self->rig.buffer, HALF);
	ASSERT_EQ(DMA_OK, engine_run(&self->rig.dma, DMA_READ, iova + 100, 0x800, len));
	ASSERT_EQ(DMA_OK, engine_run(&self->rig.dma, DMA_WRITE, 0x800,
				     iova + HALF + 300, len));
	EXPECT_EQ(0, memcmp(self->rig.buffer + 100, self->rig.buffer + HALF + 300,
			    len));
	EXPECT_EQ(DMA_BAD, engine_run(&self->rig.dma, DMA_READ, iova,
				      DMA_BUFFER_SIZE - 1, 2));
}

/* An unmapped page must be gone for a device that has just used it */
TEST_F(dma, unmap_forgets)
{
	u64 iova = 5 * HOST_2M;
	unsigned int i;

	for (i = 0; i + 1 < BUFFER_PAGES; i++) {
		u64 first = rig_page(&self->rig, i);
		u64 second = rig_page(&self->rig, i + 1);

		ASSERT_EQ(0, domain_map(self->rig.fd, iova, first, HOST_PAGE,
					DOMAIN_RW));
		ASSERT_EQ(first, engine_translate(&self->rig.dma, iova,
						  DMA_TRANSLATE_READ));
		ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_PAGE));
		ASSERT_EQ(~0ull, engine_translate(&self->rig.dma, iova,
						  DMA_TRANSLATE_READ));
		ASSERT_EQ(0, domain_map(self->rig.fd, iova, second, HOST_PAGE,
					DOMAIN_RW));
		ASSERT_EQ(second, engine_translate(&self->rig.dma, iova,
						   DMA_TRANSLATE_WRITE));
		ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_PAGE));
	}
}

/*
 * A flush that is done at once costs one look at the register: the one before
 * is known to be over.
 */
TEST_F(dma, flush_costs_one_look)
{
	u64 delay = pci_get(&self->rig.witness, WITNESS_FLUSH_DELAY_NS);
	u64 iova = 7 * HOST_2M, looks, flushes;
	unsigned int i;

	ASSERT_EQ(0, rig_map_buffer(&self->rig, iova, DOMAIN_RW));
	pci_set(&self->rig.witness, WITNESS_FLUSH_DELAY_NS, 0);
	ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_PAGE));
	looks = witness_counter(&self->rig.witness, WITNESS_MMIO_READS);
	flushes = witness_counter(&self->rig.witness, WITNESS_FLUSHES);
	for (i = 1; i < BUFFER_PAGES; i++)
		ASSERT_EQ(0, domain_unmap(self->rig.fd, iova + i * HOST_PAGE, HOST_PAGE));
	looks = witness_counter(&self->rig.witness, WITNESS_MMIO_READS) - looks;
	flushes = witness_counter(&self->rig.witness, WITNESS_FLUSHES) - flushes;
	pci_set(&self->rig.witness, WITNESS_FLUSH_DELAY_NS, delay);
	EXPECT_EQ(BUFFER_PAGES - 1, flushes);
	EXPECT_EQ(flushes, looks);
}

/* A block in the place of a table that the device has walked, and back */
TEST_F(dma, block_after_table)
{
	u64 iova = 9 * HOST_2M, offset = 17 * HOST_PAGE;
	u64 block = 0x40000000ull;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, domain_fill(self->rig.fd, iova, HOST_2M, 0));
		ASSERT_EQ(HOST_1G + HOST_PAGE + offset,
			  engine_translate(&self->rig.dma, iova + offset,
					   DMA_TRANSLATE_READ));
		ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_2M));
		ASSERT_EQ(0, domain_map(self->rig.fd, iova, block, HOST_2M,
					DOMAIN_RW));
		ASSERT_EQ(block + offset,
			  engine_translate(&self->rig.dma, iova + offset,
					   DMA_TRANSLATE_READ));
		ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_2M));
		ASSERT_EQ(~0ull, engine_translate(&self->rig.dma, iova + offset,
						  DMA_TRANSLATE_READ));
	}
}

TEST_F(dma, aperture_ends)
{
	u64 first = self->rig.info.aperture_start;
	u64 last = self->rig.info.aperture_end + 1 - HOST_PAGE;
	u64 page = rig_page(&self->rig, 0);

	ASSERT_EQ(0, domain_map(self->rig.fd, first, page, HOST_PAGE, DOMAIN_RW));
	ASSERT_EQ(0, domain_map(self->rig.fd, last, page, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, first, DMA_TRANSLATE_READ));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, last, DMA_TRANSLATE_WRITE));
	EXPECT_NE(0, domain_map(self->rig.fd, last + HOST_PAGE, page, HOST_PAGE,
				DOMAIN_RW));
	EXPECT_EQ(0, domain_lookup(self->rig.fd, last + HOST_PAGE));
}

/*
 * The random test: four windows, at both ends of the space and around 4 GiB, of
 * which the test knows for each page where it leads.
 */
#define WINDOW_PAGES	1024
#define WINDOW_SIZE	(WINDOW_PAGES * HOST_PAGE)
#define SLOT_PAGES	512
#define WINDOWS		4
#define RANDOM_OPS	40000

struct picture {
	const struct rig *rig;
	struct random r;
	unsigned int windows;
	u64 base[WINDOWS];
	u64 paddr[WINDOWS][WINDOW_PAGES];	/* 0: not mapped */
	s16 page[WINDOWS][WINDOW_PAGES];	/* of the buffer, or -1 */
	bool block[WINDOWS][WINDOW_PAGES / SLOT_PAGES];
	u8 shadow[BUFFER_PAGES * HOST_PAGE];
};

static void picture_start(struct picture *p, const struct rig *rig)
{
	u64 end = rig->info.aperture_end + 1;

	memset(p, 0, sizeof(*p));
	memset(p->page, 0xff, sizeof(p->page));
	p->rig = rig;
	p->r = random_seeded();
	p->base[p->windows++] = 0;
	p->base[p->windows++] = (1ull << 32) - WINDOW_SIZE;
	if (end > 1ull << 32) {
		p->base[p->windows++] = 1ull << 32;
		p->base[p->windows++] = end - WINDOW_SIZE;
	}
	random_fill(&p->r, rig->buffer, sizeof(p->shadow));
	memcpy(p->shadow, rig->buffer, sizeof(p->shadow));
}

static u64 picture_iova(const struct picture *p, unsigned int w, unsigned int i)
{
	return p->base[w] + i * HOST_PAGE;
}

/* Up to 16 pages of the buffer where nothing is yet */
static int picture_map(struct picture *p, unsigned int w, unsigned int i)
{
	unsigned int end = i + 1 + random_below(&p->r, 16);

	for (; i < end && i < WINDOW_PAGES && !p->paddr[w][i]; i++) {
		unsigned int page = random_below(&p->r, BUFFER_PAGES);

		p->page[w][i] = page;
		p->paddr[w][i] = rig_page(p->rig, page);
		if (domain_map(p->rig->fd, picture_iova(p, w, i), p->paddr[w][i],
			       HOST_PAGE, DOMAIN_RW))
			return -1;
	}
	return 0;
}

static unsigned int picture_count(const struct picture *p, unsigned int w,
				  unsigned int slot)
{
	unsigned int i, count = 0;

	for (i = 0; i < SLOT_PAGES; i++)
		count += !!p->paddr[w][slot * SLOT_PAGES + i];
	return count;
}

static void picture_set(struct picture *p, unsigned int w, unsigned int slot,
			u64 paddr)
{
	unsigned int i;

	for (i = 0; i < SLOT_PAGES; i++) {
		p->paddr[w][slot * SLOT_PAGES + i] =
			paddr ? paddr + i * HOST_PAGE : 0;
		p->page[w][slot * SLOT_PAGES + i] = -1;
	}
}

/* 2 MiB at once: a block or 512 pages put there, or all of it taken away */
static int picture_slot(struct picture *p, unsigned int w, unsigned int slot)
{
	u64 iova = picture_iova(p, w, slot * SLOT_PAGES);
	u64 paddr = (1 + random_below(&p->r, 1000)) * HOST_2M;
	unsigned int count = picture_count(p, w, slot);

	if (count == SLOT_PAGES) {
		p->block[w][slot] = false;
		picture_set(p, w, slot, 0);
		return domain_unmap(p->rig->fd, iova, HOST_2M);
	}
	if (count)
		return 0;
	p->block[w][slot] = random_below(&p->r, 2);
	if (p->block[w][slot]) {
		picture_set(p, w, slot, paddr);
		return domain_map(p->rig->fd, iova, paddr, HOST_2M, DOMAIN_RW);
	}
	picture_set(p, w, slot, HOST_1G + HOST_PAGE);
	return domain_fill(p->rig->fd, iova, HOST_2M, 0);
}

/* A run of single pages, in one call */
static int picture_unmap(struct picture *p, unsigned int w, unsigned int i)
{
	unsigned int first = i, end = i + 1 + random_below(&p->r, 64);

	while (i < end && i < WINDOW_PAGES && p->paddr[w][i] &&
	       !p->block[w][i / SLOT_PAGES]) {
		p->paddr[w][i] = 0;
		p->page[w][i++] = -1;
	}
	if (i == first)
		return 0;
	return domain_unmap(p->rig->fd, picture_iova(p, w, first),
			    (i - first) * HOST_PAGE);
}

static int picture_look(struct picture *p, unsigned int w, unsigned int i)
{
	u64 offset = random_below(&p->r, HOST_PAGE);
	u64 iova = picture_iova(p, w, i) + offset;
	u64 there = p->paddr[w][i] ? p->paddr[w][i] + offset : ~0ull;
	u64 seen = engine_translate(&p->rig->dma, iova,
				      random_below(&p->r, 2) ?
				      DMA_TRANSLATE_READ : DMA_TRANSLATE_WRITE);
	u64 told = domain_lookup(p->rig->fd, iova);

	if (seen == there && told == (there == ~0ull ? 0 : there))
		return 0;
	printf("# iova %#llx leads to %#llx, the device sees %#llx, the kernel says %#llx\n",
	       iova, there,
	       seen, told);
	return -1;
}

static int picture_copy(struct picture *p, unsigned int w, unsigned int from,
			unsigned int to)
{
	int src = p->page[w][from], dst = p->page[w][to];
	u64 len = 1 + random_below(&p->r, HOST_PAGE);
	u64 offset = random_below(&p->r, HOST_PAGE - len + 1);

	if (src < 0 || dst < 0 || src == dst)
		return 0;
	if (engine_run(&p->rig->dma, DMA_COPY, picture_iova(p, w, from) + offset,
		       picture_iova(p, w, to) + offset, len) != DMA_OK)
		return -1;
	memcpy(p->shadow + dst * HOST_PAGE + offset,
	       p->shadow + src * HOST_PAGE + offset, len);
	return memcmp(p->shadow + dst * HOST_PAGE, p->rig->buffer + dst * HOST_PAGE,
		      HOST_PAGE);
}

static int picture_step(struct picture *p)
{
	unsigned int w = random_below(&p->r, p->windows);
	unsigned int i = random_below(&p->r, WINDOW_PAGES);

	switch (random_below(&p->r, 16)) {
	case 0 ... 4:
		return picture_map(p, w, i);
	case 5 ... 6:
		return picture_unmap(p, w, i);
	case 7:
		return picture_slot(p, w, i / SLOT_PAGES);
	case 8 ... 11:
		return picture_copy(p, w, i, random_below(&p->r, WINDOW_PAGES));
	default:
		/*
		 * Faults are slow and tested elsewhere: most looks find a page
		 */
		if (!p->paddr[w][i] && random_below(&p->r, 8))
			return 0;
		return picture_look(p, w, i);
	}
}

static int picture_clear(struct picture *p)
{
	unsigned int w, i;
	int ret = 0;

	for (w = 0; w < p->windows; w++)
		for (i = 0; !ret && i < WINDOW_PAGES; i++) {
			if (p->block[w][i / SLOT_PAGES])
				ret = picture_slot(p, w, i / SLOT_PAGES);
			else
				ret = picture_unmap(p, w, i);
		}
	return ret;
}

TEST_F_TIMEOUT(dma, random, 240)
{
	struct picture *p = malloc(sizeof(*p));
	unsigned int i, w;

	ASSERT_NE(NULL, p);
	picture_start(p, &self->rig);
	for (i = 0; i < RANDOM_OPS; i++)
		ASSERT_EQ(0, picture_step(p))
			TH_LOG("at operation %u", i);
	EXPECT_EQ(0, memcmp(p->shadow, self->rig.buffer, sizeof(p->shadow)));

	ASSERT_EQ(0, picture_clear(p));
	for (i = 0; i < 200; i++) {
		w = random_below(&p->r, p->windows);
		ASSERT_EQ(0, picture_look(p, w, random_below(&p->r, WINDOW_PAGES)));
	}
	free(p);
}

#define MAPPERS		3
#define MAPPER_ROUNDS	3000

struct mapper {
	pthread_t thread;
	const struct rig *rig;
	u64 base;
	unsigned int round;
	int ret;
};

/*
 * Single pages and whole tables, put there and taken away, in a GiB of its own
 */
static int mapper_round(const struct mapper *m, struct random *r)
{
	u64 table = m->base + random_below(r, 8) * HOST_2M;
	u64 page = m->base + 64 * HOST_2M + random_below(r, 512) * HOST_PAGE;
	u64 paddr = rig_page(m->rig, random_below(r, BUFFER_PAGES));
	int ret = domain_map(m->rig->fd, page, paddr, HOST_PAGE, DOMAIN_RW);

	if (!ret && domain_lookup(m->rig->fd, page) != paddr)
		ret = -EFAULT;
	if (!ret)
		ret = domain_unmap(m->rig->fd, page, HOST_PAGE);
	if (!ret && domain_lookup(m->rig->fd, page))
		ret = -EFAULT;
	if (!ret && m->round % 2)
		ret = domain_map(m->rig->fd, table, 16 * HOST_2M, HOST_2M, DOMAIN_RW);
	else if (!ret)
		ret = domain_fill(m->rig->fd, table, HOST_2M, 0);
	return ret ? ret : domain_unmap(m->rig->fd, table, HOST_2M);
}

static void *mapper_run(void *arg)
{
	struct mapper *m = arg;
	struct random r = { .state = m->base ^ 0x5eed };

	for (m->round = 0; !m->ret && m->round < MAPPER_ROUNDS; m->round++)
		m->ret = mapper_round(m, &r);
	return NULL;
}

/*
 * Threads map and unmap beside each other while the device copies through what
 * stays
 */
TEST_F_TIMEOUT(dma, concurrent, 240)
{
	struct mapper m[MAPPERS] = { 0 };
	struct random r = random_seeded();
	u64 stays = 3 * HOST_1G;
	unsigned int i;

	ASSERT_EQ(0, rig_map_buffer(&self->rig, stays, DOMAIN_RW));
	random_fill(&r, self->rig.buffer, 2 * HALF);
	for (i = 0; i < MAPPERS; i++) {
		m[i].rig = &self->rig;
		m[i].base = i * HOST_1G;
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, mapper_run, &m[i]));
	}
	for (i = 0; i < 2000; i++) {
		u64 len = 1 + random_below(&r, HOST_PAGE);
		u64 src = random_below(&r, HALF - len);
		u64 dst = HALF + random_below(&r, HALF - len);

		ASSERT_EQ(DMA_OK, engine_run(&self->rig.dma, DMA_COPY, stays + src,
					     stays + dst, len));
		ASSERT_EQ(0, memcmp(self->rig.buffer + src, self->rig.buffer + dst,
				    len));
	}
	for (i = 0; i < MAPPERS; i++) {
		ASSERT_EQ(0, pthread_join(m[i].thread, NULL));
		EXPECT_EQ(0, m[i].ret)
			TH_LOG("thread %u stopped in round %u", i, m[i].round);
	}
}

/* The context is on in that cache: one more master there takes no flush */
TEST_F(dma, second_master_takes_no_flush)
{
	struct pci_function second;
	u64 flushes;

	if (engine_open(&second, 1))
		SKIP(return, "one ipmmu-dma device only");
	ASSERT_EQ(0, rig_map_buffer(&self->rig, HOST_1G, DOMAIN_RW));
	ASSERT_EQ(0, domain_device(self->rig.fd, IPMMU_TEST_CLAIM, &second));
	flushes = witness_counter(&self->rig.witness, WITNESS_FLUSHES);
	ASSERT_EQ(0, domain_attach(self->rig.fd, &second));
	EXPECT_EQ(flushes, witness_counter(&self->rig.witness, WITNESS_FLUSHES));
	EXPECT_EQ(rig_page(&self->rig, 0),
		  engine_translate(&second, HOST_1G, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, domain_release(self->rig.fd, &second));
	pci_close(&second);
}

/* One domain, devices behind different cache IPMMUs: each has its own IOTLB */
TEST_F(dma, two_caches)
{
	struct pci_function other = { 0 };
	u64 iova = 3 * HOST_1G, page = rig_page(&self->rig, 7);
	unsigned int nth;

	/* Six slots to a cache IPMMU: compare the device numbers */
	for (nth = 1; !pci_find_grouped(&other, WITNESS_VENDOR, DMA_DEVICE, nth); nth++)
		if ((other.rid >> 3) / 6 != (self->rig.dma.rid >> 3) / 6)
			break;
	if ((other.rid >> 3) / 6 == (self->rig.dma.rid >> 3) / 6 || !other.name[0])
		SKIP(return, "no ipmmu-dma device behind a second cache IPMMU");
	ASSERT_EQ(0, engine_open(&other, nth));
	ASSERT_EQ(0, domain_attach(self->rig.fd, &other));

	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(page, engine_translate(&other, iova, DMA_TRANSLATE_READ));
	ASSERT_EQ(0, domain_unmap(self->rig.fd, iova, HOST_PAGE));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(~0ull, engine_translate(&other, iova, DMA_TRANSLATE_READ));

	/* The master that stays goes on while the other one leaves */
	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	ASSERT_EQ(0, domain_detach(self->rig.fd, &other));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	if (claim_blocks())
		EXPECT_EQ(~0ull, engine_translate(&other, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(0, domain_release(self->rig.fd, &other));
	pci_close(&other);
}

/* A claimed device without a domain reaches nothing, and not by bypass */
TEST_F(dma, blocking)
{
	u64 page = rig_page(&self->rig, 3), iova = 64 * HOST_PAGE;
	u64 bypasses;

	if (!claim_blocks())
		SKIP(return, "before 5.19 a device without a domain is in the kernel's own");
	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	ASSERT_EQ(0, domain_detach(self->rig.fd, &self->rig.dma));

	bypasses = witness_counter(&self->rig.witness, WITNESS_BYPASSES);
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, page, DMA_TRANSLATE_WRITE));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, 0, DMA_TRANSLATE_READ));
	EXPECT_EQ(bypasses, witness_counter(&self->rig.witness, WITNESS_BYPASSES));

	/* And the domain is as it was when the device comes back */
	ASSERT_EQ(0, domain_attach(self->rig.fd, &self->rig.dma));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
}

/*
 * A micro-TLB that does not note which context an entry is from forgets all of
 * them when it is pointed elsewhere. The context that it leaves is another
 * engine's as well, and so it is not flushed.
 */
TEST_F(dma, moves_with_a_flush)
{
	u64 iova = 5 * HOST_2M, page = rig_page(&self->rig, 1), page2 = rig_page(&self->rig, 2);
	u64 inject = pci_get(&self->rig.witness, WITNESS_INJECT);
	int elsewhere = domain_open(&self->rig.dma);
	struct pci_function other;

	ASSERT_LE(0, elsewhere);
	if (engine_open(&other, 1))
		SKIP(return, "there is one ipmmu-dma device");
	pci_set(&self->rig.witness, WITNESS_INJECT, inject | WITNESS_INJECT_UNTAGGED);
	ASSERT_EQ(0, domain_attach(self->rig.fd, &other));
	ASSERT_EQ(0, domain_map(self->rig.fd, iova, page, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(page, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(page, engine_translate(&other, iova, DMA_TRANSLATE_READ));

	ASSERT_EQ(0, domain_release(self->rig.fd, &self->rig.dma));
	ASSERT_EQ(0, domain_attach(elsewhere, &self->rig.dma));
	EXPECT_EQ(~0ull, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	ASSERT_EQ(0, domain_map(elsewhere, iova, page2, HOST_PAGE, DOMAIN_RW));
	EXPECT_EQ(page2, engine_translate(&self->rig.dma, iova, DMA_TRANSLATE_READ));
	EXPECT_EQ(page, engine_translate(&other, iova, DMA_TRANSLATE_READ));

	ASSERT_EQ(0, domain_release(elsewhere, &self->rig.dma));
	ASSERT_EQ(0, domain_release(self->rig.fd, &other));
	close(elsewhere);
	pci_close(&other);
	pci_set(&self->rig.witness, WITNESS_INJECT, inject);
	ASSERT_EQ(0, domain_device(self->rig.fd, IPMMU_TEST_CLAIM, &self->rig.dma));
}

/* The rig's own domain has the first context already */
TEST_F_TIMEOUT(dma, contexts_run_out, 60)
{
	struct attachment a[CONTEXTS_MAX];
	struct ipmmu_test_info info;
	unsigned int count, i;
	int log = log_open();
	int ret = 0;

	for (count = 0; count < CONTEXTS_MAX; count++) {
		ret = attachment_open(&a[count], count + 1,
				      rig_page(&self->rig, count));
		if (ret)
			break;
	}
	if (ret == -ENODEV) {
		for (i = 0; i < count; i++)
			attachment_close(&a[i]);
		SKIP(return, "only %u ipmmu-dma devices: contexts do not run out",
		     count + 1);
	}
	ASSERT_NE(0, ret);
	TH_LOG("%u domains attached, the next gave %s", count + 1, strerror(-ret));
	ASSERT_LT(0, count);
	EXPECT_EQ(0, log_wait(log, "context", NULL, 1000));
	/* Before 6.12 the driver is not told whom a domain is for */
	EXPECT_EQ(host_before(6, 12) ? 0 : -EINVAL, domain_info(a[count].fd, &info));

	/* The refused device reaches nothing, the others are not disturbed */
	if (claim_blocks())
		EXPECT_EQ(~0ull, engine_translate(&a[count].dma, HOST_1G,
						  DMA_TRANSLATE_READ));
	for (i = 0; i < count; i++)
		EXPECT_EQ(rig_page(&self->rig, i),
			  engine_translate(&a[i].dma, HOST_1G, DMA_TRANSLATE_READ));

	/* One leaves, and there is room again */
	attachment_close(&a[0]);
	EXPECT_EQ(0, attachment_try(&a[count], rig_page(&self->rig, 9)));
	EXPECT_EQ(rig_page(&self->rig, 9),
		  engine_translate(&a[count].dma, HOST_1G, DMA_TRANSLATE_READ));
	for (i = 1; i <= count; i++)
		attachment_close(&a[i]);
	close(log);
}

int main(int argc, char **argv)
{
	const char *missing = setup_domains();

	if (missing)
		ksft_exit_skip("%s\n", missing);
	return test_harness_run(argc, argv);
}
