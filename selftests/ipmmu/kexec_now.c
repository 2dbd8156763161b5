// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another kernel, by kexec_load():
 *
 *	kexec_now IMAGE INITRD		starts it at once
 *	kexec_now crash IMAGE INITRD	has it started when this kernel panics,
 *					in what crashkernel= has set aside
 *
 * For arm64 and a device tree that has an initrd already, whose place is
 * changed; all else in it, the command line too, stays. User space is not shut
 * down. There is no /proc/vmcore: what the first kernel leaves in memory is not
 * looked at.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/types.h"

/*
 * Where a kernel goes that is started at once: RAM begins at 1 GiB, and has a
 * GiB
 */
#define AT_ONCE		0x60000000ull
#define ALIGNMENT	(2ull << 20)	/* of kernels; tree, entry fit too */
#define ENTRY_ROOM	0x1000

#define IMAGE_MAGIC	0x644d5241	/* "ARM\x64", at 56 */
#define TREE_MAGIC	0xd00dfeed

struct file {
	u8 *bytes;
	size_t size;
};

/*
 * The kernel wants its registers as the boot protocol has them; then it goes
 * off
 */
static struct {
	u32 code[6];
	u64 tree;
	u64 kernel;
} entry = {
	.code = {
		0x580000c0,	/* ldr x0, tree */
		0x580000e4,	/* ldr x4, kernel */
		0xaa1f03e1,	/* mov x1, xzr */
		0xaa1f03e2,	/* mov x2, xzr */
		0xaa1f03e3,	/* mov x3, xzr */
		0xd61f0080,	/* br x4 */
	},
};

/* Kernel, device tree, entry, initrd: one after the other */
struct places {
	u64 kernel;
	u64 tree;
	u64 entry;
	u64 initrd;
	u64 end;
};

