/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the models of a live page table have in common: one slot of a root, the
 * tables that come and go there, a walker that forgets only when told, limbo,
 * flush, RCU and the end of the page table. Included by reuse.pml and
 * block.pml.
 *
 * What it stands for in drivers/iommu/io-pgtable-arm-deferred/:
 *	hold()		iopd_hold(), iopd_touch() of a mapper
 *	mark()		iopd_mark_touched(), iopd_touch() of an unmapper
 *	touch_root()	iopd_reclaim_touched()
 *	sweeper		iopd_reclaim_sweep_begin(), iopd_sweep_enter(), the
 *			grace period between, iopd_sweep_is_empty(),
 *			iopd_stamp_one(), iopd_sweep_leave()
 *	cut_off()	iopd_detach(), iopd_sweep_cut_locked(),
 *			iopd_detach_empty(), iopd_detach_rest()
 *	flush()		io_pgtable_deferred_flush_begin(), the driver's flush,
 *			iopd_limbo_judge(), io_pgtable_deferred_flush_end()
 *	await_flush()	iopd_map_await_flush()
 *	reclaimer	iopd_reclaim_queue(), iopd_reclaim_graced(), and the
 *			worker
 *	closer		iopd_end(), io_pgtable_deferred_free_flushed()
 *
 * Left out: levels in between (one slot, tables of two entries under it),
 * failed flushes (flush.pml), memory that the walker does not snoop but for the
 * slot, the reclaimer's queue. A page that has been freed is never used again,
 * so that what touches it is seen to. The root is what is above the table, with
 * a mark that is a flag of the page table's.
 *
 * A walker and a lookup that are always ready hide that all others wait for
 * ever. STUCK leaves them out, for a search for that: they take no lock and
 * wait for no other, and all that waits for a lookup is the grace period, up to
 * its next step. What is left has an end, so a circle of steps is a mistake,
 * too.
 *
 * One shared access is one step. Sections under the detach lock that no other
 * process can look into are one step, too.
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
bool touched, closing;		/* LPAE_SW_TOUCHED and _CLOSING in the slot */
bool root_touched;		/* tree->touched: a sweep is due */
bool sweeping;			/* one is under way */
bool ended;			/* limbo.ended */
short below;			/* tables under the root */

mtype state[PAGES] = UNUSED;
byte entry[PAGES * 2];		/* 0, or where to */

bool lock;			/* limbo.detach_lock */
byte limbo;			/* pages in limbo, a bit each */
byte limbo_gen = 1;
byte flushed_gen;

byte rcu_in;			/* processes in a read-side section, by pid */
byte gp_wait;			/* for whom the grace period waits */
byte sweep_wait;		/* and the one between the passes of a sweep */
byte ungraced, grace;		/* pages, a bit each */

byte walk_cache = NONE;		/* the table that the walker remembers */
byte leaf_cache[2];

byte mapped[2];			/* where to, once map has returned */
byte legal[2];			/* where it may lead to, a bit each */
byte busy = CALLERS;		/* processes that are not done */
bool off;			/* the walker is turned off */

/* What must never be. An error of the search names one of these. */
bool walks_freed, wrong_target, unseen_map, freed_twice, touches_freed;
bool table_lost, uncounted, count_wrong, map_failed, forgotten, leak;

#define never(what, bad)	what = (bad); assert(!what)
#define bit(n)			(1 << (n))
#define without(set, n)		((set) & (255 ^ bit(n)))

#define touch(p)		never(touches_freed, state[p] == FREED)

#define rcu_enter()		rcu_in = rcu_in | bit(_pid)
#define rcu_exit() \
	rcu_in = without(rcu_in, _pid); \
	gp_wait = without(gp_wait, _pid); \
	sweep_wait = without(sweep_wait, _pid)

#define is_empty(p)	(entry[(p) * 2] == 0 && entry[(p) * 2 + 1] == 0)

/* A table goes into the slot, or something else: without marks. */
#define put(what)		slot = what; touched = false; closing = false

/* The mark of what is above, after that of the table: U1 */
inline touch_root()
{
	d_step { root_touched = true }
}

/*
 * A mapper has seen "closing" with table @p in the slot. Return: @ok, is the
 * table still there?
 */
inline hold(p, ok)
{
	d_step {
		if
		:: slot == TABLE + p ->
			closing = false;
			touched = true;
			ok = true
		:: else -> ok = false
		fi
	}
	if
	:: ok -> touch_root()
	:: else
	fi
}

/* An unmapper has seen no mark. */
inline mark(p)
{
#ifdef ROOT_MARKED_FIRST
	touch_root();
#endif
	d_step {
		if
		:: slot == TABLE + p -> touched = true
		:: else
		fi
	}
#ifndef ROOT_MARKED_FIRST
	touch_root()
#endif
}

inline to_limbo(p)
{
#ifndef BELOW_NOT_TAKEN
	below--;
	never(uncounted, below < 0);
#endif
#ifdef FLUSH_BEFORE_DETACH
	ungraced = ungraced | bit(p);
#else
	limbo = limbo | bit(p);
#endif
	p = NONE
}

/*
 * Under the lock: the slot lets go of table @p, which goes into limbo. The
 * clean and the limbo may be one step, for the walker sees the slot when it
 * likes; what must not be is limbo before the clean.
 */
inline cut_off(p, gen)
{
#ifdef FLUSH_BEFORE_DETACH
	forget();
#endif
#ifdef DETACH_WITHOUT_LOCK
	gen = limbo_gen;
	d_step { put(gen) };
	gen = 0;
#else
#ifdef NO_STAMP
	d_step { put(0) };
#else
	d_step { put(limbo_gen) };
#endif
#endif
	let_go(p)
}

