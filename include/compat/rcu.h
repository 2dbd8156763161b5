/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Callbacks after a grace period.
 *
 * With CONFIG_RCU_LAZY, which came with 6.2, call_rcu() puts callbacks off by
 * up to ten seconds on CPUs that rcu_nocbs= or nohz_full= name, and
 * call_rcu_hurry(), exported for modules, does not. Without it no callback is
 * put off, and kernels before 6.2 have but the one name.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_RCU_H
#define COMPAT_RCU_H

#include <linux/rcupdate.h>

#ifndef CONFIG_RCU_LAZY
#define call_rcu_hurry(head, func)	call_rcu(head, func)
#endif

#endif /* COMPAT_RCU_H */
