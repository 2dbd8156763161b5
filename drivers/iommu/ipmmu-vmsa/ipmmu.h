/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of the driver, and which locks guard them.
 *
 * One root IPMMU walks the tables of a number of contexts. Masters hang on
 * micro-TLBs of cache IPMMUs; a micro-TLB points at a context or is off, which
 * lets everything through. One that has a master is off only while the domain
 * of that master is identity: in any other case it points at a context, if only
 * at the blocking one, and goes on doing so when the master leaves. Locks,
 * outer first:
 *
 *	ipmmu_root.mutex   what takes long: contexts taken and given back,
 *			   micro-TLBs claimed and moved, tables made at first
 *			   attach
 *	ipmmu_root.lock    raw, with interrupts off, for register accesses and
 *			   for what the interrupt and a flush read
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_H
#define IPMMU_H

#include <linux/device.h>
#include <linux/io-pgtable-arm-deferred.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <compat/iommu.h>

#include "soc.h"

#define IPMMU_DRIVER_NAME	"ipmmu-vmsa-deferred"

/* The largest SoC, R-Car H3, has 14 caches; each is a bit in a word. */
#define IPMMU_CACHES_MAX	32

/*
 * What ipmmu_hw_utlb_leads() says of a micro-TLB that lets everything through
 */
#define IPMMU_UTLB_OFF		(-1)

#define IPMMU_PGSIZES		(SZ_4K | SZ_2M | SZ_1G)

struct ipmmu_domain;
struct platform_device;

/**
 * enum ipmmu_state - what a context is used for
 * @IPMMU_FREE: nothing; off and flushed
 * @IPMMU_RESERVED: another owner's; its registers and the micro-TLBs that point
 *	there are left alone
 * @IPMMU_FOUND: was on when the driver came; blocks, like @IPMMU_BLOCKING, what
 *	still points there, and becomes free when nothing can
 * @IPMMU_BLOCKING: the one that translates nothing, always on
 * @IPMMU_BUSY: a domain
 * @IPMMU_QUARANTINED: nothing, but the flush that was to make it free did not
 *	complete, or has just completed and left tables that are parked here:
 *	the hardware may still hold tables of the domain it served
 */
enum ipmmu_state {
	IPMMU_FREE,
	IPMMU_RESERVED,
	IPMMU_FOUND,
	IPMMU_BLOCKING,
	IPMMU_BUSY,
	IPMMU_QUARANTINED,
};

/**
 * struct ipmmu_context - a context, the same number in root and caches
 * @control: IMCTR in the root, NULL while that cannot be reached; read in an
 *	RCU section by polls, see ipmmu_hw_route()
 * @flush: what is written there to flush
 * @flush_caches: what is written to the caches
 * @started: number of the last flush asked for, see ipmmu_flush_runs()
 * @finished: number of a flush known to be done, never ahead of the truth
 * @late: number of the last flush that did not complete in time
 * @control_caches: IMCTR in the caches that a flush has to reach, NULL behind
 *	the last
 * @id: the number
 * @offset: of its registers
 * @state: changed under mutex and lock, read under either
 * @domain: the domain that it serves, or, while quarantined, whose tables the
 *	hardware may still hold
 * @parked: the tables, once such a domain is gone; freed after a flush
 * @cfg: what the registers are loaded from
 * @imctr: control bits of the root, FLUSH left out; 0 while off
 * @caches: the cache IPMMUs in which it is on
 * @utlbs: number of micro-TLBs that point here
 * @broken: did not come back from a suspend; its micro-TLBs are blocked
 * @muted: interrupts no CPU for a while, after too many faults; under the lock
 * @faults: how many there were since @window
 * @window: when their counting began, in jiffies
 * @unmuted: when it was last listened to again
 *
 * What a flush looks at comes first.
 */
struct ipmmu_context {
	void __iomem *control;
	u32 flush;
	u32 flush_caches;
	unsigned long started;
	unsigned long finished;
	unsigned long late;
	void __iomem *control_caches[IPMMU_CACHES_MAX + 1];
	unsigned int id;
	unsigned int offset;
	enum ipmmu_state state;
	struct ipmmu_domain *domain;
	struct io_pgtable_ops *parked;
	const struct io_pgtable_cfg *cfg;
	u32 imctr;
	unsigned long caches;
	unsigned int utlbs;
	bool broken;
	bool muted;
	unsigned int faults;
	unsigned long window;
	unsigned long unmuted;
};

/**
 * struct ipmmu_utlb - a micro-TLB of a cache IPMMU
 * @group: the group of the masters on it, with a reference
 * @masters: how many masters there are
 * @context: where it points, NULL if off
 * @foreign: no master of this driver's, and was found pointing at context 0
 * @found: no master either, and was found pointing elsewhere: blocked since
 * @refused: a master that cannot be served is on it: blocked for all
 */
struct ipmmu_utlb {
	struct iommu_group *group;
	unsigned int masters;
	struct ipmmu_context *context;
	bool foreign;
	bool found;
	bool refused;
};

