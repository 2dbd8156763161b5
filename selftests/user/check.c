// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look at everything: the tables as the walker finds them, and all counts.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "domain.h"
#include "pgtable.h"
#include "shim.h"

struct look {
	struct domain *d;
	size_t run;		/* of the model, the next to come */
	u64 at;			/* in it */
	unsigned long tables;
};

static void see_leaf(struct look *look, u64 iova, int level, u64 descriptor)
{
	const struct domain *d = look->d;
	const struct run *run = &d->model.runs[look->run];
	u64 size = 1ull << hw_shift(&d->hw, level), mask, wanted, pa;

	if (look->run == d->model.nr)
		shim_panic("0x%llx at 0x%llx, where nothing is mapped", descriptor, iova);
	if (look->at < run->start || look->at >= run->end)
		look->at = run->start;
	wanted = domain_descriptor(d, run->prot, level, &mask);
	pa = hw_address(&d->hw, descriptor);
	if (iova != look->at || size != run->leaf ||
	    pa != run->paddr + (iova - run->start) ||
	    (descriptor & mask) != wanted ||
	    domain_memory_type(d, descriptor) != domain_wanted_type(d, run->prot))
		shim_panic("0x%llx at 0x%llx; expected a leaf of 0x%llx at 0x%llx: 0x%llx, 0x%llx",
			   descriptor, iova, run->leaf, look->at,
			   run->paddr + (look->at - run->start), wanted);
	look->at += size;
	if (look->at == run->end)
		look->run++;
}

/*
 * Nothing is under way: what is valid has been cleaned, and what is not, too,
 * but for the bits that are software's.
 */
static u64 see_entry(struct look *look, u64 pa)
{
	u64 entry = shim_word(pa, false), cleaned;

	if (look->d->hw.coherent)
		return entry;
	cleaned = shim_word(pa, true);
	if ((entry & 1 || cleaned & 1) && (entry ^ cleaned) & ~HW_SOFTWARE)
		shim_panic("0x%llx has not been cleaned: the walker sees 0x%llx",
			   entry, cleaned);
	return entry;
}

/* Return: how many tables it is, with those below */
static unsigned long see_table(struct look *look, u64 table, u64 iova, int level)
{
	const struct hw *hw = &look->d->hw;
	unsigned long below = 0;
	unsigned int i;
	struct page *page;

	for (i = 0; i < hw_entries(hw, level); i++, iova += 1ull << hw_shift(hw, level)) {
		u64 entry = see_entry(look, table + i * sizeof(u64));

		if (hw_is_table(entry, level))
			below += see_table(look, hw_address(hw, entry), iova, level + 1);
		else if (hw_is_leaf(entry, level))
			see_leaf(look, iova, level, entry);
		else if (entry & 1)
			shim_panic("0x%llx at level %d is nothing", entry, level);
	}
	page = virt_to_page(phys_to_virt(table));
	if (iopd_page_below(page) != below || iopd_page_level(page) != level)
		shim_panic("a table at level %d counts %lu tables at level %d; there are %lu",
			   level, iopd_page_below(page), iopd_page_level(page), below);
	return below + 1;
}

unsigned long domain_check(struct domain *d)
{
	struct look look = { .d = d };
	u64 needed = model_tables(&d->model);

	look.tables = see_table(&look, d->hw.root, 0, d->hw.start);
	if (look.run != d->model.nr)
		shim_panic("nothing at 0x%llx and after; %zu runs of %zu",
			   d->model.runs[look.run].start, look.run, d->model.nr);
	if (look.tables < needed)
		shim_panic("%lu tables, where %llu are needed", look.tables, needed);
	return look.tables;
}

/* All sweeps have been made, and what they have cut off has been flushed. */
void domain_check_swept(struct domain *d)
{
	unsigned long tables = domain_check(d);
	u64 needed = model_tables(&d->model);

	if (tables != needed)
		shim_panic("%lu tables after a sweep, where %llu are needed", tables,
			   needed);
}
