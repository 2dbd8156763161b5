/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulated IPMMU of R-Car Gen3 and Gen4: one root (IPMMU-MM) with the
 * contexts and the table walker, and cache IPMMUs with the micro-TLBs.
 *
 * Everything declared here is free of QEMU: memory, time and the interrupt come
 * in through struct ipmmu_ops, so that a bare program can test it. The QEMU
 * side is in ipmmu-qemu.h.
 *
 * Copyright The ipmmu-deferred authors
 */
#ifndef IPMMU_H
#define IPMMU_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "witness.h"

#define BIT64(n)		(1ull << (n))
#define MASK64(n)		(BIT64(n) - 1)

#define IPMMU_CONTEXTS		16	/* R-Car Gen4; Gen3 has 8 */
#define IPMMU_UTLBS		64	/* R-Car Gen4; Gen3 has 48 */
/* more than any SoC, and than the driver takes */
#define IPMMU_CACHES		40
#define IPMMU_ADDRESS_BITS	40	/* input and output */
#define IPMMU_LEVELS		4	/* levels 0 to 3 */
#define IPMMU_ANY		(~0u)
#define IPMMU_NEVER		(~0ull)	/* a flush delay: FLUSH stays set */
/* ns; the figure matters little: it is not 0 */
#define IPMMU_FLUSH_DELAY	1000

/*
 * A cache IPMMU's flush belongs to the root's flush that follows it within this
 * time (ns). Long, since a virtual CPU may lose its real one in between.
 */
#define IPMMU_FLUSH_TOGETHER	1000000000ull

/* Where the registers of a generation lie, and how many there are */
struct ipmmu_geometry {
	unsigned int contexts;
	unsigned int utlbs;
	uint64_t context_base;
	uint64_t context_stride;
	uint64_t utlb_base;
	uint64_t control_base;
	uint32_t utlb_bits;		/* of IMUCTR, that are not reserved */
	uint64_t size;
};

extern const struct ipmmu_geometry ipmmu_gen3, ipmmu_gen4;

/* Bytes that one entry of a level covers: 12 + 9 * (3 - level) bits */
static inline unsigned int ipmmu_level_shift(unsigned int level)
{
	return 12 + 9 * (IPMMU_LEVELS - 1 - level);
}

/*
 * Log of programming errors, and counters
 */
#define IPMMU_LOG_SIZE		1024

struct ipmmu_error {
	enum witness_error kind;
	unsigned int unit;
	uint64_t offset;
	uint64_t value;
	uint64_t context;
};

struct ipmmu_log {
	uint64_t errors;		/* counts on when the list is full */
	struct ipmmu_error error[IPMMU_LOG_SIZE];
	uint64_t counter[WITNESS_COUNTERS];
};

void ipmmu_log_clear(struct ipmmu_log *log);
void ipmmu_log_error(struct ipmmu_log *log, const struct ipmmu_error *error);
const struct ipmmu_error *ipmmu_log_get(const struct ipmmu_log *log, uint64_t index);
const char *ipmmu_error_name(enum witness_error kind);

/*
 * Walks
 */
struct ipmmu_format {
	bool va64;			/* VMSAv8-64, else VMSAv8-32 */
	unsigned int tsz[2];
	uint64_t ttbr[2];
};

/* Where a descriptor was read, and what it was */
struct ipmmu_step {
	uint64_t address;
	uint64_t descriptor;
};

struct ipmmu_walk {
	enum witness_walk status;
	/* of the next read, or where the walk ended */
	unsigned int level;
	/* next table, then the start of the page */
	uint64_t base;
	uint32_t prot;			/* WITNESS_PROT_* */
	unsigned int steps;
	struct ipmmu_step step[IPMMU_LEVELS];
	/* age of the oldest thing it rests on */
	uint64_t sequence;
};

/*
 * What a walk asks of its surroundings. @lookup finds a cached table descriptor
 * for @level: it replaces the walk's state by that after the descriptor and
 * returns true. @store offers such a state. Both may be NULL.
 */
struct ipmmu_walker {
	void *opaque;
	bool (*read)(void *opaque, uint64_t address, uint64_t *descriptor);
	bool (*lookup)(void *opaque, unsigned int level, uint64_t iova, struct ipmmu_walk *walk);
	void (*store)(void *opaque, unsigned int level, uint64_t iova,
		      const struct ipmmu_walk *walk);
};

bool ipmmu_format_valid(const struct ipmmu_format *format);
bool ipmmu_format_start(const struct ipmmu_format *format, uint64_t iova,
			struct ipmmu_walk *walk, unsigned int *bits);
