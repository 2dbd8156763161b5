/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the models of a live page table have in common: one slot of a root, the
 * tables that come and go there, a walker that forgets only when told, limbo,
 * flush, RCU and the end of the page table. Included by reuse.pml and block.pml.
 *
 * What it stands for in drivers/iommu/io-pgtable-arm-deferred/:
 *	reserve()	iopt_page_reserve()
 *	release()	iopt_page_release(), iopt_walk_release()
 *	note_empty()	iopt_note_empty(), iopt_mark_kept()
 *	evict()		iopt_evict(), iopt_kill(), iopt_cut_empty()
 *	cut_off()	iopt_detach(), iopt_sync_entries(), iopt_limbo_add()
 *	flush()		io_pgtable_deferred_flush_begin(), the driver's flush,
 *			iopt_limbo_settle(), io_pgtable_deferred_flush_end()
 *	settle()	iopt_map_settle()
 *	reclaimer	reclaim_queue(), reclaim_graced(), and the worker
 *	elsewhere	whoever empties tables in other places and so pushes
 *			this one out of the list of the kept
 *
 * Left out: levels in between (one slot, tables of two entries under it), failed
 * flushes (flush.pml), memory that the walker does not snoop but for the slot,
 * the reclaimer's queue. A page that has been freed
 * is never used again, so that whatever touches it is seen to. The list of the
 * kept has one place.
 *
 * A walker and a lookup that are always ready hide that everybody else waits for
 * ever. STUCK leaves them out, for a search for that: they take no lock and wait
 * for nobody, and all that waits for a lookup is the grace period, up to its next
 * step. What is left has an end, so a circle of steps is a mistake, too.
 *
 * One shared access is one step. Sections under the detach lock that nobody else
 * can look into are one step, too.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */

/* The slot: 0, a stamp from 1 on, TABLE + page, or BLOCK + where to */
#define TABLE		32
#define BLOCK		64
#define is_table(s)	((s) >= TABLE && (s) < BLOCK)
#define is_block(s)	((s) >= BLOCK)
#define is_valid(s)	((s) >= TABLE)

#define NONE		255
#define GARBAGE		7	/* what a page holds before it is filled */

mtype = { UNUSED, MAKERS, LIVE, FREED };

byte slot;			/* as CPUs see it */
byte slot_mem;			/* as the walker sees it */
byte above;			/* entries of the root, valid or reserved */
short below;			/* tables under the root */

mtype state[PAGES] = UNUSED;
byte entry[PAGES * 2];		/* 0, or where to */
byte count[PAGES];		/* IOPT_PAGE_ENTRIES */
bool dead[PAGES];		/* IOPT_PAGE_DEAD */
bool kept[PAGES];		/* IOPT_PAGE_KEPT */
bool in_list;			/* iopt->kept[] has the key of the slot */

bool lock;			/* tree->detach_lock */
byte limbo;			/* pages in limbo, a bit each */
byte limbo_gen = 1;
byte flushed_gen;

byte rcu_in;			/* who is in a read-side section, by pid */
byte gp_wait;			/* for whom the grace period waits */
byte ungraced, grace;		/* pages, a bit each */

byte walk_cache = NONE;		/* the table that the walker remembers */
byte leaf_cache[2];

byte mapped[2];			/* where to, once map has returned */
byte legal[2];			/* where it may lead to, a bit each */
byte busy = CLIENTS;		/* who is not done */
bool off;			/* the walker is turned off */

/* What must never be. An error of the search names one of these. */
bool walks_freed, wrong_target, unseen_map, freed_twice, touches_freed;
bool table_lost, count_negative, count_wrong, map_failed, forgotten, leak;

#define never(what, bad)	what = (bad); assert(!what)
#define bit(n)			(1 << (n))
#define without(set, n)		((set) & (255 ^ bit(n)))

#define touch(p)		never(touches_freed, state[p] == FREED)

#define rcu_enter()		rcu_in = rcu_in | bit(_pid)
#define rcu_exit() \
	rcu_in = without(rcu_in, _pid); \
	gp_wait = without(gp_wait, _pid)

/* @ok: false if the table is dead, and then await_detach() comes next */
inline reserve(p, ok)
{
	touch(p);
#ifdef RESERVE_IGNORES_DEAD
	ok = true;
#else
	ok = !dead[p];
#endif
	if
	:: ok -> count[p]++
	:: else
	fi
}

/* Whoever has killed the table gives the lock up with the slot let go of. */
inline await_detach()
{
#ifdef WALKS_ON
	skip
#else
	!lock
#endif
}

/* @last: nothing is left, and the table is not in the list */
inline release(p, last)
{
	touch(p);
	never(count_negative, count[p] == 0);
	count[p]--;
	last = count[p] == 0 && !kept[p]
}

