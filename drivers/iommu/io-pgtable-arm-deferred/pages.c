// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of tables.
 *
 * A tree that has come to some size takes pages in chunks: one allocation of
 * neighbours that is not compound, so that each has its struct page to itself.
 * The rest of the last chunk are the spares of the tree. When all pages of a
 * chunk are done with it is given back by one call, which costs little more
 * than for one page, and not by way of the CPU's own list of free pages, which
 * the allocator empties in one go once it is full.
 *
 * Single pages do go by way of that list, so a chunk is kept whole as long as
 * there is hope for the rest of it. A few of those that are done with in part
 * wait for their neighbours: the oldest of too many is split, and so are all
 * once the tree has had nothing to free for a while. Their pages are single
 * ones from there on. If the tree has been closed the others follow soon, and
 * none is split.
 *
 * Where no chunk is free a table is allocated for itself, as in small trees,
 * and where pages or tables are larger than 4 KiB. Roots are never taken from
 * chunks.
 *
 * Spares serve the control group that has paid for their chunk, and no other:
 * there are some that no group pays for, and some of one group. While those
 * last, callers of a third get single pages. So a group is charged for the
 * tables that its tasks have made, and for the spares of its last chunk in each
 * page table, 15 at most.
 *
 * A caller that may not block does not allocate a chunk. It takes one that has
 * been made ready, see refill.c, or else a single page.
 *
 * Any mapper, in any context, takes spares and returns tables that it has not
 * published; both are one atomic operation. The state of chunks is changed only
 * by the task that has made the tree busy, apart from that of a chunk not yet
 * in use.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mmzone.h>

#include <compat/memcg.h>
#include <compat/mm.h>
#include "pages.h"
#include "refill.h"
#include "table.h"

/*
 * The smallest order that does not pass through the CPU's lists of free pages,
 * 16 tables: a task that frees one by one of the orders up to
 * PAGE_ALLOC_COSTLY_ORDER, and takes none, empties those lists each time.
 */
#if PAGE_SHIFT == 12
#define IOPD_CHUNK_ORDER	(PAGE_ALLOC_COSTLY_ORDER + 1)
#else
#define IOPD_CHUNK_ORDER	0
#endif
#define IOPD_CHUNK_PAGES	BIT(IOPD_CHUNK_ORDER)

/*
 * Trees with fewer tables get single pages: with that, spares are never more
 * than the tables are.
 */
#define IOPD_CHUNK_TREE		IOPD_CHUNK_PAGES

/* Fewer have no chunk ready beside their spares. */
#define IOPD_READY_TREE		(2 * IOPD_CHUNK_TREE)

/* Spares that are left when the next chunk is to be made ready */
#define IOPD_READY_SPARES	(IOPD_CHUNK_PAGES / 2)

/*
 * Single pages that are taken before a chunk is asked for again that there was
 * not
 */
#define IOPD_CHUNK_PAUSE	IOPD_CHUNK_PAGES

/*
 * iopd_tree.spare: the address of the first of the spares, which are
 * neighbours, and how many there are; iopd_tree.ready: the address of the first
 * page of a chunk. The value says all there is to know of them, so that it may
 * be compared and exchanged wherever it has been in between.
 */
#define IOPD_SPARE_COUNT	GENMASK(5, 0)
#define IOPD_SPARE_CLOSED	BIT(6)	/* the tree takes none any more */

/*
 * All but one page of a chunk are not needed yet: nothing is reclaimed or
 * compacted for them, no task woken to do so, and no reserve touched. If there
 * is no chunk a single page is asked for, as the caller said.
 */
#define IOPD_GFP_CHUNK_DROPPED	(__GFP_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC |	\
				 __GFP_NOFAIL | __GFP_RETRY_MAYFAIL)
#define IOPD_GFP_CHUNK		(__GFP_NORETRY | __GFP_NOMEMALLOC |	\
				 __GFP_NOWARN | __GFP_ZERO)

DEFINE_PER_CPU(long, iopd_page_count);

/*
 * A chunk fits its fields: all but the first page that are left, and the
 * spares.
 */