enum witness_walk ipmmu_walk(const struct ipmmu_format *format, uint64_t iova,
			     const struct ipmmu_walker *walker, struct ipmmu_walk *walk);

/*
 * IOTLB and walk cache: what is put in stays until it is told to go
 */
struct ipmmu_tag {
	unsigned int unit;
	unsigned int utlb;
	unsigned int context;
};

struct ipmmu_entry {
	uint64_t key;			/* first: the hash table looks here */
	struct ipmmu_tag tag;
	unsigned int level;
	uint64_t iova;
	struct ipmmu_walk walk;
};

struct ipmmu_store {
	GHashTable *entries;
};

typedef bool (*ipmmu_agrees_fn)(void *opaque, const struct ipmmu_entry *entry);

void ipmmu_store_init(struct ipmmu_store *store);
void ipmmu_store_destroy(struct ipmmu_store *store);
void ipmmu_store_clear(struct ipmmu_store *store);
void ipmmu_store_insert(struct ipmmu_store *store, const struct ipmmu_tag *tag,
			unsigned int level, uint64_t iova, const struct ipmmu_walk *walk);
struct ipmmu_entry *ipmmu_store_lookup(struct ipmmu_store *store, const struct ipmmu_tag *tag,
				       unsigned int level, uint64_t iova);
unsigned int ipmmu_store_forget(struct ipmmu_store *store, const struct ipmmu_tag *match,
				uint64_t sequence);
unsigned int ipmmu_store_refetch(struct ipmmu_store *store, const struct ipmmu_tag *match,
				 uint64_t sequence, ipmmu_agrees_fn agrees, void *opaque);
unsigned int ipmmu_store_count(struct ipmmu_store *store, const struct ipmmu_tag *match);

/*
 * The register file
 */
struct ipmmu_flush {
	bool pending;
	uint64_t deadline;
	/* reads of FLUSH until it ends, if it is not by time */
	uint64_t polls;
	/* entries up to this age go when it completes */
	uint64_t sequence;
};

struct ipmmu_suspect {
	bool set;
	unsigned int unit;
	uint64_t iova;
};

/* A context of the root */
struct ipmmu_context {
	uint32_t ctr;
	uint32_t caar;
	uint32_t ttbcr;
	uint32_t ttlbr[2];
	uint32_t ttubr[2];
	uint32_t mair[2];
	uint32_t str;
	uint32_t elar;
	uint32_t euar;
	bool elar_read;			/* since the fault */
	bool euar_read;
	/* registers changed, no flush asked for since */
	bool modified;
	/* the same, if only with what they had */
	bool written;
	/* they were, when the last flush was asked for */
	bool loaded;
	struct ipmmu_flush flush;
	struct ipmmu_suspect suspect;
};

/* The same context in a cache IPMMU */
struct ipmmu_cache_context {
	uint32_t ctr;
	struct ipmmu_flush flush;
	/* flush waits for the root's to count as one */
	bool joined;
	uint64_t joined_until;
	/* the root's flush that is under way has ours */
	bool met;
	/* the root's is done, ours was never asked for */
	bool owed;
};

struct ipmmu_utlb {
	uint32_t ctr;
	uint32_t asid;
	struct ipmmu_flush flush;
};

struct ipmmu_cache {
	struct ipmmu_cache_context context[IPMMU_CONTEXTS];
	struct ipmmu_utlb utlb[IPMMU_UTLBS];
};

struct ipmmu_control {
	uint32_t sctlr;
	uint32_t sauxctlr;
};

struct ipmmu_ops {
	bool (*read)(void *opaque, uint64_t address, uint64_t *value);
	void (*write)(void *opaque, uint64_t address, uint64_t value);
	uint64_t (*now)(void *opaque);
	void (*irq)(void *opaque, bool level);
};

struct ipmmu {
	const struct ipmmu_ops *ops;
	const struct ipmmu_geometry *geometry;
	void *opaque;
	struct ipmmu_log *log;
	unsigned int first_unit;	/* number of the root in the log */
	unsigned int caches;
	struct ipmmu_control control[1 + IPMMU_CACHES];
	struct ipmmu_context context[IPMMU_CONTEXTS];
	struct ipmmu_cache cache[IPMMU_CACHES];
	struct ipmmu_store iotlb;
	struct ipmmu_store walk_cache;
	/* pages as they were when last cleaned */
	GHashTable *cleaned;
	/* processors clean while others are in the model */
	GMutex cleaned_lock;
	/* pages that an engine sees otherwise than processors; and its lock */
	GHashTable *held;
	GMutex held_lock;
	uint64_t sequence;
	uint64_t flush_delay;
	uint64_t flush_polls;		/* 0: by time */
	uint64_t inject;
	bool irq_level;
};

