/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a flush covers. Several run at once, end in any order, and fail. One caller
 * has a slot in which tables come and go, one has a leaf, and one only flushes.
 * Whatever map has returned for is what the walker must come to, and no table may be freed
 * that the walker remembers.
 *
 * What it stands for in drivers/iommu/io-pgtable-arm-deferred/:
 *	begin()		io_pgtable_deferred_flush_begin(), load by load
 *	end()		io_pgtable_deferred_flush_end(), iopt_note_flush(),
 *			iopt_limbo_settle(), iopt_limbo_return()
 *	check()		iopt_map_check(), iopt_is_stale(), iopt_map_recover()
 *	settle()	iopt_map_settle()
 *	detach()	iopt_detach(), iopt_limbo_add()
 *
 * Left out: what is in a table, counts, RCU and the reclaimer (a table is freed as
 * soon as it is handed over). A flush that fails may be one the hardware never made:
 * the worst. Loads and stores are made in the order that their barriers give
 * them; the mutations give up those barriers one by one.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define ROUNDS		2
#define FAILURES	2	/* of the hardware, in all */
#define LEAF		0	/* the place of the leaf */
#define TABLE		1	/* the slot that tables come and go in */
#define PLACES		2

#define STAMP		128	/* in a slot: what a stamp has and a version has not */
#define bit(n)		(1 << (n))

byte slot[PLACES];		/* 0, a version, or STAMP + gen */
byte mapped[PLACES];		/* what map has returned for */
byte cache[PLACES];		/* what the walker remembers */
byte next_version = 1;		/* what is mapped anywhere has a number of its own */
byte freed;			/* versions, a bit each */
byte detached;			/* so that none is lost */

bool lock;			/* tree->detach_lock */
byte limbo;			/* tree->limbo, versions */
byte limbo_count;		/* tree->limbo_count, 0 or not */
byte limbo_gen = 1;
byte flushed_gen;
byte failed, recovered;

byte failures;
byte busy = 3;

bool walks_freed, unseen_map, freed_twice, map_failed, leak;

#define never(what, bad)	what = (bad); assert(!what)
#define is_stamp(s)		((s) >= STAMP)
#define is_version(s)		((s) != 0 && (s) < STAMP)

inline lookup(k)
{
	never(walks_freed, cache[k] != 0 && (freed & bit(cache[k])));
	never(unseen_map, mapped[k] != 0 && cache[k] != 0 && cache[k] != mapped[k]);
	never(unseen_map, mapped[k] != 0 && cache[k] == 0 && slot[k] != mapped[k])
}

active proctype walker()
{
end:	do
#ifndef STUCK
	:: d_step { lookup(0); lookup(1) }
#endif
	:: d_step { cache[0] == 0 && is_version(slot[0]) -> cache[0] = slot[0] }
	:: d_step { cache[1] == 0 && is_version(slot[1]) -> cache[1] = slot[1] }
	od
}

inline read_gen_if_none()
{
#ifdef NONE_IS_CURRENT
	gen = limbo_gen
#else
	gen = limbo_gen - 1
#endif
}

inline begin()
{
#ifndef FAILED_READ_LATE
	saw_failed = failed;
#endif
#ifdef COUNT_READ_LATE
	read_gen_if_none();
#endif
	if
	:: limbo_count == 0 ->
#if !defined(COUNT_READ_LATE) && !defined(GEN_READ_LATE)
		read_gen_if_none()
#else
		skip
#endif
	:: limbo_count != 0 ->
		d_step {
			!lock -> lock = true;
			took = limbo;
			limbo = 0;
			gen = limbo_gen
		}
#ifdef COUNT_CLEARED_EARLY
		limbo_count = 0;
		d_step {
			limbo_gen = gen + 1;
			lock = false
		}
#else
		limbo_gen = gen + 1;
		d_step {
			limbo_count = 0;
			lock = false
		}
#endif
	fi
}

/* The hardware forgets as soon as it is asked, or not at all. */
inline hardware()
{
	if
	:: d_step {
			cache[0] = 0;
			cache[1] = 0;
			completed = true
		}
	:: d_step { failures < FAILURES -> failures++; completed = false }
	fi;
#ifdef FAILED_READ_LATE
	saw_failed = failed;
#endif
#ifdef GEN_READ_LATE
	if
	:: took == 0 -> read_gen_if_none()
	:: else
	fi
#else
	skip
#endif
}