static_assert(IOPD_PAGE_LEFT / IOPD_PAGE_LEFT_ONE >= IOPD_CHUNK_PAGES - 1);
static_assert(IOPD_CHUNK_PAGES - 1 <= IOPD_SPARE_COUNT);
static_assert(IOPD_SPARE_CLOSED < PAGE_SIZE);

/**
 * iopd_pages_get() - memory near the IOMMU, accounted as tables
 * @tree: the tree that it is for
 * @order: log2 of how many pages
 * @gfp: how to allocate; says which zone the page is to come from if others
 *	 have been tried
 *
 * The page allocator promises nothing about the word of a page that it hands
 * out: that of the first page is cleared here, for it says whose the page is.
 *
 * Context: as @gfp allows.
 * Return: the first page, or NULL.
 */
struct page *iopd_pages_get(struct iopd_tree *tree, unsigned int order,
			    gfp_t gfp)
{
	struct page *page;

	if (!(gfp & IOPD_GFP_ZONES))
		gfp |= READ_ONCE(tree->zone);
	page = alloc_pages_node(dev_to_node(tree->dev), gfp, order);
	if (page) {
		set_page_private(page, 0);
		compat_account_tables(page, BIT(order));
		this_cpu_add(iopd_page_count, BIT(order));
	}
	return page;
}

/*
 * Who pays for a page that is no table yet, or was to be one: in the room of
 * the list that detached tables are linked in. It may be read when another
 * caller has already taken the page, and then what was read is not used. Bit 0
 * stays clear, for in that word it makes a page the tail of another.
 */
static unsigned long iopd_payer_word(u64 payer)
{
	return payer << 1;
}

static bool iopd_page_is_paid_by(const struct page *page, u64 payer)
{
	/* Another caller may have taken the page, and link it. */
	return data_race((unsigned long)page->lru.next) ==
	       iopd_payer_word(payer);
}

static void iopd_page_set_payer(struct page *page, u64 payer)
{
	page->lru.next = (struct list_head *)iopd_payer_word(payer);
}

static struct page *iopd_chunk_first(struct page *page)
{
	return page - (page_to_pfn(page) & (IOPD_CHUNK_PAGES - 1));
}

/* log2 of how many pages are to be given back with @page, the first of them */
static unsigned int iopd_pages_order(const struct iopd_tree *tree,
				     struct page *page)
{
	if (iopd_page_word(page) & IOPD_PAGE_CHUNK)
		return IOPD_CHUNK_ORDER;
	return page == tree->root ? tree->root_order : tree->table_order;
}

/* Runs that are accounted alike cost one update of the counters. */
static void iopd_pages_unaccount(const struct iopd_tree *tree,
				 struct page **pages, unsigned int nr)
{
	struct page *first = pages[0];
	int run = 0, all = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!compat_accounted_alike(first, pages[i])) {
			compat_account_tables(first, -run);
			all += run;
			first = pages[i];
			run = 0;
		}
		run += BIT(iopd_pages_order(tree, pages[i]));
	}
	compat_account_tables(first, -run);
	this_cpu_add(iopd_page_count, -(all + run));
}

/* Return: how many single pages were among them */
static unsigned int iopd_pages_give(const struct iopd_tree *tree,
				    struct page **pages, unsigned int nr)
{
	unsigned int i, j, order, singles = 0;

	iopd_pages_unaccount(tree, pages, nr);
	for (i = 0; i < nr; i++) {
		order = iopd_pages_order(tree, pages[i]);
		singles += !order;
		for (j = 0; j < BIT(order); j++)
			set_page_private(pages[i] + j, 0);
		__free_pages(pages[i], order);
	}
	return singles;
}

static atomic_long_t *iopd_spares_of(struct iopd_tree *tree, u64 payer)
{
	return &tree->spare[payer != COMPAT_NO_PAYER];
}

/* A spare that @payer pays for; @left gets how many stay */
static struct page *iopd_spare_take(struct iopd_tree *tree, u64 payer,
				    unsigned int *left)
{
	atomic_long_t *spares = iopd_spares_of(tree, payer);
	long spare = atomic_long_read(spares), rest;
	struct page *page;

	do {
		*left = spare & IOPD_SPARE_COUNT;
		if (!*left)
			return NULL;
		page = virt_to_page((void *)(spare & PAGE_MASK));
		if (payer && !iopd_page_is_paid_by(page, payer))
			return NULL;
		rest = --*left ? spare + PAGE_SIZE - 1 : 0;
	} while (!atomic_long_try_cmpxchg_acquire(spares, &spare, rest));
	return page;
}

