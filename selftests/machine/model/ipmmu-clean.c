// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cleaning of caches. To the emulator `DC CVAC` is an instruction that does
 * nothing; here it tells the model what has come to memory, so that a walker
 * that does not snoop can be one.
 *
 * Copyright The ipmmu-deferred authors
 */
#include "qemu/osdep.h"
#include "cpu.h"
#include "cpregs.h"

#include "ipmmu-qemu.h"

#define LINE		64	/* of the Cortex-A57's data cache, in bytes */

/*
 * Now and then a clean takes its time, as if an interrupt had come first: no
 * CPU may rely on what was written before until then. Long enough for a
 * neighbour to map a page meanwhile; and of the lines of a table only the first
 * is in for it.
 */
#define SLOW_ONE_IN	8
#define SLOW_US		256

static void dawdle(uint64_t line)
{
	static __thread uint64_t last;
	bool follows = line == last + LINE;

	last = line;
	if (!follows && !g_random_int_range(0, SLOW_ONE_IN))
		g_usleep(g_random_int_range(0, SLOW_US));
}

/* Which line that is in memory, or -1 */
static hwaddr line_at(CPUARMState *env, uint64_t address)
{
	MemTxAttrs attrs;
	hwaddr page = cpu_get_phys_page_attrs_debug(env_cpu(env), address & TARGET_PAGE_MASK,
						    &attrs);

	if (page == -1)
		return -1;
	return (page & TARGET_PAGE_MASK) | (address & ~TARGET_PAGE_MASK & ~(uint64_t)(LINE - 1));
}

/*
 * The kernel's cleans are for the walker, those of programs for their devices
 */
static void line_cleaned(CPUARMState *env, uint64_t address, bool invalid)
{
	bool user = arm_current_el(env) == 0;
	struct ipmmu *mmu = ipmmu_model();
	hwaddr line;

	if (!mmu || !(mmu->inject & (WITNESS_INJECT_NONCOHERENT | WITNESS_INJECT_NO_SNOOP)))
		return;
	if (mmu->inject & WITNESS_INJECT_NONCOHERENT)
		dawdle(address & ~(uint64_t)(LINE - 1));
	line = line_at(env, address);
	if (line == -1)
		return;
	ipmmu_memory_cleaned(mmu, line, LINE / 8);
	if (user)
		ipmmu_snoop_cleaned(mmu, line, invalid);
}

/* On the processor's own thread, without the emulator's lock */
static void clean(CPUARMState *env, const ARMCPRegInfo *info, uint64_t value)
{
	line_cleaned(env, value, false);
}

static void clean_invalidate(CPUARMState *env, const ARMCPRegInfo *info, uint64_t value)
{
	line_cleaned(env, value, true);
}

static bool take_over(ARMCPU *cpu, unsigned int crm, CPWriteFn *write)
{
	/* DC CVAC and its like: op0 1, op1 3, CRn 7, op2 1 */
	uint32_t key = ENCODE_AA64_CP_REG(CP_REG_ARM64_SYSREG_CP, 7, crm, 1, 3, 1);
	ARMCPRegInfo *info = (ARMCPRegInfo *)get_arm_cp_reginfo(cpu->cp_regs, key);

	if (!info || !(info->type & ARM_CP_NOP))
		return false;
	info->type = ARM_CP_NO_RAW | ARM_CP_SUPPRESS_TB_END;
	info->writefn = write;
	return true;
}

/* Each processor has a list of its own; nothing has been translated yet */
bool ipmmu_watch_cleans(void)
{
	CPUState *cpu;

	CPU_FOREACH(cpu) {
		if (!take_over(ARM_CPU(cpu), 10, clean) ||		/* DC CVAC */
		    !take_over(ARM_CPU(cpu), 14, clean_invalidate))	/* DC CIVAC */
			return false;
	}
	return true;
}
