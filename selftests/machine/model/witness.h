/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the emulated IPMMU tells of itself, and what tests ask of it: registers
 * of the two PCI devices that come with the model. Shared by the model and the
 * tests; the driver under test knows nothing of it.
 *
 * All registers are 64 bits wide, little endian, in BAR0, and take 4 and 8 byte
 * accesses.
 */
#ifndef IPMMU_WITNESS_H
#define IPMMU_WITNESS_H

/* QEMU's range for test devices */
#define WITNESS_VENDOR			0x1234
#define WITNESS_DEVICE			0x1de0
#define DMA_DEVICE			0x1de1

/* The witness: BAR0, 4 KiB */
#define WITNESS_ID			0x000	/* ro: WITNESS_ID_VALUE */
#define WITNESS_ID_VALUE		0x49504d4d55574954ull
/* wo: any value forgets errors and counters */
#define WITNESS_CLEAR			0x008
/* ro: programming errors since the last clear */
#define WITNESS_ERRORS			0x010
/* rw: which error the next five describe */
#define WITNESS_ERROR_SELECT		0x018
#define WITNESS_ERROR_KIND		0x020	/* ro: enum witness_error */
/* ro: 0 the root, 1.. the caches */
#define WITNESS_ERROR_IPMMU		0x028
/* ro: register offset, if it is about one */
#define WITNESS_ERROR_OFFSET		0x030
/* ro: the value written, or the address */
#define WITNESS_ERROR_VALUE		0x038
#define WITNESS_ERROR_CONTEXT		0x040	/* ro: context number, or ~0 */

#define WITNESS_COUNTER_SELECT		0x050	/* rw: enum witness_counter */
#define WITNESS_COUNTER_VALUE		0x058	/* ro */

/* Behaviour */
/* rw: time from FLUSH=1 to FLUSH=0; ~0: never */
#define WITNESS_FLUSH_DELAY_NS		0x080
#define WITNESS_INJECT			0x088	/* rw: bits WITNESS_INJECT_* */
/* every walk read fails on the bus */
#define WITNESS_INJECT_WALK_ABORT	(1 << 0)
/* next access raises a multi-hit */
#define WITNESS_INJECT_MULTI_HIT	(1 << 1)
/*
 * Set at reset: what memory still has when a flush is asked for is loaded again
 * at once, and outlives the flush
 */
#define WITNESS_INJECT_REFETCH		(1 << 2)
/* A walk sees of a page what was last cleaned, and some cleans are slow */
#define WITNESS_INJECT_NONCOHERENT	(1 << 3)
/* A micro-TLB does not note from which context it has an entry */
#define WITNESS_INJECT_UNTAGGED		(1 << 4)
/*
 * Engines on command do not snoop: a page that a program (not the kernel) has
 * cleaned once, or invalidated, is cached for good. An engine reads of it what
 * was cleaned; what it writes is seen once a line is invalidated.
 */
#define WITNESS_INJECT_NO_SNOOP		(1 << 5)

/* wo: address of a page that the guest has freed */
#define WITNESS_FREED			0x090

/*
 * Any register, as an owner before the driver, or a bystander, has it: nothing
 * is counted and nothing is an error
 */
#define WITNESS_POKE_WHERE		0x098	/* rw: IPMMU << 32 | offset */
#define WITNESS_POKE_VALUE		0x0a0	/* rw: what is there, 32 bits */

/*
 * A flush ends when FLUSH has been read so often, however long that takes; 0:
 * by WITNESS_FLUSH_DELAY_NS
 */
#define WITNESS_FLUSH_POLLS		0x0b8	/* rw */

/* Registers as they may be after a time without power; a seed in bits 63:8 */
#define WITNESS_POWER			0x0a8	/* wo: enum witness_power */

/*
 * The DMA_PATROL_* and their like of any engine on PCI, for a test that has no
 * access to the function itself while others have it: at this offset, plus the
 * register's
 */
/* rw: which: bus << 8 | device << 3 | function */
#define WITNESS_ENGINE			0x0b0
#define WITNESS_ENGINE_REGISTERS	0x800

/* A walk of any table by the model's walker, caches left out */
/* rw: physical address of the root */
#define WITNESS_WALK_TTBR		0x0c0
/* rw: bit 0 VA64, bits 13:8 TSZ */
#define WITNESS_WALK_CONTROL		0x0c8
#define WITNESS_WALK_IOVA		0x0d0	/* wo: starts the walk */
#define WITNESS_WALK_STATUS		0x0d8	/* ro: enum witness_walk */
#define WITNESS_WALK_PA			0x0e0	/* ro: output address */
/* ro: level at which the walk ended */
#define WITNESS_WALK_LEVEL		0x0e8
#define WITNESS_WALK_PROT		0x0f0	/* ro: bits WITNESS_PROT_* */
#define WITNESS_PROT_READ		(1 << 0)
#define WITNESS_PROT_WRITE		(1 << 1)
/* NS of the leaf, NSTable all the way */
#define WITNESS_PROT_NONSECURE		(1 << 2)
#define WITNESS_PROT_NOEXEC		(1 << 3)
#define WITNESS_PROT_ATTR_SHIFT		8		/* AttrIndx, 3 bits */

enum witness_power {
	WITNESS_POWER_LOST = 1,		/* as after a reset */
	WITNESS_POWER_GARBAGE,		/* anything, and what is cached stays */
};

