/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions without a driver: found, enabled and mapped through sysfs.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_PCI_H
#define IPMMU_LIB_PCI_H

#include <sys/mman.h>

#include "host.h"

#define PCI_SYSFS		"/sys/bus/pci/devices/"
#define PCI_COMMAND_OFFSET	4
#define PCI_COMMAND_MEMORY	0x2
#define PCI_COMMAND_BUS_MASTER	0x4

struct pci_function {
	char name[16];		/* 0000:00:02.0 */
	unsigned int segment;
	unsigned int rid;	/* bus << 8 | device << 3 | function */
	u8 *bar;
	size_t bar_size;
};

static inline void pci_path(const struct pci_function *pci, const char *file,
			    char *path, size_t size)
{
	snprintf(path, size, PCI_SYSFS "%.15s/%s", pci->name, file);
}

/* The nth function of that kind, counted by address; -1 when there are fewer */
int pci_find(struct pci_function *pci, unsigned int vendor,
	     unsigned int device, unsigned int nth);

/* Same, but only functions behind an IOMMU count */
int pci_find_grouped(struct pci_function *pci, unsigned int vendor,
		     unsigned int device, unsigned int nth);

/*
 * The last word of where a link of the function's folder leads; -1 if there is
 * no such link
 */
int pci_link(const struct pci_function *pci, const char *link, char *word, size_t size);

/* Number of the IOMMU group, -1 if the function has none */
int pci_group(const struct pci_function *pci);

int pci_command(const struct pci_function *pci, int set, int clear);

/* Enables the function, as bus master too, and maps its BAR0 */
int pci_open(struct pci_function *pci, size_t bar_size);
void pci_close(struct pci_function *pci);

/* The fences: what the test does to memory and to the device stays in order */
static inline u64 pci_get(const struct pci_function *pci, unsigned int offset)
{
	u64 value = __atomic_load_n((u64 *)(pci->bar + offset), __ATOMIC_RELAXED);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return value;
}

static inline void pci_set(const struct pci_function *pci, unsigned int offset,
			   u64 value)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n((u64 *)(pci->bar + offset), value, __ATOMIC_RELAXED);
}

#endif /* IPMMU_LIB_PCI_H */