/* Unit 0 is the root, 1.. the caches */
void ipmmu_init(struct ipmmu *mmu, const struct ipmmu_ops *ops, void *opaque,
		struct ipmmu_log *log, unsigned int caches);
void ipmmu_destroy(struct ipmmu *mmu);
void ipmmu_reset(struct ipmmu *mmu);
uint32_t ipmmu_read(struct ipmmu *mmu, unsigned int unit, uint64_t offset, unsigned int size);
void ipmmu_write(struct ipmmu *mmu, unsigned int unit, uint64_t offset, uint64_t value,
		 unsigned int size);

/*
 * A translation, as a device behind micro-TLB @utlb of cache IPMMU @cache asks
 * for it
 */
struct ipmmu_translation {
	bool ok;
	uint64_t base;			/* output address of the page */
	uint64_t mask;			/* its size - 1 */
	bool read;
	bool write;
};

void ipmmu_translate(struct ipmmu *mmu, unsigned int cache, unsigned int utlb, uint64_t iova,
		     bool write, struct ipmmu_translation *translation);

/* Registers behind the driver's back: see witness.h */
void ipmmu_poke(struct ipmmu *mmu, uint64_t where, uint32_t value);
uint32_t ipmmu_peek(struct ipmmu *mmu, uint64_t where);
void ipmmu_power(struct ipmmu *mmu, uint64_t how);

/* What the guest's kernel does to memory, as far as ipmmu_watch.ko tells */
void ipmmu_memory_cleaned(struct ipmmu *mmu, uint64_t address, unsigned int words);
void ipmmu_memory_freed(struct ipmmu *mmu, uint64_t address);

/* Caches that an engine does not snoop: those of single pages */
void ipmmu_snoop_cleaned(struct ipmmu *mmu, uint64_t address, bool invalid);
void ipmmu_snoop_read(struct ipmmu *mmu, uint64_t address, uint8_t *bytes, unsigned int length);
bool ipmmu_snoop_write(struct ipmmu *mmu, uint64_t address, const uint8_t *bytes,
		       unsigned int length);

/* Between the parts of the model */
void ipmmu_snoop_init(struct ipmmu *mmu);
void ipmmu_snoop_destroy(struct ipmmu *mmu);
void ipmmu_snoop_clear(struct ipmmu *mmu);
void ipmmu_memory_init(struct ipmmu *mmu);
void ipmmu_memory_destroy(struct ipmmu *mmu);
void ipmmu_memory_clear(struct ipmmu *mmu);
bool ipmmu_memory_read(struct ipmmu *mmu, uint64_t address, uint64_t *value);

void ipmmu_count(struct ipmmu *mmu, enum witness_counter counter);
void ipmmu_error(struct ipmmu *mmu, enum witness_error kind, unsigned int unit, uint64_t offset,
		 uint64_t value, uint64_t context);
bool ipmmu_entry_agrees(void *opaque, const struct ipmmu_entry *entry);
bool ipmmu_entry_reloads(void *opaque, const struct ipmmu_entry *entry);
uint64_t ipmmu_context_place(const struct ipmmu *mmu, unsigned int context);
bool ipmmu_context_format(const struct ipmmu_context *context, struct ipmmu_format *format);
void ipmmu_fault(struct ipmmu *mmu, unsigned int context, uint32_t status, uint64_t iova);
void ipmmu_irq_update(struct ipmmu *mmu);

void ipmmu_flush_root(struct ipmmu *mmu, unsigned int context);
void ipmmu_flush_cache(struct ipmmu *mmu, unsigned int cache, unsigned int context);
void ipmmu_flush_utlb(struct ipmmu *mmu, unsigned int cache, unsigned int utlb, bool moved);
void ipmmu_flush_catch_up(struct ipmmu *mmu);
void ipmmu_flush_polled(struct ipmmu *mmu, unsigned int context);
void ipmmu_flush_owed(struct ipmmu *mmu, unsigned int context, bool used);
void ipmmu_suspect_report(struct ipmmu *mmu, unsigned int context);

/* Ends what is still open to doubt; call before the log is read */
void ipmmu_verdict(struct ipmmu *mmu);

#endif /* IPMMU_H */
