// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts another kernel at once, by kexec_load():
 *
 *	kexec_now IMAGE INITRD
 *
 * For arm64 and a device tree that has an initrd already, whose place is changed; all
 * else in it, the command line too, stays. User space is not shut down.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/types.h"

/* Where things go: RAM of this machine begins at 1 GiB, and there is a GiB of it */
#define AT_KERNEL	0x60000000ull	/* a multiple of 2 MiB */
#define AT_INITRD	0x68000000ull
#define AT_TREE		0x67e00000ull
#define AT_ENTRY	0x67f00000ull

#define IMAGE_MAGIC	0x644d5241	/* "ARM\x64", at 56 */
#define TREE_MAGIC	0xd00dfeed

struct file {
	u8 *bytes;
	size_t size;
};

/* The kernel wants its registers as the boot protocol has them; then it goes off */
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
	.tree = AT_TREE,
	.kernel = AT_KERNEL,
};

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

static struct kexec_segment segment(const void *bytes, size_t size, size_t room, u64 at)
{
	return (struct kexec_segment) {
		.buf = bytes, .bufsz = size, .mem = (void *)(uintptr_t)at,
		.memsz = (room + 4095) & ~4095ul,
	};
}

int main(int argc, char **argv)
{
	struct kexec_segment segments[4];
	struct file image, initrd, tree;

	if (argc != 3) {
		fprintf(stderr, "usage: kexec_now IMAGE INITRD\n");
		return 2;
	}
	image = file_load(argv[1]);
	initrd = file_load(argv[2]);
	tree = file_load("/sys/firmware/fdt");
	if (le32toh(*(u32 *)(image.bytes + 56)) != IMAGE_MAGIC ||
	    cell(tree.bytes) != TREE_MAGIC ||
	    !tree_set(&tree, "linux,initrd-start", AT_INITRD) ||
	    !tree_set(&tree, "linux,initrd-end", AT_INITRD + initrd.size)) {
		fprintf(stderr, "kexec_now: not a kernel, or not such a device tree\n");
		return 1;
	}
	segments[0] = segment(image.bytes, image.size, *(u64 *)(image.bytes + 16), AT_KERNEL);
	segments[1] = segment(tree.bytes, tree.size, tree.size, AT_TREE);
	segments[2] = segment(&entry, sizeof(entry), sizeof(entry), AT_ENTRY);
	segments[3] = segment(initrd.bytes, initrd.size, initrd.size, AT_INITRD);
	if (syscall(SYS_kexec_load, AT_ENTRY, 4, segments, KEXEC_ARCH_AARCH64)) {
		fprintf(stderr, "kexec_now: kexec_load: %s\n", strerror(errno));
		return 1;
	}
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	fprintf(stderr, "kexec_now: reboot: %s\n", strerror(errno));
	return 1;
}