inline note_flush()
{
	d_step {
		!lock || (completed && saw_failed == recovered);
		if
#ifdef FAILED_NOT_COUNTED
		:: !completed
#else
		:: !completed -> failed++
#endif
#ifdef RECOVERS_ALL
		:: completed -> recovered = failed
#else
		:: completed && recovered < saw_failed -> recovered = saw_failed
		:: completed && recovered >= saw_failed
#endif
		fi;
		saw_failed = 0
	}
}

/* Free at once: the worst. */
inline hand_over()
{
#ifdef FAILED_RELEASES
	if
	:: true ->
#else
	if
	:: completed ->
#endif
		never(freed_twice, freed & took);
		freed = freed | took
#ifndef FAILED_FORGETS
	:: !completed && took != 0 ->
		limbo = limbo | took;
		limbo_count = 1
#endif
	:: else
	fi;
	took = 0
}

inline settle_limbo()
{
	if
#ifdef GEN_MOVES_BACK
	:: completed -> flushed_gen = gen
#elif defined(FAILED_MOVES_GEN)
	:: flushed_gen < gen -> flushed_gen = gen
#else
	:: completed && flushed_gen < gen -> flushed_gen = gen
#endif
	:: else
	fi;
	gen = 0
}

inline end_flush()
{
	note_flush();
	d_step {
		!lock || (completed && flushed_gen >= gen) || (!completed && took == 0);
		settle_limbo();
		hand_over()
	}
}

inline flush()
{
	begin();
	hardware();
	end_flush()
}

/* Return: @ok */
inline check()
{
#ifdef STALE_NOT_CHECKED
	ok = true
#else
	if
	:: failed == recovered -> ok = true
	:: else ->
		flush();
		d_step {
			ok = failed == recovered;
			completed = false
		}
	fi
#endif
}

inline settle(k)
{
	if
	:: !is_stamp(slot[k]) || slot[k] - STAMP <= flushed_gen -> ok = true
	:: else ->
		!lock;
		flush();
		d_step {
			ok = slot[k] - STAMP <= flushed_gen;
			never(map_failed, completed && !ok);
			completed = false
		}
	fi
}

inline publish(k)
{
	d_step {
		slot[k] = next_version;
		mapped[k] = next_version;
		next_version++;
		ok = false
	}
}

inline detach(k)
{
	d_step {
		!lock;
		mapped[k] = 0;
		limbo = limbo | bit(slot[k]);
		detached = detached | bit(slot[k]);
		slot[k] = STAMP + limbo_gen;
		limbo_count = 1
	}
}

/* Whether its own flush has failed, the caller is not told. */
proctype table_owner()
{
	byte gen, took, saw_failed, round;
	bool ok, completed;

	do
	:: round < ROUNDS ->
		round++;
again:		check();
		if
		:: ok -> settle(TABLE)
		:: else
		fi;
		if
		:: ok
		:: else -> goto again
		fi;
		publish(TABLE);
		/* What was mapped last stays. */
		if
		:: round < ROUNDS ->
			detach(TABLE);
			/* Whoever has cut an empty table off may be late to flush. */
			if
			:: flush();
				completed = false
			:: skip
			fi
		:: else
		fi
	:: else -> break
	od;
	atomic {
		round = 0;
		busy--
	}
}

proctype leaf_owner()
{
	byte gen, took, saw_failed, round;
	bool ok, completed;

	do
	:: round < ROUNDS ->
		round++;
again:		check();
		if
		:: ok
		:: else -> goto again
		fi;
		publish(LEAF);
		if
		:: round < ROUNDS ->
			d_step {
				mapped[LEAF] = 0;
				slot[LEAF] = 0
			}
			flush();
			completed = false
		:: else
		fi
	:: else -> break
	od;
	atomic {
		round = 0;
		busy--
	}
}

/* Somebody who unmaps in other places */
proctype flusher()
{
	byte gen, took, saw_failed;
	bool completed;

	flush();
	d_step {
		completed = false;
		busy--
	}
}

init {
	atomic {
		run table_owner();
		run flusher();
		run leaf_owner()
	}
	/* The end: the context is off and flushed, limbo is handed over. */
	d_step {
		busy == 0;
		cache[TABLE] = 0;
		freed = freed | limbo;
		never(leak, freed != detached)
	}
}
