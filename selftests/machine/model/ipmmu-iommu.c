// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How devices come to be behind a micro-TLB.
 *
 * QEMU asks the region anew at every access; it keeps no translation of its own
 * between accesses, except for virtio's rings. Those devices belong in a slot
 * that no IPMMU serves.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qemu/module.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci_bus.h"

#include "ipmmu-qemu.h"

static IOMMUTLBEntry region_translate(IOMMUMemoryRegion *region, hwaddr iova,
				      IOMMUAccessFlags flag, int index)
{
	struct ipmmu_window *window = container_of(region, struct ipmmu_window, region);
	struct ipmmu_translation translation;
	IOMMUTLBEntry entry = {
		.target_as = &address_space_memory,
		.iova = iova,
		.perm = IOMMU_NONE,
	};

	ipmmu_translate(&window->device->mmu, window->cache, window->utlb, iova,
			flag & IOMMU_WO, &translation);
	if (!translation.ok)
		return entry;
	entry.iova = iova & ~translation.mask;
	entry.translated_addr = translation.base;
	entry.addr_mask = translation.mask;
	if (translation.read)
		entry.perm |= IOMMU_RO;
	if (translation.write)
		entry.perm |= IOMMU_WO;
	return entry;
}

static struct ipmmu_window *add_window(IpmmuDevice *device, unsigned int cache,
				       unsigned int utlb)
{
	struct ipmmu_window *window = g_new0(struct ipmmu_window, 1);
	char name[32];

	snprintf(name, sizeof(name), "ipmmu-%u.%u", cache, utlb);
	window->device = device;
	window->cache = cache;
	window->utlb = utlb;
	memory_region_init_iommu(&window->region, sizeof(window->region), TYPE_IPMMU_REGION,
				 OBJECT(device), name, UINT64_MAX);
	address_space_init(&window->space, MEMORY_REGION(&window->region), name);
	device->window[cache][utlb] = window;
	return window;
}

struct ipmmu_window *ipmmu_window(IpmmuDevice *device, unsigned int cache, unsigned int utlb)
{
	return device->window[cache][utlb] ?: add_window(device, cache, utlb);
}

/* Which function's micro-TLB a function is on: its own, but for one */
static int devfn_of_utlb(const IpmmuDevice *device, int devfn)
{
	return device->crossed_utlb && devfn == IPMMU_CROSSED_FROM ? IPMMU_CROSSED_TO : devfn;
}

AddressSpace *ipmmu_address_space(PCIBus *bus, void *opaque, int devfn)
{
	unsigned int per_cache = IPMMU_SLOTS_PER_CACHE * IPMMU_FUNCTIONS;
	IpmmuDevice *device = opaque;

	/* The device tree maps the requesters of the first bus only */
	if (!pci_bus_is_root(bus) || devfn < 0 || devfn >= IPMMU_DEVFNS)
		return &address_space_memory;
	devfn = devfn_of_utlb(device, devfn);
	return &ipmmu_window(device, device->topology->pci[devfn / per_cache],
			     devfn % per_cache)->space;
}

bool ipmmu_space_translate(AddressSpace *space, uint64_t iova, bool write,
			   struct ipmmu_translation *translation)
{
	struct ipmmu_window *window;

	if (!ipmmu_model() || space == &address_space_memory)
		return false;
	window = container_of(space, struct ipmmu_window, space);
	ipmmu_translate(&window->device->mmu, window->cache, window->utlb, iova, write,
			translation);
	return true;
}

static void region_class_init(ObjectClass *class, void *data)
{
	IOMMU_MEMORY_REGION_CLASS(class)->translate = region_translate;
}

static const TypeInfo region_type = {
	.name = TYPE_IPMMU_REGION,
	.parent = TYPE_IOMMU_MEMORY_REGION,
	.class_init = region_class_init,
};

static void register_types(void)
{
	type_register_static(&region_type);
}
type_init(register_types)