inline to_limbo(p)
{
	never(count_negative, above == 0);
#ifndef BELOW_NOT_TAKEN
	below--;
#endif
#ifdef FLUSH_BEFORE_DETACH
	ungraced = ungraced | bit(p);
#else
	limbo = limbo | bit(p);
#endif
	above--;
	p = NONE
}

/*
 * Under the lock: the slot lets go of table @p, which goes into limbo. The clean
 * and the limbo may be one step, for the walker sees the slot when it likes;
 * what must not be is limbo before the clean.
 */
inline cut_off(p, gen)
{
#ifdef FLUSH_BEFORE_DETACH
	forget();
#endif
#ifdef DETACH_WITHOUT_LOCK
	gen = limbo_gen;
	slot = gen;
	gen = 0;
#else
#ifdef NO_STAMP
	slot = 0;
#else
	slot = limbo_gen;
#endif
#endif
#ifdef LIMBO_BEFORE_CLEAN
	d_step {
		to_limbo(p);
		lock = false
	}
	slot_mem = slot
#else
	d_step {
		slot_mem = slot;
		to_limbo(p);
		lock = false
	}
#endif
}

inline evict(p, gen)
{
	d_step {
#ifndef DETACH_WITHOUT_LOCK
		!lock;
		lock = true;
#endif
		p = NONE;
		if
		:: is_table(slot) ->
			p = slot - TABLE;
			touch(p);
#ifndef KEPT_NOT_CLEARED
			kept[p] = false
#endif
		:: else -> lock = false
		fi
	}
	if
	:: p != NONE ->
		/* iopt_kill() */
		d_step {
			if
#ifdef KILL_IGNORES_COUNT
			:: !dead[p] -> dead[p] = true
#else
			:: !dead[p] && count[p] == 0 -> dead[p] = true
#endif
			:: else ->
				p = NONE;
#ifndef LOCK_KEPT
				lock = false
#endif
			fi
		}
		if
		:: p != NONE -> cut_off(p, gen)
		:: else
		fi
	:: else
	fi
}

/* In the read-side section of the walk, or else the table may be gone. */
inline note_empty(p, gen)
{
	d_step {
		touch(p);
		if
		:: count[p] == 0 && !dead[p] && !kept[p] -> kept[p] = true
		:: else -> p = NONE
		fi
	}
	if
	:: p != NONE ->
		d_step {
			p = in_list;
			in_list = true
		}
		if
		:: p -> evict(p, gen)
		:: else -> p = NONE
		fi
	:: else
	fi
}

/*
 * The hardware forgets as soon as it is asked, the worst moment of all: what
 * it learns from then on stays until the next flush.
 */
inline forget()
{
	walk_cache = NONE;
	leaf_cache[0] = 0;
	leaf_cache[1] = 0
}

inline flush_take(took, gen)
{
	if
	:: limbo == 0 -> gen = limbo_gen - 1
	:: else ->
		took = limbo;
		gen = limbo_gen;
		limbo_gen++;
		limbo = 0
	fi
}

inline hand_over(took, gen)
{
	if
	:: flushed_gen < gen -> flushed_gen = gen
	:: else
	fi;
	ungraced = ungraced | took;
	took = 0;
	gen = 0
}

/*
 * Limbo is taken, and the hardware asked, and later it says that it is done.
 * To take limbo at the last moment is the worst there is.
 */
inline flush(took, gen)
{
#ifdef TAKE_AFTER_START
	d_step { forget() };
	d_step { limbo == 0 || !lock -> flush_take(took, gen) };
#elif defined(FREE_BEFORE_FLUSH)
	d_step {
		limbo == 0 || !lock -> flush_take(took, gen);
		ungraced = ungraced | took;
		took = 0
	}
	d_step { forget() };
#else
	d_step { limbo == 0 || !lock -> flush_take(took, gen); forget() };
#endif
	d_step { hand_over(took, gen) }
}

/* Before anything valid goes into a slot that held @stamp */
inline settle(stamp, took, gen)
{
#ifdef REUSE_WITHOUT_FLUSH
	skip
#else
	if
	:: stamp <= flushed_gen
	:: else ->
#ifndef STAMP_SEEN_WITHOUT_LOCK
		!lock ->
#endif
		flush(took, gen);
		d_step { never(map_failed, stamp > flushed_gen) }
	fi
#endif
}

/* Where the walker got to for entry @i: @to, or 0 for a fault */
inline arrive(i, to)
{
	never(wrong_target, to != 0 && !(legal[i] & bit(to)));
	never(unseen_map, mapped[i] != 0 && to != mapped[i])
}

