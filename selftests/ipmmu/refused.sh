#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel with larger pages than the IPMMU's: the driver does not load and says
# why, nothing is served, and the page-table library is there for others.
#
# Copyright (C) 2026 The ipmmu-deferred authors

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

page_kib()
{
	sed -n 's/^KernelPageSize: *\([0-9]*\) kB/\1/p' /proc/self/smaps | head -n 1
}

refused()
{
	! modprobe "$MODULE" 2>/dev/null && [ ! -d "$MODULE_SYS" ]
}

said_why()
{
	log_since "ipmmu.vmsa.deferred: this kernel has pages of $(page_kib) KiB" ||
		{ log_show; false; }
}

nothing_served()
{
	[ -z "$(ls /sys/class/iommu)" ]
}

library_is_there()
{
	[ -d "$LIBRARY_SYS" ] || modprobe io-pgtable-arm-deferred
}

has_ipmmu_node || ktap_skip_all "no IPMMU in the device tree"
[ -n "$(page_kib)" ] || ktap_skip_all "/proc/self/smaps does not tell the page size"
[ "$(page_kib)" != 4 ] || ktap_skip_all "this kernel has pages of 4 KiB"

ktap_plan 5
log_mark
ktap_check "driver_refuses" refused
ktap_check "driver_says_why" said_why
ktap_check "nothing_served" nothing_served
ktap_check "library_is_there" library_is_there
ktap_check "verdict" ./witness verdict
ktap_end
