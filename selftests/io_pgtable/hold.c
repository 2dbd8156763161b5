// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a page table, for the scripts:
 *
 *	hold wait TABLES	make it, say so, free it at the end of input
 *	hold free TABLES	make it and free it
 *	hold drain TABLES	and wait until it has gone
 *	hold cut TABLES		unmap and flush them one by one, free the rest
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopd.h"
#include "kselftest.h"

int main(int argc, char **argv)
{
	__u64 tables;
	int fd;

	if (argc != 3 || (strcmp(argv[1], "wait") && strcmp(argv[1], "free") &&
			  strcmp(argv[1], "drain") && strcmp(argv[1], "cut"))) {
		fprintf(stderr, "%s wait|free|drain|cut TABLES\n", argv[0]);
		return KSFT_FAIL;
	}
	tables = strtoull(argv[2], NULL, 0);
	fd = iopd_new(39, 0);
	if (!iopd_fill(fd, 0, SZ_2M, tables, SZ_4K, 1))
		return KSFT_FAIL;
	if (!strcmp(argv[1], "wait")) {
		char byte;

		puts("ready");
		fflush(stdout);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	}
	if (!strcmp(argv[1], "cut")) {
		if (!iopd_strip(fd, 0, SZ_2M, tables, SZ_2M, 1))
			return KSFT_FAIL;
		iopd_flush(fd, IOPD_FLUSH_BEGIN | IOPD_FLUSH_END);
	}
	iopd_go_first(true);
	iopd_free(fd);
	if (!strcmp(argv[1], "drain"))
		iopd_drain();
	return KSFT_PASS;
}
