#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A boot with both modules in the initramfs, which has a disk behind the IPMMU.

# shellcheck source=lib.sh
. ./lib.sh

# kernel_line WORDS: the number of its line
kernel_line()
{
	dmesg | grep -n -m 1 -E "$1" | cut -d : -f 1
}

loaded_before_root()
{
	driver=$(kernel_line 'ipmmu.*main IPMMU')
	root=$(kernel_line 'EXT4-fs \(vda\): mounted')
	echo "line $driver: the driver, line $root: the root file system"
	[ "$driver" -lt "$root" ]
}

# The disk's PCI function
function=$(readlink -f /sys/block/nvme0n1/device/device)

has_group()
{
	type=$(cat "$function/iommu_group/type")
	echo "${function##*/}: domain type $type"
	case $type in DMA | DMA-FQ) true;; *) false;; esac
}

is_listed()
{
	grep "masters.* ${function##*/}" "/sys/kernel/debug/$MODULE/utlbs"
}

# The disk wrote and read the file; a translation lasts for a page
translations()
{
	count=$(./witness translations)
	echo "$count translations for $((KIB * 2 / 4)) pages"
	[ "$count" -ge $((KIB * 2 / 4)) ]
}

wait_for 60 test -b "$DATA"
# Under the kernel before a later one
if [ -e written-before ]; then
	ktap_plan 11
	ktap_check reads_what_was reads_data
else
	ktap_plan 10
fi
ktap_check newest_kernel test "$RELEASE" = "$(newest_kernel)"
ktap_check loaded_before_root loaded_before_root
ktap_check has_group has_group
ktap_check is_listed is_listed
ktap_check writes writes_data
ktap_check reads_same reads_data
ktap_check translations translations
# Since the machine was switched on
ktap_check no_bypass counted_zero bypasses
ktap_check no_errors no_kernel_errors
ktap_check verdict ./witness verdict
ktap_end
