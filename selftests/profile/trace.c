// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's translator that remembers what the CPU has executed last,
 * block by block, and writes it down when the guest says that a task has been
 * kept waiting (marks.h).
 *
 *	-plugin file=trace.so,out=FILE
 *
 * For each measurement that the guest begins and ends FILE gets a line "begin
 * NUMBER", and below it what led to the last of its MARK_LATEs, if there was
 * one: a line "ADDRESS BEFORE" for each block, oldest first, BEFORE being how
 * many instructions before the mark it began.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <qemu-plugin.h>

#include "marks.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* AArch64 HINT: the number is in bits 11:5 (Arm ARM C6.2) */
#define HINT_OPCODE	0xd503201fu
#define HINT_MASK	0xfffff01fu
#define HINT_NUMBER(op)	(((op) >> 5) & 0x7f)

/* A power of two; at some 7 instructions a block, a million of those */
#define BLOCKS		(1u << 17)

/*
 * struct block - a translated block that was begun
 * @address: of its first instruction
 * @executed: instructions before it, since the machine was started
 */
struct block {
	uint64_t address;
	uint64_t executed;
};

/* The latest, in a ring, and the same as it was at a mark */
static struct block blocks[BLOCKS], kept[BLOCKS];
static uint64_t begun, kept_begun;
static uint64_t executed, kept_executed;
static unsigned int measurements;
static FILE *out;

static void block_begin(unsigned int cpu, void *address)
{
	struct block *block = &blocks[begun++ % BLOCKS];

	block->address = (uintptr_t)address;
	block->executed = executed;
}

static void measurement_begin(unsigned int cpu, void *unused)
{
	kept_begun = 0;
}

static void late(unsigned int cpu, void *unused)
{
	memcpy(kept, blocks, sizeof(kept));
	kept_begun = begun;
	kept_executed = executed;
}

static void measurement_end(unsigned int cpu, void *unused)
{
	uint64_t i = kept_begun > BLOCKS ? kept_begun - BLOCKS : 0;

	fprintf(out, "begin %u\n", ++measurements);
	for (; i < kept_begun; i++)
		fprintf(out, "%016llx %llu\n",
			(unsigned long long)kept[i % BLOCKS].address,
			(unsigned long long)(kept_executed -
					     kept[i % BLOCKS].executed));
	if (fflush(out))
		perror("trace: writing");
}

static void look_for_mark(struct qemu_plugin_insn *insn)
{
	qemu_plugin_vcpu_udata_cb_t function;
	uint32_t opcode;

	memcpy(&opcode, qemu_plugin_insn_data(insn), sizeof(opcode));
	if ((opcode & HINT_MASK) != HINT_OPCODE)
		return;
	if (HINT_NUMBER(opcode) == MARK_BEGIN)
		function = measurement_begin;
	else if (HINT_NUMBER(opcode) == MARK_LATE)
		function = late;
	else if (HINT_NUMBER(opcode) == MARK_END)
		function = measurement_end;
	else
		return;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, function,
					       QEMU_PLUGIN_CB_NO_REGS, NULL);
}

/*
 * By instruction, not by block: a block may be left before its end (count.c).
 */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	struct qemu_plugin_insn *insn;
	size_t i;

	/* All of user space is one place */
	if ((int64_t)address >= 0)
		address = 0;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_begin,
					     QEMU_PLUGIN_CB_NO_REGS,
					     (void *)(uintptr_t)address);
	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_insn_exec_inline(insn,
							   QEMU_PLUGIN_INLINE_ADD_U64,
							   &executed, 1);
		look_for_mark(insn);
	}
}

/* QEMU says only that the plugin failed, so the reason is said here. */
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const qemu_info_t *info,
					   int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "trace: takes one argument, out=FILE\n");
		return -1;
	}
	/*
	 * There is one ring, and additions in translated code are not atomic.
	 */
	if (!info->system_emulation || info->system.smp_vcpus != 1) {
		fprintf(stderr, "trace: watches machines with one CPU only\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr, "trace: cannot write %s\n", argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
