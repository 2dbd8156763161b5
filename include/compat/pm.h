/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/pm.h> as the newest kernel has it: until 5.17 and 5.18 the operations
 * for sleep had to be left out by the preprocessor.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_PM_H
#define COMPAT_PM_H

#include <linux/kconfig.h>
#include <linux/pm.h>

#ifndef pm_sleep_ptr
#define pm_sleep_ptr(ptr)	(IS_ENABLED(CONFIG_PM_SLEEP) ? (ptr) : NULL)
#endif

#ifndef NOIRQ_SYSTEM_SLEEP_PM_OPS
#define NOIRQ_SYSTEM_SLEEP_PM_OPS(suspend_fn, resume_fn)		\
	.suspend_noirq = pm_sleep_ptr(suspend_fn),			\
	.resume_noirq = pm_sleep_ptr(resume_fn),			\
	.freeze_noirq = pm_sleep_ptr(suspend_fn),			\
	.thaw_noirq = pm_sleep_ptr(resume_fn),				\
	.poweroff_noirq = pm_sleep_ptr(suspend_fn),			\
	.restore_noirq = pm_sleep_ptr(resume_fn),
#endif

#ifndef LATE_SYSTEM_SLEEP_PM_OPS
#define LATE_SYSTEM_SLEEP_PM_OPS(suspend_fn, resume_fn)		\
	.suspend_late = pm_sleep_ptr(suspend_fn),			\
	.resume_early = pm_sleep_ptr(resume_fn),			\
	.freeze_late = pm_sleep_ptr(suspend_fn),			\
	.thaw_early = pm_sleep_ptr(resume_fn),				\
	.poweroff_late = pm_sleep_ptr(suspend_fn),			\
	.restore_early = pm_sleep_ptr(resume_fn),
#endif

#endif /* COMPAT_PM_H */
