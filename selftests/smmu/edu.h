/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's device for teaching ("edu") as a DMA engine: it copies between memory
 * and a buffer of its own, which only it can reach.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMMU_EDU_H
#define SMMU_EDU_H

#include "../ipmmu/lib/domain.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_BAR_SIZE	0x1000

#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_START	0x1
#define EDU_TO_MEMORY	0x2
#define EDU_BUFFER	0x40000

/*
 * A copy takes 100 ms of the guest's time, which with -icount passes at once.
 */
#define EDU_COPY_MS	101
#define EDU_TRIES	50

static inline int edu_open(struct pci_function *edu)
{
	return pci_find_grouped(edu, EDU_VENDOR, EDU_DEVICE, 0) ||
	       pci_open(edu, EDU_BAR_SIZE) ? -1 : 0;
}

/* Return: 0, or -1 if the device does not come to its end */
static inline int edu_copy(const struct pci_function *edu, u64 src, u64 dst, u64 len,
			   u64 command)
{
	unsigned int tries;

	pci_set(edu, EDU_DMA_SRC, src);
	pci_set(edu, EDU_DMA_DST, dst);
	pci_set(edu, EDU_DMA_COUNT, len);
	pci_set(edu, EDU_DMA_COMMAND, EDU_START | command);
	for (tries = 0; tries < EDU_TRIES; tries++) {
		host_sleep_ms(EDU_COPY_MS);
		if (!(pci_get(edu, EDU_DMA_COMMAND) & EDU_START))
			return 0;
	}
	printf("# a copy from %#llx to %#llx does not end\n", src, dst);
	return -1;
}

/* Guest time counts instructions: figures are exact, and have limits. */
static inline bool counts_instructions(void)
{
	char line[4096];

	return file_read("/proc/cmdline", line, sizeof(line)) > 0 &&
	       strstr(line, "smmu_test.icount=1");
}

/* The driver has its tables from io-pgtable-arm-deferred. */
static inline bool is_deferred(void)
{
	return !access("/sys/module/arm_smmu_v3_deferred", F_OK);
}

#endif /* SMMU_EDU_H */
