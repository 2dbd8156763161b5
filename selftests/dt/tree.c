// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a compiled device tree. Of disabled nodes there is no device, so they
 * are left out.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tree.h"

static void *read_file(const char *file)
{
	FILE *stream = fopen(file, "rb");
	void *data = NULL;
	long size;

	if (!stream)
		return NULL;
	if (!fseek(stream, 0, SEEK_END)) {
		size = ftell(stream);
		rewind(stream);
		data = size > 0 ? malloc(size) : NULL;
		if (data && fread(data, size, 1, stream) != 1) {
			free(data);
			data = NULL;
		}
	}
	fclose(stream);
	return data;
}

static bool is_available(const void *fdt, int node)
{
	const char *status = fdt_getprop(fdt, node, "status", NULL);

	return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

static u64 read_cells(const fdt32_t *cells, int count)
{
	u64 value = 0;

	while (count--)
		value = value << 32 | fdt32_to_cpu(*cells++);
	return value;
}

/*
 * The first entry of reg; buses above map addresses one to one on these SoCs.
 */
static bool read_reg(const void *fdt, int node, u64 *base, u64 *size)
{
	int parent = fdt_parent_offset(fdt, node);
	int cells = fdt_address_cells(fdt, parent), more = fdt_size_cells(fdt, parent);
	const fdt32_t *reg;
	int length;

	reg = fdt_getprop(fdt, node, "reg", &length);
	if (!reg || length < (cells + more) * 4)
		return false;
	*base = read_cells(reg, cells);
	*size = read_cells(reg + cells, more);
	return true;
}

/* As of_device_make_bus_id() has it: address, and name without the unit's */
static void device_name(const void *fdt, int node, char *name, u64 *size)
{
	const char *own = fdt_get_name(fdt, node, NULL);
	u64 base;

	if (read_reg(fdt, node, &base, size))
		snprintf(name, TREE_NAME_MAX, "%llx.%.*s", (unsigned long long)base,
			 (int)strcspn(own, "@"), own);
	else
		snprintf(name, TREE_NAME_MAX, "%s", own);
}

/* The first of its compatible strings that the driver knows */
static const struct ipmmu_soc *find_soc(const void *fdt, int node)
{
	const struct of_device_id *id;
	const char *compatible;
	int i;

	for (i = 0; (compatible = fdt_stringlist_get(fdt, node, "compatible", i, NULL)); i++)
		for (id = ipmmu_of_ids; id->compatible; id++)
			if (!strcmp(id->compatible, compatible))
				return id->data;
	return NULL;
}

static bool looks_like_ipmmu(const void *fdt, int node)
{
	const char *compatible = fdt_stringlist_get(fdt, node, "compatible", 0, NULL);

	return compatible && !strncmp(compatible, "renesas,ipmmu-", 14);
}

static int find_phandle(const void *fdt, int node, const char *property)
{
	const fdt32_t *value;
	int length;

	value = fdt_getprop(fdt, node, property, &length);
	return value && length >= 4 ?
	       fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*value)) : -1;
}

static void add_ipmmu(struct tree *tree, int node)
{
	struct tree_ipmmu *ipmmu = &tree->ipmmu[tree->ipmmus++];

	ipmmu->node = node;
	ipmmu->soc = find_soc(tree->fdt, node);
	ipmmu->cache = fdt_getprop(tree->fdt, node, "renesas,ipmmu-main", NULL);
	ipmmu->main = find_phandle(tree->fdt, node, "renesas,ipmmu-main");
	ipmmu->interrupts = fdt_getprop(tree->fdt, node, "interrupts", NULL);
	device_name(tree->fdt, node, ipmmu->name, &ipmmu->size);
}

static bool add_ipmmus(struct tree *tree)
{
	int node;

	for (node = fdt_next_node(tree->fdt, -1, NULL); node >= 0;
	     node = fdt_next_node(tree->fdt, node, NULL)) {
		if (!is_available(tree->fdt, node) ||
		    (!find_soc(tree->fdt, node) && !looks_like_ipmmu(tree->fdt, node)))
			continue;
		if (tree->ipmmus == TREE_IPMMUS_MAX)
			return false;
		add_ipmmu(tree, node);
	}
	return true;
}

static const struct tree_ipmmu *find_ipmmu(const struct tree *tree, u32 phandle)
{
	int node = fdt_node_offset_by_phandle(tree->fdt, phandle);
	unsigned int i;

	for (i = 0; i < tree->ipmmus; i++)
		if (tree->ipmmu[i].node == node)
			return &tree->ipmmu[i];
	return NULL;
}

/*
 * iommus is pairs of IPMMU and micro-TLB; iommu-map has a first requester
 * before such a pair, and a number of them behind it.
 */
static bool add_specs(struct tree *tree, struct tree_master *master, const fdt32_t *cells,
		      int length)
{
	int step = master->pci ? 4 : 2;
	struct tree_spec *spec;
	int i;

	for (i = 0; i + step <= length / 4; i += step) {
		if (master->count == TREE_UTLBS_MAX)
			return false;
		spec = &master->spec[master->count++];
		spec->ipmmu = find_ipmmu(tree, fdt32_to_cpu(cells[i + master->pci]));
		spec->utlb = fdt32_to_cpu(cells[i + master->pci + 1]);
		spec->count = master->pci ? fdt32_to_cpu(cells[i + 3]) : 1;
	}
	return i == length / 4;
}

static bool add_master(struct tree *tree, int node, const char *property)
{
	struct tree_master *master = &tree->master[tree->masters];
	const fdt32_t *cells;
	int length;
	u64 unused;

	cells = fdt_getprop(tree->fdt, node, property, &length);
	if (!cells)
		return true;
	if (tree->masters++ == TREE_MASTERS_MAX)
		return false;
	master->pci = !strcmp(property, "iommu-map");
	device_name(tree->fdt, node, master->name, &unused);
	return add_specs(tree, master, cells, length);
}

static bool add_masters(struct tree *tree)
{
	int node;

	for (node = fdt_next_node(tree->fdt, -1, NULL); node >= 0;
	     node = fdt_next_node(tree->fdt, node, NULL))
		if (is_available(tree->fdt, node) &&
		    (!add_master(tree, node, "iommus") || !add_master(tree, node, "iommu-map")))
			return false;
	return true;
}

bool tree_read(struct tree *tree, const char *file)
{
	memset(tree, 0, sizeof(*tree));
	tree->fdt = read_file(file);
	if (!tree->fdt || fdt_check_header(tree->fdt)) {
		fprintf(stderr, "%s: no device tree\n", file);
		return false;
	}
	tree->model = fdt_getprop(tree->fdt, 0, "model", NULL);
	if (add_ipmmus(tree) && add_masters(tree))
		return true;
	fprintf(stderr, "%s: more IPMMUs, masters or micro-TLBs than expected\n", file);
	return false;
}
