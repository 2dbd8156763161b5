/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a flush covers. Several run at once, end in any order, and fail. Two callers
 * have a slot each, in which tables come and go; one has a leaf. Whatever map
 * has returned for is what the walker must come to, and no table may be freed
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
#define PLACES		3
#define LEAF		0	/* the place of the leaf; at the others are tables */
#define VERSIONS	7	/* what is mapped anywhere, from 1 on, each once */

#define STAMP		128	/* in a slot: what a stamp has and a version has not */
#define bit(n)		(1 << (n))

byte slot[PLACES];		/* 0, a version, or STAMP + gen */
byte mapped[PLACES];		/* what map has returned for */
byte cache[PLACES];		/* what the walker remembers */
byte next_version = 1;
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
	:: d_step { lookup(0); lookup(1); lookup(2) }
	:: d_step { cache[0] == 0 && is_version(slot[0]) -> cache[0] = slot[0] }
	:: d_step { cache[1] == 0 && is_version(slot[1]) -> cache[1] = slot[1] }
	:: d_step { cache[2] == 0 && is_version(slot[2]) -> cache[2] = slot[2] }
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
		limbo_gen = gen + 1;
#else
		limbo_gen = gen + 1;
		limbo_count = 0;
#endif
		lock = false
	fi
}

/* The hardware forgets as soon as it is asked, or not at all. */
inline hardware()
{
	if
	:: d_step {
			cache[0] = 0;
			cache[1] = 0;
			cache[2] = 0;
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
	if
	:: completed && saw_failed == recovered
	:: else ->
		d_step {
			!lock;
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
			fi
		}
	fi
}

inline hand_over()
{
	d_step {
#ifdef FAILED_RELEASES
		completed || took != 0;
		completed = true;
#endif
		if
		:: completed ->
			never(freed_twice, freed & took);
			freed = freed | took
		:: !completed && took != 0 ->
			!lock;
#ifndef FAILED_FORGETS
			limbo = limbo | took;
			limbo_count = 1
#endif
		:: !completed && took == 0
		fi;
		took = 0;
		saw_failed = 0
	}
}

inline end_flush()
{
	note_flush();
	if
#ifdef FAILED_MOVES_GEN
	:: flushed_gen < gen ->
#else
	:: completed && flushed_gen < gen ->
#endif
		d_step {
			!lock;
			if
#ifdef GEN_MOVES_BACK
			:: true -> flushed_gen = gen
#else
			:: flushed_gen < gen -> flushed_gen = gen
			:: else
#endif
			fi
		}
	:: else
	fi;
	gen = 0;
	hand_over()
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
		ok = failed == recovered
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
			never(map_failed, completed && !ok)
		}
	fi
}

inline publish(k)
{
	d_step {
		slot[k] = next_version;
		mapped[k] = next_version;
		next_version++;
		completed = false;
		ok = false
	}
}

inline detach(k)
{
	d_step {
		!lock -> lock = true;
		mapped[k] = 0
	}
	d_step {
		limbo = limbo | bit(slot[k]);
		detached = detached | bit(slot[k]);
		slot[k] = STAMP + limbo_gen;
		limbo_count = 1;
		lock = false
	}
}

/* Whether its own flush has failed, the caller is not told. */
proctype table_owner(byte k)
{
	byte gen, took, saw_failed, round;
	bool ok, completed;

	do
	:: round < ROUNDS ->
		round++;
again:		check();
		if
		:: ok -> settle(k)
		:: else
		fi;
		if
		:: ok
		:: else -> goto again
		fi;
		publish(k);
		detach(k);
		flush()
	:: else -> break
	od;
	busy--
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
		d_step {
			mapped[LEAF] = 0;
			slot[LEAF] = 0
		}
		flush()
	:: else -> break
	od;
	busy--
}

init {
	atomic {
		run table_owner(1);
		run table_owner(2);
		run leaf_owner()
	}
	/* The end: the context is off and flushed, limbo is handed over. */
	d_step {
		busy == 0;
		cache[1] = 0;
		cache[2] = 0;
		freed = freed | limbo;
		never(leak, freed != detached)
	}
}
