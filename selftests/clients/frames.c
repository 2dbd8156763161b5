// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames in a file, as libpcap has them:
 *
 *	frames make FILE COUNT SEED	of any length and content
 *	frames compare SENT CAME	all, once, byte by byte?
 *
 * Each has a number, for they may come in another order: the hub of the emulated
 * host hands on a frame that has just come before those that have had to wait.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "../ipmmu/lib/host.h"

#define MAGIC		0xa1b2c3d4
#define ETHERNET	1
#define SHORTEST	60
#define LONGEST		1514
#define MORE		(1 << 16)
#define NUMBER_OFFSET	14
#define FRAMES_MAX	100000

struct file_header {
	u32 magic;
	u16 major, minor;
	u32 zone, accuracy, longest, link;
};

struct frame_header {
	u32 seconds, fraction, captured, length;
};

static int complain(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

/* To all stations from one that is none of the cards; no type that is known */
static void frame_fill(struct random *r, u64 number, u8 *bytes, size_t length)
{
	static const u8 head[14] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5,
	};

	random_fill(r, bytes, length);
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + NUMBER_OFFSET, &number, sizeof(number));
}

static int make(const char *name, u64 count, u64 seed)
{
	struct file_header header = {
		.magic = MAGIC, .major = 2, .minor = 4, .longest = MORE,
		.link = ETHERNET,
	};
	struct frame_header frame = { 0 };
	struct random r = { seed | 1 };
	FILE *file = fopen(name, "w");
	u8 bytes[LONGEST];
	u64 number;

	if (!file)
		return complain(name);
	fwrite(&header, sizeof(header), 1, file);
	for (number = 0; number < count; number++) {
		frame.length = SHORTEST + random_below(&r, LONGEST - SHORTEST + 1);
		frame.captured = frame.length;
		frame_fill(&r, number, bytes, frame.length);
		fwrite(&frame, sizeof(frame), 1, file);
		fwrite(bytes, frame.length, 1, file);
	}
	return fclose(file) ? complain(name) : 0;
}

static FILE *open_frames(const char *name)
{
	struct file_header header;
	FILE *file = fopen(name, "r");

	if (file && fread(&header, sizeof(header), 1, file) == 1)
		return file;
	complain(name);
	return NULL;
}

/* Length, or 0 at the end */
static u32 next(FILE *file, u8 *bytes)
{
	struct frame_header frame;

	if (fread(&frame, sizeof(frame), 1, file) != 1 || frame.captured > MORE ||
	    fread(bytes, frame.captured, 1, file) != 1)
		return 0;
	return frame.captured;
}

struct frame {
	u32 length;
	u8 *bytes;
};

static struct frame sent[FRAMES_MAX];

/* How many there are */
static u64 read_sent(FILE *file)
{
	static u8 bytes[MORE];
	u64 count = 0;
	u32 length;

	while (count < FRAMES_MAX && (length = next(file, bytes))) {
		sent[count].length = length;
		sent[count].bytes = malloc(length);
		if (!sent[count].bytes)
			return 0;
		memcpy(sent[count++].bytes, bytes, length);
	}
	return count;
}

/* Once: it is forgotten then. Its number, or -1 if no such frame is awaited */
static s64 awaited(u64 count, const u8 *bytes, u32 length)
{
	u64 number;

	if (length < SHORTEST)
		return -1;
	memcpy(&number, bytes + NUMBER_OFFSET, sizeof(number));
	if (number >= count || sent[number].length != length ||
	    memcmp(sent[number].bytes, bytes, length))
		return -1;
	sent[number].length = 0;
	return number;
}

static int compare(const char *sent_name, const char *came_name)
{
	FILE *out = open_frames(sent_name), *in = open_frames(came_name);
	u64 count, total = 0, right = 0, wrong = 0, overtaken = 0;
	static u8 bytes[MORE];
	s64 number, last = -1;
	u32 length;

	if (!out || !in)
		return 1;
	count = read_sent(out);
	while ((length = next(in, bytes))) {
		number = awaited(count, bytes, length);
		overtaken += number >= 0 && number < last;
		last = number < 0 ? last : number;
		right += number >= 0;
		wrong += number < 0;
		total += length;
	}
	printf("%llu frames sent, %llu came as sent, %llu bytes, %llu overtaken, %llu others\n",
	       count, right, total, overtaken, wrong);
	return count && right == count && !wrong ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "make"))
		return make(argv[2], strtoull(argv[3], NULL, 0),
			    strtoull(argv[4], NULL, 0));
	if (argc == 4 && !strcmp(argv[1], "compare"))
		return compare(argv[2], argv[3]);
	fprintf(stderr, "usage: frames make FILE COUNT SEED | compare SENT CAME\n");
	return 2;
}
