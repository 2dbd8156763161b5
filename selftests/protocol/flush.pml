/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a flush covers, and which caller may do without the lock. Several run at
 * once, end in any order, and fail. One caller has a slot in which tables come
 * and go, one cuts such a table off where it was left empty, or only flushes,
 * and one has a leaf. Whatever map has returned for is what the walker must
 * come to, and no table may be freed that the walker remembers.
 *
 * What it stands for in drivers/iommu/io-pgtable-arm-deferred/:
 *	begin()		io_pgtable_deferred_is_settled(),
 *			io_pgtable_deferred_flush_begin()
 *	end()		io_pgtable_deferred_flush_end(),
 *			io_pgtable_deferred_flush_failed()
 *	judged		iopd_limbo_judge()
 *	is_fresh()	iopd_is_stale(), load by load
 *	check()		iopd_map_check(), iopd_map_recover()
 *	await_flush()	iopd_map_await_flush()
 *	cut_off()	iopd_detach(), iopd_detach_rest(), iopd_limbo_add()
 * and in drivers/iommu/ipmmu-vmsa/:
 *	flush()		ipmmu_domain_flush(), ipmmu_domain_flush_limbo()
 *
 * The driver asks whether the page table is settled, and begin() asks again.
 * Here that is once: to hear it the second time comes to the same as to hear it
 * the first time, whether the flush completes or not.
 *
 * Left out: what is in a table, counts, RCU and the reclaimer (a table is freed
 * as soon as it is handed over), and domains that are in no hardware. A flush
 * that fails may be one the hardware never made: the worst. What is looked at
 * with the lock alone changes in one step; what is looked at without it, the
 * slot, @unsettled, @failed, @recovered and @flushed_gen, store by store. Loads
 * and stores are made in the order that their barriers give them; the mutations
 * give up those barriers one by one.
 *
 * A walker that is always ready hides that all others wait for ever. STUCK
 * leaves that out, as in table.pml.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define ROUNDS		2
#ifndef FAILURES
#define FAILURES	2	/* of the hardware, in all */
#endif
#define LEAF		0	/* the place of the leaf */
#define TABLE		1	/* the slot that tables come and go in */
#define PLACES		2

/* In a slot: what a stamp has and a version has not */
#define STAMP		128
#define bit(n)		(1 << (n))

byte slot[PLACES];		/* 0, a version, or STAMP + gen */
byte mapped[PLACES];		/* what map has returned for */
byte cache[PLACES];		/* what the walker remembers */
byte next_version = 1;		/* all that is mapped has its own number */
byte freed;			/* versions, a bit each */
byte detached;			/* so that none is lost */
bool vacant;			/* the table has no entry, and may be cut off */

bool lock;			/* limbo.detach_lock */
bool unsettled;
byte limbo;			/* limbo.tables, versions, a bit each */
byte limbo_gen = 1;
byte flushed_gen;
byte failed, recovered;

byte failures;
byte busy = 3;

#ifdef FLAG_BEFORE_GEN
byte old_gen;
#endif

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

/* What is left for a flush to take, to tell, or to make good */
#ifdef FLAG_IGNORES_LIMBO
#define in_limbo	false
#else
#define in_limbo	(limbo != 0)
#endif
#ifdef FLAG_IGNORES_TAKEN
#define in_flush	false
#else
#define in_flush	(flushed_gen + 1 != limbo_gen)
#endif
#ifdef FLAG_IGNORES_FAILED
#define in_doubt	false
#else
#define in_doubt	(recovered != failed)
#endif
#define judged		(in_limbo || in_flush || in_doubt)

inline read_gen_if_none()
{
	if
	:: took == 0 ->
#ifdef NONE_IS_CURRENT
		gen = limbo_gen
#else
		gen = limbo_gen - 1
#endif
	:: else
	fi
}

inline begin()
{
	if
	:: d_step { !unsettled -> settled = true }
	:: unsettled ->
		d_step {
			!lock;
			took = limbo;
			limbo = 0;
			if
			:: took != 0 ->
				gen = limbo_gen;
				limbo_gen++
			:: else
			fi;
#ifndef GEN_READ_LATE
			read_gen_if_none();
#endif
#ifndef FAILED_READ_LATE
			saw_failed = failed
#endif
		}
	fi
}