/*
 * Each page of it, so that it is not found out when one of them becomes a table
 */
static bool iopd_chunk_is_reachable(struct iopd_tree *tree, struct page *first)
{
	const size_t size = PAGE_SIZE << IOPD_CHUNK_ORDER;
	phys_addr_t pa = page_to_phys(first);
	dma_addr_t dma;

	if (pa + size - 1 > tree->reach)
		return false;
	if (tree->coherent || tree->line)
		return true;
	dma = dma_map_single_attrs(tree->dev, page_address(first), size,
				   DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(tree->dev, dma))
		return false;
	dma_unmap_single_attrs(tree->dev, dma, size, DMA_TO_DEVICE,
			       DMA_ATTR_SKIP_CPU_SYNC);
	return dma == pa;
}

/* Neighbours that the IOMMU can reach, or NULL */
static struct page *iopd_chunk_alloc(struct iopd_tree *tree, gfp_t gfp,
				     u64 payer)
{
	struct page *first;
	unsigned int i;

	first = iopd_pages_get(tree, IOPD_CHUNK_ORDER,
			       (gfp & ~IOPD_GFP_CHUNK_DROPPED) | IOPD_GFP_CHUNK);
	if (!first)
		goto err_pause;
	for (i = 0; i < IOPD_CHUNK_PAGES; i++) {
		set_page_private(first + i, IOPD_PAGE_CHUNK);
		iopd_page_set_payer(first + i, payer);
	}
	set_page_private(first, IOPD_PAGE_CHUNK |
			 (IOPD_CHUNK_PAGES - 1) * IOPD_PAGE_LEFT_ONE);
	if (iopd_chunk_is_reachable(tree, first))
		return first;

	iopd_pages_give(tree, &first, 1);
err_pause:
	WRITE_ONCE(tree->pause, IOPD_CHUNK_PAUSE);
	return NULL;
}

/**
 * iopd_pages_make_ready() - allocate a chunk for a mapper that may not block
 * @tree: a tree without one. It may be closed meanwhile, and freed but for its
 *	  structure and its device
 *
 * Context: the tasklet in refill.c, which no control group pays for.
 */
void iopd_pages_make_ready(struct iopd_tree *tree)
{
	struct page *first;
	long none = 0;

	if (atomic_long_read(&tree->ready))
		return;
	first = iopd_chunk_alloc(tree, GFP_NOWAIT, COMPAT_NO_PAYER);
	/* The release orders the zeroes and the words before the taking. */
	if (first &&
	    !atomic_long_try_cmpxchg_release(&tree->ready, &none,
					     (long)page_address(first)))
		iopd_pages_give(tree, &first, 1);
}

static struct page *iopd_ready_take(struct iopd_tree *tree)
{
	long ready = atomic_long_read(&tree->ready);

	if (!(ready & PAGE_MASK) ||
	    !atomic_long_try_cmpxchg_acquire(&tree->ready, &ready, 0))
		return NULL;
	return virt_to_page((void *)ready);
}

/*
 * A chunk for @payer: the one that is ready, or, for a caller that may wait, a
 * new one
 */
static struct page *iopd_chunk_find(struct iopd_tree *tree, gfp_t gfp,
				    u64 payer)
{
	struct page *first = NULL;

	if (payer == COMPAT_NO_PAYER)
		first = iopd_ready_take(tree);
	if (!first && gfpflags_allow_blocking(gfp) && !READ_ONCE(tree->pause))
		first = iopd_chunk_alloc(tree, gfp, payer);
	return first;
}

/* The first page of a chunk; its others become the spares of the tree. */
static struct page *iopd_chunk_get(struct iopd_tree *tree, gfp_t gfp, u64 payer)
{
	atomic_long_t *spares = iopd_spares_of(tree, payer);
	unsigned int left;
	struct page *first;
	unsigned long spare;
	long none = 0;

