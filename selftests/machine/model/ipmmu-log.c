// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the model saw: a list of programming errors and counters.
 *
 * Copyright The ipmmu-deferred authors
 */
#include <string.h>

#include "ipmmu.h"

void ipmmu_log_clear(struct ipmmu_log *log)
{
	memset(log, 0, sizeof(*log));
}

/* The first errors are the telling ones: a full list drops the later */
void ipmmu_log_error(struct ipmmu_log *log, const struct ipmmu_error *error)
{
	if (log->errors < IPMMU_LOG_SIZE)
		log->error[log->errors] = *error;
	log->errors++;
}

const struct ipmmu_error *ipmmu_log_get(const struct ipmmu_log *log, uint64_t index)
{
	static const struct ipmmu_error none = { .kind = WITNESS_ERROR_NONE };

	if (index >= log->errors || index >= IPMMU_LOG_SIZE)
		return &none;
	return &log->error[index];
}

const char *ipmmu_error_name(enum witness_error kind)
{
	static const char * const name[] = {
		[WITNESS_ERROR_NONE] = "none",
		[WITNESS_ERROR_RESERVED_BITS] = "reserved bits set",
		[WITNESS_ERROR_BAD_OFFSET] = "no such register",
		[WITNESS_ERROR_UTLB_RANGE] = "micro-TLB out of range",
		[WITNESS_ERROR_UTLB_NO_CONTEXT] = "micro-TLB on with a disabled context",
		[WITNESS_ERROR_CONTEXT_LIVE] = "context registers changed without a flush",
		[WITNESS_ERROR_CONTEXT_OFF_IN_USE] = "context disabled in use",
		[WITNESS_ERROR_FLUSH_PARTIAL] = "root flushed, cache not",
		[WITNESS_ERROR_SECGRP] = "USE_SECGRP set",
		[WITNESS_ERROR_STATUS_EARLY] = "status cleared before the address was read",
		[WITNESS_ERROR_SIZE] = "access not 32 bits wide",
		[WITNESS_ERROR_STALE_WALK] = "stale entry used",
		[WITNESS_ERROR_UNSUPPORTED] = "format that the IPMMU has not",
		[WITNESS_ERROR_FREED_TABLE] = "table freed that a cache leads to",
		[WITNESS_ERROR_UTLB_NO_FLUSH] = "micro-TLB on or moved, not flushed",
	};

	return (unsigned int)kind < G_N_ELEMENTS(name) ? name[kind] : "unknown";
}

void ipmmu_count(struct ipmmu *mmu, enum witness_counter counter)
{
	mmu->log->counter[counter]++;
}

void ipmmu_error(struct ipmmu *mmu, enum witness_error kind, unsigned int unit, uint64_t offset,
		 uint64_t value, uint64_t context)
{
	struct ipmmu_error error = {
		.kind = kind,
		.unit = mmu->first_unit + unit,
		.offset = offset,
		.value = value,
		.context = context,
	};

	ipmmu_log_error(mmu->log, &error);
}
