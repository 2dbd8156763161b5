#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# More masters than contexts: nine disks behind nine micro-TLBs. Each works and
# is translated; those for which there is no context share a group, and the log
# says which. Two functions that the bus cannot tell apart are one group,
# although each has a micro-TLB of its own.
#
# Copyright (C) 2026 The ipmmu-deferred authors

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

DISKS=9
CONTEXTS=6	# of Gen3, for domains
KIB=1024

disks()
{
	pci_class 0x010802
}

# pci_class CLASS: the PCI functions that have it, one a line
pci_class()
{
	grep -l "$1" /sys/bus/pci/devices/*/class 2>/dev/null | xargs -r -n 1 dirname
}

# Those that share it are in one folder
group_of()
{
	basename "$(readlink "$1/iommu_group")"
}

groups()
{
	for group in /sys/kernel/iommu_groups/*; do
		[ -z "$(ls "$group/devices")" ] || basename "$group"
	done
}

functions_together()
{
	first=
	for function in $(pci_functions 0x1234:0x1de1); do
		group=$(group_of "/sys/bus/pci/devices/$function")
		echo "$function group $group"
		[ "${first:=$group}" = "$group" ] || return 1
	done
	[ -n "$first" ]
}

all_disks()
{
	modprobe nvme
	wait_for 30 test -b "/dev/nvme$((DISKS - 1))n1"
	[ "$(find /dev/ -name 'nvme*n1' | wc -l)" = "$DISKS" ]
}

all_grouped()
{
	for disk in $(disks); do
		echo "$(basename "$disk") group $(group_of "$disk") $(cat "$disk/iommu_group/type")"
		case $(cat "$disk/iommu_group/type") in
		DMA|DMA-FQ) ;;
		*) return 1;;
		esac
	done
}

# As many groups as there are contexts, and no more
as_few_as_needed()
{
	groups | wc -l
	[ "$(groups | wc -l)" = "$CONTEXTS" ]
}

# Those beyond the last context, by name
said_who_shares()
{
	for disk in $(disks); do
		[ "$(find "$disk/iommu_group/devices/" -type l | wc -l)" -gt 1 ] || continue
		ls "$disk/iommu_group/devices"
		break
	done
	dmesg | grep -c 'shares group, context'
	[ "$(dmesg | grep -c 'shares group, context')" = $((DISKS + 1 - CONTEXTS)) ]
}

copy_all()
{
	dd if=/dev/urandom of=/tmp/exhausted bs=1024 count="$KIB" 2>/dev/null
	for disk in /dev/nvme*n1; do
		dd if=/tmp/exhausted of="$disk" bs=65536 conv=fsync 2>/dev/null || return 1
	done
	echo 3 > /proc/sys/vm/drop_caches
	for disk in /dev/nvme*n1; do
		blockdev --flushbufs "$disk"
		dd if="$disk" bs=65536 count=$((KIB / 64)) 2>/dev/null |
			cmp - /tmp/exhausted || return 1
	done
}

# zero COUNTER
zero()
{
	count=$(./witness "$1")
	echo "$1: $count"
	[ "$count" = 0 ]
}

./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
[ "$(disks | wc -l)" = "$DISKS" ] || ktap_skip_all "there are not $DISKS NVMe controllers here"
[ "$(pci_functions 0x1234:0x1de1 | wc -l)" -gt 1 ] ||
	ktap_skip_all "there are not two ipmmu-dma functions here"
load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"

ktap_plan 9
load_test_module
ktap_check "functions_together" functions_together
ktap_check "all_disks" all_disks
ktap_check "all_grouped" all_grouped
ktap_check "as_few_as_needed" as_few_as_needed
ktap_check "said_who_shares" said_who_shares
ktap_check "copy_all" copy_all
ktap_check "no_bypass" zero bypasses
ktap_check "no_fault" zero faults
ktap_check "verdict" ./witness verdict
ktap_end
