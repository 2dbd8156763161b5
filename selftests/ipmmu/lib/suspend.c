// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend as far as devices go.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <dirent.h>

#include "suspend.h"

/*
 * On 7.3 the ports of a virtio console do not hear again, after a resume, that
 * their other end is there, IPMMU or not: what writes to one waits for ever.
 * Where one of those takes what tests have to say they cannot go on from there.
 */
static bool suspend_outlives_output(void)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	bool found = false;
	struct dirent *entry;

	if (!ports)
		return true;
	while ((entry = readdir(ports)))
		found |= entry->d_name[0] != '.';
	closedir(ports);
	return host_before(7, 0) || !found;
}

const char *suspend_prepare(void)
{
	if (!suspend_outlives_output())
		return "the virtio console of this kernel does not survive a suspend";
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
