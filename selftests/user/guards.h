/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guards.c has in the place of others: of clang's detector of races, and
 * around functions of the library and the shim.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef USER_GUARDS_H
#define USER_GUARDS_H

#include <linux/io-pgtable-arm-deferred.h>
#include <linux/spinlock.h>

void __tsan_init(void);
void __tsan_read1(void *at);
void __tsan_read2(void *at);
void __tsan_read4(void *at);
void __tsan_read8(void *at);
void __tsan_read16(void *at);
void __tsan_write1(void *at);
void __tsan_write2(void *at);
void __tsan_write4(void *at);
void __tsan_write8(void *at);
void __tsan_write16(void *at);
void __tsan_unaligned_read2(void *at);
void __tsan_unaligned_read4(void *at);
void __tsan_unaligned_read8(void *at);
void __tsan_unaligned_read16(void *at);
void __tsan_unaligned_write2(void *at);
void __tsan_unaligned_write4(void *at);
void __tsan_unaligned_write8(void *at);
void __tsan_unaligned_write16(void *at);

void __real_shim_lock_init(raw_spinlock_t *lock, const char *name);
void __wrap_shim_lock_init(raw_spinlock_t *lock, const char *name);

int __real_shim_module_init(void);
int __wrap_shim_module_init(void);

void __real_shim_module_exit(void);
void __wrap_shim_module_exit(void);

void __real_kfree(const void *object);
void __wrap_kfree(const void *object);

struct io_pgtable_ops *__real_io_pgtable_deferred_alloc(enum io_pgtable_fmt fmt,
							struct io_pgtable_cfg *cfg,
							void *cookie);
struct io_pgtable_ops *__wrap_io_pgtable_deferred_alloc(enum io_pgtable_fmt fmt,
							struct io_pgtable_cfg *cfg,
							void *cookie);

#endif /* USER_GUARDS_H */
