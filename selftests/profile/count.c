// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's translator that counts how often each instruction of the
 * guest's kernel is executed between two marks (marks.h).
 *
 * Every instruction is counted all the time, by an addition in the translated
 * code; the marks take differences. Counting whole translated blocks would be
 * faster, and wrong: a block that comes to an access to a device is left there
 * under -icount, and its rest is run again.
 *
 *	-plugin file=count.so,out=FILE
 *
 * FILE gets a line "begin NUMBER" for each measurement, and below it "ADDRESS
 * EXECUTED" for each instruction that was executed, in no order. Address 0
 * stands for all of user space.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#include "marks.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* AArch64 HINT: the number is in bits 11:5 (Arm ARM C6.2) */
#define HINT_OPCODE	0xd503201fu
#define HINT_MASK	0xfffff01fu
#define HINT_NUMBER(op)	(((op) >> 5) & 0x7f)

/*
 * struct count - an instruction
 * @address: where it is, 0 for all of user space
 * @executed: how often, since the machine was started
 * @before: the same when the measurement began
 */
struct count {
	uint64_t address;
	uint64_t executed;
	uint64_t before;
};

/* Translated code adds to the counts, so they never move: chunks of them. */
#define CHUNK	4096

struct chunk {
	struct chunk *next;
	unsigned int used;
	struct count counts[CHUNK];
};

static struct chunk *chunks;

/* Open addressing; at most half full. The size is a power of two. */
static struct count **table;
static size_t table_size;
static size_t table_used;

static struct count user_space;
static FILE *out;
static unsigned int measurements;
static bool measuring;

static void fail(const char *what)
{
	fprintf(stderr, "count: ");
	perror(what);
	exit(1);
}

static struct count *count_new(uint64_t address)
{
	struct chunk *chunk = chunks;
	struct count *count;

	if (!chunk || chunk->used == CHUNK) {
		chunk = calloc(1, sizeof(*chunk));
		if (!chunk)
			fail("memory");
		chunk->next = chunks;
		chunks = chunk;
	}
	count = &chunk->counts[chunk->used++];
	count->address = address;
	return count;
}

/* The place of the address, or where it would go */
static struct count **table_slot(uint64_t address)
{
	/* Fibonacci hashing: spreads neighbours, which is what code is */
	size_t i = (address >> 2) * 0x9e3779b97f4a7c15u >> 32;

	for (i &= table_size - 1; table[i]; i = (i + 1) & (table_size - 1))
		if (table[i]->address == address)
			break;
	return &table[i];
}

static void table_grow(void)
{
	struct count **old = table;
	size_t old_size = table_size, i;

	table_size = old_size ? 2 * old_size : 1 << 16;
	table = calloc(table_size, sizeof(*table));
	if (!table)
		fail("memory");
	for (i = 0; i < old_size; i++)
		if (old[i])
			*table_slot(old[i]->address) = old[i];
	free(old);
}

/* The upper half of the address space is the kernel's. */
static struct count *count_of(uint64_t address)
{
	struct count **slot;

	if ((int64_t)address >= 0)
		return &user_space;
	if (2 * table_used >= table_size)
		table_grow();
	slot = table_slot(address);
	if (!*slot) {
		*slot = count_new(address);
		table_used++;
	}
	return *slot;
}

static void begin_count(struct count *count)
{
	count->before = count->executed;
}

static void print_count(struct count *count)
{
	if (count->executed != count->before)
		fprintf(out, "%016llx %llu\n",
			(unsigned long long)count->address,
			(unsigned long long)(count->executed - count->before));
}

static void visit_counts(void (*function)(struct count *count))
{
	struct chunk *chunk;
	unsigned int i;

	function(&user_space);
	for (chunk = chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->used; i++)
			function(&chunk->counts[i]);
}

/* What is translated for the first time later on begins with nothing anyway. */
static void measurement_begin(unsigned int cpu, void *unused)
{
	visit_counts(begin_count);
	measuring = true;
}

static void measurement_end(unsigned int cpu, void *unused)
{
	if (!measuring)
		return;
	measuring = false;
	fprintf(out, "begin %u\n", ++measurements);
	visit_counts(print_count);
	if (fflush(out))
		fail("writing the counts");
}

static void look_for_mark(struct qemu_plugin_insn *insn)
{
	uint32_t opcode;

	memcpy(&opcode, qemu_plugin_insn_data(insn), sizeof(opcode));
	if ((opcode & HINT_MASK) != HINT_OPCODE)
		return;
	if (HINT_NUMBER(opcode) == MARK_BEGIN)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, measurement_begin,
						       QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	else if (HINT_NUMBER(opcode) == MARK_END)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, measurement_end,
						       QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *insn;
	struct count *count;
	size_t i;

	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		count = count_of(qemu_plugin_insn_vaddr(insn));
		qemu_plugin_register_vcpu_insn_exec_inline(insn,
							   QEMU_PLUGIN_INLINE_ADD_U64,
							   &count->executed, 1);
		look_for_mark(insn);
	}
}

/* QEMU says only that the plugin failed, so the reason is said here. */
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const qemu_info_t *info,
					   int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "count: takes one argument, out=FILE\n");
		return -1;
	}
	/* Additions in translated code are not atomic. */
	if (!info->system_emulation || info->system.smp_vcpus != 1) {
		fprintf(stderr, "count: counts on machines with one CPU only\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr, "count: cannot write %s\n", argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
