/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which memory control group the kernel charges with a page.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_MEMCG_H
#define COMPAT_MEMCG_H

#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

/* No group, and one that cannot be told: no other caller has the same */
#define COMPAT_NO_PAYER		0ULL
#define COMPAT_UNKNOWN_PAYER	(~0ULL)

/*
 * The number of the control group that a page with @gfp is charged to when the
 * caller allocates it now. Numbers of groups are not used again.
 */
static inline u64 compat_payer(gfp_t gfp)
{
#ifdef CONFIG_MEMCG
	const struct mem_cgroup *group;
	u64 payer = COMPAT_NO_PAYER;

	if (!(gfp & __GFP_ACCOUNT) || mem_cgroup_disabled())
		return COMPAT_NO_PAYER;
	if (!in_task())
		return COMPAT_UNKNOWN_PAYER;
	rcu_read_lock();
	group = current->active_memcg;
	/* A kernel thread that works for no group is charged nothing. */
	if (!group && !(current->flags & PF_KTHREAD))
		group = mem_cgroup_from_task(current);
	if (group && group->css.parent)
		payer = group->css.serial_nr;
	rcu_read_unlock();
	return payer;
#else
	return COMPAT_NO_PAYER;
#endif
}

#endif /* COMPAT_MEMCG_H */
