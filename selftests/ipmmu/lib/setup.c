// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads the modules, and says what is missing.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <glob.h>
#include <libgen.h>

#include "kselftest.h"

#include "setup.h"

int setup_run(const char *command)
{
	fflush(stdout);
	return system(command);
}

int setup_test_module(const char *name)
{
	static const char * const places[] = { ".", "..", "../ipmmu" };
	char self[256], command[512];
	ssize_t len;
	size_t i;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return -1;
	self[len] = '\0';
	dirname(self);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(command, sizeof(command),
			 "insmod %s/%s/%s.ko 2>/dev/null", self, places[i], name);
		if (!setup_run(command))
			return 0;
	}
	return -1;
}

bool setup_serves(void)
{
	size_t caches, served;
	glob_t found;

	glob(DEVICE_TREE "*/renesas,ipmmu-main", 0, NULL, &found);
	glob(DEVICE_TREE "*/*/renesas,ipmmu-main", GLOB_APPEND, NULL, &found);
	caches = found.gl_pathc;
	globfree(&found);
	glob("/sys/class/iommu/*", 0, NULL, &found);
	served = found.gl_pathc;
	globfree(&found);
	return served && served >= caches;
}

const char *setup_driver(void)
{
	struct pci_function pci;
	unsigned int ms;

	if (access(DRIVER_PARAMETERS, F_OK))
		setup_run("modprobe ipmmu-vmsa-deferred 2>/dev/null");
	if (access(DRIVER_PARAMETERS, F_OK))
		return "ipmmu-vmsa-deferred is not loaded and modprobe cannot load it";
	if (pci_find(&pci, WITNESS_VENDOR, WITNESS_DEVICE, 0))
		return "no emulated IPMMU here (its witness 1234:1de0 is missing)";
	if (pci_find(&pci, WITNESS_VENDOR, DMA_DEVICE, 0))
		return "no ipmmu-dma device (1234:1de1) here";
	for (ms = 0; ms < SETUP_WAIT_MS; ms += 50) {
		if (setup_serves())
			return NULL;
		host_sleep_ms(50);
	}
	return "the driver did not take every IPMMU in 15 s: see the kernel log";
}

const char *setup_domains(void)
{
	const char *missing = setup_driver();
	struct pci_function pci;

	if (missing)
		return missing;
	if (access("/dev/ipmmu-test", F_OK))
		setup_test_module("ipmmu_test");
	if (access("/dev/ipmmu-test", F_OK))
		return "ipmmu_test.ko is not loaded and not beside the test";
	if (pci_find_grouped(&pci, WITNESS_VENDOR, DMA_DEVICE, 0))
		return "no ipmmu-dma device got an IOMMU group: see the kernel log";
	return NULL;
}

int setup_unbind(void)
{
	return access(UNBIND, F_OK) ? setup_test_module("ipmmu_unbind") : 0;
}

void setup_unbind_needed(void)
{
	const char *missing = setup_domains();

	if (missing)
		ksft_exit_skip("%s\n", missing);
	if (host_before(6, 12))
		ksft_exit_skip("IPMMUs cannot be taken from the driver before 6.12\n");
	if (setup_unbind())
		ksft_exit_fail_msg("ipmmu_unbind.ko does not load\n");
}
