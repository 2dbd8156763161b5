// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IPMMU as a QEMU device: its registers, its interrupt, its clock and its
 * way to memory.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"

#include "ipmmu-qemu.h"

static struct ipmmu *served;
static struct ipmmu_log shared_log;

struct ipmmu *ipmmu_model(void)
{
	return served;
}

struct ipmmu_log *ipmmu_shared_log(void)
{
	return &shared_log;
}

/* Table walks are the IPMMU's own reads: no translation before them */
bool ipmmu_read_memory(void *opaque, uint64_t address, uint64_t *value)
{
	uint64_t raw;

	if (address_space_read(&address_space_memory, address, MEMTXATTRS_UNSPECIFIED, &raw,
			       sizeof(raw)) != MEMTX_OK)
		return false;
	*value = le64_to_cpu(raw);
	return true;
}

static void write_memory(void *opaque, uint64_t address, uint64_t value)
{
	uint64_t raw = cpu_to_le64(value);

	address_space_write(&address_space_memory, address, MEMTXATTRS_UNSPECIFIED, &raw,
			    sizeof(raw));
}

static uint64_t read_clock(void *opaque)
{
	return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void set_irq(void *opaque, bool level)
{
	IpmmuDevice *device = opaque;

	qemu_set_irq(device->irq, level);
}

static const struct ipmmu_ops device_ops = {
	.read = ipmmu_read_memory,
	.write = write_memory,
	.now = read_clock,
	.irq = set_irq,
};

static uint64_t unit_read(void *opaque, hwaddr offset, unsigned int size)
{
	struct ipmmu_unit *unit = opaque;

	return ipmmu_read(&unit->device->mmu, unit->number, offset, size);
}

static void unit_write(void *opaque, hwaddr offset, uint64_t value, unsigned int size)
{
	struct ipmmu_unit *unit = opaque;

	ipmmu_write(&unit->device->mmu, unit->number, offset, value, size);
}

/* Every width gets through to the model, which has its own opinion of them */
static const MemoryRegionOps unit_ops = {
	.read = unit_read,
	.write = unit_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
	.impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static void add_unit(IpmmuDevice *device, unsigned int number)
{
	struct ipmmu_unit *unit = &device->unit[number];

	unit->device = device;
	unit->number = number;
	memory_region_init_io(&unit->registers, OBJECT(device), &unit_ops, unit,
			      "ipmmu-registers", device->topology->geometry->size);
	if (number == 0)
		sysbus_init_mmio(SYS_BUS_DEVICE(device), &unit->registers);
}

static void device_realize(DeviceState *qdev, Error **errp)
{
	IpmmuDevice *device = IPMMU_DEVICE(qdev);
	unsigned int i;

	device->topology = ipmmu_topology(device->topology_name);
	if (!device->topology || device->caches > device->topology->caches) {
		error_setg(errp, "topology=%s,caches=%u: there is no such thing",
			   device->topology_name, device->caches);
		return;
	}
	ipmmu_init(&device->mmu, &device_ops, device, &shared_log, device->caches);
	device->mmu.geometry = device->topology->geometry;
	device->mmu.flush_delay = device->flush_delay;
	for (i = 0; i < 1 + device->caches; i++)
		add_unit(device, i);
	sysbus_init_irq(SYS_BUS_DEVICE(device), &device->irq);
	/* A root without caches is there to be refused: it serves no master */
	if (device->caches)
		served = &device->mmu;
	else
		device->mmu.first_unit = 1 + IPMMU_CACHES;
}

static void device_reset(DeviceState *qdev)
{
	IpmmuDevice *device = IPMMU_DEVICE(qdev);

	ipmmu_reset(&device->mmu);
	if (device->walk_abort)
		device->mmu.inject |= WITNESS_INJECT_WALK_ABORT;
	if (device->caches)
		ipmmu_log_clear(&shared_log);
}

static Property device_properties[] = {
	DEFINE_PROP_UINT32("caches", IpmmuDevice, caches, 0),
	DEFINE_PROP_STRING("topology", IpmmuDevice, topology_name),
	DEFINE_PROP_UINT64("flush-delay-ns", IpmmuDevice, flush_delay, IPMMU_FLUSH_DELAY),
	DEFINE_PROP_BOOL("walk-abort", IpmmuDevice, walk_abort, false),
	DEFINE_PROP_END_OF_LIST(),
};

static void device_class_init(ObjectClass *class, void *data)
{
	DeviceClass *device = DEVICE_CLASS(class);

	device->desc = "R-Car IPMMU, root and caches";
	device->realize = device_realize;
	device->reset = device_reset;
	device->user_creatable = false;
	device_class_set_props(device, device_properties);
}

static const TypeInfo device_type = {
	.name = TYPE_IPMMU,
	.parent = TYPE_SYS_BUS_DEVICE,
	.instance_size = sizeof(IpmmuDevice),
	.class_init = device_class_init,
};

static void register_types(void)
{
	type_register_static(&device_type);
}
type_init(register_types)