/**
 * struct ipmmu - an IPMMU, main or cache
 * @dev: the platform device
 * @base: its registers
 * @soc: what kind it is
 * @discache: it must not cache
 * @root: the main IPMMU it belongs to, shared state and all
 * @index: which cache of the root it is
 * @iommu: what the core knows of it, for a cache
 * @utlbs: its micro-TLBs
 */
struct ipmmu {
	struct device *dev;
	void __iomem *base;
	const struct ipmmu_soc *soc;
	bool discache;
	struct ipmmu_root *root;
	unsigned int index;
	struct iommu_device iommu;
	struct ipmmu_utlb utlbs[IPMMU_UTLBS_MAX];
};

/**
 * struct ipmmu_root - what the IPMMUs of a SoC share
 * @kref: held by the root and by every domain with tables
 * @mmu: the main IPMMU, NULL once removed
 * @irq: its interrupt
 * @va64: tables are VMSAv8-64
 * @lock: see above
 * @mutex: see above
 * @caches: the cache IPMMUs
 * @online: those whose registers may be touched
 * @suspended: how many of them are not, on account of a suspend
 * @named: how many the device tree names
 * @awaited: how many of those have not been seen yet
 * @lost: one of those did not probe
 * @given_up: they have been waited for long enough
 * @wait: ends that
 * @reachable: the registers of the main IPMMU may be touched; under the lock
 * @masters: the masters; changed under mutex and lock, read under either
 * @count: number of contexts
 * @contexts: the contexts
 * @blocking: the one that is always empty
 * @empty_cfg: where its tables are: a page of zeros
 * @retry: flushes what is in quarantine
 * @retry_ms: time from one try to the next
 * @unmute: listens again to contexts that had too many faults
 * @blocked_faults: faults of the blocking context so far
 */
struct ipmmu_root {
	struct kref kref;
	struct ipmmu *mmu;
	int irq;
	bool va64;
	raw_spinlock_t lock;	/* registers, what interrupt and flush read */
	struct mutex mutex;	/* contexts and micro-TLBs changing hands */
	struct ipmmu *caches[IPMMU_CACHES_MAX];
	unsigned long online;
	unsigned int suspended;
	unsigned int named;
	unsigned int awaited;
	bool lost;
	bool given_up;
	struct delayed_work wait;
	bool reachable;
	struct list_head masters;
	unsigned int count;
	struct ipmmu_context contexts[IPMMU_CONTEXTS_MAX];
	struct ipmmu_context *blocking;
	struct io_pgtable_cfg empty_cfg;
	struct delayed_work retry;
	unsigned int retry_ms;
	struct delayed_work unmute;
	unsigned long blocked_faults;
};

/**
 * struct ipmmu_master - a master behind an IPMMU
 * @node: in ipmmu_root.masters
 * @dev: the master
 * @mmu: the cache IPMMU
 * @domain: the paging domain it is attached to, or NULL; under the lock
 * @group: its group, to which each of its micro-TLBs has a reference; NULL
 *	until it has one
 * @count: number of micro-TLBs
 * @utlb: their numbers
 */
struct ipmmu_master {
	struct list_head node;
	struct device *dev;
	struct ipmmu *mmu;
	struct ipmmu_domain *domain;
	struct iommu_group *group;
	unsigned int count;
	unsigned int utlb[];
};

/**
 * struct ipmmu_domain - a paging domain
 * @io: the core's part
 * @root: where it belongs, NULL until its tables are made
 * @ops: the tables; until the root is known, some that take nothing
 * @cfg: their configuration
 * @context: its context, NULL while it has none; under the root's lock
 */
struct ipmmu_domain {
	struct iommu_domain io;
	struct ipmmu_root *root;
	struct io_pgtable_ops *ops;
	struct ipmmu_context *context;
	struct io_pgtable_cfg cfg;
};

static inline struct ipmmu_domain *ipmmu_domain_of(struct iommu_domain *io)
{
	return container_of(io, struct ipmmu_domain, io);
}

/*
 * Not for flushes, which are many. Where lockdep is off this is whether any CPU
 * has the lock, and tells of a caller that forgets it all the same.
 */
static inline void ipmmu_assert_locked(struct ipmmu_root *root)
{
	lockdep_assert_held(&root->lock);
	WARN_ON_ONCE(IS_ENABLED(CONFIG_SMP) &&
		     !raw_spin_is_locked(&root->lock));
}

static inline unsigned int ipmmu_root_ias(const struct ipmmu_root *root)
{
	return root->va64 ? 39 : 32;
}

/* hw.c */
void ipmmu_hw_control(struct ipmmu *mmu);
bool ipmmu_hw_is_on(const struct ipmmu *mmu, const struct ipmmu_context *ctx);
void ipmmu_hw_cache_on(struct ipmmu *mmu, const struct ipmmu_context *ctx);
void ipmmu_hw_cache_off(struct ipmmu *mmu, const struct ipmmu_context *ctx);
void ipmmu_hw_program(struct ipmmu_root *root, struct ipmmu_context *ctx);
int ipmmu_hw_silence(struct ipmmu_root *root, const struct ipmmu_context *ctx);
void ipmmu_hw_route(struct ipmmu_root *root, struct ipmmu_context *ctx);
int ipmmu_hw_flush(struct ipmmu_root *root, struct ipmmu_context *const *where);
void ipmmu_hw_utlb(struct ipmmu *mmu, unsigned int utlb,
		   const struct ipmmu_context *ctx);
