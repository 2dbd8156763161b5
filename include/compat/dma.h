/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a DMA mapping needs at its end.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_DMA_H
#define COMPAT_DMA_H

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>

/*
 * Must memory that the device only reads, and that it reads where it is, be
 * unmapped? Not if the device is mapped directly: there is no bounce buffer
 * to give back and nothing to look at. Since 6.16 the kernel answers that
 * itself; until then only debugging of the DMA API would miss the call.
 */
#ifndef HAVE_DMA_NEED_UNMAP
static inline bool dma_need_unmap(struct device *dev)
{
	return IS_ENABLED(CONFIG_DMA_API_DEBUG) || get_dma_ops(dev);
}
#endif

/*
 * Does the device see memory where the CPU does, as far as its mask and its bus
 * reach? All but bounce buffers for all of it, which "swiotlb=force" asks for.
 */
static inline bool compat_dma_is_identity(struct device *dev)
{
	return !dma_need_unmap(dev) && !dev->dma_range_map;
}

#endif /* COMPAT_DMA_H */
