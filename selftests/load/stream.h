/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streams of words over a connection, each of which says where in the stream it
 * belongs.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef LOAD_STREAM_H
#define LOAD_STREAM_H

#include "../ipmmu/lib/types.h"

#define STREAM_PIECE	32768u
#define STREAM_ENDLESS	(~0ull & -STREAM_PIECE)

/* The word at @index of the stream @seed */
u64 stream_word(u64 seed, u64 index);

/* And which one it is */
u64 stream_index(u64 seed, u64 word);

/*
 * Each piece adds its bytes to @done, unless that is NULL. False when the
 * connection breaks off.
 */
bool stream_send(int sock, u64 seed, u64 bytes, u64 *done);

/*
 * Return: how many words are wrong; all that are missing count. The first wrong
 * ones are printed; an endless stream ends with them.
 */
u64 stream_receive(int sock, u64 seed, u64 bytes, u64 *done);

#endif /* LOAD_STREAM_H */