int ipmmu_hw_utlb_leads(const struct ipmmu *mmu, unsigned int utlb);
u32 ipmmu_hw_take_fault(struct ipmmu_root *root, const struct ipmmu_context *ctx,
			u64 *address);

/* root.c */
struct ipmmu_root *ipmmu_root_create(struct ipmmu *mmu, bool va64);
void ipmmu_root_get(struct ipmmu_root *root);
void ipmmu_root_put(struct ipmmu_root *root);
int ipmmu_root_start(struct ipmmu_root *root);
void ipmmu_root_stop(struct ipmmu_root *root);
void ipmmu_root_set_reachable(struct ipmmu_root *root, bool reachable);
void ipmmu_root_set_online(struct ipmmu_root *root, unsigned long online);
bool ipmmu_root_taken_over(struct ipmmu_root *root);
int ipmmu_cache_join(struct ipmmu *mmu);
void ipmmu_cache_leave(struct ipmmu *mmu);
void ipmmu_cache_lost(struct ipmmu_root *root);
void ipmmu_cache_contexts_off(struct ipmmu *mmu);

/* context.c */
struct ipmmu_context *ipmmu_context_find(struct ipmmu_root *root,
					 enum ipmmu_state state);
void ipmmu_context_set(struct ipmmu_root *root, struct ipmmu_context *ctx,
		       u32 imctr, unsigned long caches);
bool ipmmu_context_available(const struct ipmmu_root *root);
int ipmmu_context_take(struct ipmmu_domain *domain);
int ipmmu_context_serve(struct ipmmu_context *ctx, struct ipmmu *mmu);
struct io_pgtable_ops *ipmmu_context_stop(struct ipmmu_root *root,
					  struct ipmmu_context *ctx);
void ipmmu_contexts_reap(struct ipmmu_root *root);
bool ipmmu_contexts_retry(struct ipmmu_root *root);
void ipmmu_contexts_retry_work(struct work_struct *work);
bool ipmmu_context_park(struct ipmmu_domain *domain);

/* utlb.c */
int ipmmu_utlb_check(struct ipmmu *mmu, struct device *dev, unsigned int utlb);
int ipmmu_utlb_claim(struct ipmmu_master *master);
void ipmmu_utlb_unclaim(struct ipmmu_master *master);
bool ipmmu_utlb_refuse(struct ipmmu *mmu, const u32 *utlb, unsigned int count,
		       bool forever);
void ipmmu_utlb_deny(struct ipmmu *mmu, u32 utlb);
void ipmmu_utlb_point(struct ipmmu_master *master, struct ipmmu_context *ctx,
		      struct ipmmu_domain *domain);
void ipmmu_utlb_abandon(struct ipmmu_master *master);
void ipmmu_utlb_take_over(struct ipmmu *mmu);
void ipmmu_utlb_forget(struct ipmmu *mmu);
void ipmmu_utlb_block(struct ipmmu *mmu);
void ipmmu_utlb_restore(struct ipmmu *mmu);
void ipmmu_utlb_open(struct ipmmu *mmu);
struct ipmmu_context *ipmmu_utlb_context(const struct ipmmu_master *master);

/* group.c */
int ipmmu_group_check(void);
struct iommu_group *ipmmu_group_bus(struct device *dev);
int ipmmu_group_check_utlbs(struct ipmmu *mmu, struct device *dev,
			    const u32 *utlb, unsigned int count);
struct iommu_group *ipmmu_group_find(struct ipmmu_master *master,
				     struct iommu_group *bus);
bool ipmmu_group_sole(const struct ipmmu_master *master);

/* domain.c */
struct iommu_domain *ipmmu_domain_alloc(struct device *dev);
extern const struct iommu_domain_ops ipmmu_paging_ops;
extern struct iommu_domain ipmmu_identity_domain;
extern struct iommu_domain ipmmu_blocked_domain;

/* device.c */
struct ipmmu *ipmmu_from_node(struct device_node *node);
extern const struct iommu_ops ipmmu_ops;

/* fault.c */
int ipmmu_fault_request(struct ipmmu_root *root, int irq);
void ipmmu_fault_quiesce(struct ipmmu_root *root);
void ipmmu_fault_unmute(struct ipmmu_root *root);
void ipmmu_fault_unmute_work(struct work_struct *work);

/* power.c */
extern const struct dev_pm_ops ipmmu_pm_ops;
void ipmmu_power_off(struct ipmmu *mmu);

/* admit.c */
bool ipmmu_told_first(struct ipmmu *mmu, struct device *dev);
bool ipmmu_allowed(struct ipmmu *mmu, struct device *dev);

/* debugfs.c */
void ipmmu_debugfs_init(void);
void ipmmu_debugfs_exit(void);
void ipmmu_debugfs_root(struct ipmmu_root *root);

/* dump.c */
extern const struct file_operations ipmmu_dump_fops;

#endif /* IPMMU_H */
