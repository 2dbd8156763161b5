/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between SoCs.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_SOC_H
#define IPMMU_SOC_H

#include <linux/mod_devicetable.h>
#include <linux/types.h>

struct device;

#define IPMMU_CONTEXTS_MAX	16	/* R-Car Gen4; Gen3 has 8 */
#define IPMMU_UTLBS_MAX		64	/* R-Car Gen4; Gen3 has 48 */

/**
 * struct ipmmu_soc - the IPMMUs of one SoC
 * @contexts: number of contexts, number 0 included, which is not ours
 * @utlbs: number of micro-TLBs
 * @context_base: offset of context 0
 * @context_stride: from one context to the next
 * @utlb_base: added to the offset of a micro-TLB's registers
 * @control_base: added to the offset of IMSCTLR
 * @ttsel_mask: the bits of IMUCTR that select the context
 * @va64: the root is known to walk VMSAv8-64 tables
 * @has_discache: some caches of it need IMSCTLR.DISCACHE
 */
struct ipmmu_soc {
	unsigned int contexts;
	unsigned int utlbs;
	unsigned int context_base;
	unsigned int context_stride;
	unsigned int utlb_base;
	unsigned int control_base;
	u32 ttsel_mask;
	bool va64;
	bool has_discache;
};

extern const struct of_device_id ipmmu_of_ids[];

bool ipmmu_soc_needs_discache(const struct ipmmu_soc *soc, struct device *dev);
bool ipmmu_soc_allows(struct device *dev, char * const *more, unsigned int count);

#endif /* IPMMU_SOC_H */
