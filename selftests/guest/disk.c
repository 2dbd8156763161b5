// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's use of its disk, past the page cache, so that the device does DMA
 * for each byte:
 *
 *	disk read DEVICE MIB-OFFSET MIB		to standard output
 *	disk write DEVICE MIB-OFFSET MIB	from standard input
 *	disk busy DEVICE MIB-OFFSET MIB		writes, reads, compares for ever
 *
 * The first two say how high in the guest's memory the buffer was, which is the
 * highest IOVA of their transfers.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "../ipmmu/lib/host.h"

#define MIB		1048576ull
#define CHUNK		(256ull << 10)
#define WORKERS		4
#define ROUND_MS	500
#define PAGEMAP_PFN	((1ull << 55) - 1)

static int complain(const char *what)
{
	fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
	return 1;
}

static u8 *buffer_get(void)
{
	u8 *buffer = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return buffer == MAP_FAILED || mlock(buffer, CHUNK) ? NULL : buffer;
}

/* Physical address of the highest page, 0 where the kernel does not tell */
static u64 buffer_highest(const u8 *buffer)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	u64 entry, offset, highest = 0;

	for (offset = 0; offset < CHUNK; offset += HOST_PAGE) {
		off_t at = ((uintptr_t)buffer + offset) / HOST_PAGE * sizeof(entry);

		if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
			break;
		if ((entry & PAGEMAP_PFN) > highest)
			highest = entry & PAGEMAP_PFN;
	}
	close(fd);
	return highest * HOST_PAGE;
}

/* Pipes give and take less than what is asked for */
static int pipe_all(int fd, u8 *buffer, bool out)
{
	size_t done = 0;
	ssize_t n;

	while (done < CHUNK) {
		n = out ? write(fd, buffer + done, CHUNK - done) :
			  read(fd, buffer + done, CHUNK - done);
		if (n <= 0)
			return -1;
		done += n;
	}
	return 0;
}

static int transfer(int fd, u64 offset, u64 size, bool out)
{
	u8 *buffer = buffer_get();
	u64 done;

	if (!buffer)
		return complain("no memory");
	for (done = 0; done < size; done += CHUNK) {
		if (out && pipe_all(0, buffer, false))
			return complain("standard input");
		if ((out ? pwrite(fd, buffer, CHUNK, offset + done) :
			   pread(fd, buffer, CHUNK, offset + done)) != CHUNK)
			return complain(out ? "write" : "read");
		if (!out && pipe_all(1, buffer, true))
			return complain("standard output");
	}
	if (out && fsync(fd))
		return complain("fsync");
	fprintf(stderr, "guest: highest %#llx\n", buffer_highest(buffer));
	return 0;
}

/* One worker's part of the disk; returns only when something is wrong */
static int work(int fd, u64 offset, u64 size, bool tells)
{
	u8 *out = buffer_get(), *in = buffer_get();
	u64 chunks = size / CHUNK, round, i, at, next = 0;

	if (!out || !in)
		return complain("no memory");
	for (round = 1;; round++) {
		at = offset + round % chunks * CHUNK;
		for (i = 0; i < CHUNK / sizeof(u64); i++)
			((u64 *)out)[i] = round * 0x9e3779b97f4a7c15ull + at + i;
		if (pwrite(fd, out, CHUNK, at) != CHUNK)
			return complain("write");
		if (pread(fd, in, CHUNK, at) != CHUNK)
			return complain("read");
		if (memcmp(in, out, CHUNK))
			return complain("other data came back");
		if (!tells || host_ns() < next)
			continue;
		next = host_ns() + ROUND_MS * 1000000ull;
		printf("guest: busy %llu\n", round);
		fflush(stdout);
	}
}

static int busy(int fd, u64 offset, u64 size)
{
	u64 part = size / WORKERS / CHUNK * CHUNK;
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (!fork())
			exit(work(fd, offset + i * part, part, i == 0));
	wait(NULL);
	printf("guest: FAILED\n");
	return 1;
}

int main(int argc, char **argv)
{
	u64 offset, size;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: disk read|write|busy DEVICE MIB-OFFSET MIB\n");
		return 2;
	}
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0)
		return complain(argv[2]);
	offset = strtoull(argv[3], NULL, 0) * MIB;
	size = strtoull(argv[4], NULL, 0) * MIB;
	if (!strcmp(argv[1], "busy"))
		return busy(fd, offset, size);
	return transfer(fd, offset, size, !strcmp(argv[1], "write"));
}
