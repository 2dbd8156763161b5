// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The register file, and the programming errors that show at a register access.
 *
 * Copyright The ipmmu-deferred authors
 */
#include <string.h>

#include "ipmmu.h"
#include "ipmmu-bits.h"

/* One access, so that errors can say where they come from */
struct access {
	struct ipmmu *mmu;
	unsigned int unit;
	uint64_t offset;
	uint64_t value;
	unsigned int index;		/* context or micro-TLB */
	/* which of its registers, or which of the IPMMU's */
	unsigned int reg;
};

const struct ipmmu_geometry ipmmu_gen3 = {
	.contexts = 8,
	.utlbs = 48,
	.context_stride = CONTEXT_STRIDE,
	.utlb_bits = IMUCTR_GEN3,
	.size = 0x1000,
};

const struct ipmmu_geometry ipmmu_gen4 = {
	.contexts = 16,
	.utlbs = 64,
	.context_base = GEN4_CONTEXT_BASE,
	.context_stride = GEN4_CONTEXT_STRIDE,
	.utlb_base = GEN4_UTLB_BASE,
	.control_base = GEN4_CONTROL_BASE,
	.utlb_bits = IMUCTR_GEN4,
	.size = 0x20000,
};

static void complain(const struct access *access, enum witness_error kind, uint64_t context)
{
	ipmmu_error(access->mmu, kind, access->unit, access->offset, access->value, context);
}

static void check_reserved(const struct access *access, uint32_t valid, uint64_t context)
{
	if (access->value & ~(uint64_t)valid)
		complain(access, WITNESS_ERROR_RESERVED_BITS, context);
}

/*
 * The interrupt and faults
 */
void ipmmu_irq_update(struct ipmmu *mmu)
{
	bool level = false;
	unsigned int i;

	for (i = 0; i < IPMMU_CONTEXTS; i++) {
		struct ipmmu_context *context = &mmu->context[i];

		level |= context->ctr & IMCTR_INTEN && context->str & IMSTR_EVENT;
	}
	if (level != mmu->irq_level)
		mmu->ops->irq(mmu->opaque, level);
	mmu->irq_level = level;
}

/* The first fault stays until the driver has taken it; the later are counted */
void ipmmu_fault(struct ipmmu *mmu, unsigned int index, uint32_t status, uint64_t iova)
{
	struct ipmmu_context *context = &mmu->context[index];

	ipmmu_count(mmu, WITNESS_FAULTS);
	if (context->str & IMSTR_EVENT)
		return;
	context->str = status;
	context->elar = iova;
	context->euar = iova >> 32;
	context->elar_read = false;
	context->euar_read = false;
	ipmmu_irq_update(mmu);
}

/*
 * Contexts of the root
 */
static uint32_t *context_register(struct ipmmu_context *context, unsigned int reg)
{
	switch (reg) {
	case IMCAAR:	return &context->caar;
	case IMTTBCR:	return &context->ttbcr;
	case IMTTLBR0:	return &context->ttlbr[0];
	case IMTTUBR0:	return &context->ttubr[0];
	case IMTTLBR1:	return &context->ttlbr[1];
	case IMTTUBR1:	return &context->ttubr[1];
	case IMMAIR0:	return &context->mair[0];
	case IMMAIR1:	return &context->mair[1];
	case IMELAR:	return &context->elar;
	case IMEUAR:	return &context->euar;
	default:	return NULL;
	}
}

static uint32_t context_register_bits(unsigned int reg)
{
	switch (reg) {
	case IMTTBCR:
		return IMTTBCR_ALL;
	case IMTTLBR0:
	case IMTTLBR1:
		return IMTTLBR_ALL;
	case IMTTUBR0:
	case IMTTUBR1:
		return IMTTUBR_ALL;
	default:
		return ~0u;
	}
}

