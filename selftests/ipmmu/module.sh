#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loading and unloading: bad parameters are refused by name and leave nothing
# behind, good ones show in sysfs, and what is in use stays.

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

# refused MODULE PARAMETER=VALUE
refused()
{
	log_mark
	if modprobe "$1" "$2"; then
		echo "$1 took $2"
		return 1
	fi
	if [ -d "/sys/module/$(echo "$1" | tr - _)" ]; then
		echo "$1 was refused but stayed loaded"
		return 1
	fi
	log_since "${2%%=*}" || { echo "no word about ${2%%=*} in the log"; log_show; false; }
}

unloaded()
{
	! [ -d "$MODULE_SYS" ] && ! [ -d "$LIBRARY_SYS" ]
}

# Another driver, of the in-tree one's name, has come first
beside_in_tree()
{
	insmod ./ipmmu_intree.ko || return 1
	log_mark
	! modprobe "$MODULE" && ! [ -d "$MODULE_SYS" ] &&
		log_since "the in-tree IPMMU driver has the hardware"
	status=$?
	rmmod ipmmu_intree
	return "$status"
}

unload_library()
{
	! [ -d "$LIBRARY_SYS" ] || modprobe -r io-pgtable-arm-deferred
}

# The refused loads may have left the library behind as a dependency
refused_all()
{
	if ! [ -d "$MODULE_SYS" ]; then
		ktap_check "va_bits_40" refused "$MODULE" va_bits=40
		ktap_check "va_bits_0" refused "$MODULE" va_bits=0
		ktap_check "va_bits_word" refused "$MODULE" va_bits=many
		ktap_check "grouping_word" refused "$MODULE" grouping=some
		ktap_check "beside_in_tree" beside_in_tree
		unload_library
		ktap_check "batch_0" refused io-pgtable-arm-deferred batch=0
		ktap_check "batch_negative" refused io-pgtable-arm-deferred batch=-1
	else
		for name in va_bits_40 va_bits_0 va_bits_word grouping_word beside_in_tree batch_0 batch_negative; do
			ktap_skip "$name" "the driver is loaded already"
		done
	fi
}

# Each IPMMU of the device tree, root and caches
sysfs_links()
{
	links=0
	for link in /sys/class/iommu/*; do
		[ -e "$link/device" ] || { echo "$link leads to no device"; return 1; }
		echo "$(basename "$link") serves $(find "$link/devices/" -type l 2>/dev/null | wc -l) devices"
		links=$((links + 1))
	done
	[ "$links" -ge 2 ]
}

grouped_devices()
{
	load_test_module
	count=0
	for function in $(pci_functions 0x1234:0x1de1); do
		[ -e "/sys/bus/pci/devices/$function/iommu_group" ] || {
			echo "$function has no group"
			return 1
		}
		count=$((count + 1))
	done
	[ "$count" -gt 0 ]
}

# A group for each micro-TLB: here each function has its own
groups_separate()
{
	groups=$(for function in $(pci_functions 0x1234:0x1de1); do
		readlink "/sys/bus/pci/devices/$function/iommu_group"
	done)
	[ "$(echo "$groups" | sort | uniq -d | wc -l)" = 0 ]
}

parameters_shown()
{
	echo "va_bits=$(cat "$MODULE_SYS/parameters/va_bits")"
	[ "$(cat "$MODULE_SYS/parameters/va_bits")" = "${1:-39}" ] &&
		[ "$(cat "$LIBRARY_SYS/parameters/deferred")" = Y ] &&
		[ "$(cat "$LIBRARY_SYS/parameters/batch")" -gt 0 ]
}

bad_batch_kept()
{
	before=$(cat "$LIBRARY_SYS/parameters/batch")
	! echo 0 2>/dev/null > "$LIBRARY_SYS/parameters/batch" &&
		[ "$(cat "$LIBRARY_SYS/parameters/batch")" = "$before" ]
}

# A device is not to lose its IPMMU while it works
unbind_not_offered()
{
	folder=/sys/bus/platform/drivers/$MODULE
	[ -d "$folder" ] && ! [ -e "$folder/unbind" ] && ! [ -e "$folder/bind" ]
}

# Devices that were behind the driver reach nothing when it is gone
blocked_after_unload()
{
	echo 1 > /sys/bus/pci/rescan
	./witness reaches 0x12345000
	! ./witness reaches 0x12345000 | grep -v refused
}

# Older kernels keep a pointer into the module: it must not go
unload_refused()
{
	! rmmod ipmmu_vmsa_deferred && [ -d "$MODULE_SYS" ] && has_iommus
}

# Every device that has met the driver holds on to it until it is removed
remove_masters()
{
	for group in /sys/bus/pci/devices/*/iommu_group; do
		[ ! -e "$group" ] || echo 1 > "$(dirname "$group")/remove"
	done
}

unload_works()
{
	rmmod ipmmu_test || return 1
	if rmmod ipmmu_vmsa_deferred 2>/dev/null; then
		echo "unloaded while devices were behind it"
		return 1
	fi
	remove_masters
	rmmod ipmmu_vmsa_deferred && ! has_iommus && rmmod io_pgtable_arm_deferred &&
		unloaded
}

loads_again()
{
	echo 1 > /sys/bus/pci/rescan
	load_driver && grouped_devices && ./witness verdict
}

unload()
{
	if ! kernel_before 6 12; then
		ktap_check "unload" unload_works
		ktap_check "blocked_after_unload" blocked_after_unload
		ktap_check "load_again" loads_again
		ktap_check "unload_again" unload_works
		ktap_check "load_third_time" loads_again
	else
		ktap_check "unload_refused" unload_refused
		ktap_skip "blocked_after_unload" "not supported before 6.12"
		ktap_check "still_there" loads_again
		ktap_skip "unload_again" "not supported before 6.12"
		ktap_skip "load_third_time" "not supported before 6.12"
	fi
}

./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
[ -n "$(pci_functions 0x1234:0x1de1)" ] || ktap_skip_all "no ipmmu-dma device here"
modinfo "$MODULE" > /dev/null 2>&1 || [ -d "$MODULE_SYS" ] ||
	ktap_skip_all "$MODULE is not installed"

ktap_plan 20
refused_all
ktap_check "load" load_driver
ktap_check "sysfs_links" sysfs_links
ktap_check "grouped_devices" grouped_devices
ktap_check "groups_separate" groups_separate
ktap_check "parameters" parameters_shown
ktap_check "bad_batch_kept" bad_batch_kept
ktap_check "unbind_not_offered" unbind_not_offered
unload
ktap_check "verdict" ./witness verdict
ktap_end
