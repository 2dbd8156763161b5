// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults: the root's interrupt does not say which context had one, so all that
 * are on are looked at.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/interrupt.h>

#include "encode.h"
#include "ipmmu.h"
#include "trace.h"

/**
 * struct fault - what is known of a fault once the lock is dropped
 * @status: IMSTR
 * @address: where
 * @context: the context
 * @domain: its domain, NULL for the blocking context
 * @client: a master that may have caused it, NULL if none is left
 * @others: how many more may have
 *
 * @domain and @client stay valid until the handler returns: whoever frees them
 * waits for that in ipmmu_fault_quiesce().
 */
struct fault {
	u32 status;
	u64 address;
	unsigned int context;
	struct ipmmu_domain *domain;
	struct ipmmu_client *client;
	unsigned int others;
};

/* Under the root's lock. */
static void fault_find_client(struct ipmmu_root *root, struct ipmmu_context *ctx,
			      struct fault *fault)
{
	struct ipmmu_client *client;

	list_for_each_entry(client, &root->clients, node) {
		if (ipmmu_utlb_context(client) != ctx)
			continue;
		if (fault->client)
			fault->others++;
		else
			fault->client = client;
	}
}

static bool fault_take(struct ipmmu_root *root, struct ipmmu_context *ctx,
		       struct fault *fault)
{
	unsigned long flags;

	*fault = (struct fault) { .context = ctx->id };

	raw_spin_lock_irqsave(&root->lock, flags);
	if (root->mmu && ctx->imctr)
		fault->status = ipmmu_hw_take_fault(root, ctx, &fault->address);
	if (fault->status) {
		fault->domain = ctx->domain;
		fault_find_client(root, ctx, fault);
	}
	raw_spin_unlock_irqrestore(&root->lock, flags);

	return fault->status;
}

static void fault_print(struct device *mmu, const struct fault *fault)
{
	char others[24] = "";

	if (fault->others)
		snprintf(others, sizeof(others), " or %u others", fault->others);
	dev_err_ratelimited(mmu, "%s%s: %s at 0x%llx, level %u, %s; context %u%s, status 0x%08x\n",
			    fault->client ? dev_name(fault->client->dev) : "a master that left",
			    others, ipmmu_decode_fault(fault->status),
			    fault->address, ipmmu_decode_level(fault->status),
			    ipmmu_decode_code(fault->status), fault->context,
			    fault->domain ? "" : " (blocked)", fault->status);
}

/*
 * Whoever asked for the faults of a domain gets them first. Whether it was a read
 * or a write the hardware does not tell.
 */
static void fault_report(struct device *mmu, const struct fault *fault)
{
	struct device *dev = fault->client ? fault->client->dev : mmu;

	trace_fault(fault->client ? dev_name(dev) : "-", fault->context,
		    fault->address, fault->status);
	if (fault->domain &&
	    !report_iommu_fault(&fault->domain->io, dev, fault->address,
				IOMMU_FAULT_READ))
		return;
	fault_print(mmu, fault);
}

static irqreturn_t fault_interrupt(int irq, void *data)
{
	struct ipmmu_root *root = data;
	irqreturn_t ret = IRQ_NONE;
	struct fault fault;
	unsigned int id;

	for (id = 0; id < root->count; id++) {
		if (!fault_take(root, &root->contexts[id], &fault))
			continue;
		fault_report(root->mmu->dev, &fault);
		ret = IRQ_HANDLED;
	}
	return ret;
}

/**
 * ipmmu_fault_request() - start to listen
 * @root: the root
 * @irq: its interrupt
 *
 * Return: 0, or an error with the reason in the log.
 */
int ipmmu_fault_request(struct ipmmu_root *root, int irq)
{
	struct device *dev = root->mmu->dev;
	int ret;

	ret = request_irq(irq, fault_interrupt, 0, dev_name(dev), root);
	if (ret)
		return dev_err_probe(dev, ret, "cannot have interrupt %d\n", irq);
	root->irq = irq;
	return 0;
}

/**
 * ipmmu_fault_quiesce() - wait for the handling of faults that were before
 * @root: the root
 *
 * What was unlinked under the root's lock may be freed after this.
 */
void ipmmu_fault_quiesce(struct ipmmu_root *root)
{
	if (root->irq)
		synchronize_irq(root->irq);
}
