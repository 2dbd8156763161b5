/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Register values and offsets as pure functions: no hardware, no state.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_ENCODE_H
#define IPMMU_ENCODE_H

#include <linux/types.h>

#include "soc.h"

unsigned int ipmmu_context_offset(const struct ipmmu_soc *soc, unsigned int id);
unsigned int ipmmu_imuctr_offset(const struct ipmmu_soc *soc, unsigned int utlb);
unsigned int ipmmu_imuasid_offset(const struct ipmmu_soc *soc, unsigned int utlb);
unsigned int ipmmu_imsctlr_offset(const struct ipmmu_soc *soc);
unsigned int ipmmu_imsauxctlr_offset(const struct ipmmu_soc *soc);
unsigned int ipmmu_registers_size(const struct ipmmu_soc *soc);

u32 ipmmu_encode_imctr(bool va64);
u32 ipmmu_encode_imctr_silent(bool va64);
u32 ipmmu_encode_imttbcr(bool va64, unsigned int ias);
u32 ipmmu_encode_imttlbr(u64 ttbr);
u32 ipmmu_encode_imttubr(u64 ttbr);
u32 ipmmu_encode_imuctr(const struct ipmmu_soc *soc, unsigned int context);
u32 ipmmu_encode_imsctlr(u32 old, bool discache);

unsigned int ipmmu_decode_ttsel(const struct ipmmu_soc *soc, u32 imuctr);
const char *ipmmu_decode_fault(u32 imstr);
const char *ipmmu_decode_code(u32 imstr);
unsigned int ipmmu_decode_level(u32 imstr);

#endif /* IPMMU_ENCODE_H */
