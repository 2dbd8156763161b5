// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one place where the tracepoints of trace.h are made.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
