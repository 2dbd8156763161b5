/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the reclaimer, events/io_pgtable_deferred/ in tracefs.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM io_pgtable_deferred

#if !defined(_IOPD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IOPD_TRACE_H

#include <compat/trace.h>
#include <linux/tracepoint.h>

#include "batch.h"

TRACE_DEFINE_ENUM(IOPD_RECLAIM_EMPTY);
TRACE_DEFINE_ENUM(IOPD_RECLAIM_FULL);
TRACE_DEFINE_ENUM(IOPD_RECLAIM_SCANNED);
TRACE_DEFINE_ENUM(IOPD_RECLAIM_RESCHED);

#define iopd_show_reason(reason) __print_symbolic(reason,	\
	{ IOPD_RECLAIM_EMPTY,	"empty" },			\
	{ IOPD_RECLAIM_FULL,	"full" },			\
	{ IOPD_RECLAIM_SCANNED,	"scanned" },			\
	{ IOPD_RECLAIM_RESCHED,	"resched" })

TRACE_EVENT(tree_queued,
	    TP_PROTO(const struct iopd_tree *tree, unsigned long tables),
	    TP_ARGS(tree, tables),
	    TP_STRUCT__entry(__string(dev, dev_name(tree->dev))
			     __field(const void *, tree)
			     __field(unsigned long, tables)
			     __field(bool, whole)
	    ),
	    TP_fast_assign(compat_assign_str(dev, dev_name(tree->dev));
			   __entry->tree = tree;
			   __entry->tables = tables;
			   __entry->whole = tree->whole;
	    ),
	    TP_printk("%s tree=%p tables=%lu %s", __get_str(dev), __entry->tree,
		      __entry->tables, __entry->whole ? "whole" : "parts")
);

TRACE_EVENT(batch_begin,
	    TP_PROTO(const struct iopd_tree *tree, bool help),
	    TP_ARGS(tree, help),
	    TP_STRUCT__entry(__string(dev, dev_name(tree->dev))
			     __field(const void *, tree)
			     __field(bool, help)
	    ),
	    TP_fast_assign(compat_assign_str(dev, dev_name(tree->dev));
			   __entry->tree = tree;
			   __entry->help = help;
	    ),
	    TP_printk("%s tree=%p%s", __get_str(dev), __entry->tree,
		      __entry->help ? " help" : "")
);

TRACE_EVENT(batch_end,
	    TP_PROTO(const struct iopd_tree *tree, unsigned long tables,
		     unsigned int scanned, enum iopd_reclaim_reason reason, u64 ns),
	    TP_ARGS(tree, tables, scanned, reason, ns),
	    TP_STRUCT__entry(__string(dev, dev_name(tree->dev))
			     __field(const void *, tree)
			     __field(unsigned long, tables)
			     __field(unsigned int, scanned)
			     __field(int, reason)
			     __field(u64, ns)
	    ),
	    TP_fast_assign(compat_assign_str(dev, dev_name(tree->dev));
			   __entry->tree = tree;
			   __entry->tables = tables;
			   __entry->scanned = scanned;
			   __entry->reason = reason;
			   __entry->ns = ns;
	    ),
	    TP_printk("%s tree=%p tables=%lu scanned=%u reason=%s ns=%llu",
		      __get_str(dev), __entry->tree, __entry->tables,
		      __entry->scanned, iopd_show_reason(__entry->reason),
		      __entry->ns)
);

TRACE_EVENT(tree_done,
	    TP_PROTO(const struct iopd_tree *tree, u64 ns),
	    TP_ARGS(tree, ns),
	    TP_STRUCT__entry(__string(dev, dev_name(tree->dev))
			     __field(const void *, tree)
			     __field(unsigned long, freed)
			     __field(bool, whole)
			     __field(u64, ns)
	    ),
	    TP_fast_assign(compat_assign_str(dev, dev_name(tree->dev));
			   __entry->tree = tree;
			   __entry->freed = tree->freed;
			   __entry->whole = tree->whole;
			   __entry->ns = ns;
	    ),
	    TP_printk("%s tree=%p freed=%lu %s ns=%llu", __get_str(dev),
		      __entry->tree, __entry->freed,
		      __entry->whole ? "whole" : "parts", __entry->ns)
);

TRACE_EVENT(help,
	    TP_PROTO(unsigned long pending, unsigned long limit),
	    TP_ARGS(pending, limit),
	    TP_STRUCT__entry(__field(unsigned long, pending)
			     __field(unsigned long, limit)
	    ),
	    TP_fast_assign(__entry->pending = pending;
			   __entry->limit = limit;
	    ),
	    TP_printk("pending=%lu limit=%lu", __entry->pending, __entry->limit)
);

TRACE_EVENT(shrink,
	    TP_PROTO(unsigned long asked, unsigned long freed),
	    TP_ARGS(asked, freed),
	    TP_STRUCT__entry(__field(unsigned long, asked)
			     __field(unsigned long, freed)
	    ),
	    TP_fast_assign(__entry->asked = asked;
			   __entry->freed = freed;
	    ),
	    TP_printk("asked=%lu freed=%lu", __entry->asked, __entry->freed)
);

#endif /* _IOPD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
