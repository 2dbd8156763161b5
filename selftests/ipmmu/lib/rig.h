/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rig of most tests: a DMA engine behind a test domain, a buffer, and at
 * the end the question whether the IPMMU is content and every table is back.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_RIG_H
#define IPMMU_LIB_RIG_H

#include "domain.h"
#include "setup.h"

#define RIG_BACK_MS	20000

struct rig {
	struct pci_function witness;
	struct pci_function dma;
	struct host_pages before;
	struct ipmmu_test_info info;
	int fd;
	u8 *buffer;
	u64 pages;
};

/*
 * Claims the device first: what the kernel keeps for its blocking domain is
 * then part of what was there before. NULL, or what went wrong.
 */
const char *rig_open(struct rig *rig, u64 pages);

/* 0 when all is as it should be; says what is not */
int rig_close(struct rig *rig);

static inline u64 rig_page(const struct rig *rig, u64 index)
{
	return domain_page(rig->fd, index);
}

/* All of the buffer, page by page, from @iova on */
int rig_map_buffer(const struct rig *rig, u64 iova, u32 prot);

#endif /* IPMMU_LIB_RIG_H */
