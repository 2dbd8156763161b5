// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two functions of the kernel that the driver's tables call.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <fnmatch.h>

const struct soc_device_attribute *shim_soc;

static bool agrees(const char *pattern, const char *value)
{
	return !pattern || (value && !fnmatch(pattern, value, 0));
}

const struct soc_device_attribute *soc_device_match(const struct soc_device_attribute *match)
{
	for (; match->machine || match->family || match->revision || match->soc_id; match++)
		if (shim_soc && agrees(match->machine, shim_soc->machine) &&
		    agrees(match->family, shim_soc->family) &&
		    agrees(match->revision, shim_soc->revision) &&
		    agrees(match->soc_id, shim_soc->soc_id))
			return match;
	return NULL;
}

int match_string(const char * const *array, size_t count, const char *string)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(array[i], string))
			return i;
	return -EINVAL;
}
