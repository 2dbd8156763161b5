// SPDX-License-Identifier: GPL-2.0-only
/*
 * board FILE: what the driver would make of the board whose compiled device
 * tree this is, as a row of a table in Markdown; nothing if it has no IPMMU.
 * Fails, with the reason, if an IPMMU would not be taken or a master not be
 * found.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdarg.h>
#include <stdio.h>

#include "encode.h"
#include "tree.h"

#define CACHES_MAX	32	/* of the driver */

/* Context 0, which is left alone, and the one that blocks */
#define CONTEXTS_TAKEN	2

static unsigned int errors;

__attribute__((format(printf, 1, 2)))
static void error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	errors++;
}

static const struct tree_ipmmu *find_main(const struct tree *tree)
{
	unsigned int i;

	for (i = 0; i < tree->ipmmus; i++)
		if (!tree->ipmmu[i].cache)
			return &tree->ipmmu[i];
	return NULL;
}

static void check_ipmmu(const struct tree_ipmmu *ipmmu, const struct tree_ipmmu *main)
{
	if (!ipmmu->soc) {
		error("%s: not in the driver's table\n", ipmmu->name);
		return;
	}
	if (ipmmu->size < ipmmu_registers_size(ipmmu->soc))
		error("%s: reg has 0x%llx bytes, 0x%x are needed\n", ipmmu->name,
		      (unsigned long long)ipmmu->size, ipmmu_registers_size(ipmmu->soc));
	if (ipmmu->cache && ipmmu->main != main->node)
		error("%s: renesas,ipmmu-main does not lead to %s\n", ipmmu->name, main->name);
	if (ipmmu->soc != main->soc)
		error("%s: of another SoC than %s\n", ipmmu->name, main->name);
	if (!ipmmu->cache && !ipmmu->interrupts)
		error("%s: no interrupt\n", ipmmu->name);
}

static unsigned int check_ipmmus(const struct tree *tree, const struct tree_ipmmu *main)
{
	unsigned int i, mains = 0;

	for (i = 0; i < tree->ipmmus; i++) {
		check_ipmmu(&tree->ipmmu[i], main);
		mains += !tree->ipmmu[i].cache;
	}
	if (mains > 1)
		error("%u main IPMMUs\n", mains);
	if (tree->ipmmus - mains > CACHES_MAX)
		error("%u caches, at most %u are possible\n", tree->ipmmus - mains, CACHES_MAX);
	return tree->ipmmus - mains;
}

static void check_master(const struct tree_master *master)
{
	const struct tree_spec *spec;
	unsigned int i;

	for (i = 0; i < master->count; i++) {
		spec = &master->spec[i];
		if (!spec->ipmmu)
			error("%s: behind something that is no IPMMU\n", master->name);
		else if (!spec->ipmmu->cache)
			error("%s: behind a main IPMMU\n", master->name);
		else if (!master->pci && spec->ipmmu != master->spec[0].ipmmu)
			error("%s: behind two IPMMUs\n", master->name);
		else if (spec->ipmmu->soc &&
			 spec->utlb + spec->count > spec->ipmmu->soc->utlbs)
			error("%s: micro-TLB %llu and %llu more, there are %u\n", master->name,
			      (unsigned long long)spec->utlb,
			      (unsigned long long)spec->count - 1, spec->ipmmu->soc->utlbs);
	}
}

static bool by_default(const struct tree_master *master)
{
	return master->pci || ipmmu_soc_knows(master->name);
}

static bool share_utlb(const struct tree_master *a, const struct tree_master *b)
{
	unsigned int i, j;

	for (i = 0; i < a->count; i++)
		for (j = 0; j < b->count; j++)
			if (a->spec[i].ipmmu == b->spec[j].ipmmu &&
			    a->spec[i].utlb < b->spec[j].utlb + b->spec[j].count &&
			    b->spec[j].utlb < a->spec[i].utlb + a->spec[i].count)
				return true;
	return false;
}

/* Domains, one for each group of masters on the same micro-TLBs */
static unsigned int count_groups(const struct tree *tree, bool all)
{
	unsigned int i, j, groups = 0;

	for (i = 0; i < tree->masters; i++) {
		if (!all && !by_default(&tree->master[i]))
			continue;
		for (j = 0; j < i; j++)
			if ((all || by_default(&tree->master[j])) &&
			    share_utlb(&tree->master[i], &tree->master[j]))
				break;
		groups += j == i;
	}
	return groups;
}

/* Names of those that are translated by default, or the number of the others */
static void print_masters(const struct tree *tree, bool translated)
{
	const char *separator = "";
	unsigned int i, others = 0;

	for (i = 0; i < tree->masters; i++) {
		if (by_default(&tree->master[i]) != translated) {
			others++;
			continue;
		}
		if (translated)
			printf("%s%s", separator, tree->master[i].name);
		separator = ", ";
	}
	if (translated)
		printf("%s | ", *separator ? "" : "none");
	else
		printf("%u | ", tree->masters - others);
}

static u64 smallest_reg(const struct tree *tree)
{
	u64 size = ~0ull;
	unsigned int i;

	for (i = 0; i < tree->ipmmus; i++)
		if (tree->ipmmu[i].size < size)
			size = tree->ipmmu[i].size;
	return size;
}

static void print_row(const struct tree *tree, const struct ipmmu_soc *soc,
		      unsigned int caches)
{
	const char *denied = ipmmu_soc_denied(soc);

	printf("| %s | %s | %u | 0x%llx / 0x%x | ", tree->model, soc->name, caches,
	       (unsigned long long)smallest_reg(tree), ipmmu_registers_size(soc));
	if (denied) {
		printf("none, %u denied | 0 | 0 / 0 / %u |\n", tree->masters,
		       soc->contexts - CONTEXTS_TAKEN);
		return;
	}
	print_masters(tree, true);
	print_masters(tree, false);
	printf("%u / %u / %u |\n", count_groups(tree, false), count_groups(tree, true),
	       soc->contexts - CONTEXTS_TAKEN);
}

static void check_tree(const struct tree *tree)
{
	const struct tree_ipmmu *root = find_main(tree);
	unsigned int i, caches;

	if (!root) {
		error("no main IPMMU\n");
		return;
	}
	caches = check_ipmmus(tree, root);
	for (i = 0; i < tree->masters; i++)
		check_master(&tree->master[i]);
	if (root->soc)
		print_row(tree, root->soc, caches);
}

int main(int argc, char **argv)
{
	static struct tree tree;

	if (argc != 2 || !tree_read(&tree, argv[1]))
		return 2;
	if (tree.ipmmus)
		check_tree(&tree);
	return errors ? 1 : 0;
}
