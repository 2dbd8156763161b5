// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA on command: copies between I/O addresses and a buffer, or tells what an
 * address translates to. A command runs while it is written. The PCI device
 * `ipmmu-dma` has registers and buffer in its BAR; the platform device
 * `ipmmu-master` has them at an address, and can go through each of several
 * micro-TLBs.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "hw/pci/msi.h"
#include "hw/qdev-properties.h"
#include "sysemu/dma.h"

#include "ipmmu-qemu.h"
#include "ipmmu-patrol.h"

#define DMA_BAR_SIZE		0x20000
#define DMA_CHUNK		0x1000
/*
 * Nothing else runs in the emulator meanwhile, so there is an end to a command
 */
#define DMA_MAX			0x40000000ull

struct engine {
	AddressSpace *space[IPMMU_MASTER_UTLBS];
	/* the same, if the function may master the bus */
	AddressSpace *pci;
	unsigned int ports;
	uint64_t port;
	MemoryRegion container;
	MemoryRegion registers;
	MemoryRegion buffer;
	void (*send_msi)(struct engine *engine);
	uint64_t src;
	uint64_t dst;
	uint64_t len;
	uint64_t status;
	uint64_t result;
	uint32_t high;			/* upper half of a write in two */
	bool busy;
	struct patrol patrol;
};

typedef struct dma {
	PCIDevice parent;
	struct engine engine;
} Dma;

DECLARE_INSTANCE_CHECKER(Dma, DMA, TYPE_IPMMU_DMA)

typedef struct master {
	SysBusDevice parent;
	struct engine engine;
	IpmmuDevice *ipmmu;
	uint32_t number;
} Master;

DECLARE_INSTANCE_CHECKER(Master, MASTER, TYPE_IPMMU_MASTER)

static AddressSpace *space(const struct engine *engine)
{
	return engine->pci ?: engine->space[engine->port];
}

/* Where an access leads to that goes through */
static uint64_t physical(const struct engine *engine, uint64_t iova, bool write)
{
	struct ipmmu_translation translation = { .ok = true, .mask = ~0ull };

	ipmmu_space_translate(engine->space[engine->port], iova, write, &translation);
	return translation.base | (iova & translation.mask);
}

/* Within a page, past the processors' caches */
static bool unsnooped(struct engine *engine, uint64_t iova, uint8_t *bytes, unsigned int length,
		      DMADirection direction)
{
	struct ipmmu *mmu = ipmmu_model();

	if (direction == DMA_DIRECTION_TO_DEVICE) {
		if (dma_memory_read(space(engine), iova, bytes, length, MEMTXATTRS_UNSPECIFIED))
			return false;
		ipmmu_snoop_read(mmu, physical(engine, iova, false), bytes, length);
		return true;
	}
	if (!address_space_access_valid(space(engine), iova, length, true, MEMTXATTRS_UNSPECIFIED))
		return false;
	return ipmmu_snoop_write(mmu, physical(engine, iova, true), bytes, length) ||
	       !dma_memory_write(space(engine), iova, bytes, length, MEMTXATTRS_UNSPECIFIED);
}

/* Return: whether all of it went through */
static bool move(struct engine *engine, uint64_t iova, uint8_t *bytes, uint64_t length,
		 DMADirection direction)
{
	struct ipmmu *mmu = ipmmu_model();
	uint64_t part;

	if (!mmu || !(mmu->inject & WITNESS_INJECT_NO_SNOOP))
		return !dma_memory_rw(space(engine), iova, bytes, length, direction,
				      MEMTXATTRS_UNSPECIFIED);
	for (; length; length -= part, iova += part, bytes += part) {
		part = MIN(length, DMA_CHUNK - iova % DMA_CHUNK);
		if (!unsnooped(engine, iova, bytes, part, direction))
			return false;
	}
	return true;
}

static enum dma_status copy(struct engine *engine)
{
	uint8_t chunk[DMA_CHUNK];

	while (engine->result < engine->len) {
		uint64_t part = MIN(engine->len - engine->result, DMA_CHUNK);

		if (!move(engine, engine->src + engine->result, chunk, part,
			  DMA_DIRECTION_TO_DEVICE) ||
		    !move(engine, engine->dst + engine->result, chunk, part,
			  DMA_DIRECTION_FROM_DEVICE))
			return DMA_FAULT;
		engine->result += part;
	}
	return DMA_OK;
}

