/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Those that are asked when memory is short.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SHRINKER_H
#define SHIM_SHRINKER_H

#include <linux/kernel.h>

#define DEFAULT_SEEKS		2
#define SHRINK_STOP		(~0ul)
#define SHRINK_EMPTY		(~0ul - 1)

struct shrink_control {
	gfp_t gfp_mask;
	int nid;
	unsigned long nr_to_scan;
	unsigned long nr_scanned;
};

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *shrinker,
				       struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *shrinker,
				      struct shrink_control *sc);
	long batch;
	int seeks;
	unsigned int flags;
	void *private_data;
};

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...) __printf(2, 3);
void shrinker_register(struct shrinker *shrinker);
void shrinker_free(struct shrinker *shrinker);

#endif /* SHIM_SHRINKER_H */
