/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of an IPMMU. All are 32 bits wide. "Root only" marks what the
 * main IPMMU (IPMMU-MM) has and a cache IPMMU lacks.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_REGS_H
#define IPMMU_REGS_H

#include <linux/bits.h>

/* One block a context; where it lies, ipmmu_context_offset() says */
#define IMCTR			0x00	/* control */
#define IMCTR_VA64		BIT(29)	/* root only: VMSAv8-64 tables */
#define IMCTR_INTEN		BIT(2)	/* interrupt on a fault */
#define IMCTR_FLUSH		BIT(1)	/* reads as 1 until it is done */
#define IMCTR_MMUEN		BIT(0)
#define IMCTR_CACHE_MASK	GENMASK(2, 0)	/* all that a cache IPMMU has */

#define IMTTBCR			0x08	/* root: translation table control */
#define IMTTBCR_EAE		BIT(31)	/* long descriptors */
#define IMTTBCR_TSZ1		GENMASK(20, 16)
#define IMTTBCR_SL0		GENMASK(7, 6)	/* start level */
#define IMTTBCR_TSZ0		GENMASK(4, 0)

#define IMTTLBR0		0x10	/* root: table base, low and high */
#define IMTTUBR0		0x14
#define IMTTLBR1		0x18
#define IMTTUBR1		0x1c
#define IMTTLBR_MASK		GENMASK(31, 12)
#define IMTTUBR_MASK		GENMASK(7, 0)	/* of 40 bits of address */

#define IMSTR			0x20	/* root only: fault status */
#define IMSTR_ERRLVL		GENMASK(13, 12)
#define IMSTR_ERRCODE		GENMASK(10, 8)
#define IMSTR_MHIT		BIT(4)	/* more than one TLB entry matched */
#define IMSTR_ABORT		BIT(2)	/* a table could not be read */
#define IMSTR_PF		BIT(1)	/* permission fault */
#define IMSTR_TF		BIT(0)	/* translation fault */
#define IMSTR_FAULTS		(IMSTR_MHIT | IMSTR_ABORT | IMSTR_PF | IMSTR_TF)

#define IMSTR_CODE_FORMAT	1	/* values of ERRCODE */
#define IMSTR_CODE_ACCESS	4
#define IMSTR_CODE_SECURE	5

#define IMMAIR0			0x28	/* root only: memory attributes */
#define IMMAIR1			0x2c
#define IMELAR			0x30	/* root: fault address, low and high */
#define IMEUAR			0x34

/* Micro-TLBs, in two banks of 32 */
#define IMUCTR_BANK0		0x300	/* control */
#define IMUCTR_BANK1		0x600
#define IMUCTR_FLUSH		BIT(1)
#define IMUCTR_MMUEN		BIT(0)
#define IMUASID_BANK0		0x308	/* address space number */
#define IMUASID_BANK1		0x608
#define IMU_BANK_SIZE		32
#define IMU_STRIDE		0x10

/* One an IPMMU, at the control offset of the SoC */
#define IMSCTLR			0x500
#define IMSCTLR_DISCACHE	GENMASK(31, 29)	/* do not cache */
#define IMSCTLR_USE_SECGRP	BIT(28)	/* set, non-secure DMA is refused */

#define IMSAUXCTLR		0x504
#define IMSAUXCTLR_S2PTE	BIT(3)	/* tables are of stage 2 */

#endif /* IPMMU_REGS_H */
