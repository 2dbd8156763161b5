// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI device `ipmmu-witness`: the model's verdict, for tests in the guest.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"

#include "ipmmu-qemu.h"
#include "ipmmu-patrol.h"

#define WITNESS_SIZE		0x1000

typedef struct witness {
	PCIDevice parent;
	MemoryRegion registers;
	struct ipmmu *mmu;
	uint64_t error;
	uint64_t counter;
	struct ipmmu_format format;
	uint64_t control;
	struct ipmmu_walk walk;
	uint64_t walk_address;
	uint64_t poke;
	uint64_t engine;
	uint32_t high;			/* upper half of a write in two */
} Witness;

DECLARE_INSTANCE_CHECKER(Witness, WITNESS, TYPE_IPMMU_WITNESS)

#define CONTROL_VA64		1
#define CONTROL_TSZ_SHIFT	8
#define CONTROL_TSZ_MASK	0x3f

/* A walk of its own: any root, and no cache between it and memory */
static void walk(Witness *witness, uint64_t iova)
{
	struct ipmmu_walker walker = { .read = ipmmu_read_memory };
	struct ipmmu_format *format = &witness->format;

	format->va64 = witness->control & CONTROL_VA64;
	format->tsz[0] = (witness->control >> CONTROL_TSZ_SHIFT) & CONTROL_TSZ_MASK;
	format->tsz[1] = format->tsz[0];
	format->ttbr[1] = format->ttbr[0];
	ipmmu_walk(format, iova, &walker, &witness->walk);
}

static uint64_t walked_address(const Witness *witness, uint64_t iova)
{
	if (witness->walk.status != WITNESS_WALK_OK)
		return 0;
	return witness->walk.base | (iova & MASK64(ipmmu_level_shift(witness->walk.level)));
}

static uint64_t error_field(const Witness *witness, hwaddr offset)
{
	const struct ipmmu_error *error = ipmmu_log_get(witness->mmu->log, witness->error);

	switch (offset) {
	case WITNESS_ERROR_KIND:
		return error->kind;
	case WITNESS_ERROR_IPMMU:
		return error->unit;
	case WITNESS_ERROR_OFFSET:
		return error->offset;
	case WITNESS_ERROR_VALUE:
		return error->value;
	default:
		return error->context;
	}
}

static uint64_t error_count(const Witness *witness)
{
	ipmmu_verdict(witness->mmu);
	return witness->mmu->log->errors;
}

static uint64_t counter_value(const Witness *witness)
{
	ipmmu_flush_catch_up(witness->mmu);
	if (witness->counter >= WITNESS_COUNTERS)
		return 0;
	return witness->mmu->log->counter[witness->counter];
}

static uint64_t engine_read(const Witness *witness, hwaddr offset)
{
	const struct patrol *patrol = patrol_find(witness->engine);
	uint64_t value = 0;

	if (patrol)
		patrol_read(patrol, offset, &value);
	return value;
}

static void engine_write(const Witness *witness, hwaddr offset, uint64_t value)
{
	struct patrol *patrol = patrol_find(witness->engine);

	if (patrol)
		patrol_write(patrol, offset, value);
}

static uint64_t read_register(Witness *witness, hwaddr offset)
{
	switch (offset) {
	case WITNESS_ID:
		return WITNESS_ID_VALUE;
	case WITNESS_ERRORS:
		return error_count(witness);
	case WITNESS_ERROR_SELECT:
		return witness->error;
	case WITNESS_ERROR_KIND:
	case WITNESS_ERROR_IPMMU:
	case WITNESS_ERROR_OFFSET:
	case WITNESS_ERROR_VALUE:
	case WITNESS_ERROR_CONTEXT:
		return error_field(witness, offset);
	case WITNESS_COUNTER_SELECT:
		return witness->counter;
	case WITNESS_COUNTER_VALUE:
		return counter_value(witness);
	case WITNESS_FLUSH_DELAY_NS:
		return witness->mmu->flush_delay;
	case WITNESS_FLUSH_POLLS:
		return witness->mmu->flush_polls;
	case WITNESS_INJECT:
		return witness->mmu->inject;
	case WITNESS_ENGINE:
		return witness->engine;
	case WITNESS_POKE_WHERE:
		return witness->poke;
	case WITNESS_POKE_VALUE:
		return ipmmu_peek(witness->mmu, witness->poke);
	case WITNESS_WALK_TTBR:
		return witness->format.ttbr[0];
	case WITNESS_WALK_CONTROL:
		return witness->control;
	case WITNESS_WALK_STATUS:
		return witness->walk.status;
	case WITNESS_WALK_PA:
		return witness->walk_address;
	case WITNESS_WALK_LEVEL:
		return witness->walk.level;
	case WITNESS_WALK_PROT:
		return witness->walk.prot;
	default:
		return 0;
	}
}