static bool in_buffer(const struct engine *engine, uint64_t offset)
{
	return offset <= DMA_BUFFER_SIZE && engine->len <= DMA_BUFFER_SIZE - offset;
}

static enum dma_status transfer(struct engine *engine, uint64_t iova, uint64_t offset,
				DMADirection direction)
{
	uint8_t *buffer = memory_region_get_ram_ptr(&engine->buffer);

	if (!in_buffer(engine, offset))
		return DMA_BAD;
	if (!move(engine, iova, buffer + offset, engine->len, direction))
		return DMA_FAULT;
	memory_region_set_dirty(&engine->buffer, offset, engine->len);
	engine->result = engine->len;
	return DMA_OK;
}

static enum dma_status translate(struct engine *engine, bool write)
{
	struct ipmmu_translation translation = { .ok = true, .mask = ~0ull };

	ipmmu_space_translate(engine->space[engine->port], engine->src, write, &translation);
	if (!translation.ok)
		return DMA_FAULT;
	engine->result = translation.base | (engine->src & translation.mask);
	return DMA_OK;
}

static enum dma_status run(struct engine *engine, uint64_t command)
{
	engine->result = 0;
	if (engine->len > DMA_MAX)
		return DMA_BAD;
	switch (command) {
	case DMA_COPY:
		return copy(engine);
	case DMA_READ:
		return transfer(engine, engine->src, engine->dst, DMA_DIRECTION_TO_DEVICE);
	case DMA_WRITE:
		return transfer(engine, engine->dst, engine->src, DMA_DIRECTION_FROM_DEVICE);
	case DMA_TRANSLATE_READ:
	case DMA_TRANSLATE_WRITE:
		return translate(engine, command == DMA_TRANSLATE_WRITE);
	default:
		return DMA_BAD;
	}
}

/*
 * A copy may be aimed at these registers: a command within a command is ignored
 */
static void command(struct engine *engine, uint64_t value)
{
	if (engine->busy)
		return;
	engine->busy = true;
	engine->status = run(engine, value);
	engine->busy = false;
}

static uint64_t read_register(const struct engine *engine, hwaddr offset)
{
	uint64_t value;

	if (patrol_read(&engine->patrol, offset, &value))
		return value;
	switch (offset) {
	case DMA_ID:
		return DMA_ID_VALUE;
	case DMA_SRC:
		return engine->src;
	case DMA_DST:
		return engine->dst;
	case DMA_LEN:
		return engine->len;
	case DMA_STATUS:
		return engine->status;
	case DMA_RESULT:
		return engine->result;
	case DMA_PORT:
		return engine->port;
	case DMA_PORTS:
		return engine->ports;
	default:
		return 0;
	}
}