/* The hardware forgets as soon as it is asked, or not at all. */
inline hardware()
{
	if
#ifdef SETTLED_NOT_FLUSHED
	:: settled -> completed = true
	:: d_step { !settled ->
#else
	:: d_step {
#endif
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
	d_step { read_gen_if_none() };
#endif
	skip
}

inline note_flush()
{
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

inline note_gen()
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
	fi
}

/* Free at once: the worst. */
inline hand_over()
{
	if
#ifdef FAILED_RELEASES
	:: true ->
#else
	:: completed ->
#endif
		never(freed_twice, freed & took);
		freed = freed | took
#ifndef FAILED_FORGETS
	:: !completed -> limbo = limbo | took
#endif
	:: else
	fi
}

inline note_all()
{
	d_step {
		!lock;
		lock = true;
#ifdef JUDGED_EARLY
		unsettled = judged;
#endif
		note_flush()
	}
#ifdef FLAG_BEFORE_GEN
	/* What is judged is right, but others see it before they see why. */
	d_step {
		old_gen = flushed_gen;
		note_gen();
		hand_over();
		unsettled = judged;
		gen = flushed_gen;
		flushed_gen = old_gen
	}
	d_step {
		flushed_gen = gen;
		lock = false
	}
#elif defined(JUDGED_WITHOUT_LOCK)
	d_step { note_gen() }
	d_step {
		hand_over();
		gen = judged;
		lock = false
	}
	unsettled = gen
#else
	d_step { note_gen() }
	d_step {
		hand_over();
#ifndef JUDGED_EARLY
		unsettled = judged;
#endif
#ifdef LOCK_KEPT
		lock = !completed
#else
		lock = false
#endif
	}
#endif
}

inline end()
{
	if
#ifdef FAILED_NOT_TOLD
	:: settled
#else
	:: settled && completed
#endif
	:: else -> note_all()
	fi;
	d_step {
		settled = false;
		took = 0;
		gen = 0;
		saw_failed = 0
	}
}

/* @completed is the caller's to look at, and to forget. */
inline flush()
{
#ifdef FLAG_READ_LATE
	hardware();
	begin();
#else
	begin();
	hardware();
#endif
	end()
}

/* Return: @ok. Either of the two may be read first. */
inline is_fresh()
{
	if
	:: d_step { !unsettled -> ok = true }
	:: unsettled ->
		if
		:: seen = failed;
			d_step { ok = seen == recovered; seen = 0 }
		:: seen = recovered;
			d_step { ok = seen == failed; seen = 0 }
		fi
	fi
}

/* Return: @ok */
inline check()
{
#ifdef STALE_NOT_CHECKED
	ok = true
#else
	is_fresh();
	if
	:: ok
	:: else ->
		flush();
		completed = false;
		is_fresh()
	fi
#endif
}

/* Return: @ok */
inline await_flush(stamp)
{
	if
	:: d_step { stamp <= flushed_gen -> ok = true }
	:: stamp > flushed_gen ->
#ifndef STAMP_SEEN_WITHOUT_LOCK
		!lock;
#endif
		flush();
		d_step {
			ok = stamp <= flushed_gen;
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

/* The slot gets a stamp, and then what was there comes into limbo. */
inline cut_off(when)
{
	d_step {
		!lock && (when);
		lock = true;
		vacant = false;
		seen = slot[TABLE];
		slot[TABLE] = STAMP + limbo_gen
	}
	d_step {
		limbo = limbo | bit(seen);
		detached = detached | bit(seen);
		seen = 0;
#if !defined(FLAG_NOT_SET) && !defined(FLAG_SET_LATE)
		unsettled = true;
#endif
		lock = false
	}
#ifdef FLAG_SET_LATE
	unsettled = true
#endif
}

/* Return: @ok, is something mapped there now? */
inline map_table()
{
	check();
	if
	:: ok ->
		d_step {
			seen = slot[TABLE];
			if
			:: is_version(seen) ->
				vacant = false;
				mapped[TABLE] = seen;
				seen = 0
			:: else -> ok = false
			fi
		}
		if
		:: ok
		:: else ->
			if
			:: is_stamp(seen) -> await_flush(seen - STAMP)
			:: else -> ok = true
			fi;
			seen = 0;
			if
			:: ok -> publish(TABLE); ok = true
			:: else
			fi
		fi
	:: else
	fi
}

/* Whether its own flush has failed, the caller is not told. */
proctype table_owner()
{
	byte gen, took, saw_failed, seen, round;
	bool ok, completed, settled;

	do
	:: round < ROUNDS ->
		round++;
		do
		:: ok -> break
		:: else -> map_table()
		od;
		ok = false;
		/* What was mapped last stays. */
		if
		:: round < ROUNDS ->
			mapped[TABLE] = 0;
			if
			:: cut_off(true)
			:: vacant = true
			fi;
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

proctype leaf_owner()
{
	byte gen, took, saw_failed, seen, round;
	bool ok, completed, settled;

	do
	:: round < ROUNDS ->
		round++;
		do
		:: ok -> break
		:: else -> check()
		od;
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

/* Another unmapper, in other places, pushes the empty table out of its list */
proctype evictor()
{
	byte gen, took, saw_failed, seen;
	bool completed, settled;

	if
	:: cut_off(vacant)
	:: skip
	fi;
	/* The unmapper that has cut an empty table off may be late to flush. */
	if
	:: flush();
		completed = false
	:: skip
	fi;
	busy--
}

init {
	atomic {
		run table_owner();
		run evictor();
		run leaf_owner()
	}
	/*
	 * The end: the context is off and flushed, io_pgtable_deferred_free().
	 */
	d_step {
		busy == 0;
		cache[LEAF] = 0;
		cache[TABLE] = 0;
		if
		:: unsettled -> freed = freed | limbo
		:: else
		fi;
		never(leak, freed != detached)
	}
}
