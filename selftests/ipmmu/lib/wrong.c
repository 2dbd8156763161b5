// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a thread of a test has found wrong, see wrong.h.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <stdarg.h>
#include <stdio.h>

#include "wrong.h"

bool wrong_note(struct wrong *wrong, bool *stop, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(wrong->text, sizeof(wrong->text), format, args);
	va_end(args);
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
	return false;
}

bool wrong_show(const struct wrong *wrong, unsigned int worker)
{
	if (!wrong->text[0])
		return false;
	printf("# worker %u: %s\n", worker, wrong->text);
	return true;
}
