/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Neighbours: two callers map and unmap a page each, over and over, in the same
 * table, and need no lock. The table dies when it is empty, the slot is used
 * anew. The steps M1 to R1 of empty.c.
 *
 * What it stands for, beside table.pml:
 *	map()		iopt_map_plan(), iopt_map_build(), iopt_map_run(),
 *			iopt_publish() for a coherent walker
 *	unmap()		iopt_unmap_run(), iopt_unmap_leaves()
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define PAGES		4	/* one for each map */
#define CLIENTS		3	/* two neighbours, and elsewhere */
#define ELSEWHERE	2
#ifndef ROUNDS
#define ROUNDS		2
#endif

#include "table.pml"

/* A page that nobody else knows of, with one entry in it */
inline build(p, i, to)
{
	p = 0;
	do
	:: state[p] != UNUSED -> p++
	:: else -> break
	od;
	state[p] = MAKERS;
#ifdef PUBLISH_BEFORE_FILL
	entry[p * 2] = GARBAGE;
	entry[p * 2 + 1] = GARBAGE;
#else
	entry[p * 2 + i] = to;
#endif
	count[p] = 1
}

inline discard(p)
{
	entry[p * 2] = 0;
	entry[p * 2 + 1] = 0;
	count[p] = 0;
#ifndef DISCARD_FORGOTTEN
	state[p] = UNUSED
#endif
}

/* The table is there: iopt_map_run() */
inline map_run(i, to)
{
#ifdef RESERVE_AFTER_RCU
	d_step { rcu_exit() };
#endif
	d_step {
		p = s - TABLE;
		reserve(p, ok);
		rcu_exit()
	}
	if
	:: ok ->
#ifndef WALK_NOT_CLEANED
		/* Whoever has published the table may not have come so far. */
		slot_mem = slot;
#endif
		d_step {
			touch(p);
			entry[p * 2 + i] = to
		}
	:: else -> await_detach()
	fi
}

/* It is not: iopt_map_build(). The slot of the root is reserved. */
inline map_build(i, to)
{
	settle(s, took, gen);
	d_step {
		build(p, i, to);
		if
		:: slot == s ->
			slot = TABLE + p;
			state[p] = LIVE;
			ok = true
		:: else ->
			discard(p);
			above--
		fi
	}
#ifdef PUBLISH_BEFORE_FILL
	d_step {
		!ok || entry[p * 2] == GARBAGE;
		entry[p * 2] = 0;
		entry[p * 2 + 1] = 0;
		entry[p * 2 + i] = to
	}
#endif
	if
	:: ok ->
		d_step {
			below++;
			slot_mem = slot
		}
	:: else
	fi
}

inline map(i, to)
{
	do
	:: ok -> break
	:: else ->
		d_step {
			s = slot;
			if
			:: is_table(s) -> rcu_enter()
			:: else -> above++
			fi
		}
		if
		:: is_table(s) -> map_run(i, to)
		:: else -> map_build(i, to)
		fi;
		atomic {
			s = 0;
			p = NONE
		}
	od;
	atomic {
		mapped[i] = to;
		ok = false
	}
}

/* The entry is valid, so the table that it is in does not go. */
inline unmap(i)
{
	d_step {
		mapped[i] = 0;
		rcu_enter();
		never(table_lost, !is_table(slot));
		p = slot - TABLE;
		touch(p);
		entry[p * 2 + i] = 0
	}
	d_step { release(p, ok) }
#ifdef COUNT_DROPPED_TWICE
	d_step { release(p, ok) }
#endif
#ifdef NOTE_AFTER_RCU
	d_step { rcu_exit() }
#endif
	if
	:: ok -> note_empty(p, gen)
	:: else
	fi;
	atomic {
		ok = false;
		p = NONE;
		rcu_exit()
	}
	flush(took, gen);
	legal[i] = 0
}

proctype client(byte i)
{
	byte p = NONE, s, gen, took, round;
	bool ok;

	do
	:: round < ROUNDS ->
		round++;
		legal[i] = bit(round);
		map(i, round);
		unmap(i)
	:: else -> break
	od;
	atomic {
		round = 0;
		busy--
	}
}

init {
	atomic {
		run client(0);
		run client(1)
	}
}