/* VMSAv8-32 has 3 bits of TSZ, and SL0 has no fourth value */
static bool ttbcr_plausible(const struct ipmmu_context *context)
{
	uint32_t wide = IMTTBCR_TSZ_MASK & ~IMTTBCR_TSZ32_MASK;

	if ((context->ttbcr & IMTTBCR_SL0) == IMTTBCR_SL0)
		return false;
	return context->ctr & IMCTR_VA64 ||
	       !(context->ttbcr & (wide | wide << IMTTBCR_TSZ1_SHIFT));
}

static void check_enabled(const struct access *access, const struct ipmmu_context *context)
{
	struct ipmmu_format format;

	if (!ttbcr_plausible(context))
		complain(access, WITNESS_ERROR_RESERVED_BITS, access->index);
	if (!ipmmu_context_format(context, &format) ||
	    access->mmu->control[0].sauxctlr & IMSAUXCTLR_S2PTE)
		complain(access, WITNESS_ERROR_UNSUPPORTED, access->index);
}

static bool utlbs_use(const struct ipmmu_cache *cache, unsigned int context)
{
	unsigned int i;

	for (i = 0; i < IPMMU_UTLBS; i++) {
		uint32_t ctr = cache->utlb[i].ctr;

		if (ctr & IMUCTR_MMUEN && (ctr & IMUCTR_TTSEL) >> IMUCTR_TTSEL_SHIFT == context)
			return true;
	}
	return false;
}

static void check_unused(const struct access *access)
{
	struct ipmmu *mmu = access->mmu;
	unsigned int i;

	for (i = 0; i < mmu->caches; i++) {
		if ((access->unit == 0 || access->unit == 1 + i) &&
		    utlbs_use(&mmu->cache[i], access->index)) {
			complain(access, WITNESS_ERROR_CONTEXT_OFF_IN_USE, access->index);
			return;
		}
	}
}

static void context_control_root(const struct access *access)
{
	struct ipmmu *mmu = access->mmu;
	struct ipmmu_context *context = &mmu->context[access->index];
	uint32_t old = context->ctr;
	uint32_t new = access->value & IMCTR_ROOT & ~IMCTR_FLUSH;

	check_reserved(access, IMCTR_ROOT, access->index);
	ipmmu_flush_owed(mmu, access->index, false);
	context->ctr = new;
	if (new & IMCTR_MMUEN && (!(old & IMCTR_MMUEN) || old != new))
		check_enabled(access, context);
	if (old & ~new & IMCTR_MMUEN) {
		check_unused(access);
		ipmmu_suspect_report(mmu, access->index);
	}
	if (access->value & IMCTR_FLUSH) {
		ipmmu_flush_root(mmu, access->index);
	} else if (old != new || (new & IMCTR_MMUEN && context->modified)) {
		complain(access, WITNESS_ERROR_CONTEXT_LIVE, access->index);
		context->modified = false;
	}
	ipmmu_irq_update(mmu);
}

static void context_control_cache(const struct access *access)
{
	struct ipmmu *mmu = access->mmu;
	unsigned int cache = access->unit - 1;
	struct ipmmu_cache_context *part = &mmu->cache[cache].context[access->index];
	uint32_t old = part->ctr;

	check_reserved(access, IMCTR_CACHE, access->index);
	part->ctr = access->value & IMCTR_CACHE & ~IMCTR_FLUSH;
	if (old & ~part->ctr & IMCTR_MMUEN)
		check_unused(access);
	if (access->value & IMCTR_FLUSH)
		ipmmu_flush_cache(mmu, cache, access->index);
	else if (old != part->ctr)
		complain(access, WITNESS_ERROR_CONTEXT_LIVE, access->index);
}

/*
 * Zero clears. With the status goes the address, so it must have been read; the
 * upper half matters only where addresses are longer than 32 bits.
 */
