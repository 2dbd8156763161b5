/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block where a table was, and tables cut off as a whole. One caller has all
 * that the slot stands for, and does one of these a few times, in any order:
 * map and unmap a page, which leaves an empty table that may be cut off at any
 * time; map and unmap a block, in the place of that table; map both pages, and
 * unmap them with the table in one go.
 *
 * What it stands for, beside table.pml:
 *	map()		iopd_map_step(), iopd_map_run(), iopd_map_publish()
 *	unmap_page()	iopd_unmap_run(), iopd_unmap_leaf()
 *	map_block()	iopd_map_run(), iopd_make_way()
 *	unmap_block()	iopd_unmap_run(), iopd_unmap_leaves()
 *	unmap_table()	iopd_unmap_tables()
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define PAGES		4
#define CALLERS		1
#define ROUNDS		4
#define BLOCKS

#include "table.pml"

/* The table is there: iopd_map_run(). */
inline map_run(i, to)
{
	p = s - TABLE;
	if
	:: c -> hold(p, ok)
	:: else -> ok = true
	fi;
	if
	:: ok -> d_step { touch(p); entry[p * 2 + i] = to }
	:: else
	fi;
	d_step { rcu_exit() }
}

/* It is not, and no other process puts anything there. */
inline map_build(i, to)
{
	await_flush(s, took, gen);
	d_step {
		find_page(p);
		never(map_failed, slot != s);
		put(TABLE + p);
		state[p] = LIVE;
		entry[p * 2 + i] = to;
		below++;
		slot_mem = slot;
		ok = true
	}
}

/* The other page of the pair holds the table. */
inline map_beside(i, to)
{
	d_step {
		never(table_lost, !is_table(slot));
		p = slot - TABLE;
		touch(p);
		entry[p * 2 + i] = to;
		mapped[i] = to;
		p = NONE
	}
}

inline unmap_page(i)
{
	d_step {
		unmap_walk(i);
		entry[p * 2 + i] = 0
	}
	unmap_end(i)
}

/* Cut off the table that is there. Return: @ok, was there one? */
inline cut_whole()
{
	d_step {
		!lock -> lock = true;
		if
		:: is_table(slot) ->
			p = slot - TABLE;
			touch(p);
			ok = true
		:: else ->
			p = NONE;
			lock = false;
			ok = false
		fi
	}
	if
	:: ok ->
		cut_off(p, gen);
#ifdef FLUSH_WITH_LOCK
		d_step { !lock; lock = true };
		flush(took, gen);
		lock = false
#else
		skip
#endif
	:: else
	fi
}

inline map_block(to)
{
	do
	:: is_table(slot) ->
		cut_whole();
		ok = false
	:: else -> break
	od;
	s = slot;
	await_flush(s, took, gen);
	d_step {
		never(map_failed, is_valid(slot));
		put(BLOCK + to);
		slot_mem = slot
	}
	atomic {
		s = 0;
		mapped[0] = to;
		mapped[1] = to
	}
}

inline unmap_block()
{
	d_step {
		mapped[0] = 0;
		mapped[1] = 0;
		never(table_lost, !is_block(slot));
		put(0);
		slot_mem = 0
	}
	flush(took, gen);
	d_step {
		legal[0] = 0;
		legal[1] = 0
	}
}

inline unmap_table()
{
	d_step {
		mapped[0] = 0;
		mapped[1] = 0
	}
	cut_whole();
	d_step {
		never(table_lost, !ok);
		ok = false
	}
	flush(took, gen);
	d_step {
		legal[0] = 0;
		legal[1] = 0
	}
}

active proctype owner()
{
	byte p = NONE, s, gen, took, round;
	bool ok, c;

	do
	:: round < ROUNDS ->
		round++;
		if
		:: legal[0] = bit(1);
			map(0, 1);
			unmap_page(0)
		:: atomic {
				legal[0] = bit(2);
				legal[1] = bit(2)
			}
			map_block(2);
			unmap_block()
		:: atomic {
				legal[0] = bit(3);
				legal[1] = bit(3)
			}
			map(0, 3);
			map_beside(1, 3);
			unmap_table()
		fi
	:: else -> break
	od;
	atomic {
		round = 0;
		busy--
	}
}
