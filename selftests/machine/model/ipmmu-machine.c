// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machine `rcar-gen3`: QEMU's virt with an IPMMU before its PCI bus.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "exec/address-spaces.h"
#include "hw/arm/virt.h"
#include "hw/boards.h"
#include "hw/qdev-properties.h"

#include "ipmmu-qemu.h"

#define TYPE_RCAR_MACHINE	MACHINE_TYPE_NAME("rcar-gen3")
#define DEFAULT_TOPOLOGY	"small"
#define SMALL_REG		0x600	/* less than any SoC needs */

typedef struct RcarMachineState {
	VirtMachineState parent;
	const struct ipmmu_topology *topology;
	char *compatible;		/* NULL: the topology's */
	uint64_t flush_delay;
	bool bad_utlb;
	bool small_reg;
	bool wrong_main;
	bool mixed_soc;
	bool crossed_utlb;
	bool power;
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

	qdev_prop_set_string(device, "topology", rcar->topology->name);
	qdev_prop_set_uint32(device, "caches", caches);
	qdev_prop_set_uint64(device, "flush-delay-ns", rcar->flush_delay);
	qdev_prop_set_bit(device, "walk-abort", rcar->walk_abort);
	sysbus_realize_and_unref(SYS_BUS_DEVICE(device), &error_fatal);
	sysbus_mmio_map(SYS_BUS_DEVICE(device), 0, base);
	/* There may be more caches than a device on this bus has regions */
	for (i = 0; i < caches; i++)
		memory_region_add_subregion(get_system_memory(), rcar->topology->cache[i].base,
					    &IPMMU_DEVICE(device)->unit[1 + i].registers);
	sysbus_connect_irq(SYS_BUS_DEVICE(device), 0, qdev_get_gpio_in(virt->gic, spi));
	return device;
}

static void create_masters(DeviceState *ipmmu, const struct ipmmu_topology *topology)
{
	DeviceState *device;
	unsigned int i;

	for (i = 0; i < ipmmu_master_count; i++) {
		device = qdev_new(TYPE_IPMMU_MASTER);
		qdev_prop_set_uint32(device, "number", i);
		object_property_set_link(OBJECT(device), "ipmmu", OBJECT(ipmmu), &error_fatal);
		sysbus_realize_and_unref(SYS_BUS_DEVICE(device), &error_fatal);
		sysbus_mmio_map(SYS_BUS_DEVICE(device), 0, ipmmu_masters[i].base);
	}
}

/* virt has its RAM from 1 GiB on, and below that nothing of a board */
static void refuse_overlap(const MachineState *machine, const struct ipmmu_topology *topology)
{
	if (topology->cache[0].base < IPMMU_REAL_BASE ||
	    machine->ram_size <= IPMMU_REAL_BASE - GiB)
		return;
	error_report("rcar-gen3: ipmmu-topology=%s needs its addresses free: at most -m %u",
		     topology->name, (unsigned int)((IPMMU_REAL_BASE - GiB) / MiB));
	exit(1);
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
	const struct ipmmu_topology *topology = rcar->topology;
	struct ipmmu_nodes nodes = {
		.topology = topology,
		.compatible = rcar->compatible ?: topology->compatible,
		.small_reg = rcar->small_reg ? SMALL_REG : 0,
		.wrong_main = rcar->wrong_main,
		.mixed_soc = rcar->mixed_soc,
		.crossed_utlb = rcar->crossed_utlb,
		.power = rcar->power,
		.bad_utlb = rcar->bad_utlb,
		.two_mains = rcar->two_mains,
		.coherent = rcar->coherent,
	};
	DeviceState *device;

	refuse_other_iommu(virt);
	refuse_overlap(machine, topology);
	virt_init(machine);
	if (!ipmmu_watch_cleans()) {
		error_report("rcar-gen3: this processor cleans no caches: use -cpu cortex-a57");
		exit(1);
	}
	device = create_ipmmu(virt, topology->caches, topology->root, topology->spi);
	if (rcar->two_mains)
		create_ipmmu(virt, 0, IPMMU_MM2_BASE, IPMMU_MM2_SPI);
	if (topology->masters)
		create_masters(device, topology);
	IPMMU_DEVICE(device)->crossed_utlb = rcar->crossed_utlb;
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
	return g_strdup(RCAR_MACHINE(object)->compatible ?: "");
}

static void set_compatible(Object *object, const char *value, Error **errp)
{
	RcarMachineState *rcar = RCAR_MACHINE(object);

	if (!*value) {
		error_setg(errp, "ipmmu-compatible is empty, it is as renesas,ipmmu-r8a7795");
		return;
	}
	g_free(rcar->compatible);
	rcar->compatible = g_strdup(value);
}

static char *get_topology(Object *object, Error **errp)
{
	return g_strdup(RCAR_MACHINE(object)->topology->name);
}

static void set_topology(Object *object, const char *value, Error **errp)
{
	const struct ipmmu_topology *topology = ipmmu_topology(value);

	if (topology)
		RCAR_MACHINE(object)->topology = topology;
	else
		error_setg(errp, "ipmmu-topology=%s is none of small, h3, v4h, many", value);
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
	{ "ipmmu-small-reg", "the root's reg is too small",
	  offsetof(RcarMachineState, small_reg) },
	{ "ipmmu-wrong-main", "a cache's renesas,ipmmu-main leads to another cache",
	  offsetof(RcarMachineState, wrong_main) },
	{ "ipmmu-mixed-soc", "a cache calls itself one of another SoC",
	  offsetof(RcarMachineState, mixed_soc) },
	{ "ipmmu-crossed-utlb", "slot 2's second function is on slot 1's micro-TLB",
	  offsetof(RcarMachineState, crossed_utlb) },
	{ "ipmmu-power", "root and a cache are in power domains that a test drives",
	  offsetof(RcarMachineState, power) },
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
	object_class_property_add_str(class, "ipmmu-topology", get_topology, set_topology);
	object_class_property_set_description(class, "ipmmu-topology",
					      "which IPMMUs: small, h3, v4h, many");
	add_switches(class);
}

static void rcar_instance_init(Object *object)
{
	RcarMachineState *rcar = RCAR_MACHINE(object);

	rcar->parent.gic_version = VIRT_GIC_VERSION_3;
	rcar->topology = ipmmu_topology(DEFAULT_TOPOLOGY);
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
