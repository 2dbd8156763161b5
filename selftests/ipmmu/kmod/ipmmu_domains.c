// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: the power domains of the emulated machine's IPMMUs, number 0 of
 * the main IPMMU, number 1 of the first cache. A device in one does not start
 * while its bit is set in parameter "fail".
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/pm_domain.h>

#define DOMAINS		2

static unsigned long fail;
module_param(fail, ulong, 0644);
MODULE_PARM_DESC(fail, "Bit N: devices in domain N do not start (default 0)");

static unsigned long failed;
module_param(failed, ulong, 0444);
MODULE_PARM_DESC(failed, "How often that was");

static struct generic_pm_domain domains[DOMAINS] = {
	{ .name = "ipmmu-main" },
	{ .name = "ipmmu-cache" },
};

static struct generic_pm_domain *domain_pointers[DOMAINS] = {
	&domains[0], &domains[1],
};

static struct genpd_onecell_data domains_data = {
	.domains = domain_pointers,
	.num_domains = DOMAINS,
};

static int domain_start(struct device *dev)
{
	struct generic_pm_domain *domain;

	domain = container_of(dev->pm_domain, struct generic_pm_domain, domain);
	if (!(fail & BIT(domain - domains)))
		return 0;
	failed++;
	return -EIO;
}

static int domain_stop(struct device *dev)
{
	return 0;
}

static int domain_power(struct generic_pm_domain *domain)
{
	return 0;
}

static int domains_probe(struct platform_device *pdev)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < DOMAINS; i++) {
		domains[i].power_on = domain_power;
		domains[i].power_off = domain_power;
		domains[i].dev_ops.start = domain_start;
		domains[i].dev_ops.stop = domain_stop;
		ret = pm_genpd_init(&domains[i], NULL, true);
	}
	return ret ?: of_genpd_add_provider_onecell(pdev->dev.of_node, &domains_data);
}

static const struct of_device_id domains_ids[] = {
	{ .compatible = "ipmmu-deferred,power" },
	{ }
};

static struct platform_driver domains_driver = {
	.driver = {
		.name = "ipmmu-domains",
		.of_match_table = domains_ids,
		.suppress_bind_attrs = true,
	},
	.probe = domains_probe,
};

/* It stays: IPMMUs are in its domains. */
static int __init domains_init(void)
{
	return platform_driver_register(&domains_driver);
}
module_init(domains_init);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("Power domains of the emulated IPMMUs, that fail on demand");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
