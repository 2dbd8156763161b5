/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test needs before it starts: the modules, and devices behind an
 * IPMMU. Says what is missing, so that the test can skip with a reason.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_SETUP_H
#define IPMMU_LIB_SETUP_H

#include "verdict.h"

#define DEVICE_TREE	"/sys/firmware/devicetree/base/"

/* A cache IPMMU may probe later than modprobe returns: its root comes first */
#define SETUP_WAIT_MS	15000

int setup_run(const char *command);

/* One of the tests' own modules, from where the tests are */
int setup_test_module(const char *name);

/* As many as the device tree has: caches come after their root, one by one */
bool setup_serves(void);

/* NULL when the driver is loaded and has its IPMMUs */
const char *setup_driver(void);

/*
 * The same, and the test module is there; loading it gives the devices groups
 */
const char *setup_domains(void);

/*
 * The parameters of ipmmu_unbind.ko, which takes IPMMUs from the driver and
 * gives them back
 */
#define UNBIND	"/sys/module/ipmmu_unbind/parameters/"

/* 0 when they are there: the module is loaded, or was before */
int setup_unbind(void);

/*
 * The domains and these parameters for a test that cannot go without. Skips
 * the test where the driver keeps its IPMMUs for ever, and fails it without
 * the module.
 */
void setup_unbind_needed(void);

#endif /* IPMMU_LIB_SETUP_H */
