// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: a platform driver with the name of the in-tree driver of the
 * IPMMU, which drives nothing. A driver that comes later is to refuse the
 * hardware.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_driver intree_driver = {
	.driver = {
		.name = "ipmmu-vmsa",
	},
};
module_platform_driver(intree_driver);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("Stands in for the in-tree driver of the IPMMU");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
