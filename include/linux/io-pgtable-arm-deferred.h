/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ARM LPAE page tables for IO, freed in bounded batches by a workqueue.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef _LINUX_IO_PGTABLE_ARM_DEFERRED_H
#define _LINUX_IO_PGTABLE_ARM_DEFERRED_H

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/io-pgtable.h>
#include <linux/list.h>
#include <linux/types.h>
#include <asm/barrier.h>

/**
 * DOC: Life of a table
 *
 * *Live* tables are reached from the root. A table whose entry in its parent
 * was cleared is *detached* and sits in the *limbo* of its page table: caches
 * of the hardware may still lead to it. A flush that **started after** the
 * detach, once complete, makes it *pending*: it is handed to the reclaimer,
 * which frees it in a bounded batch. The reclaimer touches no hardware.
 *
 * The driver owns the flush, the library owns the memory. A flush of all that
 * the hardware knows of the page table is told to the library, whatever its
 * reason:
 *
 *	static int my_flush(void *cookie)
 *	{
 *		struct my_domain *domain = cookie;
 *
 *		return my_hw_flush_context(domain->hw, domain->asid);
 *	}
 *
 *	static void my_tlb_flush_all(void *cookie)
 *	{
 *		struct my_domain *domain = cookie;
 *
 *		io_pgtable_deferred_flush(domain->ops, my_flush, domain);
 *	}
 *
 *	static void my_tlb_flush_walk(unsigned long iova, size_t size,
 *				      size_t granule, void *cookie)
 *	{
 *		my_tlb_flush_all(cookie);
 *	}
 *
 * my_flush() returns 0 when the hardware has said that it is done, and an error
 * if it has not: then the tables stay, and nothing is mapped until a later
 * flush is complete. Hardware that is powered off has forgotten everything and
 * walks nothing: return 0, and do so from within io_pgtable_deferred_flush(). A
 * callback that comes back without it is told once in the kernel log.
 *
 * tlb_flush_all(), tlb_flush_walk() and the domain's flush_iotlb_all are such
 * flushes, without exception: other callers may have detached a table, with
 * leaves in it, or have failed to flush, at any address, so the range that
 * tlb_flush_walk() names is no more than a hint.
 */

/**
 * DOC: Flushing by address, or everything
 *
 * A driver that flushes leaves by their addresses (tlb_add_page() and
 * iotlb_sync) makes those flushes without telling the library. They are enough
 * for leaves and for nothing else: where unmap cuts a table off or takes a
 * block apart, the hardware knows the way to that table, and leaves of another
 * size than the caller's. So the library calls tlb_flush_walk() before that
 * unmap returns, as the kernel's own does, and tlb_flush_all() when more than
 * 64 tables that have become empty page by page wait for a flush. Where the
 * gather is queued, the flush of the queue (flush_iotlb_all) does all that.
 *
 * A driver that flushes everything in iotlb_sync says so before each unmap, and
 * is not asked for more:
 *
 *	gather->start = 0;
 *	gather->end = ULONG_MAX;
 *	return domain->ops->unmap_pages(domain->ops, iova, pgsize, pgcount,
 *					gather);
 */

/**
 * DOC: The callbacks of io_pgtable_cfg.tlb
 *
 * map and unmap call them in the context of their own caller, with no lock of
 * the library's held, and several CPUs may do so at the same time.
 * tlb_flush_all() is called by a work of the library, too: see
 * io_pgtable_deferred_allow_flush(). A driver whose map or unmap is called
 * where sleeping is not allowed has callbacks that do not sleep. With no
 * callbacks at all (tlb is NULL) a block never takes the place of a table, and
 * io_pgtable_deferred_free() takes the flush for granted.
 */

