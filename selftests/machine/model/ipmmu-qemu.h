/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QEMU side of the model: a sysbus device with the registers, memory
 * regions that PCI devices see, and a machine that wires them.
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
#define TYPE_IPMMU_MASTER	"ipmmu-master"

/* Slots 0 to 5 lie behind one cache IPMMU, 6 to 11 behind another */
#define IPMMU_SLOTS_PER_CACHE	6
#define IPMMU_FUNCTIONS		8
#define IPMMU_PCI_CACHES	2
/* With ipmmu-crossed-utlb=on function 02.1 is on the micro-TLB of 01.0 */
#define IPMMU_CROSSED_FROM	(2 * IPMMU_FUNCTIONS + 1)
#define IPMMU_CROSSED_TO	(1 * IPMMU_FUNCTIONS)
#define IPMMU_DEVFNS		(IPMMU_PCI_CACHES * IPMMU_SLOTS_PER_CACHE * IPMMU_FUNCTIONS)

/* Which cache serves which kind of platform device */
enum ipmmu_role {
	IPMMU_ROLE_STORAGE,
	IPMMU_ROLE_DMA,
	IPMMU_ROLE_VIDEO,
	IPMMU_ROLES,
};

/* A cache: its address, and its bit in the root's IMSSTR if there is one */
struct ipmmu_place {
	uint32_t base;
	uint32_t bit;
};

struct ipmmu_topology {
	const char *name;
	const struct ipmmu_geometry *geometry;
	const char *compatible;
	/* a second compatible string, or NULL */
	const char *fallback;
	uint32_t root;
	unsigned int spi;
	bool no_bits;			/* renesas,ipmmu-main has one cell */
	unsigned int caches;
	const struct ipmmu_place *cache;
	unsigned int pci[IPMMU_PCI_CACHES];
	unsigned int role[IPMMU_ROLES];
	bool masters;			/* there is room for platform devices */
};

const struct ipmmu_topology *ipmmu_topology(const char *name);

/* Platform devices that do DMA on command, as TYPE_IPMMU_DMA does */
#define IPMMU_MASTER_UTLBS	16
#define IPMMU_UTLB_LAST		(~0u)	/* of those that the SoC has */
#define IPMMU_UTLB_BEYOND	(~0u - 1)	/* the next, which it has not */

struct ipmmu_spec {
	enum ipmmu_role role;
	unsigned int utlb;
};

struct ipmmu_master {
	const char *name;
	uint32_t base;
	unsigned int count;
	struct ipmmu_spec spec[IPMMU_MASTER_UTLBS];
};

extern const struct ipmmu_master ipmmu_masters[];
extern const unsigned int ipmmu_master_count;
unsigned int ipmmu_master_utlb(const struct ipmmu_topology *topology,
			       const struct ipmmu_spec *spec);

struct ipmmu_device;

/* What a device sees of memory through one micro-TLB */
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
	struct ipmmu_window *window[IPMMU_CACHES][IPMMU_UTLBS];
	const struct ipmmu_topology *topology;
	char *topology_name;
	qemu_irq irq;
	uint32_t caches;
	uint64_t flush_delay;
	bool walk_abort;
	bool crossed_utlb;
} IpmmuDevice;

DECLARE_INSTANCE_CHECKER(IpmmuDevice, IPMMU_DEVICE, TYPE_IPMMU)

/*
 * Lets the model know what the processors clean; false if they have no such
 * thing
 */
bool ipmmu_watch_cleans(void);

/* The model that serves the machine, or NULL in any other machine */
struct ipmmu *ipmmu_model(void);
struct ipmmu_log *ipmmu_shared_log(void);

/* A PCIIOMMUFunc; the opaque pointer is the device */
AddressSpace *ipmmu_address_space(PCIBus *bus, void *opaque, int devfn);
struct ipmmu_window *ipmmu_window(IpmmuDevice *device, unsigned int cache, unsigned int utlb);
/* False if no IPMMU lies before the address space */
bool ipmmu_space_translate(AddressSpace *space, uint64_t iova, bool write,
			   struct ipmmu_translation *translation);
bool ipmmu_read_memory(void *opaque, uint64_t address, uint64_t *value);

/*
 * What the device tree says of the machine; the odd values are for tests of the
 * driver
 */
struct ipmmu_nodes {
	const struct ipmmu_topology *topology;
	const char *pcie;		/* path of the PCIe node */
	/* size of the root's registers, 0: as it is */
	uint32_t small_reg;
	bool wrong_main;
	bool mixed_soc;
	bool crossed_utlb;
	/* root and one cache are in power domains */
	bool power;
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
#define IPMMU_MM2_SPI		198

/*
 * Registers and buffer of a platform device, the same as in a BAR of the PCI
 * one
 */
#define IPMMU_MASTER_SIZE	0x20000u

/* RAM must end below the real addresses of IPMMUs and masters */
#define IPMMU_REAL_BASE		0xe6000000u

#endif /* IPMMU_QEMU_H */
