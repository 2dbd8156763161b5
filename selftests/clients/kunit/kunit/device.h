/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device for a case of KUnit.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef CLIENTS_KUNIT_DEVICE_H
#define CLIENTS_KUNIT_DEVICE_H

#include <linux/device.h>

struct kunit;

struct device *kunit_device_register(struct kunit *test, const char *name);

#endif /* CLIENTS_KUNIT_DEVICE_H */
