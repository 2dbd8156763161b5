/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a compiled device tree says of its IPMMUs and of the masters behind
 * them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef DT_TREE_H
#define DT_TREE_H

#include "soc.h"

#define TREE_IPMMUS_MAX		64
#define TREE_MASTERS_MAX	128
#define TREE_UTLBS_MAX		64
#define TREE_NAME_MAX		64

/*
 * An IPMMU: a node that the driver's table has, or that looks as if it should
 */
struct tree_ipmmu {
	int node;
	char name[TREE_NAME_MAX];	/* as the kernel names the device */
	const struct ipmmu_soc *soc;	/* NULL: not in the table */
	bool cache;			/* it has a renesas,ipmmu-main */
	int main;			/* the node that this leads to */
	bool interrupts;
	u64 size;
};

/* One specifier of a master, or a range of them */
struct tree_spec {
	const struct tree_ipmmu *ipmmu;	/* NULL: no IPMMU there */
	u64 utlb;
	u64 count;
};

struct tree_master {
	char name[TREE_NAME_MAX];
	bool pci;			/* a PCI host, by iommu-map */
	unsigned int count;
	struct tree_spec spec[TREE_UTLBS_MAX];
};

struct tree {
	const void *fdt;
	const char *model;
	unsigned int ipmmus;
	struct tree_ipmmu ipmmu[TREE_IPMMUS_MAX];
	unsigned int masters;
	struct tree_master master[TREE_MASTERS_MAX];
};

/*
 * False, with a message, if the file is no device tree or too large for the
 * above
 */
bool tree_read(struct tree *tree, const char *file);

#endif /* DT_TREE_H */
