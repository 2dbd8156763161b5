/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the R-Car IPMMU, as its programming rules give them. The driver
 * under test has its own list: a wrong offset in one shows in the other.
 *
 * Copyright The ipmmu-deferred authors
 */
#ifndef IPMMU_BITS_H
#define IPMMU_BITS_H

/*
 * Context registers: on Gen3 at 0x40 times the context's number, on Gen4 at
 * 0x10000 and 0x1040 times that, and 0x600 more for 8 and up
 */
#define CONTEXT_SIZE		0x40
#define CONTEXT_STRIDE		0x40
#define GEN4_CONTEXT_BASE	0x10000
#define GEN4_CONTEXT_STRIDE	0x1040
#define CONTEXT_UPPER		8
#define CONTEXT_UPPER_GAP	0x600
#define IMCTR			0x00
#define  IMCTR_VA64		0x20000000u
#define  IMCTR_TRE		0x00020000u
#define  IMCTR_AFE		0x00010000u
#define  IMCTR_RTSEL		0x00000070u
#define  IMCTR_TREN		0x00000008u
#define  IMCTR_INTEN		0x00000004u
#define  IMCTR_FLUSH		0x00000002u
#define  IMCTR_MMUEN		0x00000001u
#define  IMCTR_CACHE		(IMCTR_INTEN | IMCTR_FLUSH | IMCTR_MMUEN)
#define  IMCTR_ROOT		(IMCTR_VA64 | IMCTR_TRE | IMCTR_AFE | IMCTR_RTSEL | \
				 IMCTR_TREN | IMCTR_CACHE)
#define IMCAAR			0x04
#define IMTTBCR			0x08
#define  IMTTBCR_EAE		0x80000000u
#define  IMTTBCR_PMB		0x40000000u
#define  IMTTBCR_MEMORY1	0x3f000000u	/* SH1, ORGN1, IRGN1 */
#define  IMTTBCR_TSZ1_SHIFT	16
#define  IMTTBCR_MEMORY0	0x00003f00u	/* SH0, ORGN0, IRGN0 */
#define  IMTTBCR_SL0_SHIFT	6
#define  IMTTBCR_SL0		0x000000c0u
#define  IMTTBCR_TSZ_MASK	0x1fu
#define  IMTTBCR_TSZ32_MASK	0x07u		/* VMSAv8-32: three bits */
#define  IMTTBCR_ALL		(IMTTBCR_EAE | IMTTBCR_PMB | IMTTBCR_MEMORY1 | \
				 (IMTTBCR_TSZ_MASK << IMTTBCR_TSZ1_SHIFT) | \
				 IMTTBCR_MEMORY0 | IMTTBCR_SL0 | IMTTBCR_TSZ_MASK)
#define IMTTLBR0		0x10
#define IMTTUBR0		0x14
#define IMTTLBR1		0x18
#define IMTTUBR1		0x1c
#define  IMTTLBR_ALL		0xfffff000u
#define  IMTTUBR_ALL		0x000000ffu
#define IMSTR			0x20
#define  IMSTR_ERRLVL_SHIFT	12
#define  IMSTR_ERRCODE_SHIFT	8
#define  IMSTR_ERRCODE_FORMAT	(1u << IMSTR_ERRCODE_SHIFT)
#define  IMSTR_ERRCODE_ACCESS	(4u << IMSTR_ERRCODE_SHIFT)
#define  IMSTR_ERRCODE_SECURE	(5u << IMSTR_ERRCODE_SHIFT)
#define  IMSTR_MHIT		0x00000010u
#define  IMSTR_ABORT		0x00000004u
#define  IMSTR_PF		0x00000002u
#define  IMSTR_TF		0x00000001u
#define  IMSTR_EVENT		(IMSTR_MHIT | IMSTR_ABORT | IMSTR_PF | IMSTR_TF)
#define  IMSTR_ALL		(0x00003700u | IMSTR_EVENT)
#define IMMAIR0			0x28
#define IMMAIR1			0x2c
#define IMELAR			0x30
#define IMEUAR			0x34

/* Micro-TLBs: 0 to 31, then 32 and up; the PMB's registers lie below them */
#define UTLB_LOW		0x300
#define UTLB_HIGH		0x600
#define UTLB_HIGH_END		0x800		/* 16 more than Gen3 has */
#define GEN4_UTLB_BASE		0x3000
#define UTLB_LOW_NUMBER		32
#define UTLB_STRIDE		0x10
#define IMUCTR			0x00
#define  IMUCTR_FIXADDEN	0x80000000u
#define  IMUCTR_FIXADD		0x00ff0000u
#define  IMUCTR_TTSEL_SHIFT	4
#define  IMUCTR_TTSEL		0x000001f0u	/* Gen3 has one bit less */
#define  IMUCTR_FLUSH		0x00000002u
#define  IMUCTR_MMUEN		0x00000001u
#define  IMUCTR_GEN4		(IMUCTR_FIXADDEN | IMUCTR_FIXADD | IMUCTR_TTSEL | \
				 IMUCTR_FLUSH | IMUCTR_MMUEN)
#define  IMUCTR_GEN3		(IMUCTR_GEN4 & ~0x00000100u)
#define IMUASID			0x08
#define  IMUASID_ALL		0x0000ffffu

/* One of each in every IPMMU; on Gen4 further on */
#define GEN4_CONTROL_BASE	0x1000
#define IMSCTLR			0x500
#define  IMSCTLR_DISCACHE	0xe0000000u
#define  IMSCTLR_USE_SECGRP	0x10000000u
#define IMSAUXCTLR		0x504
#define  IMSAUXCTLR_NMERGE40	0x01000000u
#define  IMSAUXCTLR_S2PTE	0x00000008u

#endif /* IPMMU_BITS_H */
