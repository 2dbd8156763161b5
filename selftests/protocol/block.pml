/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block where a table was, and tables cut off as a whole. One caller has all that
 * the slot stands for, and does one of these a few times, in any order: map and
 * unmap a page, which leaves an empty table that may be cut off at any time; map and
 * unmap a block, in the place of that table; map both pages, and unmap them with
 * the table in one go.
 *
 * What it stands for, beside table.pml:
 *	map_page()	iopt_map_plan(), iopt_map_build(), iopt_map_run()
 *	unmap_page()	iopt_unmap_run(), iopt_unmap_leaves()
 *	map_block()	iopt_map_plan(), iopt_map_replace(), iopt_map_room(),
 *			iopt_map_run()
 *	unmap_block()	iopt_unmap_run(), iopt_unmap_leaves()
 *	unmap_table()	iopt_unmap_tables()
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define PAGES		4
#define CLIENTS		2	/* the owner, and elsewhere */
#define ELSEWHERE	2
#define ROUNDS		4
#define BLOCKS

#include "table.pml"

inline map_page(i, to)
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
		:: is_table(s) ->
			d_step {
				p = s - TABLE;
				reserve(p, ok);
				rcu_exit()
			}
			if
			:: ok -> d_step { touch(p); entry[p * 2 + i] = to }
			:: else -> await_detach()
			fi
		:: else ->
			settle(s, took, gen);
			/* Nobody else puts anything there. */
			d_step {
				p = 0;
				do
				:: state[p] != UNUSED -> p++
				:: else -> break
				od;
				never(map_failed, slot != s);
				slot = TABLE + p;
				state[p] = LIVE;
				entry[p * 2 + i] = to;
				count[p] = 1;
				below++;
				slot_mem = slot;
				ok = true
			}
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

/* The other page of the pair holds the table. */
inline map_beside(i, to)
{
	d_step {
		never(table_lost, !is_table(slot));
		p = slot - TABLE;
		reserve(p, ok);
		never(table_lost, !ok);
		entry[p * 2 + i] = to;
		mapped[i] = to;
		p = NONE;
		ok = false
	}
}

inline unmap_page(i)
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

/* Cut off whatever table is there. Return: @ok, was there one? */
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
	atomic {
		s = slot;
		above++
	}
	settle(s, took, gen);
	d_step {
		never(map_failed, is_valid(slot));
		slot = BLOCK + to;
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
		slot = 0;
		slot_mem = 0
	}
	above--;
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
	bool ok;

	do
	:: round < ROUNDS ->
		round++;
		if
		:: legal[0] = bit(1);
			map_page(0, 1);
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
			map_page(0, 3);
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
