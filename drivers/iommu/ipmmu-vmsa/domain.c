// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains: paging ones, made of tables and, while a master is there, a context;
 * and two that always exist and never fail, identity (the micro-TLB is off) and
 * blocked (it points at the empty context).
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "ipmmu.h"

/* A flush that releases what the library detached before it. */
static noinline void ipmmu_domain_flush_limbo(struct ipmmu_domain *domain)
{
	struct io_pgtable_deferred_limbo limbo __uninitialized;
	int ret;

	io_pgtable_deferred_flush_begin(domain->ops, &limbo);
	ret = ipmmu_hw_flush(domain->root, &domain->context);
	io_pgtable_deferred_flush_end(domain->ops, &limbo, !ret);
}

/*
 * Flush a domain, if it has tables. This is each unmap's cost, and stays in the
 * caller: only the freeing of tables is deferred.
 *
 * A domain without a context is in no hardware. One that gets a context from
 * now on is walked from its root, from where nothing that was detached
 * before can be reached: the flush has nothing to do and is complete. The lock
 * orders the two sides.
 */
static __always_inline void ipmmu_domain_flush(struct ipmmu_domain *domain)
{
	/* Pairs with ipmmu_domain_bind() */
	struct ipmmu_root *root = smp_load_acquire(&domain->root);

	if (unlikely(!root))
		return;
	if (unlikely(!io_pgtable_deferred_is_settled(domain->ops)))
		ipmmu_domain_flush_limbo(domain);
	else if (unlikely(ipmmu_hw_flush(root, &domain->context)))
		io_pgtable_deferred_flush_failed(domain->ops);
}

static void ipmmu_tables_flush_all(void *cookie)
{
	ipmmu_domain_flush(cookie);
}

static void ipmmu_tables_flush_walk(unsigned long iova, size_t size,
				    size_t granule, void *cookie)
{
	ipmmu_tables_flush_all(cookie);
}

static const struct iommu_flush_ops tables_flush_ops = {
	.tlb_flush_all = ipmmu_tables_flush_all,
	.tlb_flush_walk = ipmmu_tables_flush_walk,
};

/*
 * Empty tables that a root can walk. Secure-access faults come from every
 * descriptor that lacks NS or NSTable, hence the quirk. The walker is not
 * coherent.
 */
static struct io_pgtable_ops *ipmmu_tables_alloc(struct ipmmu_domain *domain,
						 const struct ipmmu_root *root)
{
	domain->cfg = (struct io_pgtable_cfg) {
		.quirks = IO_PGTABLE_QUIRK_ARM_NS,
		.pgsize_bitmap = IPMMU_PGSIZES,
		.ias = ipmmu_root_ias(root),
		.oas = 40,
		.coherent_walk = false,
		.tlb = &tables_flush_ops,
		.iommu_dev = root->mmu->dev,
	};
	return io_pgtable_deferred_alloc(root->va64 ? ARM_64_LPAE_S1 :
						      ARM_32_LPAE_S1,
					 &domain->cfg, domain);
}

/* Bind a domain to a root, unless it is bound already. */
static int ipmmu_domain_bind(struct ipmmu_domain *domain,
			     struct ipmmu_root *root)
{
	struct io_pgtable_ops *ops;

	if (domain->root)
		return domain->root == root ? 0 : -EINVAL;

	ops = ipmmu_tables_alloc(domain, root);
	if (!ops)
		return -ENOMEM;

	ipmmu_root_get(root);
	domain->io.pgsize_bitmap = domain->cfg.pgsize_bitmap;
	domain->io.geometry.aperture_end = DMA_BIT_MASK(domain->cfg.ias);
	domain->io.geometry.force_aperture = true;
	/* Pairs with ipmmu_domain_ops() */
	smp_store_release(&domain->ops, ops);
	/* Pairs with ipmmu_domain_flush() */
	smp_store_release(&domain->root, root);
	return 0;
}

/*
 * The tables of a domain, and nothing else of it: all that is reached through
 * the pointer is there by the time the pointer is.
 */
static __always_inline struct io_pgtable_ops *
ipmmu_domain_ops(struct iommu_domain *io)
{
	/* Pairs with ipmmu_domain_bind() */
	return READ_ONCE(ipmmu_domain_of(io)->ops);
}

/*
 * The tables of a domain that is not bound yet: of one that has had no master
 * on kernels that name none when they make a domain.
 */
static int ipmmu_unbound_map(struct io_pgtable_ops *ops, unsigned long iova,
			     phys_addr_t paddr, size_t pgsize, size_t pgcount,
			     int prot, gfp_t gfp, size_t *mapped)
{
	return -ENODEV;
}

static size_t ipmmu_unbound_unmap(struct io_pgtable_ops *ops,
				  unsigned long iova, size_t pgsize,
				  size_t pgcount,
				  struct iommu_iotlb_gather *gather)
{
	return 0;
}

static phys_addr_t ipmmu_unbound_iova_to_phys(struct io_pgtable_ops *ops,
					      unsigned long iova)
{
	return 0;
}

