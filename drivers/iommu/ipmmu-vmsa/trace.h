/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the driver, events/ipmmu_vmsa_deferred/ in tracefs. The device
 * is the main IPMMU but for faults, where it is a master.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ipmmu_vmsa_deferred

#if !defined(_IPMMU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IPMMU_TRACE_H

#include <compat/trace.h>
#include <linux/bitfield.h>
#include <linux/device.h>
#include <linux/tracepoint.h>

#include "regs.h"

/* As in ipmmu_decode_fault() and ipmmu_decode_code(), for tools to read */
#define ipmmu_show_faults(status) __print_flags(status, "|",	\
	{ IMSTR_MHIT,		"multi-hit" },			\
	{ IMSTR_ABORT,		"walk-abort" },			\
	{ IMSTR_PF,		"permission" },			\
	{ IMSTR_TF,		"translation" })

#define ipmmu_show_code(code) __print_symbolic(code,		\
	{ 0,			"no-entry" },			\
	{ IMSTR_CODE_FORMAT,	"malformed" },			\
	{ IMSTR_CODE_ACCESS,	"access" },			\
	{ IMSTR_CODE_SECURE,	"secure" })

DECLARE_EVENT_CLASS(context,
		    TP_PROTO(struct device *dev, unsigned int context, unsigned long caches),
		    TP_ARGS(dev, context, caches),
		    TP_STRUCT__entry(__string(dev, dev_name(dev))
				     __field(unsigned int, context)
				     __field(unsigned long, caches)
		    ),
		    TP_fast_assign(compat_assign_str(dev, dev_name(dev));
				   __entry->context = context;
				   __entry->caches = caches;
		    ),
		    TP_printk("%s context=%u caches=0x%lx", __get_str(dev),
			      __entry->context, __entry->caches)
);

DEFINE_EVENT(context, context_taken,
	     TP_PROTO(struct device *dev, unsigned int context, unsigned long caches),
	     TP_ARGS(dev, context, caches)
);

DEFINE_EVENT(context, context_given_back,
	     TP_PROTO(struct device *dev, unsigned int context, unsigned long caches),
	     TP_ARGS(dev, context, caches)
);

TRACE_EVENT(flush,
	    TP_PROTO(struct device *dev, unsigned int context, u64 ns, bool completed),
	    TP_ARGS(dev, context, ns, completed),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(unsigned int, context)
			     __field(bool, completed)
			     __field(u64, ns)
	    ),
	    TP_fast_assign(compat_assign_str(dev, dev_name(dev));
			   __entry->context = context;
			   __entry->completed = completed;
			   __entry->ns = ns;
	    ),
	    TP_printk("%s context=%u ns=%llu %s", __get_str(dev), __entry->context,
		      __entry->ns, __entry->completed ? "completed" : "late")
);

TRACE_EVENT(fault,
	    TP_PROTO(const char *master, unsigned int context, u64 address, u32 status),
	    TP_ARGS(master, context, address, status),
	    TP_STRUCT__entry(__string(master, master)
			     __field(unsigned int, context)
			     __field(u64, address)
			     __field(u32, status)
			     __field(u32, faults)
			     __field(u8, code)
			     __field(u8, level)
	    ),
	    TP_fast_assign(compat_assign_str(master, master);
			   __entry->context = context;
			   __entry->address = address;
			   __entry->status = status;
			   __entry->faults = status & IMSTR_FAULTS;
			   __entry->code = FIELD_GET(IMSTR_ERRCODE, status);
			   __entry->level = FIELD_GET(IMSTR_ERRLVL, status);
	    ),
	    TP_printk("%s context=%u address=0x%llx status=0x%08x %s %s level=%u",
		      __get_str(master), __entry->context, __entry->address,
		      __entry->status, ipmmu_show_faults(__entry->faults),
		      ipmmu_show_code(__entry->code), __entry->level)
);

#endif /* _IPMMU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
