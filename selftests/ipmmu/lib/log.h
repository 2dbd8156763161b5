/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel log says from a certain moment on.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_LIB_LOG_H
#define IPMMU_LIB_LOG_H

#include "host.h"

/* Only what is logged from now on is seen through it */
int log_open(void);

/*
 * The lines with both words (or the one, with @second NULL) since the last call
 */
unsigned int log_count(int fd, const char *first, const char *second);

/* Waits up to @ms for a line with both words */
int log_wait(int fd, const char *first, const char *second, unsigned int ms);

#endif /* IPMMU_LIB_LOG_H */
