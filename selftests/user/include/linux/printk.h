/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages: kept for the test to look at, shown when it says so.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_PRINTK_H
#define SHIM_PRINTK_H

#include <linux/types.h>

void shim_print(const char *fmt, ...) __printf(1, 2);

#ifndef pr_fmt
#define pr_fmt(fmt)		fmt
#endif

#define pr_err(fmt, ...)	shim_print(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)	shim_print(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)	shim_print(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice(fmt, ...)	shim_print(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_debug(fmt, ...)	shim_print(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err_once(fmt, ...)	pr_err(fmt, ##__VA_ARGS__)
#define pr_warn_once(fmt, ...)	pr_warn(fmt, ##__VA_ARGS__)
#define pr_info_once(fmt, ...)	pr_info(fmt, ##__VA_ARGS__)
#define pr_err_ratelimited(fmt, ...)	pr_err(fmt, ##__VA_ARGS__)
#define pr_warn_ratelimited(fmt, ...)	pr_warn(fmt, ##__VA_ARGS__)

#endif /* SHIM_PRINTK_H */
