#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A disk at work through arm-smmu-v3 with tables of io-pgtable-arm-deferred:
# what comes back is what went out.

cd "$(dirname "$0")" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ../ipmmu/ktap.sh

DATA=/tmp/smmu-load
KIB=${SMMU_TEST_KIB:-16384}

function_of()
{
	grep -l "$1" /sys/bus/pci/devices/*/class 2>/dev/null | head -n 1 |
		xargs -r dirname
}

translated()
{
	type=$(cat "$1/iommu_group/type")
	echo "domain type $type"
	case $type in
	DMA) ! grep -q 'iommu.strict=0' /proc/cmdline;;
	DMA-FQ) true;;
	*) false;;
	esac
}

same()
{
	sum=$(sha256sum < "$1")
	echo "bytes $(wc -c < "$DATA") out, $(wc -c < "$1") back"
	cmp "$DATA" "$1"
	echo "out  $(sha256sum < "$DATA")"
	echo "back $sum"
	[ "$sum" = "$(sha256sum < "$DATA")" ]
}

disk_write()
{
	dd if="$DATA" of=/dev/nvme0n1 bs=65536 conv=fsync 2>/dev/null
}

disk_read()
{
	blockdev --flushbufs /dev/nvme0n1
	echo 3 > /proc/sys/vm/drop_caches
	dd if=/dev/nvme0n1 of="$DATA.back" bs=65536 count=$((KIB / 64)) 2>/dev/null
	same "$DATA.back"
}

no_kernel_errors()
{
	! dmesg | tail -n +"$((log_lines + 1))" | grep -i -E 'nvme.*(timeout|error|abort)|I/O error|smmu.*event 0x'
}

[ -e /sys/module/arm_smmu_v3_deferred ] || ktap_skip_all "arm-smmu-v3-deferred is not loaded"
disk=$(function_of 0x010802)
[ -n "$disk" ] || ktap_skip_all "no NVMe controller here"

ktap_plan 4
log_mark
dd if=/dev/urandom of="$DATA" bs=1024 count="$KIB" 2>/dev/null
modprobe nvme
wait_for 15 test -b /dev/nvme0n1
ktap_check "disk_translated" translated "$disk"
ktap_check "disk_write" disk_write
ktap_check "disk_read_same" disk_read
ktap_check "no_errors" no_kernel_errors
rm -f "$DATA" "$DATA.back"
ktap_end
