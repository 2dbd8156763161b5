// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device tree of the machine: IPMMU nodes, and who is behind them.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "sysemu/device_tree.h"

#include <libfdt.h>

#include "ipmmu-qemu.h"

#define GIC_SPI			0
#define GIC_LEVEL_HIGH		4

static uint32_t add_node(void *fdt, const struct ipmmu_nodes *nodes, const char *path,
			 uint32_t base)
{
	uint32_t phandle = qemu_fdt_alloc_phandle(fdt);

	qemu_fdt_add_subnode(fdt, path);
	qemu_fdt_setprop_string(fdt, path, "compatible", nodes->compatible);
	qemu_fdt_setprop_sized_cells(fdt, path, "reg", 2, base, 2, IPMMU_REGISTERS_SIZE);
	qemu_fdt_setprop_cell(fdt, path, "#iommu-cells", 1);
	qemu_fdt_setprop_cell(fdt, path, "phandle", phandle);
	return phandle;
}

static uint32_t add_root(void *fdt, const struct ipmmu_nodes *nodes, uint32_t base,
			 uint32_t spi, uint32_t spi_2)
{
	g_autofree char *path = g_strdup_printf("/iommu@%x", base);
	uint32_t phandle = add_node(fdt, nodes, path, base);

	qemu_fdt_setprop_cells(fdt, path, "interrupts", GIC_SPI, spi, GIC_LEVEL_HIGH,
			       GIC_SPI, spi_2, GIC_LEVEL_HIGH);
	return phandle;
}

static uint32_t add_cache(void *fdt, const struct ipmmu_nodes *nodes, uint32_t root,
			  unsigned int number)
{
	g_autofree char *path = g_strdup_printf("/iommu@%x", IPMMU_CACHE_BASE(number));
	uint32_t phandle = add_node(fdt, nodes, path, IPMMU_CACHE_BASE(number));

	qemu_fdt_setprop_cells(fdt, path, "renesas,ipmmu-main", root, number);
	return phandle;
}

/* bad_utlb moves the second cache's masters to micro-TLBs that Gen3 has not */
static void add_map(void *fdt, const struct ipmmu_nodes *nodes, const uint32_t *cache)
{
	uint32_t length = IPMMU_SLOTS_PER_CACHE * IPMMU_FUNCTIONS;

	qemu_fdt_setprop_cells(fdt, nodes->pcie, "iommu-map", 0, cache[0], 0, length, length,
			       cache[1], nodes->bad_utlb ? IPMMU_UTLBS : 0, length);
	if (!nodes->coherent)
		fdt_delprop(fdt, fdt_path_offset(fdt, nodes->pcie), "dma-coherent");
}

void ipmmu_create_nodes(void *fdt, const struct ipmmu_nodes *nodes)
{
	uint32_t cache[IPMMU_CACHES];
	uint32_t root;
	unsigned int i;

	root = add_root(fdt, nodes, IPMMU_MM_BASE, IPMMU_MM_SPI, IPMMU_MM_SPI_2);
	if (nodes->two_mains)
		add_root(fdt, nodes, IPMMU_MM2_BASE, IPMMU_MM2_SPI, IPMMU_MM2_SPI + 1);
	for (i = 0; i < IPMMU_CACHES; i++)
		cache[i] = add_cache(fdt, nodes, root, i);
	add_map(fdt, nodes, cache);
}