static void write_register(Witness *witness, hwaddr offset, uint64_t value)
{
	switch (offset) {
	case WITNESS_CLEAR:
		ipmmu_verdict(witness->mmu);
		ipmmu_log_clear(witness->mmu->log);
		break;
	case WITNESS_ERROR_SELECT:
		witness->error = value;
		break;
	case WITNESS_COUNTER_SELECT:
		witness->counter = value;
		break;
	case WITNESS_FLUSH_DELAY_NS:
		ipmmu_flush_catch_up(witness->mmu);
		witness->mmu->flush_delay = value;
		break;
	case WITNESS_FLUSH_POLLS:
		witness->mmu->flush_polls = value;
		break;
	case WITNESS_INJECT:
		witness->mmu->inject = value;
		if (!(value & WITNESS_INJECT_NONCOHERENT))
			ipmmu_memory_clear(witness->mmu);
		if (!(value & WITNESS_INJECT_NO_SNOOP))
			ipmmu_snoop_clear(witness->mmu);
		break;
	case WITNESS_FREED:
		ipmmu_memory_freed(witness->mmu, value);
		break;
	case WITNESS_ENGINE:
		witness->engine = value;
		break;
	case WITNESS_POKE_WHERE:
		witness->poke = value;
		break;
	case WITNESS_POKE_VALUE:
		ipmmu_poke(witness->mmu, witness->poke, value);
		break;
	case WITNESS_POWER:
		ipmmu_power(witness->mmu, value);
		break;
	case WITNESS_WALK_TTBR:
		witness->format.ttbr[0] = value;
		break;
	case WITNESS_WALK_CONTROL:
		witness->control = value;
		break;
	case WITNESS_WALK_IOVA:
		walk(witness, value);
		witness->walk_address = walked_address(witness, value);
		break;
	}
}

static uint64_t bar_read(void *opaque, hwaddr offset, unsigned int size)
{
	uint64_t value;

	if (offset >= WITNESS_ENGINE_REGISTERS)
		value = engine_read(opaque, (offset & ~7ull) - WITNESS_ENGINE_REGISTERS);
	else
		value = read_register(opaque, offset & ~7ull);

	return offset & 4 ? value >> 32 : value;
}

/* In two halves: the upper first, the lower makes it happen */
static void bar_write(void *opaque, hwaddr offset, uint64_t value, unsigned int size)
{
	Witness *witness = opaque;

	if (offset & 4) {
		witness->high = value;
		return;
	}
	if (size == 4)
		value |= (uint64_t)witness->high << 32;
	witness->high = 0;
	if (offset >= WITNESS_ENGINE_REGISTERS)
		engine_write(witness, offset - WITNESS_ENGINE_REGISTERS, value);
	else
		write_register(witness, offset, value);
}

static const MemoryRegionOps bar_ops = {
	.read = bar_read,
	.write = bar_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

static void witness_realize(PCIDevice *pci, Error **errp)
{
	Witness *witness = WITNESS(pci);

	witness->mmu = ipmmu_model();
	if (!witness->mmu) {
		error_setg(errp, "there is no IPMMU: use -machine rcar-gen3");
		return;
	}
	memory_region_init_io(&witness->registers, OBJECT(pci), &bar_ops, witness,
			      "ipmmu-witness", WITNESS_SIZE);
	pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &witness->registers);
}

static void witness_class_init(ObjectClass *class, void *data)
{
	PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

	pci->realize = witness_realize;
	pci->vendor_id = WITNESS_VENDOR;
	pci->device_id = WITNESS_DEVICE;
	pci->class_id = PCI_CLASS_OTHERS;
	DEVICE_CLASS(class)->desc = "tells what the emulated IPMMU saw";
	set_bit(DEVICE_CATEGORY_MISC, DEVICE_CLASS(class)->categories);
}

static const TypeInfo witness_type = {
	.name = TYPE_IPMMU_WITNESS,
	.parent = TYPE_PCI_DEVICE,
	.instance_size = sizeof(Witness),
	.class_init = witness_class_init,
	.interfaces = (InterfaceInfo[]) {
		{ INTERFACE_CONVENTIONAL_PCI_DEVICE },
		{ },
	},
};

static void register_types(void)
{
	type_register_static(&witness_type);
}
type_init(register_types)
