// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend as far as devices go.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "suspend.h"

const char *suspend_prepare(void)
{
	if (access(SUSPEND_POWER, F_OK) && setup_test_module("ipmmu_power"))
		return "ipmmu_power.ko does not load";
	if (file_write("/sys/power/pm_test", "platform"))
		return "the kernel cannot test a suspend: no CONFIG_PM_DEBUG";
	file_write("/sys/module/suspend/parameters/pm_test_delay", "1");
	return NULL;
}

int suspend_once(u64 how)
{
	long long before = file_number(SUSPEND_POWER, "times");
	char text[24];

	snprintf(text, sizeof(text), "%llu", how);
	if (parameter_set(SUSPEND_POWER, "how", text) ||
	    file_write("/sys/power/state", "freeze"))
		return -1;
	return file_number(SUSPEND_POWER, "times") == before + 1 ? 0 : -1;
}
