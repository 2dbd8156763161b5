/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapping for DMA: what a walker that does not snoop gets to see.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_DMA_MAPPING_H
#define SHIM_DMA_MAPPING_H

#include <linux/device.h>
#include <linux/mm.h>

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
};

#define DMA_ATTR_SKIP_CPU_SYNC	BIT(5)
#define DMA_MAPPING_ERROR	(~(dma_addr_t)0)
#define DMA_BIT_MASK(n)		((n) == 64 ? ~0ull : BIT_ULL(n) - 1)

dma_addr_t dma_map_single_attrs(struct device *dev, void *address, size_t size,
				enum dma_data_direction dir, unsigned long attrs);
void dma_unmap_single_attrs(struct device *dev, dma_addr_t dma, size_t size,
			    enum dma_data_direction dir, unsigned long attrs);
void dma_sync_single_for_device(struct device *dev, dma_addr_t dma, size_t size,
				enum dma_data_direction dir);
void dma_sync_single_for_cpu(struct device *dev, dma_addr_t dma, size_t size,
			     enum dma_data_direction dir);

u64 dma_get_mask(struct device *dev);

#define dma_map_single(dev, address, size, dir)				\
	dma_map_single_attrs(dev, address, size, dir, 0)
#define dma_unmap_single(dev, dma, size, dir)				\
	dma_unmap_single_attrs(dev, dma, size, dir, 0)
#define dma_map_page(dev, page, offset, size, dir)			\
	dma_map_single(dev, page_address(page) + (offset), size, dir)
#define dma_unmap_page(dev, dma, size, dir)				\
	dma_unmap_single(dev, dma, size, dir)
#define dma_unmap_page_attrs(dev, dma, size, dir, attrs)		\
	dma_unmap_single_attrs(dev, dma, size, dir, attrs)

static inline int dma_mapping_error(struct device *dev, dma_addr_t dma)
{
	return dma == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

static inline const void *get_dma_ops(struct device *dev)
{
	return dev->ops;
}

/* As HAVE_GATHER_QUEUED */
#define HAVE_DMA_NEED_UNMAP
static inline bool dma_need_unmap(struct device *dev)
{
	return dev->ops;
}

static inline bool dev_is_dma_coherent(struct device *dev)
{
	return dev->coherent;
}

/* For code that cleans lines by itself: as far as the walker's point of view */
void shim_clean(const volatile void *address, size_t size);

#endif /* SHIM_DMA_MAPPING_H */
