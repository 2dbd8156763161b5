// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operation costs beside instructions: accesses to registers, as the
 * emulated hardware counts them, and bytes of cache cleaned, as seen at the one
 * function that all of dma_sync and dma_map go through.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kprobes.h>
#include <linux/pci.h>
#include <linux/ptrace.h>

#include "bench.h"
#include "witness.h"

/* Without a witness, on real hardware, everything counts as nothing */
static struct pci_dev *bench_witness;
static void __iomem *bench_witness_regs;

static atomic64_t bench_cleaned;
static struct task_struct *bench_cleaned_by;

static int bench_clean_seen(struct kprobe *kp, struct pt_regs *regs)
{
	/* arch_sync_dma_for_device(address, size, direction) */
	if (READ_ONCE(bench_cleaned_by) == current)
		atomic64_add(regs_get_kernel_argument(regs, 1), &bench_cleaned);
	return 0;
}

static struct kprobe bench_clean_probe = {
	.symbol_name = "arch_sync_dma_for_device",
	.pre_handler = bench_clean_seen,
};

static u64 bench_witness_read(enum witness_counter counter)
{
	if (!bench_witness_regs)
		return 0;
	writeq(counter, bench_witness_regs + WITNESS_COUNTER_SELECT);
	return readq(bench_witness_regs + WITNESS_COUNTER_VALUE);
}

static void bench_witness_snapshot(struct bench_count *count)
{
	count->mmio_reads = bench_witness_read(WITNESS_MMIO_READS);
	count->mmio_writes = bench_witness_read(WITNESS_MMIO_WRITES);
	count->flushes = bench_witness_read(WITNESS_FLUSHES);
}

int bench_count_begin(struct bench_count *count, bool cleaned)
{
	int ret;

	if (cleaned) {
		/* A probe that was registered before leaves its marks here */
		bench_clean_probe.addr = NULL;
		bench_clean_probe.flags = 0;
		ret = register_kprobe(&bench_clean_probe);
		if (ret)
			return ret;
		atomic64_set(&bench_cleaned, 0);
		WRITE_ONCE(bench_cleaned_by, current);
	}
	bench_witness_snapshot(count);
	return 0;
}

void bench_count_end(struct bench_count *count, bool cleaned)
{
	struct bench_count now;

	bench_witness_snapshot(&now);
	count->mmio_reads = now.mmio_reads - count->mmio_reads;
	count->mmio_writes = now.mmio_writes - count->mmio_writes;
	count->flushes = now.flushes - count->flushes;
	if (!cleaned)
		return;
	WRITE_ONCE(bench_cleaned_by, NULL);
	unregister_kprobe(&bench_clean_probe);
	count->cleaned = atomic64_read(&bench_cleaned);
}

int bench_count_init(void)
{
	bench_witness = pci_get_device(WITNESS_VENDOR, WITNESS_DEVICE, NULL);
	if (!bench_witness)
		return 0;
	if (pci_enable_device_mem(bench_witness))
		goto put;
	bench_witness_regs = pci_iomap(bench_witness, 0, 0);
	if (bench_witness_regs &&
	    readq(bench_witness_regs + WITNESS_ID) == WITNESS_ID_VALUE)
		return 0;

	bench_count_exit();
	return -ENODEV;
put:
	pci_dev_put(bench_witness);
	bench_witness = NULL;
	return -ENODEV;
}

void bench_count_exit(void)
{
	if (bench_witness_regs)
		pci_iounmap(bench_witness, bench_witness_regs);
	bench_witness_regs = NULL;
	if (bench_witness)
		pci_disable_device(bench_witness);
	pci_dev_put(bench_witness);
	bench_witness = NULL;
}