/**
 * DOC: What map and unmap may be called with, and what they return
 *
 * Addresses and sizes are bytes, counts are leaves. map_pages() returns 0 when
 * all is mapped, or one of the following. What was mapped before that has been
 * added to mapped, and stays; of the rest nothing has changed.
 *
 * - -EINVAL: no leaf is asked for, the size is not one that is served, IOVA or
 *   output address is no multiple of it, or prot has neither read nor write.
 * - -ERANGE: the IOVAs or the output addresses go beyond what the page table
 *   was made for.
 * - -EEXIST: something is mapped there. Or a block is to go where there is a
 *   table, and the driver has no tlb_flush_walk() to be asked for the flush.
 * - -ENOMEM: there is no memory for a table, in the way that gfp allows, or
 *   none that the IOMMU reaches.
 * - -EIO: the hardware has not confirmed a flush without which it could not be
 *   told what is new there. Nothing is mapped until a later flush is complete.
 * - -ENODEV: the page table has been freed: a bug of the caller, told once.
 *
 * unmap_pages() returns how many bytes are gone, less than asked for where
 * nothing was mapped, or where a block would have had to be taken apart and
 * there was no memory for the table (from 6.14 on: where a block would have to
 * be taken apart).
 *
 * iova_to_phys() returns the physical address that a byte is mapped to, or 0
 * where nothing is mapped, which is also what an IOVA beyond the page table
 * gets.
 *
 * read_and_clear_dirty(), from 6.7 on, records what the hardware has written to
 * since it was last made clean, by leaves. It returns 0, or -EINVAL: the page
 * table was made without IO_PGTABLE_QUIRK_ARM_HD, the range is empty, or goes
 * beyond the page table. The caller flushes what has been made clean.
 *
 * pgtable_walk(), from 6.15 on, gives the entries on the way to a byte, by
 * level. It returns 0, or -EINVAL where nothing is mapped or the IOVA is beyond
 * the page table; the entries are filled as far as the walk went.
 *
 * A block never takes the place of a leaf, whichever of the two is larger. This
 * is stricter than the kernel's own library, which lets go of a table with all
 * that is mapped in it and returns 0: here an entry leads to what its owner has
 * mapped until the owner unmaps it, and a caller that is wrong about what is
 * there hears of it. Tables in which nothing is left, at any depth, do give
 * way.
 */

/**
 * DOC: Where map and unmap may be called
 *
 * map_pages() may sleep if gfp allows direct reclaim. If not, and unmap_pages()
 * always, it takes no more than a spinlock_t, allocates without waiting, and
 * calls the driver for flushes: it may be called in any context where these are
 * allowed. Without PREEMPT_RT those are tasks, softirqs and hard interrupts,
 * with interrupts enabled or not. With PREEMPT_RT a spinlock_t and the page
 * allocator sleep, so they are tasks and threaded interrupt handlers, which
 * hold no raw spinlock and have neither preemption nor interrupts disabled.
 * iova_to_phys() and pgtable_walk() take no lock: any context.
 * read_and_clear_dirty() may sleep.
 *
 * Calls on different ranges of IOVA may be made at the same time, on any CPUs,
 * and no lock is needed around them. Calls whose ranges overlap may not: what
 * is mapped after that is not defined, and two that unmap the same leaf both
 * count it, so that its table may go too early. A library that is built with
 * IO_PGTABLE_DEFERRED_DEBUG=y looks for such calls, and warns of them with both
 * ranges, tasks and callers.
 *
 * The operations that look may be called at any time, together with all others,
 * for any range: what they say is true of one moment during the call. Of a leaf
 * that is unmapped meanwhile the dirty state may be lost, as it is with any
 * unmap.
 *
 * A table is charged to the control group of the task that maps, if gfp has
 * __GFP_ACCOUNT. Beside its tables a group pays for at most 15 pages of each
 * page table, which its next tables are made of, and for tables that other
 * callers made first: no more than three for each call under way.
 */

/**
 * DOC: Who cannot use this library
 *
 * Drivers of ARM_MALI_LPAE (panfrost, panthor), for there is no such format
 * here, and drivers that bring their own memory for tables in
 * io_pgtable_cfg.alloc (panthor, msm): tables are freed when the driver may
 * have let go of that. Both are refused, with a message.
 */

/**
 * struct io_pgtable_deferred_limbo - detached tables that wait for one flush
 * @tables: the roots of the detached sub-trees
 * @count: how many tables they have in all
 * @gen: number of the limbo, for the slots that the tables have left
 * @failed: flushes that had failed when this one began
 * @settled: there was nothing to wait for when this one began
 *
 * Lives on the stack of the flusher. Its contents belong to the library.
 */
struct io_pgtable_deferred_limbo {
	struct list_head tables;
	unsigned long count;
	unsigned long gen;
	unsigned long failed;
	bool settled;
};

/**
 * struct io_pgtable_deferred - the front of a page table, for inline functions
 * @iop: the page table, as the kernel knows it
 * @unsettled: a flush has something to take or to tell, see
 *	       io_pgtable_deferred_is_settled(); on a cache line apart from what
 *	       every mapper reads, for it changes whenever a table is cut off
 */
struct io_pgtable_deferred {
	struct io_pgtable iop;
	bool unsettled ____cacheline_aligned_in_smp;
};

