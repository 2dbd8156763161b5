/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices, as far as page tables look at them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_DEVICE_H
#define SHIM_DEVICE_H

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/slab.h>

/*
 * references: taken by the library and not given back
 * ops: not NULL when mappings have to be undone
 * moves: mappings get another address, as by a bounce buffer
 * coherent: nothing is cleaned for it
 */
struct device {
	const char *name;
	int node;
	const void *ops;
	const void *dma_range_map;
	bool moves;
	bool coherent;
	u64 bus_dma_limit;
	atomic_t references;
};

static inline const char *dev_name(const struct device *dev)
{
	return dev->name;
}

static inline int dev_to_node(const struct device *dev)
{
	return dev->node;
}

static inline struct device *get_device(struct device *dev)
{
	atomic_inc(&dev->references);
	return dev;
}

static inline void put_device(struct device *dev)
{
	WARN_ON(atomic_dec_return(&dev->references) < 0);
}

#define dev_err(dev, fmt, ...)	shim_print("%s: " fmt, dev_name(dev), ##__VA_ARGS__)
#define dev_warn(dev, fmt, ...)	dev_err(dev, fmt, ##__VA_ARGS__)
#define dev_info(dev, fmt, ...)	dev_err(dev, fmt, ##__VA_ARGS__)
#define dev_dbg(dev, fmt, ...)	dev_err(dev, fmt, ##__VA_ARGS__)
#define dev_err_once(dev, fmt, ...)	dev_err(dev, fmt, ##__VA_ARGS__)
#define dev_warn_once(dev, fmt, ...)	dev_err(dev, fmt, ##__VA_ARGS__)
#define dev_err_ratelimited(dev, fmt, ...)	dev_err(dev, fmt, ##__VA_ARGS__)

#endif /* SHIM_DEVICE_H */
