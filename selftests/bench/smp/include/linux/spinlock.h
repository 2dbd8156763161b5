/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spinlocks that cost what they cost: one atomic operation to take, one store
 * to give back. Laid out as those of the tests, whose shim is linked in.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SMP_SPINLOCK_H
#define SMP_SPINLOCK_H

#include_next <linux/spinlock.h>

static inline bool smp_trylock(raw_spinlock_t *lock)
{
	return !READ_ONCE(lock->owner) &&
	       !__atomic_exchange_n(&lock->owner, lock, __ATOMIC_ACQUIRE);
}

static inline void smp_lock(raw_spinlock_t *lock)
{
	while (!smp_trylock(lock))
		__builtin_ia32_pause();
}

static inline void smp_unlock(raw_spinlock_t *lock)
{
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELEASE);
}

/*
 * User space cannot disable interrupts: that is left out, for both libraries.
 */
#undef local_irq_save
#undef local_irq_restore
#define local_irq_save(flags)		((flags) = 0)
#define local_irq_restore(flags)	((void)(flags))

#undef raw_spin_lock
#undef raw_spin_trylock
#undef raw_spin_unlock
#undef raw_spin_lock_irq
#undef raw_spin_unlock_irq
#undef raw_spin_lock_irqsave
#undef raw_spin_unlock_irqrestore
#undef raw_spin_trylock_irqsave
#define raw_spin_lock(lock)		smp_lock(lock)
#define raw_spin_trylock(lock)		smp_trylock(lock)
#define raw_spin_unlock(lock)		smp_unlock(lock)
#define raw_spin_lock_irq(lock)		smp_lock(lock)
#define raw_spin_unlock_irq(lock)	smp_unlock(lock)
#define raw_spin_lock_irqsave(lock, flags)	((flags) = 0, smp_lock(lock))
#define raw_spin_unlock_irqrestore(lock, flags)	((void)(flags), smp_unlock(lock))
#define raw_spin_trylock_irqsave(lock, flags)	((flags) = 0, smp_trylock(lock))

#undef lockdep_assert_held
#define lockdep_assert_held(lock)	((void)(lock))

#endif /* SMP_SPINLOCK_H */