static void status_write(const struct access *access)
{
	struct ipmmu_context *context = &access->mmu->context[access->index];
	bool read = context->elar_read && (context->euar_read || !(context->ctr & IMCTR_VA64));
	uint32_t old = context->str;

	check_reserved(access, IMSTR_ALL, access->index);
	context->str &= access->value;
	if (old & IMSTR_EVENT && !(context->str & IMSTR_EVENT)) {
		if (!read && context->ctr & IMCTR_MMUEN)
			complain(access, WITNESS_ERROR_STATUS_EARLY, access->index);
		context->elar = 0;
		context->euar = 0;
	}
	ipmmu_irq_update(access->mmu);
}

static void context_write_root(const struct access *access, unsigned int reg)
{
	struct ipmmu_context *context = &access->mmu->context[access->index];
	uint32_t *storage = context_register(context, reg);
	uint32_t valid = context_register_bits(reg);

	if (reg == IMCTR) {
		context_control_root(access);
	} else if (reg == IMSTR) {
		status_write(access);
	} else if (!storage) {
		complain(access, WITNESS_ERROR_BAD_OFFSET, access->index);
	} else {
		check_reserved(access, valid, access->index);
		if (reg != IMELAR && reg != IMEUAR) {
			context->written = true;
			context->modified |= *storage != (access->value & valid);
		}
		*storage = access->value & valid;
	}
}

static void context_write(const struct access *access, unsigned int reg)
{
	if (access->unit == 0)
		context_write_root(access, reg);
	else if (reg == IMCTR)
		context_control_cache(access);
	else
		complain(access, WITNESS_ERROR_BAD_OFFSET, access->index);
}

static uint32_t context_control_read(const struct access *access)
{
	struct ipmmu *mmu = access->mmu;
	const struct ipmmu_flush *flush;
	uint32_t ctr;

	if (access->unit == 0) {
		ipmmu_flush_polled(mmu, access->index);
		ipmmu_flush_owed(mmu, access->index, false);
		flush = &mmu->context[access->index].flush;
		ctr = mmu->context[access->index].ctr;
	} else {
		flush = &mmu->cache[access->unit - 1].context[access->index].flush;
		ctr = mmu->cache[access->unit - 1].context[access->index].ctr;
	}
	return ctr | (flush->pending ? IMCTR_FLUSH : 0);
}

static uint32_t context_read(const struct access *access, unsigned int reg)
{
	struct ipmmu_context *context = &access->mmu->context[access->index];
	uint32_t *storage = context_register(context, reg);

	if (reg == IMCTR)
		return context_control_read(access);
	if (access->unit != 0 || (reg != IMSTR && !storage)) {
		complain(access, WITNESS_ERROR_BAD_OFFSET, access->index);
		return 0;
	}
	context->elar_read |= reg == IMELAR;
	context->euar_read |= reg == IMEUAR;
	return reg == IMSTR ? context->str : *storage;
}

/*
 * Micro-TLBs: only the caches have them
 */
static void check_utlb_enabled(const struct access *access, uint32_t ctr)
{
	struct ipmmu *mmu = access->mmu;
	unsigned int context = (ctr & IMUCTR_TTSEL) >> IMUCTR_TTSEL_SHIFT;

	if (ctr & IMUCTR_FIXADDEN)
		complain(access, WITNESS_ERROR_UNSUPPORTED, context);
	if (context >= mmu->geometry->contexts || !(mmu->context[context].ctr & IMCTR_MMUEN) ||
	    !(mmu->cache[access->unit - 1].context[context].ctr & IMCTR_MMUEN))
		complain(access, WITNESS_ERROR_UTLB_NO_CONTEXT, context);
}

static void utlb_write(const struct access *access, struct ipmmu_utlb *utlb, unsigned int reg)
{
	uint32_t old;

	if (reg == IMUASID) {
		check_reserved(access, IMUASID_ALL, ~0ull);
		utlb->asid = access->value & IMUASID_ALL;
		return;
	}
	check_reserved(access, access->mmu->geometry->utlb_bits, ~0ull);
	old = utlb->ctr;
	utlb->ctr = access->value & access->mmu->geometry->utlb_bits & ~IMUCTR_FLUSH;
	if (utlb->ctr & IMUCTR_MMUEN)
		check_utlb_enabled(access, utlb->ctr);
	if (access->value & IMUCTR_FLUSH)
		ipmmu_flush_utlb(access->mmu, access->unit - 1, access->index,
				 utlb->ctr != old);
	else if (utlb->ctr & IMUCTR_MMUEN && utlb->ctr != old)
		complain(access, WITNESS_ERROR_UTLB_NO_FLUSH,
			 (utlb->ctr & IMUCTR_TTSEL) >> IMUCTR_TTSEL_SHIFT);
}

