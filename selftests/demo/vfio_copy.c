// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO user that takes a DMA engine behind the IPMMU, maps 16 GiB for it in
 * pages of 4 KiB, has it copy data from one end to the other, and goes.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */

#include "../vfio/vfio.h"

#define BUFFER		(64ull << 20)
#define START		(2 * HOST_1G)
#define SIZE		(16 * HOST_1G)
#define COPIES		500
#define COPY_MAX	(64 * HOST_PAGE)
#define BACK_MS		60000

static int complain(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	return -1;
}

static int map_all(const struct vfio *v, const u8 *memory)
{
	long long before = reclaimer("live");
	u64 offset, tables;
	int ret;

	for (offset = 0; offset < SIZE; offset += BUFFER) {
		ret = vfio_map(v, memory, START + offset, BUFFER, true);
		if (ret) {
			errno = -ret;
			return complain("mapping");
		}
		if ((offset + BUFFER) % HOST_1G == 0) {
			printf("  mapped up to IOVA %#llx, %lld tables\n",
			       (START + offset + BUFFER),
			       reclaimer("live") - before);
			fflush(stdout);
		}
	}
	/*
	 * The root was there before. So were tables of the disk's domain: what
	 * is empty there may be given back meanwhile, by a sweep.
	 */
	tables = reclaimer("live") - before + 1;
	if (tables <= tables_for(SIZE) && tables + before > tables_for(SIZE))
		return 0;
	printf("  %llu tables, and not the %llu of 16 GiB without a block\n",
	       tables, tables_for(SIZE));
	return -1;
}

/* Every copy goes from below 4 GiB to above or back */
static int copy_checked(const struct vfio *v, u8 *memory, struct random *r,
			u64 *bytes)
{
	u64 len = 1 + random_below(r, COPY_MAX);
	u64 low = random_below(r, (1ull << 32) - START - len);
	u64 high = (1ull << 32) - START +
			random_below(r, SIZE - ((1ull << 32) - START) - len);
	bool upwards = random_below(r, 2);
	u64 src = upwards ? low : high, dst = upwards ? high : low;
	u64 from = src % BUFFER, to = dst % BUFFER;

	if (from + len > BUFFER || to + len > BUFFER ||
	    (from < to + len && to < from + len))
		return 0;
	memory[from] ^= 0xff;
	if (engine_run(&v->pci, DMA_COPY, START + src, START + dst, len) != DMA_OK)
		return complain("DMA was refused");
	if (memcmp(memory + from, memory + to, len))
		return complain("the copy differs");
	*bytes += len;
	return 0;
}

static int copy_all(const struct vfio *v, u8 *memory, struct random *r)
{
	u64 bytes = 0, i;

	for (i = 0; i < BUFFER; i += sizeof(u64))
		*(u64 *)(memory + i) = random_next(r);
	for (i = 0; i < COPIES; i++)
		if (copy_checked(v, memory, r, &bytes))
			return -1;
	printf("  %llu KiB copied by the device across 4 GiB, every byte checked\n",
	       (bytes >> 10));
	if (engine_run(&v->pci, DMA_READ, START + SIZE, 0, 8) != DMA_FAULT)
		return complain("DMA beyond the mapping went through");
	printf("  the page after the mapping is refused\n");
	fflush(stdout);
	return 0;
}

static int run(const struct pci_function *dma, struct random *r)
{
	u8 *memory = scattered_memory(r, BUFFER);
	const char *what = "no memory";
	struct vfio v;
	u64 begin;
	int ret = -1;

	if (memory)
		what = vfio_open(&v, dma);
	if (what)
		return complain(what);
	if (vfio_last_iova(&v) < START + SIZE) {
		printf("  the IO address space ends at %#llx\n",
		       vfio_last_iova(&v));
	} else if (!map_all(&v, memory)) {
		ret = copy_all(&v, memory, r);
	}
	printf("  closing\n");
	fflush(stdout);
	begin = host_ns();
	vfio_close(&v);
	printf("  closed in %llu ms, %lld tables pending\n",
	       (host_ns() - begin) / 1000000,
	       reclaimer("pending"));
	return ret;
}

int main(void)
{
	struct random r = random_seeded();
	const char *missing = setup_driver();
	struct pci_function witness, dma;
	struct host_pages before;
	int ret;

	if (missing || witness_open(&witness) ||
	    pci_find(&dma, WITNESS_VENDOR, DMA_DEVICE, 0)) {
		printf("%s\n", missing ? missing : "no device");
		return 1;
	}
	if (!vfio_bind(&dma)) {
		complain("vfio-pci does not take the device");
		return 1;
	}
	/* With the group comes its default domain, which stays */
	before = host_pages();
	ret = run(&dma, &r);
	vfio_unbind(&dma);
	if (host_pages_back(&before, BACK_MS))
		ret = -1;
	else
		printf("  page counters are back: %lld tables, %lld secondary pages\n",
		       before.live, before.secondary);
	if (verdict(&witness))
		ret = -1;
	return ret ? 1 : 0;
}
