/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block of which two callers unmap a part each, at the same time: one of them
 * puts a table into its place, the other finds it there. With the second part
 * gone the table is empty and marked, while the first caller has not come back
 * from publishing it.
 *
 * What it stands for, beside table.pml:
 *	unmap_part()	iopd_unmap_one(), iopd_unmap_run()
 *	split()		iopd_split(), iopd_split_table(), iopd_publish() for a
 *			walker that does not snoop
 *
 * The root stands for any table above, and the count of that is not below zero
 * when a sweep cuts off the table here: so an empty table above counts none
 * (uncounted).
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define PAGES		2	/* one for each caller that splits */
#define CALLERS		2
#define BLOCKS

#include "table.pml"

bool unmap_short;
bool third;			/* a third caller unmaps a part, and is fast */

inline split(i)
{
	d_step {
		find_page(p);
		if
		:: slot == s ->
			put(TABLE + p);
			touched = third;
			root_touched = third;
			state[p] = LIVE;
			entry[p * 2 + 1 - i] = s - BLOCK;
			ok = true
		:: else -> p = NONE
		fi
	}
	if
	:: ok ->
		d_step {
#ifdef COUNTED_AFTER_RCU
			owes = true;
#else
			below++;
#endif
			slot_mem = slot
		}
		/*
		 * LPAE_SW_CLEAN: no more than another way to write the same
		 * entry
		 */
#ifdef CLEAN_WRITTEN_BLINDLY
		d_step { put(TABLE + p) };
#endif
		ok = false;
		done = true
	:: else ->
#ifdef LOST_RACE_GIVES_UP
		done = true;
		d_step { never(unmap_short, true) }
#else
		skip
#endif
	fi
}

inline unmap_part(i)
{
	mapped[i] = 0;
	do
	:: done -> break
	:: else ->
		d_step {
			rcu_enter();
			s = slot;
			c = touched;
			never(table_lost, !is_valid(s))
		}
		if
		:: is_block(s) -> split(i)
		:: else ->
#ifndef WALK_NOT_CLEANED
			/* Until then the walker may come to the block. */
			slot_mem = slot;
#endif
			d_step {
				p = s - TABLE;
				touch(p);
				never(unmap_short, entry[p * 2 + i] == 0);
				entry[p * 2 + i] = 0
			}
			if
			:: !c -> mark(p)
			:: else
			fi;
			done = true
		fi;
		atomic {
			ok = false;
			c = false;
			p = NONE;
			s = 0;
			rcu_exit()
		}
#ifdef COUNTED_AFTER_RCU
		if
		:: owes ->
			d_step {
				below++;
				owes = false
			}
		:: else
		fi
#endif
	od;
	flush(took, gen);
	legal[i] = 0
}

proctype caller(byte i)
{
	byte p = NONE, s, gen, took;
	bool ok, done, c;
#ifdef COUNTED_AFTER_RCU
	bool owes;
#endif

	unmap_part(i);
	d_step {
		done = false;
		busy--
	}
}

init {
	atomic {
		slot = BLOCK + 1;
		slot_mem = BLOCK + 1;
		legal[0] = bit(1);
		legal[1] = bit(1);
		mapped[0] = 1;
		mapped[1] = 1;
		if
		:: third = true
		:: third = false
		fi;
		run caller(0);
		run caller(1)
	}
}
