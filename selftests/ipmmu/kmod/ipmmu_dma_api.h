/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /dev/ipmmu-dma-api takes: the kernel's DMA interface for one DMA engine,
 * as its driver would use it. Shared by the test module and the tests.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_DMA_API_H
#define IPMMU_DMA_API_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IPMMU_DMA_API_NODE	"ipmmu-dma-api"
#define IPMMU_DMA_API_DRIVER	"ipmmu_dma_api"
#define IPMMU_DMA_API_BUFFERS	64

/* Pages from one end to the other, or single ones from anywhere */
struct ipmmu_dma_api_alloc {
	__u32 id;		/* below IPMMU_DMA_API_BUFFERS */
	__u32 contiguous;
	__u64 size;		/* whole pages; if contiguous a power of two */
};

/* mmap() of a buffer is at offset id * IPMMU_DMA_API_STRIDE */
#define IPMMU_DMA_API_STRIDE	0x1000000

struct ipmmu_dma_api_map {
	__u32 id;
	__u32 pad;
	__u64 iova;		/* out */
};

#define IPMMU_DMA_API_ALLOC	_IOW(0xd6, 0, struct ipmmu_dma_api_alloc)
#define IPMMU_DMA_API_MAP	_IOWR(0xd6, 1, struct ipmmu_dma_api_map)
#define IPMMU_DMA_API_UNMAP	_IOW(0xd6, 2, struct ipmmu_dma_api_map)

#endif /* IPMMU_DMA_API_H */
