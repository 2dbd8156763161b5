/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DMA engine in the hands of a VFIO user (type1), and memory to map for it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_VFIO_H
#define IPMMU_VFIO_H

#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "../ipmmu/lib/setup.h"

#define VFIO_PCI_DRIVER		"/sys/bus/pci/drivers/vfio-pci/"
#define TYPE1_PARAMETERS	"/sys/module/vfio_iommu_type1/parameters/"
#define IOVA_RANGES_MAX		16

struct vfio {
	struct pci_function pci;	/* bar: as mapped through VFIO */
	int container;
	int group;
	int device;
	struct vfio_iova_range ranges[IOVA_RANGES_MAX];
	unsigned int range_count;
};

/* False when the kernel does not let vfio-pci have the device */
bool vfio_bind(const struct pci_function *pci);
void vfio_unbind(const struct pci_function *pci);
int vfio_group_open(const struct pci_function *pci);

/*
 * Without an ITS nothing isolates the MSIs of one device from another's: the
 * administrator has to say that this is accepted. Here it is.
 */
int vfio_set_type1(int container);

static inline u64 vfio_last_iova(const struct vfio *v)
{
	return v->range_count ? v->ranges[v->range_count - 1].end : 0;
}

int vfio_bus_master(const struct vfio *v);
int vfio_map_bar(struct vfio *v);
void vfio_close(struct vfio *v);

/* NULL, or what failed; errno says why. vfio_close() is right after either */
const char *vfio_open(struct vfio *v, const struct pci_function *pci);
/* The same for a device that is no DMA engine of ours, and does nothing here */
const char *vfio_open_any(struct vfio *v, const struct pci_function *pci);

int vfio_map(const struct vfio *v, const void *memory, u64 iova,
	     u64 size, bool write);
int vfio_unmap(const struct vfio *v, u64 iova, u64 size);

/* MSI vector 0 to an eventfd */
int vfio_msi(const struct vfio *v, int event);

/*
 * Memory whose neighbouring pages are far apart: touched in random order, no
 * huge pages. VFIO finds no run to map as a block then.
 */
u8 *scattered_memory(struct random *r, u64 size);

#endif /* IPMMU_VFIO_H */