/**
 * io_pgtable_deferred_alloc() - make an empty page table
 * @fmt: ARM_32_LPAE_S1, ARM_32_LPAE_S2, ARM_64_LPAE_S1 or ARM_64_LPAE_S2
 * @cfg: what is wanted; on return what the hardware is to be told
 *	 (arm_lpae_s1_cfg or arm_lpae_s2_cfg), the page sizes that are really
 *	 served, and the input and output sizes, cut down to the granule's
 * @cookie: handed to the callbacks in cfg->tlb
 *
 * Holds a reference to cfg->iommu_dev until the last table is freed, which may
 * be after io_pgtable_deferred_free() returned. free_io_pgtable_ops() of the
 * kernel must never see what this returns. @cfg is copied; io_pgtable_cfg.tlb
 * and the cookie must stay until the page table is freed.
 *
 * Context: may sleep. Any number of calls at the same time.
 * Return: the operations, or NULL with the reason in the kernel log.
 */
struct io_pgtable_ops *io_pgtable_deferred_alloc(enum io_pgtable_fmt fmt,
						 struct io_pgtable_cfg *cfg,
						 void *cookie);

/**
 * io_pgtable_deferred_free() - flush, and give a page table to the reclaimer
 * @ops: what io_pgtable_deferred_alloc() returned; NULL is ignored
 *
 * Stands in for free_io_pgtable_ops(): the flush is made by
 * cfg->tlb->tlb_flush_all() with the cookie, which must be there until this
 * returns. After that the hardware knows nothing of the page table, and its
 * ASID or VMID may be used again. The hardware must have been told to leave the
 * tables alone before.
 *
 * If that flush does not complete, three times over, the tables stay allocated
 * for good, and the kernel log says so: the hardware may still walk them.
 *
 * Nothing of @ops may be used any more: a map that races is a bug of the
 * caller, reported once and refused where it can be seen. A flush that has
 * begun and not ended is told in the kernel log; what it took is lost.
 *
 * Costs the same whatever the size of the tree, unless the module parameter
 * deferred is 0 or more pages are pending than the parameter limit allows: then
 * the caller frees in batches of the same bounded size, and reschedules between
 * them. With deferred it frees no more than it has handed over, else exactly
 * that, unless a fatal signal comes: the workers free the rest.
 *
 * Context: may sleep. Once for each page table, with no other call for it under
 *	    way; any number of calls for different ones.
 */
void io_pgtable_deferred_free(struct io_pgtable_ops *ops);

/**
 * io_pgtable_deferred_free_flushed() - the same for a driver that has flushed
 * @ops: what io_pgtable_deferred_alloc() returned; NULL is ignored
 *
 * The hardware must have been told to leave the tables alone, and a flush that
 * started after that must be complete. No callback of cfg->tlb is called from
 * here on. The cookie may be gone, if io_pgtable_deferred_allow_flush() has
 * been told before that no flush is to be asked for.
 *
 * Context: as io_pgtable_deferred_free().
 */
void io_pgtable_deferred_free_flushed(struct io_pgtable_ops *ops);

/**
 * io_pgtable_deferred_flush() - make a flush, and release what it was for
 * @ops: the page table
 * @flush: flushes all that the hardware knows of the page table, and waits for
 *	   it. Returns 0 when that is complete, also if there is no hardware
 *	   that is on; else an error, and nothing is released
 * @cookie: for @flush
 *
 * Several may run at the same time, for the same page table, too.
 *
 * Context: that of @flush, and as io_pgtable_deferred_flush_begin(). No lock is
 *	    held while @flush runs.
 * Return: what @flush returned.
 */
int io_pgtable_deferred_flush(struct io_pgtable_ops *ops,
			      int (*flush)(void *cookie), void *cookie);

/**
 * io_pgtable_deferred_flush_begin() - take what a flush is going to release
 * @ops: the page table
 * @limbo: filled with every table detached until now
 *
 * For a driver whose flush is no single function; io_pgtable_deferred_flush()
 * cannot lose its end. Must be called before the first register of the flush is
 * written, and io_pgtable_deferred_flush_end() must follow.
 *
 * Context: any in which a spinlock_t may be taken, which with PREEMPT_RT
 *	    sleeps; it is held for a few instructions, and not at all if
 *	    io_pgtable_deferred_is_settled(). Several flushes of a page table
 *	    may be under way, each with a @limbo of its own, and end in any
 *	    order.
 */
void io_pgtable_deferred_flush_begin(struct io_pgtable_ops *ops,
				     struct io_pgtable_deferred_limbo *limbo);