static struct io_pgtable_ops unbound_tables = {
	.map_pages = ipmmu_unbound_map,
	.unmap_pages = ipmmu_unbound_unmap,
	.iova_to_phys = ipmmu_unbound_iova_to_phys,
};

/* Could the master have a context, if only in exchange for the one it has? */
static bool ipmmu_context_in_reach(const struct ipmmu_master *master)
{
	struct ipmmu_root *root = master->mmu->root;
	bool ret;

	ipmmu_contexts_retry(root);
	mutex_lock(&root->mutex);
	ret = ipmmu_context_available(root) || ipmmu_group_sole(master);
	mutex_unlock(&root->mutex);
	return ret;
}

static void ipmmu_say_no_context(const struct ipmmu_master *master)
{
	dev_err(master->dev, "%s has no context left: its DMA is blocked unless it has a domain already; release another master's domain, or boot with grouping=auto, or with iommu.passthrough=1\n",
		dev_name(master->mmu->root->mmu->dev));
}

/**
 * ipmmu_domain_alloc() - make a paging domain
 * @dev: a master it is for, or NULL if not known yet
 *
 * The core may not be told at the first attach that there is no context left:
 * it is told here.
 *
 * Return: the core's part of the domain; -EBUSY when there is no context left,
 * or -ENOMEM.
 */
struct iommu_domain *ipmmu_domain_alloc(struct device *dev)
{
	struct ipmmu_master *master = dev ? dev_iommu_priv_get(dev) : NULL;
	struct ipmmu_domain *domain;
	int ret = 0;

	if (master && !ipmmu_context_in_reach(master)) {
		ipmmu_say_no_context(master);
		return ERR_PTR(-EBUSY);
	}

	domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (!domain)
		return ERR_PTR(-ENOMEM);

	domain->io.pgsize_bitmap = IPMMU_PGSIZES;
	domain->ops = &unbound_tables;
	if (master) {
		mutex_lock(&master->mmu->root->mutex);
		ret = ipmmu_domain_bind(domain, master->mmu->root);
		mutex_unlock(&master->mmu->root->mutex);
	}
	if (ret) {
		kfree(domain);
		return ERR_PTR(ret);
	}
	return &domain->io;
}

/*
 * Masters that a freed domain still has were forgotten by the caller: block
 * them.
 */
static void ipmmu_domain_evict(struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = domain->root;
	struct ipmmu_master *master;

	/* The mutex keeps the list as it is. */
	list_for_each_entry(master, &root->masters, node)
		if (WARN_ON_ONCE(master->domain == domain))
			ipmmu_utlb_point(master, root->blocking, NULL);
	ipmmu_contexts_reap(root);
}

/*
 * The end of a domain, which costs the same whatever it maps. Its masters have
 * left: micro-TLBs point elsewhere, the context was turned off, flushed and
 * given back then. Here goes the structure, and last of all the whole tree of
 * tables in one hand-over.
 */
static void ipmmu_domain_free(struct iommu_domain *io)
{
	struct ipmmu_domain *domain = ipmmu_domain_of(io);
	struct ipmmu_root *root = domain->root;
	struct io_pgtable_ops *ops = root ? domain->ops : NULL;

	if (root) {
		/*
		 * The tables may outlive the domain, and ask it for nothing
		 * then.
		 */
		io_pgtable_deferred_allow_flush(ops, false);
		mutex_lock(&root->mutex);
		ipmmu_domain_evict(domain);
		if (ipmmu_context_park(domain))
			ops = NULL;
		mutex_unlock(&root->mutex);
		ipmmu_fault_quiesce(root);
	}
	kfree(domain);
	io_pgtable_deferred_free_flushed(ops);
	if (root) {
		ipmmu_contexts_retry(root);
		ipmmu_root_put(root);
	}
}

/*
 * Context first, and on in the master's cache, micro-TLBs last. A flush that is
 * late on the way is logged and holds nothing up: the context was clean when it
 * was taken, or held only what is the domain's own, and the core takes no
 * failure when it puts a master back where it was.
 */
static int ipmmu_attach_to(struct ipmmu_master *master,
			   struct ipmmu_domain *domain)
{
	int ret = ipmmu_context_take(domain);

	if (ret)
		return ret;

	ipmmu_context_serve(domain->context, master->mmu);
	ipmmu_utlb_point(master, domain->context, domain);
	return 0;
}

/*
 * No context is free, but the master's group is the only user of one: give that
 * back first. The group is blocked meanwhile; the core moves the others of it
 * next.
 */
static int ipmmu_attach_instead(struct ipmmu_master *master,
				struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = master->mmu->root;
	struct ipmmu_domain *old = master->domain;
	struct ipmmu_master *other;
	int ret;

	list_for_each_entry(other, &root->masters, node)
		if (other->group == master->group && other->domain == old)
			ipmmu_utlb_point(other, root->blocking, old);
	ipmmu_contexts_reap(root);
	ret = ipmmu_attach_to(master, domain);
	if (!ret)
		return 0;

	list_for_each_entry(other, &root->masters, node)
		if (other->group == master->group && other->domain == old &&
		    ipmmu_attach_to(other, old))
			dev_err(other->dev, "its DMA is blocked, its former domain cannot be restored\n");
	return ret;
}

