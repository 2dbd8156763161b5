// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI device `ipmmu-dma`: copies between I/O addresses and a buffer in its BAR,
 * or tells what an address translates to. A command runs while it is written.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "hw/pci/msi.h"

#include "ipmmu-qemu.h"

#define DMA_BAR_SIZE		0x20000
#define DMA_CHUNK		0x1000
/* Nothing else runs in the emulator meanwhile, so there is an end to a command */
#define DMA_MAX			0x40000000ull

typedef struct dma {
	PCIDevice parent;
	MemoryRegion bar;
	MemoryRegion registers;
	MemoryRegion buffer;
	uint64_t src;
	uint64_t dst;
	uint64_t len;
	uint64_t status;
	uint64_t result;
	uint32_t high;			/* upper half of a write in two */
	bool busy;
} Dma;

DECLARE_INSTANCE_CHECKER(Dma, DMA, TYPE_IPMMU_DMA)

static enum dma_status copy(Dma *dma)
{
	uint8_t chunk[DMA_CHUNK];

	while (dma->result < dma->len) {
		uint64_t part = MIN(dma->len - dma->result, DMA_CHUNK);

		if (pci_dma_read(&dma->parent, dma->src + dma->result, chunk, part) ||
		    pci_dma_write(&dma->parent, dma->dst + dma->result, chunk, part))
			return DMA_FAULT;
		dma->result += part;
	}
	return DMA_OK;
}

static bool in_buffer(const Dma *dma, uint64_t offset)
{
	return offset <= DMA_BUFFER_SIZE && dma->len <= DMA_BUFFER_SIZE - offset;
}

static enum dma_status transfer(Dma *dma, uint64_t iova, uint64_t offset, DMADirection direction)
{
	uint8_t *buffer = memory_region_get_ram_ptr(&dma->buffer);

	if (!in_buffer(dma, offset))
		return DMA_BAD;
	if (pci_dma_rw(&dma->parent, iova, buffer + offset, dma->len, direction,
		       MEMTXATTRS_UNSPECIFIED))
		return DMA_FAULT;
	memory_region_set_dirty(&dma->buffer, offset, dma->len);
	dma->result = dma->len;
	return DMA_OK;
}

static enum dma_status translate(Dma *dma, bool write)
{
	struct ipmmu_translation translation = { .ok = true, .mask = ~0ull };

	ipmmu_pci_translate(&dma->parent, dma->src, write, &translation);
	if (!translation.ok)
		return DMA_FAULT;
	dma->result = translation.base | (dma->src & translation.mask);
	return DMA_OK;
}

static enum dma_status run(Dma *dma, uint64_t command)
{
	dma->result = 0;
	if (dma->len > DMA_MAX)
		return DMA_BAD;
	switch (command) {
	case DMA_COPY:
		return copy(dma);
	case DMA_READ:
		return transfer(dma, dma->src, dma->dst, DMA_DIRECTION_TO_DEVICE);
	case DMA_WRITE:
		return transfer(dma, dma->dst, dma->src, DMA_DIRECTION_FROM_DEVICE);
	case DMA_TRANSLATE_READ:
	case DMA_TRANSLATE_WRITE:
		return translate(dma, command == DMA_TRANSLATE_WRITE);
	default:
		return DMA_BAD;
	}
}

/* A copy may be aimed at these registers: a command within a command is none */
static void command(Dma *dma, uint64_t value)
{
	if (dma->busy)
		return;
	dma->busy = true;
	dma->status = run(dma, value);
	dma->busy = false;
}

static void send_msi(Dma *dma)
{
	if (msi_enabled(&dma->parent))
		msi_notify(&dma->parent, 0);
}

static uint64_t read_register(const Dma *dma, hwaddr offset)
{
	switch (offset) {
	case DMA_ID:
		return DMA_ID_VALUE;
	case DMA_SRC:
		return dma->src;
	case DMA_DST:
		return dma->dst;
	case DMA_LEN:
		return dma->len;
	case DMA_STATUS:
		return dma->status;
	case DMA_RESULT:
		return dma->result;
	default:
		return 0;
	}
}

static void write_register(Dma *dma, hwaddr offset, uint64_t value)
{
	switch (offset) {
	case DMA_SRC:
		dma->src = value;
		break;
	case DMA_DST:
		dma->dst = value;
		break;
	case DMA_LEN:
		dma->len = value;
		break;
	case DMA_COMMAND:
		command(dma, value);
		break;
	case DMA_MSI:
		send_msi(dma);
		break;
	}
}

static uint64_t bar_read(void *opaque, hwaddr offset, unsigned int size)
{
	uint64_t value = read_register(opaque, offset & ~7ull);

	return offset & 4 ? value >> 32 : value;
}

/* In two halves: the upper first, the lower makes it happen */
static void bar_write(void *opaque, hwaddr offset, uint64_t value, unsigned int size)
{
	Dma *dma = opaque;

	if (offset & 4) {
		dma->high = value;
		return;
	}
	if (size == 4)
		value |= (uint64_t)dma->high << 32;
	dma->high = 0;
	write_register(dma, offset, value);
}

static const MemoryRegionOps bar_ops = {
	.read = bar_read,
	.write = bar_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

static void dma_realize(PCIDevice *pci, Error **errp)
{
	Dma *dma = DMA(pci);
	Error *err = NULL;

	memory_region_init(&dma->bar, OBJECT(pci), "ipmmu-dma", DMA_BAR_SIZE);
	memory_region_init_io(&dma->registers, OBJECT(pci), &bar_ops, dma,
			      "ipmmu-dma-registers", DMA_BUFFER);
	memory_region_init_ram(&dma->buffer, OBJECT(pci), "ipmmu-dma-buffer", DMA_BUFFER_SIZE,
			       &err);
	if (err) {
		error_propagate(errp, err);
		return;
	}
	memory_region_add_subregion(&dma->bar, 0, &dma->registers);
	memory_region_add_subregion(&dma->bar, DMA_BUFFER, &dma->buffer);
	pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &dma->bar);
	pci->config[PCI_INTERRUPT_PIN] = 0;
	msi_init(pci, 0, 1, true, false, errp);
}

static void dma_exit(PCIDevice *pci)
{
	msi_uninit(pci);
}

static void dma_reset(DeviceState *device)
{
	Dma *dma = DMA(device);

	dma->src = 0;
	dma->dst = 0;
	dma->len = 0;
	dma->status = DMA_OK;
	dma->result = 0;
	dma->high = 0;
}

static void dma_class_init(ObjectClass *class, void *data)
{
	PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

	pci->realize = dma_realize;
	pci->exit = dma_exit;
	pci->vendor_id = WITNESS_VENDOR;
	pci->device_id = DMA_DEVICE;
	pci->class_id = PCI_CLASS_OTHERS;
	DEVICE_CLASS(class)->reset = dma_reset;
	DEVICE_CLASS(class)->desc = "DMA on command, for tests of an IOMMU";
	set_bit(DEVICE_CATEGORY_MISC, DEVICE_CLASS(class)->categories);
}

static const TypeInfo dma_type = {
	.name = TYPE_IPMMU_DMA,
	.parent = TYPE_PCI_DEVICE,
	.instance_size = sizeof(Dma),
	.class_init = dma_class_init,
	.interfaces = (InterfaceInfo[]) {
		{ INTERFACE_CONVENTIONAL_PCI_DEVICE },
		{ },
	},
};

static void register_types(void)
{
	type_register_static(&dma_type);
}
type_init(register_types)
