#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Another kernel is started by kexec. Before it has the driver, a disk behind the
# IPMMU works as it does after a reset, untranslated; when it has, the disk is
# translated. The results are those of the second kernel, unless it does not come.
#
# Copyright (C) 2026 The ipmmu-deferred authors

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

IMAGE=/boot/Image
INITRD=/tmp/initrd
DISK=/dev/nvme0n1
KIB=4096

# Differs from place to place, and is the same in both kernels
pattern()
{
	seq -w 1 1000000 | head -c $((KIB * 1024))
}

disk_there()
{
	modprobe nvme
	wait_for 60 test -b "$DISK"
}

disk_write()
{
	pattern > /tmp/pattern
	dd if=/tmp/pattern of="$DISK" bs=65536 conv=fsync 2>/dev/null
}

disk_same()
{
	echo 3 > /proc/sys/vm/drop_caches
	blockdev --flushbufs "$DISK"
	dd if="$DISK" bs=65536 count=$((KIB / 64)) 2>/dev/null | sha256sum > /tmp/read
	pattern | sha256sum | cmp - /tmp/read
}

# This root file system, with another command to run
make_initrd()
{
	echo "sh $PWD/kexec.sh second" > /command
	(cd / && find . -xdev ! -path ./boot/Image | cpio -o -H newc 2>/dev/null) > "$INITRD"
	[ -s "$INITRD" ]
}

# zero COUNTER
zero()
{
	count=$(./witness "$1")
	echo "$1: $count"
	[ "$count" = 0 ]
}

# some COUNTER
some()
{
	! zero "$1"
}

# A master is known by its driver, so that must come anew
driver_takes_disk()
{
	rmmod nvme
	load_driver
	./witness clear
	disk_there && [ -e /sys/class/nvme/nvme0/device/iommu_group ]
}

second()
{
	echo "TAP version 13"
	echo "1..8"
	./witness clear
	ktap_check "without_driver_disk" disk_there
	ktap_check "without_driver_same" disk_same
	ktap_check "without_driver_untranslated" some bypasses
	ktap_check "without_driver_no_fault" zero faults
	ktap_check "driver_takes_disk" driver_takes_disk
	ktap_check "with_driver_same" disk_same
	ktap_check "with_driver_no_bypass" zero bypasses
	ktap_check "second_verdict" ./witness verdict
	ktap_end
}

[ "$1" != second ] || second
./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
[ -s "$IMAGE" ] || ktap_skip_all "no $IMAGE to start"
load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"

ktap_plan 5
ktap_check "disk" disk_there
ktap_check "written" disk_write
ktap_check "translated" some translations
ktap_check "initrd" make_initrd
ktap_check "verdict" ./witness verdict
# The runner shows what was said above when this ends, which it does not now
[ "$ktap_failed" = 0 ] || ktap_end
./kexec_now "$IMAGE" "$INITRD"
echo "not ok 6 kexec"
exit 1
