// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device tree of the machine: IPMMU nodes, and the masters behind them.
 *
 * A node is added before those that its parent has: what is to come first is
 * added last.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "sysemu/device_tree.h"

#include <libfdt.h>

#include "ipmmu-qemu.h"

#define GIC_SPI			0
#define GIC_LEVEL_HIGH		4

/*
 * The caches that are in the second power domain, and that the wrong main leads
 * to or calls itself one of another SoC
 */
#define POWER_CACHE		0
#define WRONG_CACHE		1

static void set_compatible(void *fdt, const struct ipmmu_nodes *nodes, const char *path)
{
	g_autofree char *both = NULL;
	size_t length = strlen(nodes->compatible) + 1;

	if (!nodes->topology->fallback) {
		qemu_fdt_setprop_string(fdt, path, "compatible", nodes->compatible);
		return;
	}
	both = g_strdup_printf("%s %s", nodes->compatible, nodes->topology->fallback);
	both[length - 1] = '\0';
	qemu_fdt_setprop(fdt, path, "compatible", both,
			 length + strlen(nodes->topology->fallback) + 1);
}

static uint32_t add_node(void *fdt, const struct ipmmu_nodes *nodes, const char *path,
			 uint32_t base, uint64_t size)
{
	uint32_t phandle = qemu_fdt_alloc_phandle(fdt);

	qemu_fdt_add_subnode(fdt, path);
	set_compatible(fdt, nodes, path);
	qemu_fdt_setprop_sized_cells(fdt, path, "reg", 2, base, 2, size);
	qemu_fdt_setprop_cell(fdt, path, "#iommu-cells", 1);
	qemu_fdt_setprop_cell(fdt, path, "phandle", phandle);
	return phandle;
}

static uint32_t add_root(void *fdt, const struct ipmmu_nodes *nodes, uint32_t base,
			 uint32_t spi, uint32_t power)
{
	g_autofree char *path = g_strdup_printf("/iommu@%x", base);
	uint64_t size = nodes->small_reg ?: nodes->topology->geometry->size;
	uint32_t phandle = add_node(fdt, nodes, path, base, size);

	/* The second interrupt is named and never raised */
	qemu_fdt_setprop_cells(fdt, path, "interrupts", GIC_SPI, spi, GIC_LEVEL_HIGH,
			       GIC_SPI, spi + 1, GIC_LEVEL_HIGH);
	if (power)
		qemu_fdt_setprop_cells(fdt, path, "power-domains", power, 0);
	return phandle;
}

static uint32_t add_cache(void *fdt, const struct ipmmu_nodes *nodes,
			  const struct ipmmu_place *place, uint32_t main, uint32_t power)
{
	g_autofree char *path = g_strdup_printf("/iommu@%x", place->base);
	uint32_t phandle = add_node(fdt, nodes, path, place->base,
				    nodes->topology->geometry->size);

	if (nodes->topology->no_bits)
		qemu_fdt_setprop_cell(fdt, path, "renesas,ipmmu-main", main);
	else
		qemu_fdt_setprop_cells(fdt, path, "renesas,ipmmu-main", main, place->bit);
	if (power)
		qemu_fdt_setprop_cells(fdt, path, "power-domains", power, 1);
	return phandle;
}

/* One function is on the micro-TLB of another: its entry comes between two. */
static void cross_map(void *fdt, const struct ipmmu_nodes *nodes, const uint32_t *cache)
{
	uint32_t length = IPMMU_SLOTS_PER_CACHE * IPMMU_FUNCTIONS, from = IPMMU_CROSSED_FROM;
	const unsigned int *pci = nodes->topology->pci;

	qemu_fdt_setprop_cells(fdt, nodes->pcie, "iommu-map", 0, cache[pci[0]], 0, from,
			       from, cache[pci[0]], IPMMU_CROSSED_TO, 1,
			       from + 1, cache[pci[0]], from + 1, length - from - 1,
			       length, cache[pci[1]], 0, length);
}