/* The slot has a stamp. */
inline let_go(p)
{
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

/* S3 and S4: unless a mapper has taken the mark away, or the page table goes */
inline cut_if_closing(p, gen)
{
	d_step {
#ifndef DETACH_WITHOUT_LOCK
		!lock;
		lock = true;
#endif
#ifdef DETACH_WITHOUT_LOCK
		gen = limbo_gen
#else
		gen = 0
#endif
	}
	d_step {
		if
#ifdef MARK_NOT_COMPARED
		:: slot == TABLE + p && !ended ->
#else
#ifdef CUTS_AFTER_END
		:: slot == TABLE + p && closing ->
#else
		:: slot == TABLE + p && closing && !ended ->
#endif
#endif
#ifdef FLUSH_BEFORE_DETACH
			forget();
#endif
#ifdef DETACH_WITHOUT_LOCK
			put(gen);
#else
#ifdef NO_STAMP
			put(0);
#else
			put(limbo_gen);
#endif
#endif
			gen = 0
		:: else ->
			p = NONE;
			gen = 0;
#ifndef LOCK_KEPT
			lock = false
#endif
		fi
	}
	if
	:: p != NONE -> let_go(p)
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
inline await_flush(stamp, took, gen)
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

/* A page that no process has had */
inline find_page(p)
{
	p = 0;
	do
	:: state[p] != UNUSED -> p++
	:: else -> break
	od
}

/*
 * A page is mapped: where the walk finds a table by the model's map_run(), else
 * by its map_build(), and again until that is done.
 */
inline map(i, to)
{
	do
	:: ok -> break
	:: else ->
		d_step {
			s = slot;
			c = closing;
			if
			:: is_table(s) -> rcu_enter()
			:: else
			fi
		}
		if
		:: is_table(s) -> map_run(i, to)
		:: else -> map_build(i, to)
		fi;
		atomic {
			s = 0;
			c = false;
			p = NONE
		}
	od;
	atomic {
		mapped[i] = to;
		ok = false
	}
}

/*
 * The walk of an unmap of a page. The entry is valid, so the table that it is
 * in does not go. Whether that is marked is seen before the entry is cleared.
 */
inline unmap_walk(i)
{
	mapped[i] = 0;
	rcu_enter();
	never(table_lost, !is_table(slot));
	p = slot - TABLE;
	c = touched;
	touch(p)
}

/* The entry is cleared. */
inline unmap_end(i)
{
#ifndef TOUCHED_NOT_SET
	if
	:: !c -> mark(p)
	:: else
	fi;
#endif
	atomic {
		c = false;
		p = NONE;
		rcu_exit()
	}
	flush(took, gen);
	legal[i] = 0
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

/*
 * What the walker may learn: a table, a leaf, a block. What is cached is used.
 */
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
/* A lookup of an address: iopd_iova_to_phys() */
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

/*
 * Sweeps, each of two passes. What one has cut off waits for a flush of others,
 * or not.
 */
active proctype sweeper()
{
	byte p = NONE, gen, took;

end:	do
	:: d_step { root_touched && !off ->
			sweeping = true;
#ifndef ROOT_TAKEN_LATE
			root_touched = false
#endif
		}
		/* S1 */
		d_step {
			if
			:: is_table(slot) && (touched || closing) ->
				closing = true;
				touched = false
			:: else
			fi
		}
#ifdef ROOT_TAKEN_LATE
		root_touched = false;
#endif
		/* S2 */
#ifndef NO_GRACE_BETWEEN
		d_step { sweep_wait = rcu_in };
		sweep_wait == 0;
#endif
		/*
		 * S3: an entry a step, and the table may be cut off meanwhile
		 */
		d_step {
			if
			:: is_table(slot) && closing ->
				rcu_enter();
				p = slot - TABLE;
				touch(p);
				took = entry[p * 2]
			:: else
			fi
		}
		if
		:: p == NONE
		:: p != NONE && took == 0 ->
			d_step {
				touch(p);
				took = entry[p * 2 + 1]
			}
		:: p != NONE && took != 0
		fi;
		if
		:: p != NONE && took == 0 -> cut_if_closing(p, gen)
		:: p != NONE && took != 0 ->
			d_step {
				if
				:: slot == TABLE + p -> closing = false
				:: else
				fi
			}
		:: p == NONE
		fi;
		atomic {
			p = NONE;
			took = 0;
			gen = 0;
			rcu_exit()
		}
		if
		:: !ended -> flush(took, gen)
		:: true
		fi;
		sweeping = false
	od
}

/*
 * io_pgtable_deferred_free(), after all are done: at any time of a sweep, or
 * when there is none left to make. The context is off and flushed, limbo goes
 * to the reclaimer, and then what is left under the root.
 */
active proctype closer()
{
	byte p, left;

	if
	:: busy == 0
	:: d_step { busy == 0 && !sweeping && !root_touched ->
			never(forgotten, is_table(slot) && is_empty(slot - TABLE)) }
	fi;
	d_step {
		!lock;
		ended = true;
		off = true;
		walk_cache = NONE;
		leaf_cache[0] = 0;
		leaf_cache[1] = 0;
		ungraced = ungraced | limbo;
		limbo = 0
	}
	!sweeping && rcu_in == 0 && ungraced == 0 && grace == 0;
	d_step {
		if
		:: is_table(slot) -> touch(slot - TABLE)
		:: else
		fi;
		never(count_wrong, below != is_table(slot));
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
