// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two libraries, each as its driver uses it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/device.h>

#include "shim.h"
#include "smp.h"

static struct device device = { .name = "smp" };

static void flush(void *cookie)
{
	struct smp_domain *domain = cookie;

	domain->library->sync(domain);
}

static void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	flush(cookie);
}

static const struct iommu_flush_ops flush_ops = {
	.tlb_flush_all = flush,
	.tlb_flush_walk = flush_walk,
};

static void configure(struct smp_domain *domain)
{
	domain->cfg = (struct io_pgtable_cfg) {
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
		.ias = 39,
		.oas = 40,
		.coherent_walk = true,
		.tlb = &flush_ops,
		.iommu_dev = &device,
	};
}

static void open_ours(struct smp_domain *domain)
{
	configure(domain);
	domain->ops = io_pgtable_deferred_alloc(ARM_64_LPAE_S1, &domain->cfg, domain);
	if (!domain->ops)
		shim_panic("no page table: %s", shim_message);
}

static bool work_ours(void)
{
	return shim_run_work();
}

static void close_ours(struct smp_domain *domain)
{
	io_pgtable_deferred_free(domain->ops);
}

static noinline void flush_limbo(struct smp_domain *domain)
{
	struct io_pgtable_deferred_limbo limbo;

	io_pgtable_deferred_flush_begin(domain->ops, &limbo);
	io_pgtable_deferred_flush_end(domain->ops, &limbo, true);
}

static void sync_ours(struct smp_domain *domain)
{
	if (unlikely(!io_pgtable_deferred_is_settled(domain->ops)))
		flush_limbo(domain);
}

const struct smp_library smp_ours = {
	.name = "ours",
	.open = open_ours,
	.close = close_ours,
	.sync = sync_ours,
	.work = work_ours,
};

static void open_intree(struct smp_domain *domain)
{
	struct io_pgtable *iop;

	configure(domain);
	iop = io_pgtable_arm_64_lpae_s1_init_fns.alloc(&domain->cfg, domain);
	if (!iop)
		shim_panic("no page table of the kernel's own");
	iop->fmt = ARM_64_LPAE_S1;
	iop->cookie = domain;
	iop->cfg = domain->cfg;
	domain->ops = &iop->ops;
}

static void close_intree(struct smp_domain *domain)
{
	io_pgtable_arm_64_lpae_s1_init_fns.free(io_pgtable_ops_to_pgtable(domain->ops));
}

static void sync_intree(struct smp_domain *domain)
{
	barrier();
}

static bool work_intree(void)
{
	return false;
}

const struct smp_library smp_intree = {
	.name = "in-tree",
	.open = open_intree,
	.close = close_intree,
	.sync = sync_intree,
	.work = work_intree,
};
