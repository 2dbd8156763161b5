/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locks that spin; a caller that takes a lock which is held fails.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_SPINLOCK_H
#define SHIM_SPINLOCK_H

#include <linux/kernel.h>

/* owner is a CPU of the shim's, NULL when the lock is free */
typedef struct {
	const void *owner;
	const char *name;
} raw_spinlock_t;

typedef raw_spinlock_t spinlock_t;

void shim_lock_init(raw_spinlock_t *lock, const char *name);
void shim_lock(raw_spinlock_t *lock);
bool shim_trylock(raw_spinlock_t *lock);
void shim_unlock(raw_spinlock_t *lock);
bool shim_lock_is_mine(const raw_spinlock_t *lock);
bool shim_irq_save(void);
void shim_irq_restore(bool were_off);
void shim_irq_disable(void);
void shim_irq_enable(void);

#define DEFINE_RAW_SPINLOCK(name)	raw_spinlock_t name = { NULL, #name }
#define DEFINE_SPINLOCK(name)		DEFINE_RAW_SPINLOCK(name)

#define local_irq_save(flags)		((flags) = shim_irq_save())
#define local_irq_restore(flags)	shim_irq_restore(flags)

#define raw_spin_lock_init(lock)	shim_lock_init(lock, #lock)
#define raw_spin_lock(lock)		shim_lock(lock)
#define raw_spin_trylock(lock)		shim_trylock(lock)
#define raw_spin_unlock(lock)		shim_unlock(lock)
#define raw_spin_is_locked(lock)	((lock)->owner)

#define raw_spin_lock_irq(lock)						\
do {									\
	shim_irq_disable();						\
	shim_lock(lock);						\
} while (0)

#define raw_spin_unlock_irq(lock)					\
do {									\
	shim_unlock(lock);						\
	shim_irq_enable();						\
} while (0)

#define raw_spin_lock_irqsave(lock, flags)				\
do {									\
	(flags) = shim_irq_save();					\
	shim_lock(lock);						\
} while (0)

#define raw_spin_unlock_irqrestore(lock, flags)				\
do {									\
	shim_unlock(lock);						\
	shim_irq_restore(flags);					\
} while (0)

#define raw_spin_trylock_irqsave(lock, flags)				\
({									\
	(flags) = shim_irq_save();					\
	shim_trylock(lock) || (shim_irq_restore(flags), false);		\
})

#define spin_lock_init(lock)		raw_spin_lock_init(lock)
#define spin_lock(lock)			raw_spin_lock(lock)
#define spin_unlock(lock)		raw_spin_unlock(lock)
#define spin_lock_irq(lock)		raw_spin_lock_irq(lock)
#define spin_unlock_irq(lock)		raw_spin_unlock_irq(lock)
#define spin_lock_irqsave(lock, flags)	raw_spin_lock_irqsave(lock, flags)
#define spin_unlock_irqrestore(lock, flags)	raw_spin_unlock_irqrestore(lock, flags)

#define lockdep_assert_held(lock)					\
	WARN(!shim_lock_is_mine(lock), "%s is not held", #lock)

#endif /* SHIM_SPINLOCK_H */
