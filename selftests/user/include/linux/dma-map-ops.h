/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a device maps: see dma-mapping.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-mapping.h>