static u64 align(u64 address)
{
	return (address + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static struct file file_load(const char *path)
{
	struct file file = { 0 };
	size_t room = 1 << 20;
	int fd = open(path, O_RDONLY);
	ssize_t got = 1;

	while (fd >= 0 && got > 0) {
		room *= 2;
		file.bytes = realloc(file.bytes, room);
		while (file.bytes && file.size < room) {
			got = read(fd, file.bytes + file.size, room - file.size);
			if (got <= 0)
				break;
			file.size += got;
		}
	}
	if (fd < 0 || got < 0 || !file.size) {
		fprintf(stderr, "kexec_now: %s cannot be read\n", path);
		exit(1);
	}
	return file;
}

static u32 cell(const u8 *at)
{
	u32 value;

	memcpy(&value, at, 4);
	return be32toh(value);
}

/* A value of one cell or two */
static void put(u8 *at, u32 length, u64 value)
{
	u64 wide = htobe64(value);
	u32 narrow = htobe32(value);

	if (length == 8)
		memcpy(at, &wide, 8);
	else
		memcpy(at, &narrow, 4);
}

/* Every property of that name, in place; how many there were */
static unsigned int tree_set(struct file *tree, const char *name, u64 value)
{
	u8 *at = tree->bytes + cell(tree->bytes + 8);
	u8 *strings = tree->bytes + cell(tree->bytes + 12);
	unsigned int count = 0;

	for (;;) {
		u32 token = cell(at);

		at += 4;
		if (token == 9)
			return count;
		if (token == 1)
			at += (strlen((char *)at) + 4) & ~3ul;
		if (token != 3)
			continue;
		if (!strcmp((char *)strings + cell(at + 4), name)) {
			put(at + 8, cell(at), value);
			count++;
		}
		at += 8 + ((cell(at) + 3) & ~3u);
	}
}

/* How many bytes of the structure are before the first property of that node */
static size_t tree_find(const struct file *tree, const char *node)
{
	u8 *begin = tree->bytes + cell(tree->bytes + 8);
	u8 *at = begin;

	while (cell(at) != 9) {
		if (cell(at) == 3)
			at += 8 + ((cell(at + 4) + 3) & ~3u);
		else if (cell(at) == 1 && !strcmp((char *)at + 4, node))
			return at + 4 + ((strlen(node) + 4) & ~3ul) - begin;
		else if (cell(at) == 1)
			at += (strlen((char *)at + 4) + 4) & ~3ul;
		at += 4;
	}
	return 0;
}

static void tree_insert(struct file *tree, size_t at, const void *bytes, size_t size)
{
	tree->bytes = realloc(tree->bytes, tree->size + size);
	memmove(tree->bytes + at + size, tree->bytes + at, tree->size - at);
	memcpy(tree->bytes + at, bytes, size);
	tree->size += size;
	put(tree->bytes + 4, 4, tree->size);
}

/*
 * A property of two values, in a tree whose strings are behind its structure,
 * as those are that QEMU makes. False if it is another, or has no such node.
 */
static bool tree_add(struct file *tree, const char *node, const char *name,
		     u64 first, u64 second)
{
	u32 structure = cell(tree->bytes + 8), structure_size = cell(tree->bytes + 36);
	u32 strings = cell(tree->bytes + 12), strings_size = cell(tree->bytes + 32);
	size_t at = tree_find(tree, node);
	u8 property[28];

	if (!at || strings < structure + structure_size)
		return false;
	put(property, 4, 3);
	put(property + 4, 4, 16);
	put(property + 8, 4, strings_size);
	put(property + 12, 8, first);
	put(property + 20, 8, second);
	tree_insert(tree, strings + strings_size, name, strlen(name) + 1);
	tree_insert(tree, structure + at, property, sizeof(property));
	put(tree->bytes + 12, 4, strings + sizeof(property));
	put(tree->bytes + 32, 4, strings_size + strlen(name) + 1);
	put(tree->bytes + 36, 4, structure_size + sizeof(property));
	return true;
}

/* What crashkernel= has set aside; false if that is nothing */
static bool crash_memory(u64 *start, u64 *end)
{
	FILE *map = fopen("/proc/iomem", "r");
	char line[128];
	bool found = false;

	while (map && !found && fgets(line, sizeof(line), map))
		found = strstr(line, " : Crash kernel") &&
			sscanf(line, " %llx-%llx", start, end) == 2 && *start;
	if (map)
		fclose(map);
	return found;
}

static struct places places_from(u64 base, const struct file *image,
				 const struct file *initrd)
{
	struct places places;

	places.kernel = align(base);
	places.tree = align(places.kernel + le64toh(*(u64 *)(image->bytes + 16)));
	places.initrd = places.tree + ALIGNMENT;
	places.entry = places.initrd - ENTRY_ROOM;
	places.end = places.initrd + initrd->size;
	return places;
}

static struct kexec_segment segment(const void *bytes, size_t size, size_t room, u64 at)
{
	return (struct kexec_segment) {
		.buf = bytes, .bufsz = size, .mem = (void *)(uintptr_t)at,
		.memsz = (room + 4095) & ~4095ul,
	};
}

static int load(const struct places *places, const struct file *image,
		const struct file *initrd, const struct file *tree, bool crash)
{
	struct kexec_segment segments[4];

	entry.tree = places->tree;
	entry.kernel = places->kernel;
	segments[0] = segment(image->bytes, image->size, places->tree - places->kernel,
			      places->kernel);
	segments[1] = segment(tree->bytes, tree->size, tree->size, places->tree);
	segments[2] = segment(&entry, sizeof(entry), sizeof(entry), places->entry);
	segments[3] = segment(initrd->bytes, initrd->size, initrd->size, places->initrd);
	if (!syscall(SYS_kexec_load, places->entry, 4, segments,
		     KEXEC_ARCH_AARCH64 | (crash ? KEXEC_ON_CRASH : 0)))
		return 0;
	fprintf(stderr, "kexec_now: kexec_load: %s\n", strerror(errno));
	return 1;
}

static int prepare(const char *image_path, const char *initrd_path, bool crash)
{
	struct file image = file_load(image_path), initrd = file_load(initrd_path);
	struct file tree = file_load("/sys/firmware/fdt");
	u64 base = AT_ONCE, last = ~0ull;
	struct places places;

	if (le32toh(*(u32 *)(image.bytes + 56)) != IMAGE_MAGIC ||
	    cell(tree.bytes) != TREE_MAGIC || (crash && !crash_memory(&base, &last))) {
		fprintf(stderr, "kexec_now: no kernel, no device tree, or no crashkernel=\n");
		return 1;
	}
	places = places_from(base, &image, &initrd);
	if (places.end > last ||
	    !tree_set(&tree, "linux,initrd-start", places.initrd) ||
	    !tree_set(&tree, "linux,initrd-end", places.end) ||
	    (crash && !tree_add(&tree, "chosen", "linux,usable-memory-range", base,
				last + 1 - base))) {
		fprintf(stderr, "kexec_now: too little memory, or not such a device tree\n");
		return 1;
	}
	return load(&places, &image, &initrd, &tree, crash);
}

int main(int argc, char **argv)
{
	bool crash = argc == 4 && !strcmp(argv[1], "crash");

	if (argc != 3 && !crash) {
		fprintf(stderr, "usage: kexec_now [crash] IMAGE INITRD\n");
		return 2;
	}
	if (prepare(argv[argc - 2], argv[argc - 1], crash))
		return 1;
	if (crash)
		return 0;
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	fprintf(stderr, "kexec_now: reboot: %s\n", strerror(errno));
	return 1;
}
