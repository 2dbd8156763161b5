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

struct soc_device_attribute;

#define IPMMU_CONTEXTS_MAX	16	/* R-Car Gen4; Gen3 has 8 */
#define IPMMU_UTLBS_MAX		64	/* R-Car Gen4; Gen3 has 48 */

/**
 * struct ipmmu_soc - the IPMMUs of one SoC
 * @name: of the SoC
 * @contexts: number of contexts, number 0 included, which is not ours
 * @utlbs: number of micro-TLBs
 * @context_base: offset of context 0
 * @context_stride: from one context to the next
 * @utlb_base: added to the offset of a micro-TLB's registers
 * @control_base: added to the offset of IMSCTLR
 * @ttsel_mask: the bits of IMUCTR that select the context
 * @va64: the root is known to walk VMSAv8-64 tables of stage 1
 * @discache: caches in power domains A3xx must not cache
 * @denied: no master is let in
 * @only: revisions that @discache and @denied hold for, NULL for all of them
 */
struct ipmmu_soc {
	const char *name;
	unsigned int contexts;
	unsigned int utlbs;
	unsigned int context_base;
	unsigned int context_stride;
	unsigned int utlb_base;
	unsigned int control_base;
	u32 ttsel_mask;
	bool va64;
	bool discache;
	bool denied;
	const struct soc_device_attribute *only;
};

extern const struct of_device_id ipmmu_of_ids[];

bool ipmmu_soc_needs_discache(const struct ipmmu_soc *soc, const char *name);
const char *ipmmu_soc_denied(const struct ipmmu_soc *soc);
bool ipmmu_soc_knows(const char *name);

#endif /* IPMMU_SOC_H */
