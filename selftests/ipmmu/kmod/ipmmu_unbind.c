// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: takes all IPMMUs from their driver, caches first, or one that is
 * named, and gives them back. The driver has no files in sysfs for that; a device that is taken out
 * of the device tree, or the end of the driver, does it in the same way. And
 * shuts them down as a reboot does, without one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#define MAIN	"renesas,ipmmu-main"

static bool is_cache(struct device_node *node)
{
	return of_find_property(node, MAIN, NULL);
}

/* Returns the first error */
static int each(bool caches, int (*call)(struct device *dev))
{
	struct platform_device *pdev;
	struct device_node *node;
	int ret = 0;

	for_each_node_with_property(node, "#iommu-cells") {
		if (is_cache(node) != caches)
			continue;
		pdev = of_find_device_by_node(node);
		if (!pdev)
			continue;
		ret = call(&pdev->dev) ?: ret;
		put_device(&pdev->dev);
	}
	return ret;
}

static int take(struct device *dev)
{
	device_release_driver(dev);
	return 0;
}

static int give(struct device *dev)
{
	int ret = device_attach(dev);

	return ret > 0 ? 0 : ret ?: -ENODEV;
}

static bool bound = true;

static int bound_set(const char *value, const struct kernel_param *param)
{
	int ret = param_set_bool(value, param);

	if (ret)
		return ret;
	if (!bound)
		return each(true, take) ?: each(false, take);
	return each(false, give) ?: each(true, give);
}

static const struct kernel_param_ops bound_ops = {
	.set = bound_set,
	.get = param_get_bool,
};

module_param_cb(bound, &bound_ops, &bound, 0600);
MODULE_PARM_DESC(bound, "N: no IPMMU has its driver; Y: they have it again (Y)");

/* An IPMMU by the name that sysfs has for it */
static int one(const char *value, int (*call)(struct device *dev))
{
	struct device *dev;
	int ret;

	dev = bus_find_device_by_name(&platform_bus_type, NULL, value);
	if (!dev)
		return -ENODEV;
	ret = of_find_property(dev->of_node, "#iommu-cells", NULL) ? call(dev) : -EINVAL;
	put_device(dev);
	return ret;
}

static int taken_set(const char *value, const struct kernel_param *param)
{
	return one(value, take);
}

static const struct kernel_param_ops taken_ops = {
	.set = taken_set,
};

module_param_cb(taken, &taken_ops, NULL, 0200);
MODULE_PARM_DESC(taken, "Name of an IPMMU that its driver is to lose");

static int given_set(const char *value, const struct kernel_param *param)
{
	return one(value, give);
}

static const struct kernel_param_ops given_ops = {
	.set = given_set,
};

module_param_cb(given, &given_ops, NULL, 0200);
MODULE_PARM_DESC(given, "Name of an IPMMU that its driver is to have again");

static int shut(struct device *dev)
{
	device_lock(dev);
	if (dev->driver)
		dev->bus->shutdown(dev);
	device_unlock(dev);
	return 0;
}

static int shut_set(const char *value, const struct kernel_param *param)
{
	return each(true, shut) ?: each(false, shut);
}

static const struct kernel_param_ops shut_ops = {
	.set = shut_set,
};

module_param_cb(shut, &shut_ops, NULL, 0200);
MODULE_PARM_DESC(shut, "Whatever is written: all IPMMUs are shut down");

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("Takes the IPMMUs from their driver");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
