// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machine `rcar-gen3`: QEMU's virt with an IPMMU before its PCI bus.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "hw/arm/virt.h"
#include "hw/boards.h"
#include "hw/qdev-properties.h"

#include "ipmmu-qemu.h"

#define TYPE_RCAR_MACHINE	MACHINE_TYPE_NAME("rcar-gen3")
#define DEFAULT_COMPATIBLE	"renesas,ipmmu-r8a7795"

typedef struct RcarMachineState {
	VirtMachineState parent;
	char *compatible;
	uint64_t flush_delay;
	bool bad_utlb;
	bool two_mains;
	bool walk_abort;
	bool coherent;
} RcarMachineState;

DECLARE_INSTANCE_CHECKER(RcarMachineState, RCAR_MACHINE, TYPE_RCAR_MACHINE)

static void (*virt_init)(MachineState *machine);

static DeviceState *create_ipmmu(VirtMachineState *virt, unsigned int caches, uint32_t base,
				 uint32_t spi)
{
	RcarMachineState *rcar = RCAR_MACHINE(virt);
	DeviceState *device = qdev_new(TYPE_IPMMU);
	unsigned int i;

	qdev_prop_set_uint32(device, "caches", caches);
	qdev_prop_set_uint64(device, "flush-delay-ns", rcar->flush_delay);
	qdev_prop_set_bit(device, "walk-abort", rcar->walk_abort);
	sysbus_realize_and_unref(SYS_BUS_DEVICE(device), &error_fatal);
	sysbus_mmio_map(SYS_BUS_DEVICE(device), 0, base);
	for (i = 0; i < caches; i++)
		sysbus_mmio_map(SYS_BUS_DEVICE(device), 1 + i, IPMMU_CACHE_BASE(i));
	sysbus_connect_irq(SYS_BUS_DEVICE(device), 0, qdev_get_gpio_in(virt->gic, spi));
	return device;
}

static void refuse_other_iommu(const VirtMachineState *virt)
{
	if (virt->iommu == VIRT_IOMMU_NONE && !virt->default_bus_bypass_iommu)
		return;
	error_report("rcar-gen3 has its own IOMMU: leave out iommu=, default-bus-bypass-iommu=");
	exit(1);
}

static void rcar_init(MachineState *machine)
{
	VirtMachineState *virt = VIRT_MACHINE(machine);
	RcarMachineState *rcar = RCAR_MACHINE(machine);
	struct ipmmu_nodes nodes = {
		.compatible = rcar->compatible,
		.bad_utlb = rcar->bad_utlb,
		.two_mains = rcar->two_mains,
		.coherent = rcar->coherent,
	};
	DeviceState *device;

	refuse_other_iommu(virt);
	virt_init(machine);
	if (!ipmmu_watch_cleans()) {
		error_report("rcar-gen3: this processor cleans no caches: use -cpu cortex-a57");
		exit(1);
	}
	device = create_ipmmu(virt, IPMMU_CACHES, IPMMU_MM_BASE, IPMMU_MM_SPI);
	if (rcar->two_mains)
		create_ipmmu(virt, 0, IPMMU_MM2_BASE, IPMMU_MM2_SPI);
	nodes.pcie = virt->pciehb_nodename;
	ipmmu_create_nodes(machine->fdt, &nodes);
	pci_setup_iommu(virt->bus, ipmmu_address_space, device);
}

/*
 * Options
 */
static void visit_flush_delay(Object *object, Visitor *visitor, const char *name, void *opaque,
			      Error **errp)
{
	visit_type_uint64(visitor, name, &RCAR_MACHINE(object)->flush_delay, errp);
}

static char *get_compatible(Object *object, Error **errp)
{
	return g_strdup(RCAR_MACHINE(object)->compatible);
}

static void set_compatible(Object *object, const char *value, Error **errp)
{
	RcarMachineState *rcar = RCAR_MACHINE(object);

	if (!*value) {
		error_setg(errp, "ipmmu-compatible is empty: give it a string as "
			   DEFAULT_COMPATIBLE);
		return;
	}
	g_free(rcar->compatible);
	rcar->compatible = g_strdup(value);
}

/* Switches differ in their place alone */
struct rcar_switch {
	const char *name;
	const char *description;
	size_t offset;
};

static const struct rcar_switch switches[] = {
	{ "ipmmu-bad-utlb", "map slots 6-11 to micro-TLBs that are not there",
	  offsetof(RcarMachineState, bad_utlb) },
	{ "ipmmu-two-mains", "a second root",
	  offsetof(RcarMachineState, two_mains) },
	{ "walk-abort", "every table walk ends in a bus error",
	  offsetof(RcarMachineState, walk_abort) },
	{ "pcie-coherent", "dma-coherent on the PCIe node (default on)",
	  offsetof(RcarMachineState, coherent) },
};

static void visit_switch(Object *object, Visitor *visitor, const char *name, void *opaque,
			 Error **errp)
{
	const struct rcar_switch *option = opaque;

	visit_type_bool(visitor, name, (bool *)((char *)object + option->offset), errp);
}

static void add_switches(ObjectClass *class)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		object_class_property_add(class, switches[i].name, "bool", visit_switch,
					  visit_switch, NULL, (void *)&switches[i]);
		object_class_property_set_description(class, switches[i].name,
						      switches[i].description);
	}
}

static void add_options(ObjectClass *class)
{
	object_class_property_add(class, "flush-delay-ns", "uint64", visit_flush_delay,
				  visit_flush_delay, NULL, NULL);
	object_class_property_set_description(class, "flush-delay-ns",
					      "virtual time that a flush takes; 2^64 - 1: never");
	object_class_property_add_str(class, "ipmmu-compatible", get_compatible, set_compatible);
	object_class_property_set_description(class, "ipmmu-compatible",
					      "compatible string of the IPMMU nodes");
	add_switches(class);
}

static void rcar_instance_init(Object *object)
{
	RcarMachineState *rcar = RCAR_MACHINE(object);

	rcar->parent.gic_version = VIRT_GIC_VERSION_3;
	rcar->compatible = g_strdup(DEFAULT_COMPATIBLE);
	rcar->flush_delay = IPMMU_FLUSH_DELAY;
	rcar->coherent = true;
}

static void rcar_instance_finalize(Object *object)
{
	g_free(RCAR_MACHINE(object)->compatible);
}

static void rcar_class_init(ObjectClass *class, void *data)
{
	MachineClass *machine = MACHINE_CLASS(class);

	machine->desc = "R-Car Gen3 host: virt with IPMMU-VMSA before PCI";
	virt_init = machine->init;
	machine->init = rcar_init;
	add_options(class);
}

static const TypeInfo rcar_type = {
	.name = TYPE_RCAR_MACHINE,
	.parent = TYPE_VIRT_MACHINE,
	.instance_size = sizeof(RcarMachineState),
	.instance_init = rcar_instance_init,
	.instance_finalize = rcar_instance_finalize,
	.class_init = rcar_class_init,
};

static void register_types(void)
{
	type_register_static(&rcar_type);
}
type_init(register_types)
