/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QEMU side of the model: a sysbus device with the registers, memory regions
 * that PCI devices see, and a machine that wires them.
 *
 * Include after qemu/osdep.h.
 *
 * Copyright The ipmmu-deferred authors
 */
#ifndef IPMMU_QEMU_H
#define IPMMU_QEMU_H

#include "exec/memory.h"
#include "hw/sysbus.h"
#include "hw/pci/pci.h"
#include "qom/object.h"

#include "ipmmu.h"

#define TYPE_IPMMU		"rcar-gen3-ipmmu"
#define TYPE_IPMMU_REGION	"rcar-gen3-ipmmu-region"
#define TYPE_IPMMU_WITNESS	"ipmmu-witness"
#define TYPE_IPMMU_DMA		"ipmmu-dma"

/* Slots 0 to 5 lie behind the first cache IPMMU, 6 to 11 behind the second */
#define IPMMU_SLOTS_PER_CACHE	6
#define IPMMU_FUNCTIONS		8
#define IPMMU_DEVFNS		(IPMMU_CACHES * IPMMU_SLOTS_PER_CACHE * IPMMU_FUNCTIONS)

struct ipmmu_device;

/* What one PCI function sees of memory */
struct ipmmu_window {
	IOMMUMemoryRegion region;
	AddressSpace space;
	struct ipmmu_device *device;
	unsigned int cache;
	unsigned int utlb;
};

struct ipmmu_unit {
	MemoryRegion registers;
	struct ipmmu_device *device;
	unsigned int number;
};

typedef struct ipmmu_device {
	SysBusDevice parent;
	struct ipmmu mmu;
	struct ipmmu_unit unit[1 + IPMMU_CACHES];
	struct ipmmu_window *window[IPMMU_DEVFNS];
	qemu_irq irq;
	uint32_t caches;
	uint64_t flush_delay;
	bool walk_abort;
} IpmmuDevice;

DECLARE_INSTANCE_CHECKER(IpmmuDevice, IPMMU_DEVICE, TYPE_IPMMU)

/* Lets the model know what the processors clean; false if they have no such thing */
bool ipmmu_watch_cleans(void);

/* The model that serves the machine, or NULL in any other machine */
struct ipmmu *ipmmu_model(void);
struct ipmmu_log *ipmmu_shared_log(void);

/* A PCIIOMMUFunc; the opaque pointer is the device */
AddressSpace *ipmmu_address_space(PCIBus *bus, void *opaque, int devfn);
bool ipmmu_pci_translate(PCIDevice *pci, uint64_t iova, bool write,
			 struct ipmmu_translation *translation);
bool ipmmu_read_memory(void *opaque, uint64_t address, uint64_t *value);

/* What the device tree says of the machine; the odd values are for tests of the driver */
struct ipmmu_nodes {
	const char *pcie;		/* path of the PCIe node */
	const char *compatible;
	bool bad_utlb;
	bool two_mains;
	bool coherent;
};

void ipmmu_create_nodes(void *fdt, const struct ipmmu_nodes *nodes);

/*
 * virt leaves 0x0b000000 to 0x0bffffff and SPIs 176 to 255 alone. 64 KiB apart,
 * so that a kernel of any page size can map one without the others.
 */
#define IPMMU_MM_BASE		0x0b000000u
#define IPMMU_MM2_BASE		0x0b100000u
#define IPMMU_CACHE_BASE(n)	(0x0b010000u + 0x10000u * (n))
#define IPMMU_MM_SPI		196
#define IPMMU_MM_SPI_2		197	/* named in the tree, never raised */
#define IPMMU_MM2_SPI		198

#endif /* IPMMU_QEMU_H */