/**
 * io_pgtable_deferred_flush_end() - release what the flush was for
 * @ops: the page table
 * @limbo: what io_pgtable_deferred_flush_begin() filled
 * @completed: the hardware said that the flush is done
 *
 * With @completed false the tables go back into limbo and wait for the next
 * flush: a table is never freed on the hope that a flush was late.
 *
 * Context: as io_pgtable_deferred_flush_begin().
 */
void io_pgtable_deferred_flush_end(struct io_pgtable_ops *ops,
				   struct io_pgtable_deferred_limbo *limbo,
				   bool completed);

/**
 * io_pgtable_deferred_is_settled() - does a flush go without brackets?
 * @ops: the page table
 *
 * For the common case of a flush after nothing but leaves were unmapped:
 * nothing is in limbo, whatever was has been flushed, and so has whatever a
 * flush that failed was for. A flush that begins after this has nothing to
 * take, and if it completes nothing to tell. If it does not complete,
 * io_pgtable_deferred_flush_failed() must be called.
 *
 * Must be called before the first register of the flush is written; the acquire
 * keeps it there. A detach on another CPU that is not seen is one whose caller
 * has yet to make the flush that releases it.
 *
 * Context: any.
 * Return: true if brackets may be left out.
 */
static inline bool io_pgtable_deferred_is_settled(struct io_pgtable_ops *ops)
{
	struct io_pgtable_deferred *front =
		container_of(ops, struct io_pgtable_deferred, iop.ops);

	/* Pairs with iopd_limbo_judge() */
	return !smp_load_acquire(&front->unsettled);
}

/**
 * io_pgtable_deferred_flush_failed() - a flush without brackets has failed
 * @ops: the page table
 *
 * What was unmapped before it stays in doubt until a later flush completes;
 * nothing is mapped until then.
 *
 * Context: as io_pgtable_deferred_flush_begin().
 */
void io_pgtable_deferred_flush_failed(struct io_pgtable_ops *ops);

/**
 * io_pgtable_deferred_allow_flush() - may the library ask for a flush itself?
 * @ops: the page table
 * @allow: what the driver says to that; at first it may
 *
 * Tables that have become empty page by page are found some time after the last
 * unmap, and wait for a flush. cfg->tlb->tlb_flush_all() is called for that, by
 * a work that may sleep, that is frozen while the system is suspended, and that
 * runs for one page table at a time. A driver whose cookie goes before the page
 * table does, and one that cannot be asked at any time, must say so: then those
 * tables wait for the next flush that the driver makes. There are about a
 * thousand of them at most, or, where the library may ask, about fifty.
 *
 * With @allow false no such call is under way when this returns, and none will
 * come: what the callback uses may go. io_pgtable_deferred_free() and
 * io_pgtable_deferred_free_flushed() do the same first of all.
 *
 * Context: may sleep, and waits for the callback; not from the callback itself.
 */
void io_pgtable_deferred_allow_flush(struct io_pgtable_ops *ops, bool allow);

/**
 * io_pgtable_deferred_drain() - wait until what is pending now has been freed
 *
 * Tables handed over later are not waited for, and any number of callers may
 * wait at the same time, each for its own share. The caller lends a hand: it
 * runs batches itself and reschedules between them.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR when a fatal signal ended the wait before that; the
 * workers free what is left.
 */
int io_pgtable_deferred_drain(void);

/**
 * struct io_pgtable_deferred_run - leaves that follow each other
 * @iova: the first address that they map
 * @paddr: where to
 * @pgsize: bytes of each
 * @count: how many there are, 0 for none
 * @attributes: what the entries have in common, without the address
 * @level: of the table that they are in, 0 to 3
 */
struct io_pgtable_deferred_run {
	unsigned long iova;
	phys_addr_t paddr;
	size_t pgsize;
	unsigned int count;
	u64 attributes;
	int level;
};

/**
 * io_pgtable_deferred_next_run() - look at what is mapped, run by run
 * @ops: the page table
 * @iova: where to look from, in bytes; on return where to look from next, or
 *	  ULONG_MAX when that was the end
 * @run: leaves in one table with consecutive IOVAs, consecutive output
 *	 addresses and the same attributes; with @count 0 if none was found so
 *	 far
 *
 * Others may map and unmap meanwhile: a run is true at the moment at which it
 * was read, and each call looks at no more than 512 entries. The caller keeps
 * the page table from being freed.
 *
 * Context: any.
 * Return: false when @iova is past the end.
 */
bool io_pgtable_deferred_next_run(struct io_pgtable_ops *ops,
				  unsigned long *iova,
				  struct io_pgtable_deferred_run *run);

#endif /* _LINUX_IO_PGTABLE_ARM_DEFERRED_H */
