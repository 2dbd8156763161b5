#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel panics while a disk and a DMA engine are at work behind the IPMMU,
# and another is started where crashkernel= has set memory aside. Nothing has
# been shut down: contexts and micro-TLBs are on, and the engine goes on by
# itself. Before the second kernel has the driver, the engine reaches what it
# was given and nothing else; a disk does not work, since what its driver tells
# it is refused, and is not let through. The driver blocks the engine first, and
# then serves the disk. The results are those of the second kernel, unless it
# does not come.
#
# Copyright (C) 2026 The ipmmu-deferred authors

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh
# shellcheck source=next_kernel.sh
. ./next_kernel.sh

# Behind what disk_same() compares: reads, so that nothing is lost in the crash
disk_busy()
{
	while :; do
		dd if="$DISK" of=/dev/null bs=65536 skip=$((KIB / 64)) iflag=direct 2>/dev/null
	done
}

engine_busy()
{
	load_test_module
	./busy > /tmp/busy 2>&1 &
	wait_for 60 grep -x busy /tmp/busy || ! cat /tmp/busy
}

# more COUNTER: of the engine, than a moment ago
more()
{
	before=$(./busy "$1")
	wait_for 30 eval "[ \"\$(./busy $1)\" -gt $before ]"
}

stays()
{
	stayed=$(./busy "$1")
	more refused && [ "$(./busy "$1")" = "$stayed" ]
}

never_strayed()
{
	./busy strayed
	[ "$(./busy strayed)" = 0 ]
}

# What the driver asks of the disk is to addresses that no table has
disk_refused()
{
	modprobe nvme_core admin_timeout=2
	modprobe nvme
	wait_for 60 counted_some faults
	rmmod nvme
	! [ -b "$DISK" ] && counted_some faults
}

second()
{
	echo "TAP version 13"
	echo "1..13"
	./witness clear
	ktap_check "without_driver_engine_goes_on" more passed
	ktap_check "without_driver_engine_strays_not" never_strayed
	ktap_check "without_driver_disk_refused" disk_refused
	ktap_check "without_driver_no_bypass" counted_zero bypasses
	log_mark
	ktap_check "driver_finds_caches" load_driver
	ktap_check "contexts_found_on" log_since "contexts were on"
	ktap_check "engine_blocked" stays passed
	ktap_check "engine_strayed_not" never_strayed
	ktap_check "taken_over_no_bypass" counted_zero bypasses
	# A cache that has not probed yet is not flushed: that is no error so
	# far
	./witness clear
	ktap_check "driver_takes_disk" disk_translated
	ktap_check "with_driver_same" disk_same
	ktap_check "with_driver_no_bypass" counted_zero bypasses
	ktap_check "second_verdict" ./witness verdict
	ktap_end
}

[ "$1" != second ] || second
grep -q 'Crash kernel' /proc/iomem || ktap_skip_all "nothing is set aside by crashkernel="
next_kernel_or_skip

ktap_plan 7
ktap_check "disk" disk_there
ktap_check "written" disk_write
ktap_check "initrd" make_initrd crash.sh
ktap_check "loaded" ./kexec_now crash "$IMAGE" "$INITRD"
disk_busy &
busy=$!
ktap_check "engine" engine_busy
ktap_check "engine_works" more passed
ktap_check "verdict" ./witness verdict
# The runner shows what was said above when this ends, which it does not now
[ "$ktap_failed" = 0 ] || {
	kill "$busy"
	killall busy
	ktap_end
}
echo 1 > /proc/sys/kernel/sysrq
echo c > /proc/sysrq-trigger
echo "not ok 8 crash"
exit 1
