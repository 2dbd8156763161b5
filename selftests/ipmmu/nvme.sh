#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An NVMe disk behind the IPMMU: random data goes out and comes back through the
# DMA API, and the IPMMU must have translated every access.

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

# KiB; more than the page cache could hide from the disk after it was dropped
SIZE=${NVME_TEST_KIB:-65536}
DATA=/tmp/nvme-test-data

behind_iommu()
{
	[ -e "$function/iommu_group" ]
}

translated_domain()
{
	type=$(cat "$function/iommu_group/type")
	echo "domain type $type"
	case $type in
	# Before 5.15 a domain with a queue had no name of its own.
	DMA) kernel_before 5 15 || ! grep -q 'iommu.strict=0' /proc/cmdline;;
	DMA-FQ) true;;
	*) false;;
	esac
}

write_disk()
{
	dd if=/dev/urandom of="$DATA" bs=1024 count="$SIZE" 2>/dev/null &&
		dd if="$DATA" of="$disk" bs=65536 conv=fsync 2>/dev/null
}

read_disk()
{
	blockdev --flushbufs "$disk"
	sync
	echo 3 > /proc/sys/vm/drop_caches
	written=$(sha256sum < "$DATA")
	read=$(dd if="$disk" bs=65536 count=$((SIZE / 64)) 2>/dev/null | sha256sum)
	echo "written $written"
	echo "read    $read"
	[ "$written" = "$read" ]
}

# The disk moved SIZE twice; a translation lasts for a page
translations()
{
	count=$(./witness translations)
	echo "$count translations for $((SIZE * 2 / 4)) pages"
	[ "$count" -ge $((SIZE * 2 / 4)) ]
}

no_kernel_errors()
{
	! dmesg | grep -i -E 'nvme.*(timeout|error|abort)|I/O error'
}

need_translated_nvme

ktap_plan 9
modprobe nvme
disk=$(wait_for 15 test -b /dev/nvme0n1 && echo /dev/nvme0n1)
ktap_check "nvme_probed" test -n "$disk"
ktap_check "nvme_behind_iommu" behind_iommu
ktap_check "nvme_translated_domain" translated_domain
ktap_check "nvme_write" write_disk
ktap_check "nvme_read_same" read_disk
ktap_check "nvme_translations" translations
ktap_check "nvme_no_bypass" counted_zero bypasses
ktap_check "nvme_no_errors" no_kernel_errors
ktap_check "nvme_verdict" ./witness verdict
rm -f "$DATA"
ktap_end