	if (!IOPD_CHUNK_ORDER || tree->table_order ||
	    iopd_page_below(tree->root) < IOPD_CHUNK_TREE)
		return NULL;
	/*
	 * Those that are left belong to another group, or one that cannot be
	 * told.
	 */
	if (payer == COMPAT_UNKNOWN_PAYER || atomic_long_read(spares))
		return NULL;

	first = iopd_chunk_find(tree, gfp, payer);
	if (!first)
		return NULL;
	spare = (unsigned long)page_address(first + 1) | (IOPD_CHUNK_PAGES - 1);
	/* The release orders the zeroes and the words before the taking. */
	if (atomic_long_try_cmpxchg_release(spares, &none, spare))
		return first;

	/* Another caller has got one meanwhile. */
	iopd_pages_give(tree, &first, 1);
	return iopd_spare_take(tree, payer, &left);
}

/*
 * For the callers to come that may not block; not while there is no chunk to be
 * had
 */
static void iopd_ready_ask(struct iopd_tree *tree)
{
	if (IOPD_CHUNK_ORDER && !tree->table_order && !READ_ONCE(tree->pause) &&
	    !atomic_long_read(&tree->ready) &&
	    iopd_page_below(tree->root) >= IOPD_READY_TREE)
		iopd_refill_ask(tree);
}

static struct page *iopd_single_get(struct iopd_tree *tree, gfp_t gfp)
{
	unsigned int pause = READ_ONCE(tree->pause);

	if (pause)
		WRITE_ONCE(tree->pause, pause - 1);
	return iopd_pages_get(tree, tree->table_order, gfp);
}

/*
 * Takes the whole list, for only that is safe against other mappers that do the
 * same, keeps one page that @payer pays for, and puts the others back.
 */
static struct page *iopd_returned_take(struct iopd_tree *tree, u64 payer)
{
	struct llist_node *node, *next, *taken = NULL;

	if (likely(llist_empty(&tree->returned)))
		return NULL;
	for (node = llist_del_all(&tree->returned); node; node = next) {
		next = node->next;
		if (!taken && iopd_page_is_paid_by(virt_to_page(node), payer))
			taken = node;
		else
			llist_add(node, &tree->returned);
	}
	if (!taken)
		return NULL;
	memset(taken, 0, PAGE_SIZE << tree->table_order);
	return virt_to_page(taken);
}

/* From what the tree has, or a chunk that it gets; NULL if there is neither */
static struct page *iopd_pages_at_hand(struct iopd_tree *tree, gfp_t gfp,
				       u64 payer)
{
	struct page *page = iopd_returned_take(tree, payer);
	unsigned int left = 0;

	if (page)
		return page;
	page = iopd_spare_take(tree, payer, &left) ?:
	       iopd_chunk_get(tree, gfp, payer);
	/*
	 * Not with the last spare, or the chunk: this caller has done enough.
	 */
	if (payer == COMPAT_NO_PAYER && !gfpflags_allow_blocking(gfp) &&
	    (!page || left == IOPD_READY_SPARES))
		iopd_ready_ask(tree);
	return page;
}

/*
 * A small page table, and a caller that may not block: there is no page at
 * hand, none to get from a chunk, and no chunk to ask for.
 */
static bool iopd_pages_has_none(struct iopd_tree *tree, gfp_t gfp)
{
	return !gfpflags_allow_blocking(gfp) && llist_empty(&tree->returned) &&
	       !(atomic_long_read(&tree->spare[0]) |
		 atomic_long_read(&tree->spare[1]) |
		 atomic_long_read(&tree->ready)) &&
	       iopd_page_below(tree->root) < IOPD_READY_TREE;
}

static_assert(IOPD_SPARES == 2);

/**
 * iopd_pages_alloc() - memory for a table that is not the root
 * @tree: the tree
 * @gfp: how to allocate; with a zone in it the page is another than those at
 *	 hand
 *
 * Context: as @gfp allows.
 * Return: a page, zeroed if @gfp says so, or NULL.
 */
struct page *iopd_pages_alloc(struct iopd_tree *tree, gfp_t gfp)
{
	u64 payer = compat_payer(gfp);
	struct page *page = NULL;