inline walk_entry(p, i)
{
	never(walks_freed, state[p] == FREED);
	arrive(i, entry[(p) * 2 + i])
}

inline translate(i)
{
	if
	:: leaf_cache[i] != 0 -> arrive(i, leaf_cache[i])
	:: leaf_cache[i] == 0 && walk_cache != NONE -> walk_entry(walk_cache, i)
	:: leaf_cache[i] == 0 && walk_cache == NONE ->
		if
		:: is_table(slot_mem) -> walk_entry(slot_mem - TABLE, i)
		:: is_block(slot_mem) -> arrive(i, slot_mem - BLOCK)
		:: else -> arrive(i, 0)
		fi
	fi
}

/* What the walker may learn: a table, a leaf, a block. What is cached is used. */
active proctype walker()
{
end:	do
	/* The cache of a CPU writes back when it likes. */
	:: d_step { slot_mem != slot -> slot_mem = slot }
#ifndef STUCK
	:: d_step { !off -> translate(0); translate(1) }
#endif
	:: d_step { !off && walk_cache == NONE && is_table(slot_mem) ->
			walk_cache = slot_mem - TABLE }
	:: d_step { !off && leaf_cache[0] == 0 && walk_cache != NONE &&
			entry[walk_cache * 2] != 0 ->
			walk_entry(walk_cache, 0);
			leaf_cache[0] = entry[walk_cache * 2] }
	:: d_step { !off && leaf_cache[1] == 0 && walk_cache != NONE &&
			entry[walk_cache * 2 + 1] != 0 ->
			walk_entry(walk_cache, 1);
			leaf_cache[1] = entry[walk_cache * 2 + 1] }
#ifdef BLOCKS
	:: d_step { !off && walk_cache == NONE && is_block(slot_mem) &&
			leaf_cache[0] == 0 -> leaf_cache[0] = slot_mem - BLOCK }
	:: d_step { !off && walk_cache == NONE && is_block(slot_mem) &&
			leaf_cache[1] == 0 -> leaf_cache[1] = slot_mem - BLOCK }
#endif
	od
}

inline free_page(p)
{
	never(freed_twice, state[p] == FREED);
	state[p] = FREED
}

inline free_set(set, p)
{
	p = 0;
	do
	:: p < PAGES ->
		if
		:: set & bit(p) -> free_page(p)
		:: else
		fi;
		p++
	:: else -> break
	od;
	p = 0;
	set = 0
}

active proctype reclaimer()
{
	byte p;

end:	do
	:: d_step { ungraced != 0 && grace == 0 ->
			grace = ungraced;
			ungraced = 0;
			gp_wait = rcu_in }
#ifdef FREE_WITHOUT_GRACE
	:: d_step { grace != 0 -> free_set(grace, p) }
#else
	:: d_step { grace != 0 && gp_wait == 0 -> free_set(grace, p) }
#endif
	od
}

#ifndef STUCK
/* Somebody who looks an address up: iopt_iova_to_phys() */
active proctype lookup()
{
	byte p;

end:	do
	:: d_step { !off && is_table(slot) ->
			rcu_enter();
			p = slot - TABLE }
		d_step {
			touch(p);
			p = 0;
			rcu_exit()
		}
	od
}
#endif

active proctype elsewhere()
{
	byte p = NONE, gen, took, turns;

	do
	/* It waits for nothing: with no table in the list, nobody else's comes. */
	:: d_step { turns < ELSEWHERE && in_list ->
			turns++;
			in_list = false }
		evict(p, gen);
		if
		:: flush(took, gen)
		:: skip
		fi
	:: break
	od;
	atomic {
		turns = 0;
		busy--
	}
}

/*
 * io_pgtable_deferred_free(), after everybody is done: the context is off and
 * flushed, limbo goes to the reclaimer, and then what is left under the root.
 */
active proctype closer()
{
	byte p, left;

	d_step {
		busy == 0 && rcu_in == 0;
		off = true;
		walk_cache = NONE;
		leaf_cache[0] = 0;
		leaf_cache[1] = 0;
		ungraced = ungraced | limbo;
		limbo = 0
	}
	ungraced == 0 && grace == 0;
	d_step {
		if
		:: is_table(slot) -> touch(slot - TABLE)
		:: else
		fi;
		never(count_wrong, above != is_valid(slot));
		never(count_wrong, below != is_table(slot));
		never(forgotten, is_table(slot) && count[slot - TABLE] == 0 && !in_list);
		if
		:: is_table(slot) -> free_page(slot - TABLE)
		:: else
		fi;
		do
		:: p < PAGES ->
			if
			:: state[p] == MAKERS || state[p] == LIVE -> left++
			:: else
			fi;
			p++
		:: else -> break
		od;
		never(leak, left > 0)
	}
}
