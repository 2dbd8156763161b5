#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An NVMe disk is taken off the bus while it is written and read, and found
# again by a rescan: what it does meanwhile is blocked, and afterwards it works
# behind the IPMMU as before.

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

ROUNDS=3
DATA=/tmp/rescan-test-data
KIB=8192
DRIVER_FILES=/sys/kernel/debug/ipmmu-vmsa-deferred
# A loaded machine takes its time for what comes at once on others
WAIT=60

disk_there()
{
	wait_for "$WAIT" test -b "$disk"
}

# Requests that the disk has completed
requests()
{
	awk '{ print $1 + $5 }' "/sys/block/${disk#/dev/}/stat"
}

moved_on()
{
	[ "$(requests)" -gt "$1" ]
}

# The node may go at any moment, and a file of that name must not take its place
io_loop()
{
	while [ -b "$disk" ] &&
	      dd if="$DATA" of="$disk" bs=65536 conv=notrunc,fsync 2>/dev/null; do
		echo 3 > /proc/sys/vm/drop_caches
		dd if="$disk" of=/dev/null bs=65536 count=64 2>/dev/null
	done
}

# It is a disk no longer, and what was at it has an error to deal with
remove_under_io()
{
	io_loop &
	io=$!
	wait_for "$WAIT" moved_on "$(requests)" || return 1
	echo 1 > "$function/remove"
	kill "$io" 2>/dev/null
	wait "$io"
	[ -b "$disk" ] || rm -f "$disk"
	[ ! -e "$function" ] && [ ! -e "$disk" ]
}

# Micro-TLBs where masters have been, and are no more
left()
{
	grep ' masters none$' "$DRIVER_FILES/utlbs"
}

# All of those point at the context that translates nothing
left_blocked()
{
	blocking=$(sed -n 's/^context \([0-9]*\) blocking .*/\1/p' "$DRIVER_FILES/contexts")
	left && ! left | grep -v " context $blocking masters none\$"
}

come_back()
{
	echo 1 > /sys/bus/pci/rescan
	disk_there && [ -e "$function/iommu_group" ]
}

same()
{
	dd if="$DATA" of="$disk" bs=65536 conv=fsync 2>/dev/null || return 1
	blockdev --flushbufs "$disk"
	echo 3 > /proc/sys/vm/drop_caches
	written=$(sha256sum < "$DATA")
	read=$(dd if="$disk" bs=65536 count=$((KIB / 64)) 2>/dev/null | sha256sum)
	[ "$written" = "$read" ]
}

need_translated_nvme
modprobe nvme
disk=/dev/nvme0n1
disk_there || ktap_skip_all "the NVMe controller gives no $disk"

ktap_plan $((4 * ROUNDS + 3))
dd if=/dev/urandom of="$DATA" bs=1024 count=$KIB 2>/dev/null
for round in $(seq $ROUNDS); do
	ktap_check "removed_under_io_$round" remove_under_io
	ktap_check "left_blocked_$round" left_blocked
	ktap_check "found_again_$round" come_back
	ktap_check "works_$round" same
done
ktap_check "translated" counted_some translations
ktap_check "no_bypass" counted_zero bypasses
ktap_check "verdict" ./witness verdict
rm -f "$DATA"
ktap_end