static void write_register(struct engine *engine, hwaddr offset, uint64_t value)
{
	switch (offset) {
	case DMA_SRC:
		engine->src = value;
		break;
	case DMA_DST:
		engine->dst = value;
		break;
	case DMA_LEN:
		engine->len = value;
		break;
	case DMA_COMMAND:
		command(engine, value);
		break;
	case DMA_MSI:
		if (engine->send_msi)
			engine->send_msi(engine);
		break;
	case DMA_PORT:
		if (value < engine->ports)
			engine->port = value;
		break;
	default:
		patrol_write(&engine->patrol, offset, value);
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
	struct engine *engine = opaque;

	if (offset & 4) {
		engine->high = value;
		return;
	}
	if (size == 4)
		value |= (uint64_t)engine->high << 32;
	engine->high = 0;
	write_register(engine, offset, value);
}

static const MemoryRegionOps bar_ops = {
	.read = bar_read,
	.write = bar_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

/* The registers, and the buffer above them, as one region */
static bool engine_init(struct engine *engine, Object *owner, const char *name, Error **errp)
{
	Error *err = NULL;

	memory_region_init(&engine->container, owner, "ipmmu-dma", DMA_BAR_SIZE);
	memory_region_init_io(&engine->registers, owner, &bar_ops, engine,
			      "ipmmu-dma-registers", DMA_BUFFER);
	memory_region_init_ram(&engine->buffer, owner, name, DMA_BUFFER_SIZE, &err);
	if (err) {
		error_propagate(errp, err);
		return false;
	}
	memory_region_add_subregion(&engine->container, 0, &engine->registers);
	memory_region_add_subregion(&engine->container, DMA_BUFFER, &engine->buffer);
	return true;
}

static void engine_reset(struct engine *engine)
{
	engine->port = 0;
	engine->src = 0;
	engine->dst = 0;
	engine->len = 0;
	engine->status = DMA_OK;
	engine->result = 0;
	engine->high = 0;
}

/*
 * On PCI
 */
static void dma_send_msi(struct engine *engine)
{
	PCIDevice *pci = &container_of(engine, Dma, engine)->parent;

	if (msi_enabled(pci))
		msi_notify(pci, 0);
}

static void dma_realize(PCIDevice *pci, Error **errp)
{
	struct engine *engine = &DMA(pci)->engine;

	if (!engine_init(engine, OBJECT(pci), "ipmmu-dma-buffer", errp))
		return;
	engine->send_msi = dma_send_msi;
	engine->ports = 1;
	engine->space[0] = pci_device_iommu_address_space(pci);
	engine->pci = pci_get_address_space(pci);
	patrol_init(&engine->patrol, engine->space[0], pci_get_bdf(pci));
	pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &engine->container);
	pci->config[PCI_INTERRUPT_PIN] = 0;
	msi_init(pci, 0, 1, true, false, errp);
}

static void dma_exit(PCIDevice *pci)
{
	patrol_exit(&DMA(pci)->engine.patrol);
	msi_uninit(pci);
}

static void dma_reset(DeviceState *device)
{
	engine_reset(&DMA(device)->engine);
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

/*
 * At an address
 */
static void master_realize(DeviceState *qdev, Error **errp)
{
	Master *master = MASTER(qdev);
	const struct ipmmu_master *what = &ipmmu_masters[master->number];
	const struct ipmmu_topology *topology = master->ipmmu->topology;
	struct engine *engine = &master->engine;
	unsigned int i, utlb;
	char name[32];

	/*
	 * On PCI the function's number makes the name one of its own; here we
	 * do
	 */
	snprintf(name, sizeof(name), "ipmmu-master-%u-buffer", master->number);
	if (!engine_init(engine, OBJECT(qdev), name, errp))
		return;
	sysbus_init_mmio(SYS_BUS_DEVICE(qdev), &engine->container);
	/*
	 * Through a micro-TLB that is not there nothing can be sent: the last
	 * takes it
	 */
	for (i = 0; i < what->count; i++) {
		utlb = MIN(ipmmu_master_utlb(topology, &what->spec[i]),
			   topology->geometry->utlbs - 1);
		engine->space[i] = &ipmmu_window(master->ipmmu, topology->role[what->spec[i].role],
						 utlb)->space;
	}
	engine->ports = what->count;
	patrol_init(&engine->patrol, engine->space[0], PATROL_NO_PCI);
}

static void master_reset(DeviceState *device)
{
	engine_reset(&MASTER(device)->engine);
}

static Property master_properties[] = {
	DEFINE_PROP_UINT32("number", Master, number, 0),
	DEFINE_PROP_LINK("ipmmu", Master, ipmmu, TYPE_IPMMU, IpmmuDevice *),
	DEFINE_PROP_END_OF_LIST(),
};

static void master_class_init(ObjectClass *class, void *data)
{
	DeviceClass *device = DEVICE_CLASS(class);

	device->desc = "DMA on command, without PCI";
	device->realize = master_realize;
	device->reset = master_reset;
	device->user_creatable = false;
	device_class_set_props(device, master_properties);
}

static const TypeInfo master_type = {
	.name = TYPE_IPMMU_MASTER,
	.parent = TYPE_SYS_BUS_DEVICE,
	.instance_size = sizeof(Master),
	.class_init = master_class_init,
};

static void register_types(void)
{
	type_register_static(&dma_type);
	type_register_static(&master_type);
}
type_init(register_types)
