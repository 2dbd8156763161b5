/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the guest tells the emulator's plugin when to measure: by two
 * instructions of the hint space that mean nothing (Arm ARM C6.2, HINT: what is
 * not allocated is a NOP), so that the same programs run where nothing listens.
 * They need no address and no privilege. Measurements are numbered in the order
 * in which they are made.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef MARKS_H
#define MARKS_H

/*
 * The last three of 128 hints: the architecture hands them out from the front.
 */
#define MARK_LATE	0x7d	/* a task runs that has waited too long */
#define MARK_BEGIN	0x7e
#define MARK_END	0x7f

static inline void mark_begin(void)
{
	asm volatile("hint %0" : : "i" (MARK_BEGIN) : "memory");
}

static inline void mark_late(void)
{
	asm volatile("hint %0" : : "i" (MARK_LATE) : "memory");
}

static inline void mark_end(void)
{
	asm volatile("hint %0" : : "i" (MARK_END) : "memory");
}

#endif /* MARKS_H */
