/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread of a test has found wrong: kept until all have ended, for one
 * thread after the other to say.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_WRONG_H
#define IPMMU_LIB_WRONG_H

#include <stdbool.h>

/* Empty if nothing is */
struct wrong {
	char text[160];
};

/* Keeps that, and tells all threads to stop. Return: false */
bool __attribute__((format(printf, 3, 4)))
wrong_note(struct wrong *wrong, bool *stop, const char *format, ...);

/* Prints it, once the thread has ended. Return: was there anything? */
bool wrong_show(const struct wrong *wrong, unsigned int worker);

#endif /* IPMMU_LIB_WRONG_H */
