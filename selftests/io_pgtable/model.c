// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a page table ought to hold.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* What most kernels have, and the smallest that tables are made of */
#define USUAL_PAGE	4096

static void *grow(void *array, size_t nr, size_t *room, size_t size)
{
	if (nr < *room)
		return array;
	*room = *room ? *room * 2 : 64;
	array = realloc(array, *room * size);
	if (!array) {
		perror("# model");
		abort();
	}
	return array;
}

void model_init(struct model *model, unsigned int ias)
{
	memset(model, 0, sizeof(*model));
	model->ias = ias;
	model_shape(model, USUAL_PAGE, false);
}

void model_shape(struct model *model, __u64 page, bool concatenated)
{
	model->page = page;
	model->entries = page / sizeof(__u64);
	model->top = page;
	while (model->top < (1ull << model->ias) / model->entries)
		model->top *= model->entries;
	if (concatenated)
		model->top /= model->entries;
}

void model_destroy(struct model *model)
{
	free(model->runs);
}

/* --- runs ----------------------------------------------------------------- */

/* The first run that ends after iova */
static size_t run_at(const struct model *model, __u64 iova)
{
	size_t low = 0, high = model->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (model->runs[middle].end <= iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void run_add(struct model *model, struct run run)
{
	size_t i = run_at(model, run.start);

	if (run.start == run.end)
		return;
	model->runs = grow(model->runs, model->nr, &model->room,
			   sizeof(*model->runs));
	memmove(&model->runs[i + 1], &model->runs[i],
		(model->nr - i) * sizeof(*model->runs));
	model->runs[i] = run;
	model->nr++;
}

static void run_take(struct model *model, size_t i)
{
	memmove(&model->runs[i], &model->runs[i + 1],
		(model->nr - i - 1) * sizeof(*model->runs));
	model->nr--;
}

/* The part [start, end) of a run, both at borders of its leaves */
static struct run run_part(struct run run, __u64 start, __u64 end)
{
	run.paddr += start - run.start;
	run.start = start;
	run.end = end;
	return run;
}

void model_clear(struct model *model, __u64 start, __u64 end)
{
	size_t i = run_at(model, start);

	while (i < model->nr && model->runs[i].start < end) {
		struct run old = model->runs[i];

		run_take(model, i);
		if (old.start < start)
			run_add(model, run_part(old, old.start, start));
		if (old.end > end)
			run_add(model, run_part(old, end, old.end));
		i = run_at(model, start);
	}
}

const struct run *model_find(const struct model *model, __u64 iova)
{
	size_t i = run_at(model, iova);

	if (i == model->nr || model->runs[i].start > iova)
		return NULL;
	return &model->runs[i];
}

bool model_has_larger(const struct model *model, __u64 iova, __u64 size,
		      __u64 count)
{
	size_t i = run_at(model, iova);

	for (; i < model->nr && model->runs[i].start < iova + size * count; i++)
		if (model->runs[i].leaf > size)
			return true;
	return false;
}

__u64 model_lookup(const struct model *model, __u64 iova)
{
	const struct run *run = model_find(model, iova);

	return run ? run->paddr + (iova - run->start) : 0;
}

__u64 model_leaves(const struct model *model)
{
	__u64 nr = 0;
	size_t i;

	for (i = 0; i < model->nr; i++)
		nr += (model->runs[i].end - model->runs[i].start) /
		      model->runs[i].leaf;
	return nr;
}

/*
 * Aligned spans of so many bytes that have a leaf smaller than themselves in
 * them
 */
static __u64 spans(const struct model *model, __u64 bytes)
{
	__u64 nr = 0, next = 0;
	size_t i;

	for (i = 0; i < model->nr; i++) {
		__u64 first = model->runs[i].start / bytes;
		__u64 end = (model->runs[i].end - 1) / bytes + 1;

		if (model->runs[i].leaf >= bytes)
			continue;
		/* The last span of one run may be the first of the next */
		if (first < next)
			first = next;
		if (end > first)
			nr += end - first;
		next = end > next ? end : next;
	}
	return nr;
}

__u64 model_tables(const struct model *model)
{
	__u64 nr = 1, bytes;

	for (bytes = model->page * model->entries; bytes <= model->top;
	     bytes *= model->entries)
		nr += spans(model, bytes);
	return nr;
}

void model_merge(struct model *model, const struct model *other)
{
	size_t i;

	for (i = 0; i < other->nr; i++)
		run_add(model, other->runs[i]);
}

/* --- map and unmap -------------------------------------------------------- */

/* How many leaves of size fit before the next run begins */
static __u64 free_leaves(const struct model *model, __u64 iova, __u64 size,
			 __u64 count)
{
	size_t i = run_at(model, iova);
	__u64 gap;

	if (i == model->nr)
		return count;
	if (model->runs[i].start <= iova)
		return 0;
	gap = (model->runs[i].start - iova) / size;
	return gap < count ? gap : count;
}

bool model_is_empty(const struct model *model, __u64 iova, __u64 size)
{
	return free_leaves(model, iova, size, 1);
}

__u64 model_map(struct model *model, __u64 iova, __u64 paddr, __u64 size,
		__u64 count, __u32 prot)
{
	__u64 done = 0;

	while (done < count) {
		__u64 at = iova + done * size;
		__u64 nr = free_leaves(model, at, size, count - done);

		if (!nr)
			break;
		run_add(model, (struct run) {
			.start = at, .end = at + nr * size,
			.paddr = paddr + done * size,
			.leaf = size, .prot = prot,
		});
		done += nr;
	}
	return done * size;
}

/*
 * Leave of the big leaf around iova a hole of size: at each level on the way
 * down, what is left and right of it stays in leaves of that level.
 */
static void split(struct model *model, __u64 iova, __u64 size)
{
	struct run old = *model_find(model, iova);
	__u64 base = iova & ~(old.leaf - 1);
	__u64 end = base + old.leaf;

	model_clear(model, base, end);
	while (old.leaf > size) {
		__u64 hole;

		old.leaf /= model->entries;
		hole = iova & ~(old.leaf - 1);
		run_add(model, run_part(old, base, hole));
		run_add(model, run_part(old, hole + old.leaf, end));
		base = hole;
		end = hole + old.leaf;
	}
}

void model_split(struct model *model, __u64 iova)
{
	struct run old = *model_find(model, iova);
	__u64 start = iova & ~(old.leaf - 1), end = start + old.leaf;
	struct run part = run_part(old, start, end);

	model_clear(model, start, end);
	part.leaf /= model->entries;
	run_add(model, part);
}

/* A run that goes over at is two from now on. */
static void cut(struct model *model, __u64 at)
{
	size_t i = run_at(model, at);
	struct run old;

	if (i == model->nr || model->runs[i].start >= at)
		return;
	old = model->runs[i];
	run_take(model, i);
	run_add(model, run_part(old, old.start, at));
	run_add(model, run_part(old, at, old.end));
}

void model_change(struct model *model, __u64 start, __u64 end, __u32 set,
		  __u32 clear)
{
	size_t i;

	cut(model, start);
	cut(model, end);
	for (i = run_at(model, start); i < model->nr; i++) {
		if (model->runs[i].start >= end)
			return;
		model->runs[i].prot &= ~clear;
		model->runs[i].prot |= set;
	}
}

bool model_unmap(struct model *model, __u64 iova, __u64 size, __u64 count,
		 __u64 done)
{
	__u64 end = iova + done;

	if (done % size || done > count * size)
		return false;
	/* Nothing of what is there may be left out */
	if (done < count * size && !model_is_empty(model, end, size))
		return false;
	for (; iova < end; iova += size) {
		const struct run *run = model_find(model, iova);

		if (size == model->page && !run)
			return false;
		if (run && run->leaf > size)
			split(model, iova, size);
		else
			model_clear(model, iova, iova + size);
	}
	return true;
}