/* bad_utlb moves the second cache's masters to micro-TLBs that are not there */
static void add_map(void *fdt, const struct ipmmu_nodes *nodes, const uint32_t *cache)
{
	uint32_t length = IPMMU_SLOTS_PER_CACHE * IPMMU_FUNCTIONS;
	const unsigned int *pci = nodes->topology->pci;

	qemu_fdt_setprop_cells(fdt, nodes->pcie, "iommu-map", 0, cache[pci[0]], 0, length,
			       length, cache[pci[1]],
			       nodes->bad_utlb ? nodes->topology->geometry->utlbs : 0, length);
	if (nodes->crossed_utlb)
		cross_map(fdt, nodes, cache);
	if (!nodes->coherent)
		fdt_delprop(fdt, fdt_path_offset(fdt, nodes->pcie), "dma-coherent");
}

static void add_master(void *fdt, const struct ipmmu_topology *topology,
		       const struct ipmmu_master *master, const uint32_t *cache)
{
	g_autofree char *path = g_strdup_printf("/%s@%x", master->name, master->base);
	uint32_t cells[2 * IPMMU_MASTER_UTLBS];
	unsigned int i;

	for (i = 0; i < master->count; i++) {
		cells[2 * i] = cpu_to_be32(cache[topology->role[master->spec[i].role]]);
		cells[2 * i + 1] = cpu_to_be32(ipmmu_master_utlb(topology, &master->spec[i]));
	}
	qemu_fdt_add_subnode(fdt, path);
	qemu_fdt_setprop_string(fdt, path, "compatible", "ipmmu-deferred,dma");
	qemu_fdt_setprop_sized_cells(fdt, path, "reg", 2, master->base, 2, IPMMU_MASTER_SIZE);
	qemu_fdt_setprop(fdt, path, "iommus", cells, 2 * master->count * sizeof(cells[0]));
}

/* A controller that nothing in the kernel drives; a test does */
static uint32_t add_power(void *fdt)
{
	uint32_t phandle = qemu_fdt_alloc_phandle(fdt);

	qemu_fdt_add_subnode(fdt, "/ipmmu-power");
	qemu_fdt_setprop_string(fdt, "/ipmmu-power", "compatible", "ipmmu-deferred,power");
	qemu_fdt_setprop_cell(fdt, "/ipmmu-power", "#power-domain-cells", 1);
	qemu_fdt_setprop_cell(fdt, "/ipmmu-power", "phandle", phandle);
	return phandle;
}

static void set_other_soc(void *fdt, const struct ipmmu_place *place)
{
	g_autofree char *path = g_strdup_printf("/iommu@%x", place->base);

	qemu_fdt_setprop_string(fdt, path, "compatible", "renesas,ipmmu-r8a7796");
}

static void add_caches(void *fdt, const struct ipmmu_nodes *nodes, uint32_t root,
		       uint32_t power, uint32_t *cache)
{
	const struct ipmmu_topology *topology = nodes->topology;
	uint32_t main = root;
	unsigned int i;

	for (i = topology->caches; i--;) {
		cache[i] = add_cache(fdt, nodes, &topology->cache[i], main,
				     i == POWER_CACHE ? power : 0);
		if (i == WRONG_CACHE && nodes->wrong_main)
			main = cache[i];
		if (i == WRONG_CACHE && nodes->mixed_soc)
			set_other_soc(fdt, &topology->cache[i]);
	}
}

void ipmmu_create_nodes(void *fdt, const struct ipmmu_nodes *nodes)
{
	const struct ipmmu_topology *topology = nodes->topology;
	uint32_t power = nodes->power ? add_power(fdt) : 0;
	uint32_t cache[IPMMU_CACHES];
	uint32_t root;
	unsigned int i;

	root = add_root(fdt, nodes, topology->root, topology->spi, power);
	if (nodes->two_mains)
		add_root(fdt, nodes, IPMMU_MM2_BASE, IPMMU_MM2_SPI, 0);
	add_caches(fdt, nodes, root, power, cache);
	add_map(fdt, nodes, cache);
	for (i = topology->masters ? ipmmu_master_count : 0; i--;)
		add_master(fdt, topology, &ipmmu_masters[i], cache);
}