static int ipmmu_attach_locked(struct ipmmu_master *master,
			       struct ipmmu_domain *domain)
{
	struct ipmmu_root *root = master->mmu->root;
	int ret = ipmmu_domain_bind(domain, root);

	if (ret)
		return ret;

	ret = ipmmu_attach_to(master, domain);
	if (ret == -EBUSY && master->domain && master->domain != domain &&
	    ipmmu_group_sole(master))
		ret = ipmmu_attach_instead(master, domain);
	ipmmu_contexts_reap(root);
	return ret;
}

static int ipmmu_paging_attach(struct iommu_domain *io, struct device *dev,
			       struct iommu_domain *old)
{
	struct ipmmu_master *master = dev_iommu_priv_get(dev);
	struct ipmmu_root *root;
	int ret;

	if (!master)
		return -ENODEV;

	root = master->mmu->root;
	ipmmu_contexts_retry(root);
	mutex_lock(&root->mutex);
	ret = ipmmu_attach_locked(master, ipmmu_domain_of(io));
	mutex_unlock(&root->mutex);

	if (ret == -EBUSY)
		ipmmu_say_no_context(master);
	else if (ret && ret != -EINVAL)
		dev_err(dev, "cannot be attached to a domain (%d)\n", ret);
	return ret;
}

/* Off or blocked: nothing to take, nothing that fails. */
static void ipmmu_attach_fixed(struct device *dev, bool block)
{
	struct ipmmu_master *master = dev_iommu_priv_get(dev);
	struct ipmmu_root *root;

	if (!master)
		return;

	root = master->mmu->root;
	mutex_lock(&root->mutex);
	ipmmu_utlb_point(master, block ? root->blocking : NULL, NULL);
	ipmmu_contexts_reap(root);
	mutex_unlock(&root->mutex);
}

static int ipmmu_identity_attach(struct iommu_domain *io, struct device *dev,
				 struct iommu_domain *old)
{
	ipmmu_attach_fixed(dev, false);
	return 0;
}

static int ipmmu_blocked_attach(struct iommu_domain *io, struct device *dev,
				struct iommu_domain *old)
{
	ipmmu_attach_fixed(dev, true);
	return 0;
}

static int ipmmu_paging_map(struct iommu_domain *io, unsigned long iova,
			    phys_addr_t paddr, size_t pgsize, size_t pgcount,
			    int prot, gfp_t gfp, size_t *mapped)
{
	struct io_pgtable_ops *ops = ipmmu_domain_ops(io);

	return ops->map_pages(ops, iova, paddr, pgsize, pgcount, prot, gfp, mapped);
}

/*
 * The hardware flushes a whole context, and so says the range in the gather. It
 * must have one: some kernels skip the flush of an empty range.
 */
static size_t ipmmu_paging_unmap(struct iommu_domain *io, unsigned long iova,
				 size_t pgsize, size_t pgcount,
				 struct iommu_iotlb_gather *gather)
{
	struct io_pgtable_ops *ops = ipmmu_domain_ops(io);

	gather->start = 0;
	gather->end = ULONG_MAX;
	return ops->unmap_pages(ops, iova, pgsize, pgcount, gather);
}

static void ipmmu_paging_flush_all(struct iommu_domain *io)
{
	ipmmu_domain_flush(ipmmu_domain_of(io));
}

static void ipmmu_paging_sync(struct iommu_domain *io,
			      struct iommu_iotlb_gather *gather)
{
	ipmmu_domain_flush(ipmmu_domain_of(io));
}

static phys_addr_t ipmmu_paging_iova_to_phys(struct iommu_domain *io,
					     dma_addr_t iova)
{
	struct io_pgtable_ops *ops = ipmmu_domain_ops(io);

	return ops->iova_to_phys(ops, iova);
}

static void ipmmu_fixed_free(struct iommu_domain *io)
{
}

const struct iommu_domain_ops ipmmu_paging_ops = {
	.attach_dev = ipmmu_paging_attach,
	.map_pages = ipmmu_paging_map,
	.unmap_pages = ipmmu_paging_unmap,
	.flush_iotlb_all = ipmmu_paging_flush_all,
	.iotlb_sync = ipmmu_paging_sync,
	.iova_to_phys = ipmmu_paging_iova_to_phys,
	.free = ipmmu_domain_free,
};

static const struct iommu_domain_ops identity_ops = {
	.attach_dev = ipmmu_identity_attach,
	.free = ipmmu_fixed_free,
};

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev = ipmmu_blocked_attach,
	.free = ipmmu_fixed_free,
};

struct iommu_domain ipmmu_identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &identity_ops,
};

struct iommu_domain ipmmu_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &blocked_ops,
};
