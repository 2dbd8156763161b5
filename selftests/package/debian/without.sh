#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A boot after the modules have been removed: the disk works without the IPMMU.

# shellcheck source=lib.sh
. ./lib.sh

none_loaded()
{
	! grep -E '^(ipmmu_vmsa|io_pgtable_arm)_deferred ' /proc/modules
}

none_to_load()
{
	! modprobe "$MODULE"
}

no_group()
{
	! [ -e "$(readlink -f /sys/block/nvme0n1/device/device)/iommu_group" ]
}

wait_for 60 test -b "$DATA"
ktap_plan 8
ktap_check none_loaded none_loaded
ktap_check none_to_load none_to_load
ktap_check no_group no_group
ktap_check reads_what_was reads_data
ktap_check writes writes_data
ktap_check reads_same reads_data
ktap_check no_translation counted_zero translations
ktap_check no_errors no_kernel_errors
ktap_end