	if (likely(!(gfp & IOPD_GFP_ZONES)) && !iopd_pages_has_none(tree, gfp))
		page = iopd_pages_at_hand(tree, gfp, payer);
	if (!page) {
		page = iopd_single_get(tree, gfp);
		if (page)
			iopd_page_set_payer(page, payer);
	}
	return page;
}

/**
 * iopd_pages_return() - a table that no other caller has seen is not needed
 * @tree: the tree
 * @page: its page
 *
 * A later table is made of it, for the same payer. It may be one of a chunk, so
 * it is not for the caller to give back.
 *
 * Context: any; takes no lock.
 */
void iopd_pages_return(struct iopd_tree *tree, struct page *page)
{
	llist_add(page_address(page), &tree->returned);
}

/**
 * iopd_pages_reject() - the IOMMU does not reach a table
 * @tree: the tree
 * @page: page of a table that no other caller has seen
 *
 * It goes back to the page allocator, so that no map meets it again. One of a
 * chunk does not: that has been found to be within reach as a whole, and
 * something else has failed.
 *
 * Context: any in which pages may be freed.
 */
void iopd_pages_reject(struct iopd_tree *tree, struct page *page)
{
	if (iopd_page_word(page) & IOPD_PAGE_CHUNK)
		iopd_pages_return(tree, page);
	else
		iopd_pages_give(tree, &page, 1);
}

static unsigned int iopd_chunk_left(struct page *first)
{
	return FIELD_GET(IOPD_PAGE_LEFT, iopd_page_word(first)) + 1;
}

/*
 * If all that is left of a chunk are spares of the tree, they are not needed
 * either. A mapper that takes one meanwhile keeps the chunk.
 */
static bool iopd_chunk_take_spares(struct iopd_tree *tree, struct page *first)
{
	struct page *page;
	unsigned int i;
	long spare;

	for (i = 0; i < IOPD_SPARES; i++) {
		spare = atomic_long_read(&tree->spare[i]);
		if ((spare & IOPD_SPARE_COUNT) != iopd_chunk_left(first))
			continue;
		page = virt_to_page((void *)(spare & PAGE_MASK));
		if (iopd_chunk_first(page) == first)
			return atomic_long_try_cmpxchg_acquire(&tree->spare[i],
							       &spare, 0);
	}
	return false;
}

/*
 * The pages of a chunk become single ones; those that are done with go. Return:
 * how many single pages were given back.
 */
static unsigned int iopd_chunk_split(struct iopd_tree *tree, struct page *first)
{
	struct page *done[IOPD_CHUNK_PAGES];
	unsigned int i, nr = 0;

	if (iopd_chunk_take_spares(tree, first))
		return iopd_pages_give(tree, &first, 1);

	split_page(first, IOPD_CHUNK_ORDER);
	for (i = 0; i < IOPD_CHUNK_PAGES; i++) {
		struct page *page = first + i;

		if (iopd_page_word(page) & IOPD_PAGE_DONE) {
			set_page_private(page, 0);
			done[nr++] = page;
		} else {
			/* It may be a table, and others at work on its word. */
			atomic_long_andnot(IOPD_PAGE_CHUNK | IOPD_PAGE_LEFT,
					   iopd_page_state(page));
		}
	}
	return iopd_pages_give(tree, done, nr);
}

/*
 * Most recent first: @first comes to the front, the last of too many is split.
 */
static unsigned int iopd_partial_add(struct iopd_tree *tree, struct page *first)
{
	struct page *page = first;
	unsigned int i;

	for (i = 0; i < IOPD_PARTIALS; i++) {
		swap(tree->partial[i], page);
		if (!page || page == first)
			return 0;
	}
	return READ_ONCE(tree->closed) ? 0 : iopd_chunk_split(tree, page);
}

static struct page *iopd_partial_remove_first(struct iopd_tree *tree)
{
	struct page *first = tree->partial[0];

	memmove(&tree->partial[0], &tree->partial[1],
		sizeof(tree->partial) - sizeof(tree->partial[0]));
	tree->partial[IOPD_PARTIALS - 1] = NULL;
	return first;
}

/**
 * iopd_pages_held() - pages that are done with and wait for their neighbours
 * @tree: a tree that is busy for the caller
 *
 * Context: the task that has the tree in hand.
 * Return: how many there are.
 */
