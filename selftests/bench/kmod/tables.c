// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many tables does the hardware reach? Counted from the registers of the
 * main IPMMU, so that every driver is asked the same question.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bits.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/pfn.h>
#include <linux/sched.h>

#include "bench.h"

/* R-Car Gen3: contexts and their registers (manual, section 16, IPMMU) */
#define BENCH_CONTEXTS		8
#define BENCH_CONTEXT(n)	((n) * 0x40)
#define BENCH_IMCTR		0x00
#define BENCH_IMCTR_MMUEN	BIT(0)
#define BENCH_IMTTLBR0		0x10
#define BENCH_IMTTUBR0		0x14

/* Long descriptors (Arm ARM D8.3): tables at levels 1 and 2 lead to others */
#define BENCH_ENTRIES		512
#define BENCH_LAST_LEVEL	3
#define BENCH_TABLE		3
#define BENCH_ADDRESS		GENMASK_ULL(47, 12)

/*
 * Roots of 32-bit tables have four entries in a page that was zeroed as a
 * whole, so reading on finds nothing. No depth to speak of: three levels.
 */
static u64 bench_tables_below(u64 address, unsigned int level)
{
	const u64 *table;
	unsigned int i;
	u64 count = 1;

	if (level == BENCH_LAST_LEVEL || !pfn_valid(PHYS_PFN(address)))
		return count;
	table = phys_to_virt(address & BENCH_ADDRESS);
	for (i = 0; i < BENCH_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if ((entry & BENCH_TABLE) == BENCH_TABLE)
			count += bench_tables_below(entry & BENCH_ADDRESS,
						    level + 1);
	}
	cond_resched();
	return count;
}

static u64 bench_tables_context(void __iomem *regs)
{
	u64 root;

	if (!(readl(regs + BENCH_IMCTR) & BENCH_IMCTR_MMUEN))
		return 0;
	root = readl(regs + BENCH_IMTTUBR0);
	root = root << 32 | readl(regs + BENCH_IMTTLBR0);
	return bench_tables_below(root & BENCH_ADDRESS, 1);
}

/* The main IPMMU is the one that names no other as its main. */
static struct device_node *bench_tables_main(void)
{
	struct device_node *np;

	for_each_compatible_node(np, NULL, "renesas,ipmmu-r8a7795")
		if (!of_property_read_bool(np, "renesas,ipmmu-main"))
			return np;
	return NULL;
}

int bench_tables(struct ipmmu_bench_tables *arg)
{
	struct device_node *np = bench_tables_main();
	void __iomem *regs;
	unsigned int i;

	if (!np)
		return -ENODEV;
	regs = of_iomap(np, 0);
	of_node_put(np);
	if (!regs)
		return -ENOMEM;

	arg->count = 0;
	for (i = 0; i < BENCH_CONTEXTS; i++)
		arg->count += bench_tables_context(regs + BENCH_CONTEXT(i));
	iounmap(regs);
	return 0;
}
