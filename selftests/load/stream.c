// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams of words that say where they belong.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <sys/socket.h>

#include "../ipmmu/lib/host.h"
#include "stream.h"

#define SHOWN	4

/* Odd, so that each word says which one it is */
#define MIX	0x9e3779b97f4a7c15ull

u64 stream_word(u64 seed, u64 index)
{
	return (seed + index) * MIX;
}

/* The inverse of MIX modulo 2^64, by Newton's method */
u64 stream_index(u64 seed, u64 word)
{
	u64 inverse = MIX;
	int i;

	for (i = 0; i < 6; i++)
		inverse *= 2 - MIX * inverse;
	return word * inverse - seed;
}

static void piece_done(u64 *done)
{
	if (done)
		__atomic_fetch_add(done, STREAM_PIECE, __ATOMIC_RELAXED);
}

static bool send_piece(int sock, const u64 *words)
{
	ssize_t done, sent;

	for (done = 0; done < STREAM_PIECE; done += sent) {
		sent = send(sock, (const u8 *)words + done, STREAM_PIECE - done,
			    MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
	}
	return true;
}

bool stream_send(int sock, u64 seed, u64 bytes, u64 *done)
{
	static u64 words[STREAM_PIECE / 8];
	u64 at, i;

	for (at = 0; at < bytes; at += STREAM_PIECE) {
		for (i = 0; i < STREAM_PIECE / 8; i++)
			words[i] = stream_word(seed, at / 8 + i);
		if (!send_piece(sock, words)) {
			printf("# send at %llu: %s\n", at, strerror(errno));
			return false;
		}
		piece_done(done);
	}
	return true;
}

static u64 check_piece(const u64 *words, u64 seed, u64 at, u64 *wrong)
{
	u64 i;

	for (i = 0; i < STREAM_PIECE / 8; i++) {
		if (words[i] == stream_word(seed, at / 8 + i))
			continue;
		if ((*wrong)++ < SHOWN)
			printf("# byte %llu: %#llx, would be right at %lld\n", at + i * 8,
			       words[i], (long long)stream_index(seed, words[i]) * 8);
	}
	return *wrong;
}

u64 stream_receive(int sock, u64 seed, u64 bytes, u64 *done)
{
	static u64 words[STREAM_PIECE / 8];
	u64 at, wrong = 0;
	ssize_t got;

	for (at = 0; at < bytes; at += STREAM_PIECE) {
		got = recv(sock, words, STREAM_PIECE, MSG_WAITALL);
		if (got != (ssize_t)STREAM_PIECE) {
			printf("# receive at %llu: %zd, %s\n", at, got, strerror(errno));
			return wrong + (bytes - at) / 8;
		}
		if (check_piece(words, seed, at, &wrong) && bytes == STREAM_ENDLESS)
			break;
		piece_done(done);
	}
	return wrong;
}