enum witness_walk {
	WITNESS_WALK_OK,
	WITNESS_WALK_TRANSLATION,	/* invalid entry */
	/* reserved descriptor, reserved bits, bad address */
	WITNESS_WALK_FORMAT,
	WITNESS_WALK_ACCESS,		/* AF clear */
	WITNESS_WALK_PERMISSION,
	WITNESS_WALK_SECURE,		/* NS or NSTable missing */
	WITNESS_WALK_ABORT,		/* the table could not be read */
};

enum witness_error {
	WITNESS_ERROR_NONE,
	WITNESS_ERROR_RESERVED_BITS,	/* reserved bits written as one */
	/* no such register in this SoC, or beyond its contexts */
	WITNESS_ERROR_BAD_OFFSET,
	WITNESS_ERROR_UTLB_RANGE,	/* micro-TLB beyond the SoC's number */
	/* micro-TLB on with a disabled context */
	WITNESS_ERROR_UTLB_NO_CONTEXT,
	/* enabled context changed and no flush with it */
	WITNESS_ERROR_CONTEXT_LIVE,
	/* context disabled while a micro-TLB uses it */
	WITNESS_ERROR_CONTEXT_OFF_IN_USE,
	/* root flushed, a cache that uses the context not */
	WITNESS_ERROR_FLUSH_PARTIAL,
	/* DMA with IMSCTLR.USE_SECGRP still set */
	WITNESS_ERROR_SECGRP,
	/* IMSTR cleared before the address was read */
	WITNESS_ERROR_STATUS_EARLY,
	/* register access that is not 32 bits wide */
	WITNESS_ERROR_SIZE,
	/* entry used that memory had no more, and no flush since */
	WITNESS_ERROR_STALE_WALK,
	/* enabled in a format that the IPMMU has not */
	WITNESS_ERROR_UNSUPPORTED,
	/* table freed that a cache still leads to */
	WITNESS_ERROR_FREED_TABLE,
	/* micro-TLB turned on or moved without its FLUSH */
	WITNESS_ERROR_UTLB_NO_FLUSH,
};

enum witness_counter {
	WITNESS_MMIO_READS,
	WITNESS_MMIO_WRITES,
	WITNESS_FLUSHES,		/* requested on the root */
	WITNESS_FLUSHES_DONE,
	WITNESS_WALKS,
	WITNESS_WALK_READS,		/* table entries read from memory */
	WITNESS_IOTLB_HITS,
	WITNESS_WALK_CACHE_HITS,
	WITNESS_FAULTS,
	/* accesses through a micro-TLB that is off */
	WITNESS_BYPASSES,
	WITNESS_TRANSLATIONS,
	/* accesses served from an entry that memory had no more */
	WITNESS_STALE_HITS,
	WITNESS_REFETCHES,		/* entries that came back at a flush */
	WITNESS_FORGOTTEN,		/* entries that flushes dropped */
	WITNESS_COUNTERS,
};

/* The DMA engine: BAR0, 128 KiB; its buffer is the upper 64 KiB */
#define DMA_ID				0x000	/* ro: DMA_ID_VALUE */
#define DMA_ID_VALUE			0x49504d4d55444d41ull
/* rw: IOVA, or offset in the buffer */
#define DMA_SRC				0x008
#define DMA_DST				0x010	/* rw */
#define DMA_LEN				0x018	/* rw: bytes */
/* wo: enum dma_command; runs at once */
#define DMA_COMMAND			0x020
/* ro: enum dma_status of the last command */
#define DMA_STATUS			0x028
/* ro: address of a translate; bytes moved else */
#define DMA_RESULT			0x030
#define DMA_MSI				0x038	/* wo: send MSI vector 0 */
/* rw: through which of its micro-TLBs */
#define DMA_PORT			0x040
#define DMA_PORTS			0x048	/* ro: how many it has */
/*
 * DMA by itself, on and on, whatever the processors do: one access a page, over
 * DMA_PATROL_PAGES pages from DMA_PATROL_IOVA on, DMA_PATROL_BURST of them each
 * DMA_PATROL_NS. It takes no notice of bus mastering. Where each access leads
 * to is held against the pages that the device was given: writes go through to
 * those, all else is only counted.
 */
#define DMA_PATROL_IOVA			0x080	/* rw */
#define DMA_PATROL_PAGES		0x088	/* rw */
#define DMA_PATROL_NS			0x090	/* rw: 0 ends it */
#define DMA_PATROL_BURST		8
/* wo: physical address of a page; ~0: all memory */
#define DMA_GIVE			0x098
#define DMA_TAKE			0x0a0	/* wo: the same, back */
/* ro: accesses to pages that were given */
#define DMA_PASSED			0x0a8
/* ro: accesses that the IPMMU refused */
#define DMA_REFUSED			0x0b0
/* ro: accesses to other pages */
#define DMA_STRAYED			0x0b8
#define DMA_STRAYED_IOVA		0x0c0	/* ro: the first of those */
#define DMA_STRAYED_TO			0x0c8	/* ro: where it led to */
#define DMA_BUFFER			0x10000
#define DMA_BUFFER_SIZE			0x10000

enum dma_command {
	DMA_COPY = 1,			/* IOVA src -> IOVA dst, any length */
	DMA_READ,			/* IOVA src -> buffer at dst */
	DMA_WRITE,			/* buffer at src -> IOVA dst */
	/* what src translates to, for a read, caches and all */
	DMA_TRANSLATE_READ,
	DMA_TRANSLATE_WRITE,
};

enum dma_status {
	DMA_OK,
	DMA_FAULT,			/* the IPMMU refused */
	/* command, offset or length out of range */
	DMA_BAD,
};

#endif /* IPMMU_WITNESS_H */
