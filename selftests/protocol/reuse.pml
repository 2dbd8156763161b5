/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Neighbours: two callers map and unmap a page each, over and over, in the same
 * table, and need no lock. A sweep cuts the table off when it is empty, the
 * slot is used anew. The steps M1 to R1 of sweep.c.
 *
 * What it stands for, beside table.pml:
 *	map()		iopd_map_step(), iopd_map_one(), iopd_map_run(),
 *			iopd_map_publish(), iopd_map_build(), iopd_publish() for
 *			a coherent walker
 *	unmap()		iopd_unmap_run(), iopd_unmap_leaf()
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define PAGES		4	/* one for each map */
#define CALLERS		2
#ifndef ROUNDS
#define ROUNDS		2
#endif

#include "table.pml"

/* A page that no other process knows of, with one entry in it */
inline build(p, i, to)
{
	find_page(p);
	state[p] = MAKERS;
#ifdef PUBLISH_BEFORE_FILL
	entry[p * 2] = GARBAGE;
	entry[p * 2 + 1] = GARBAGE
#else
	entry[p * 2 + i] = to
#endif
}

inline discard(p)
{
	entry[p * 2] = 0;
	entry[p * 2 + 1] = 0;
#ifndef DISCARD_FORGOTTEN
	state[p] = UNUSED
#endif
}

/*
 * The table is there: iopd_map_run(). The walk has seen it, and its mark, as @c
 * says.
 */
inline map_run(i, to)
{
	p = s - TABLE;
#ifdef CLOSING_IGNORED
	ok = true;
#else
	if
	:: c -> hold(p, ok)
	:: else -> ok = true
	fi;
#endif
#ifdef WRITTEN_AFTER_RCU
	d_step { rcu_exit() };
#endif
	if
	:: ok ->
#ifndef WALK_NOT_CLEANED
		/*
		 * The mapper that has published the table may not have come so
		 * far.
		 */
		slot_mem = slot;
#endif
		d_step {
			touch(p);
			entry[p * 2 + i] = to
		}
	:: else
	fi;
	d_step { rcu_exit() }
}

/* It is not: iopd_map_build(), iopd_map_publish(). The root stays. */
inline map_build(i, to)
{
	await_flush(s, took, gen);
	d_step {
		build(p, i, to);
		if
		:: slot == s ->
			put(TABLE + p);
			state[p] = LIVE;
			ok = true
		:: else -> discard(p)
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

inline unmap(i)
{
	d_step {
		unmap_walk(i);
		never(table_lost, entry[p * 2 + i] == 0)
	}
#ifdef CLEARED_AFTER_RCU
	d_step { rcu_exit() };
#endif
	d_step {
		touch(p);
		entry[p * 2 + i] = 0
	}
	unmap_end(i)
}

proctype caller(byte i)
{
	byte p = NONE, s, gen, took, round;
	bool ok, c;

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
		run caller(0);
		run caller(1)
	}
}
