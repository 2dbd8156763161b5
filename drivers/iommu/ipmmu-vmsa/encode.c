// SPDX-License-Identifier: GPL-2.0-only
/*
 * Register values and offsets as pure functions: no hardware, no state.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bitfield.h>
#include <linux/kernel.h>

#include "encode.h"
#include "regs.h"

/*
 * Contexts 8 and up lie this much further on than the stride alone puts them.
 */
#define UPPER_CONTEXTS		8
#define UPPER_CONTEXTS_GAP	0x600

/* Start level of a 32-bit walk, where 0 is level 3 and 2 is level 1. */
#define SL0_LEVEL1		2

/**
 * ipmmu_context_offset() - where the registers of a context begin
 * @soc: the SoC
 * @id: number of the context
 *
 * Return: an offset in bytes.
 */
unsigned int ipmmu_context_offset(const struct ipmmu_soc *soc, unsigned int id)
{
	unsigned int offset = soc->context_base + id * soc->context_stride;

	return id < UPPER_CONTEXTS ? offset : offset + UPPER_CONTEXTS_GAP;
}

static unsigned int ipmmu_utlb_offset(const struct ipmmu_soc *soc,
				      unsigned int utlb, unsigned int bank0,
				      unsigned int bank1)
{
	if (utlb < IMU_BANK_SIZE)
		return soc->utlb_base + bank0 + utlb * IMU_STRIDE;
	return soc->utlb_base + bank1 + (utlb - IMU_BANK_SIZE) * IMU_STRIDE;
}

/**
 * ipmmu_imuctr_offset() - where IMUCTR of a micro-TLB is
 * @soc: the SoC
 * @utlb: number of the micro-TLB
 *
 * Return: an offset in bytes.
 */
unsigned int ipmmu_imuctr_offset(const struct ipmmu_soc *soc, unsigned int utlb)
{
	return ipmmu_utlb_offset(soc, utlb, IMUCTR_BANK0, IMUCTR_BANK1);
}

/**
 * ipmmu_imuasid_offset() - where IMUASID of a micro-TLB is
 * @soc: the SoC
 * @utlb: number of the micro-TLB
 *
 * Return: an offset in bytes.
 */
unsigned int ipmmu_imuasid_offset(const struct ipmmu_soc *soc, unsigned int utlb)
{
	return ipmmu_utlb_offset(soc, utlb, IMUASID_BANK0, IMUASID_BANK1);
}

/**
 * ipmmu_imsctlr_offset() - where IMSCTLR is
 * @soc: the SoC
 *
 * Return: an offset in bytes.
 */
unsigned int ipmmu_imsctlr_offset(const struct ipmmu_soc *soc)
{
	return soc->control_base + IMSCTLR;
}

/**
 * ipmmu_imsauxctlr_offset() - where IMSAUXCTLR is
 * @soc: the SoC
 *
 * Return: an offset in bytes.
 */
unsigned int ipmmu_imsauxctlr_offset(const struct ipmmu_soc *soc)
{
	return soc->control_base + IMSAUXCTLR;
}

/**
 * ipmmu_registers_size() - how much must be mapped for all that is ever touched
 * @soc: the SoC
 *
 * Return: a size in bytes.
 */
unsigned int ipmmu_registers_size(const struct ipmmu_soc *soc)
{
	return max3(ipmmu_context_offset(soc, soc->contexts - 1) + IMEUAR,
		    ipmmu_imuasid_offset(soc, soc->utlbs - 1),
		    ipmmu_imsauxctlr_offset(soc)) + sizeof(u32);
}

/**
 * ipmmu_encode_imctr() - IMCTR of a context that is on
 * @va64: its tables are VMSAv8-64
 *
 * A cache IPMMU gets the bits of IMCTR_CACHE_MASK only.
 *
 * Return: the value for the root, FLUSH left out.
 */
u32 ipmmu_encode_imctr(bool va64)
{
	return ipmmu_encode_imctr_silent(va64) | IMCTR_INTEN;
}

/**
 * ipmmu_encode_imctr_silent() - the same, and a fault there interrupts no CPU
 * @va64: its tables are VMSAv8-64
 *
 * Return: the value for the root, FLUSH left out.
 */
u32 ipmmu_encode_imctr_silent(bool va64)
{
	return (va64 ? IMCTR_VA64 : 0) | IMCTR_MMUEN;
}

