/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs in <linux/of.h>.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef COMPAT_OF_H
#define COMPAT_OF_H

#include <linux/of.h>
#include <linux/version.h>

/*
 * Since 6.4 there is a question for properties that may have a value; since
 * 6.14 the question for those without complains about one. Stable kernels took
 * it over at some later time, so that a name is not enough to tell.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define of_property_present(node, name)	(!!of_find_property(node, name, NULL))
#endif

#endif /* COMPAT_OF_H */