static uint32_t utlb_read(const struct ipmmu_utlb *utlb, unsigned int reg)
{
	if (reg == IMUASID)
		return utlb->asid;
	return utlb->ctr | (utlb->flush.pending ? IMUCTR_FLUSH : 0);
}

/* The micro-TLB that an offset is about; errors are said here */
static struct ipmmu_utlb *utlb_find(struct access *access, unsigned int *reg)
{
	uint64_t offset = access->offset - access->mmu->geometry->utlb_base;

	if (offset >= UTLB_HIGH)
		access->index = UTLB_LOW_NUMBER + (offset - UTLB_HIGH) / UTLB_STRIDE;
	else
		access->index = (offset - UTLB_LOW) / UTLB_STRIDE;
	*reg = offset % UTLB_STRIDE;
	if (access->index >= access->mmu->geometry->utlbs) {
		complain(access, WITNESS_ERROR_UTLB_RANGE, ~0ull);
		return NULL;
	}
	if (access->unit == 0 || (*reg != IMUCTR && *reg != IMUASID)) {
		complain(access, WITNESS_ERROR_BAD_OFFSET, ~0ull);
		return NULL;
	}
	return &access->mmu->cache[access->unit - 1].utlb[access->index];
}

/*
 * What an IPMMU has one of
 */
static void control_write(const struct access *access)
{
	struct ipmmu_control *control = &access->mmu->control[access->unit];

	if (access->reg == IMSCTLR) {
		check_reserved(access, IMSCTLR_DISCACHE | IMSCTLR_USE_SECGRP, ~0ull);
		control->sctlr = access->value & (IMSCTLR_DISCACHE | IMSCTLR_USE_SECGRP);
	} else {
		check_reserved(access, IMSAUXCTLR_NMERGE40 | IMSAUXCTLR_S2PTE, ~0ull);
		control->sauxctlr = access->value & (IMSAUXCTLR_NMERGE40 | IMSAUXCTLR_S2PTE);
	}
}

static uint32_t control_read(const struct access *access)
{
	const struct ipmmu_control *control = &access->mmu->control[access->unit];

	return access->reg == IMSCTLR ? control->sctlr : control->sauxctlr;
}

uint64_t ipmmu_context_place(const struct ipmmu *mmu, unsigned int context)
{
	const struct ipmmu_geometry *geometry = mmu->geometry;
	uint64_t offset = geometry->context_base + context * geometry->context_stride;

	return context < CONTEXT_UPPER ? offset : offset + CONTEXT_UPPER_GAP;
}

static bool is_context(struct access *access)
{
	uint64_t place;

	for (access->index = 0; access->index < access->mmu->geometry->contexts; access->index++) {
		place = ipmmu_context_place(access->mmu, access->index);
		access->reg = access->offset - place;
		if (access->offset >= place && access->offset - place < CONTEXT_SIZE)
			return true;
	}
	return false;
}

static bool is_utlb(const struct access *access)
{
	uint64_t offset = access->offset - access->mmu->geometry->utlb_base;

	return (offset >= UTLB_LOW && offset < UTLB_LOW + UTLB_LOW_NUMBER * UTLB_STRIDE) ||
	       (offset >= UTLB_HIGH && offset < UTLB_HIGH_END);
}

static bool is_control(struct access *access)
{
	uint64_t offset = access->offset - access->mmu->geometry->control_base;

	access->reg = offset;
	return offset == IMSCTLR || offset == IMSAUXCTLR;
}

