# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
#
# Tests that go on in another kernel, which this one starts: what both do with a
# disk and with the witness. Read behind ktap.sh.
#
# Copyright (C) 2026 The ipmmu-deferred authors

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

# make_initrd SCRIPT: what of this root file system that needs, and it is run
make_initrd()
{
	echo "sh $PWD/$1 second" > /command
	(cd / && find . -xdev ! -path ./boot/Image ! -path "./selftests/[!i]*" \
		! -path "./selftests/io_pgtable*" | cpio -o -H newc 2>/dev/null) > "$INITRD"
	[ -s "$INITRD" ]
}

# A master is known by its driver, so that must come behind ours
disk_translated()
{
	disk_there && [ -e /sys/class/nvme/nvme0/device/iommu_group ]
}

next_kernel_or_skip()
{
	./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
	[ -s "$IMAGE" ] || ktap_skip_all "no $IMAGE to start"
	load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"
}