unsigned int iopd_pages_held(const struct iopd_tree *tree)
{
	unsigned int i, held = 0;

	for (i = 0; i < IOPD_PARTIALS && tree->partial[i]; i++)
		held += IOPD_CHUNK_PAGES - iopd_chunk_left(tree->partial[i]);
	return held;
}

/**
 * iopd_pages_trim() - the neighbours of what is held do not seem to follow
 * @tree: a tree that is busy for the caller
 *
 * Gives back what is held of one chunk.
 *
 * Context: the task that has the tree in hand.
 * Return: false when there was none.
 */
bool iopd_pages_trim(struct iopd_tree *tree)
{
	struct page *first = iopd_partial_remove_first(tree);

	if (!first)
		return false;
	iopd_chunk_split(tree, first);
	return true;
}

/*
 * @page is done with. Return: what can be given back now that could not
 * before: @page, the first page of its chunk, or nothing.
 */
static struct page *iopd_page_done(struct iopd_tree *tree, struct page *page,
				   unsigned int *singles)
{
	struct page *first;
	long done = -(long)IOPD_PAGE_LEFT_ONE;

	if (!(iopd_page_word(page) & IOPD_PAGE_CHUNK))
		return page;

	first = iopd_chunk_first(page);
	*singles += iopd_partial_add(tree, first);
	if (page == first)
		done += IOPD_PAGE_DONE;
	else
		set_page_private(page, IOPD_PAGE_CHUNK | IOPD_PAGE_DONE);
	if (atomic_long_fetch_add_relaxed(done, iopd_page_state(first)) &
	    IOPD_PAGE_LEFT)
		return NULL;
	return iopd_partial_remove_first(tree);
}

/**
 * iopd_pages_free() - tables that no task and no hardware looks at any more
 * @tree: a tree that is busy for the caller, or that it alone knows of
 * @pages: their pages; overwritten
 * @nr: how many
 *
 * Context: the task that has the tree in hand.
 * Return: how many single pages were given back.
 */
unsigned int iopd_pages_free(struct iopd_tree *tree, struct page **pages,
			     unsigned int nr)
{
	unsigned int i, give = 0, singles = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = iopd_page_done(tree, pages[i], &singles);

		if (page)
			pages[give++] = page;
	}
	if (give)
		singles += iopd_pages_give(tree, pages, give);
	return singles;
}

/**
 * iopd_pages_close() - no mapper makes tables in this tree any more
 * @tree: the tree
 *
 * What is left goes with the root, for it is no work that the caller should
 * have.
 *
 * Context: any.
 */
void iopd_pages_close(struct iopd_tree *tree)
{
	unsigned int i;

	for (i = 0; i < IOPD_SPARES; i++)
		tree->left[i] = atomic_long_xchg(&tree->spare[i],
						 IOPD_SPARE_CLOSED);
	tree->left_ready = atomic_long_xchg(&tree->ready, IOPD_SPARE_CLOSED);
}

static void iopd_spares_finish(struct iopd_tree *tree, unsigned long left)
{
	unsigned int nr = left & IOPD_SPARE_COUNT, i;
	struct page *pages[IOPD_CHUNK_PAGES];

	for (i = 0; i < nr; i++)
		pages[i] = virt_to_page((void *)(left & PAGE_MASK)) + i;
	iopd_pages_free(tree, pages, nr);
}

/**
 * iopd_pages_finish() - give back what is left of a tree that has been closed
 * @tree: a tree that is busy for the caller, whose root has been freed
 *
 * Context: the task that has the tree in hand.
 */
void iopd_pages_finish(struct iopd_tree *tree)
{
	struct llist_node *node = llist_del_all(&tree->returned);
	struct page *page;
	unsigned int i;

	for (i = 0; i < IOPD_SPARES; i++)
		iopd_spares_finish(tree, tree->left[i]);
	if (tree->left_ready) {
		page = virt_to_page((void *)tree->left_ready);
		iopd_pages_give(tree, &page, 1);
	}
	while (node) {
		page = virt_to_page(node);
		node = node->next;
		iopd_pages_free(tree, &page, 1);
	}
}