/* Registers take 32-bit accesses only: anything else does nothing */
static bool size_ok(const struct access *access, unsigned int size)
{
	if (size == 4 && access->offset % 4 == 0)
		return true;
	complain(access, WITNESS_ERROR_SIZE, ~0ull);
	return false;
}

void ipmmu_write(struct ipmmu *mmu, unsigned int unit, uint64_t offset, uint64_t value,
		 unsigned int size)
{
	struct access access = { .mmu = mmu, .unit = unit, .offset = offset, .value = value };
	struct ipmmu_utlb *utlb;
	unsigned int reg;

	ipmmu_count(mmu, WITNESS_MMIO_WRITES);
	if (!size_ok(&access, size))
		return;
	ipmmu_flush_catch_up(mmu);
	if (is_context(&access)) {
		context_write(&access, access.reg);
	} else if (is_utlb(&access)) {
		utlb = utlb_find(&access, &reg);
		if (utlb)
			utlb_write(&access, utlb, reg);
	} else if (is_control(&access)) {
		control_write(&access);
	} else {
		complain(&access, WITNESS_ERROR_BAD_OFFSET, ~0ull);
	}
}

uint32_t ipmmu_read(struct ipmmu *mmu, unsigned int unit, uint64_t offset, unsigned int size)
{
	struct access access = { .mmu = mmu, .unit = unit, .offset = offset };
	struct ipmmu_utlb *utlb;
	unsigned int reg;

	ipmmu_count(mmu, WITNESS_MMIO_READS);
	if (!size_ok(&access, size))
		return 0;
	ipmmu_flush_catch_up(mmu);
	if (is_context(&access))
		return context_read(&access, access.reg);
	if (is_utlb(&access)) {
		utlb = utlb_find(&access, &reg);
		return utlb ? utlb_read(utlb, reg) : 0;
	}
	if (is_control(&access))
		return control_read(&access);
	complain(&access, WITNESS_ERROR_BAD_OFFSET, ~0ull);
	return 0;
}

/*
 * Life
 */
void ipmmu_init(struct ipmmu *mmu, const struct ipmmu_ops *ops, void *opaque,
		struct ipmmu_log *log, unsigned int caches)
{
	memset(mmu, 0, sizeof(*mmu));
	mmu->ops = ops;
	mmu->opaque = opaque;
	mmu->log = log;
	mmu->caches = caches;
	mmu->geometry = &ipmmu_gen3;
	mmu->flush_delay = IPMMU_FLUSH_DELAY;
	ipmmu_store_init(&mmu->iotlb);
	ipmmu_store_init(&mmu->walk_cache);
	ipmmu_memory_init(mmu);
	ipmmu_snoop_init(mmu);
	ipmmu_reset(mmu);
}

void ipmmu_destroy(struct ipmmu *mmu)
{
	ipmmu_store_destroy(&mmu->iotlb);
	ipmmu_store_destroy(&mmu->walk_cache);
	ipmmu_memory_destroy(mmu);
	ipmmu_snoop_destroy(mmu);
}

/*
 * What USE_SECGRP is at reset is not known. The worse is assumed,
 * so that a driver that does not clear it finds out.
 */
void ipmmu_reset(struct ipmmu *mmu)
{
	unsigned int i;

	memset(mmu->context, 0, sizeof(mmu->context));
	memset(mmu->cache, 0, sizeof(mmu->cache));
	memset(mmu->control, 0, sizeof(mmu->control));
	for (i = 0; i < 1 + mmu->caches; i++)
		mmu->control[i].sctlr = IMSCTLR_USE_SECGRP;
	mmu->inject = WITNESS_INJECT_REFETCH;
	ipmmu_store_clear(&mmu->iotlb);
	ipmmu_store_clear(&mmu->walk_cache);
	ipmmu_memory_clear(mmu);
	ipmmu_snoop_clear(mmu);
	ipmmu_irq_update(mmu);
}