/**
 * ipmmu_encode_imttbcr() - IMTTBCR of a context
 * @va64: its tables are VMSAv8-64
 * @ias: bits of IOVA that they were made for
 *
 * VMSAv8-32: TTBR0 serves the whole range (both sizes 0), from level 1 on.
 *
 * VMSAv8-64: both halves have the size that the tables were made for. The
 * start level of a stage 1 walk follows from the size; SL0 gets the value
 * that has been seen to work with such tables.
 *
 * Return: the value.
 */
u32 ipmmu_encode_imttbcr(bool va64, unsigned int ias)
{
	u32 value = IMTTBCR_EAE | FIELD_PREP(IMTTBCR_SL0, SL0_LEVEL1);

	if (va64)
		value |= FIELD_PREP(IMTTBCR_TSZ0, 64 - ias) |
			 FIELD_PREP(IMTTBCR_TSZ1, 64 - ias);
	return value;
}

/**
 * ipmmu_encode_imttlbr() - the lower half of the address of the tables
 * @ttbr: the address
 *
 * Return: the value.
 */
u32 ipmmu_encode_imttlbr(u64 ttbr)
{
	return lower_32_bits(ttbr) & IMTTLBR_MASK;
}

/**
 * ipmmu_encode_imttubr() - the upper half of the address of the tables
 * @ttbr: the address
 *
 * Return: the value.
 */
u32 ipmmu_encode_imttubr(u64 ttbr)
{
	return upper_32_bits(ttbr) & IMTTUBR_MASK;
}

/**
 * ipmmu_encode_imuctr() - IMUCTR of a micro-TLB that translates
 * @soc: the SoC
 * @context: number of the context that it points at
 *
 * The micro-TLB forgets what it knew.
 *
 * Return: the value.
 */
u32 ipmmu_encode_imuctr(const struct ipmmu_soc *soc, unsigned int context)
{
	return ((context * (soc->ttsel_mask & -soc->ttsel_mask)) &
		soc->ttsel_mask) | IMUCTR_FLUSH | IMUCTR_MMUEN;
}

/**
 * ipmmu_decode_ttsel() - the context that a micro-TLB points at
 * @soc: the SoC
 * @imuctr: its IMUCTR, with MMUEN set
 *
 * Return: the number of the context.
 */
unsigned int ipmmu_decode_ttsel(const struct ipmmu_soc *soc, u32 imuctr)
{
	return (imuctr & soc->ttsel_mask) / (soc->ttsel_mask & -soc->ttsel_mask);
}

/**
 * ipmmu_encode_imsctlr() - IMSCTLR of an IPMMU
 * @old: as it was read
 * @discache: the IPMMU must not cache
 *
 * Return: the value.
 */
u32 ipmmu_encode_imsctlr(u32 old, bool discache)
{
	if (discache)
		old |= IMSCTLR_DISCACHE;
	return old & ~IMSCTLR_USE_SECGRP;
}

/**
 * ipmmu_decode_fault() - the kind of a fault in words, the gravest first
 * @imstr: IMSTR as it was read
 *
 * Return: a constant string.
 */
const char *ipmmu_decode_fault(u32 imstr)
{
	if (imstr & IMSTR_MHIT)
		return "multiple TLB hits";
	if (imstr & IMSTR_ABORT)
		return "page table walk abort";
	if (imstr & IMSTR_PF)
		return "permission fault";
	return "translation fault";
}

/**
 * ipmmu_decode_code() - the reason of a fault in words
 * @imstr: IMSTR as it was read
 *
 * Return: a constant string.
 */
const char *ipmmu_decode_code(u32 imstr)
{
	switch (FIELD_GET(IMSTR_ERRCODE, imstr)) {
	case 0:
		return "no valid entry";
	case IMSTR_CODE_FORMAT:
		return "malformed entry";
	case IMSTR_CODE_ACCESS:
		return "access not permitted";
	case IMSTR_CODE_SECURE:
		return "secure entry, NS or NSTable missing";
	default:
		return "reserved error code";
	}
}

/**
 * ipmmu_decode_level() - the level of the walk at which a fault was
 * @imstr: IMSTR as it was read
 *
 * Return: the level.
 */
unsigned int ipmmu_decode_level(u32 imstr)
{
	return FIELD_GET(IMSTR_ERRLVL, imstr);
}
