# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2001,SC2034
#
# KTAP for tests in sh, and what all of them ask of the host. A test says how
# many results it will give, gives them, and ends with ktap_end.

MODULE=ipmmu-vmsa-deferred
MODULE_SYS=/sys/module/ipmmu_vmsa_deferred
LIBRARY_SYS=/sys/module/io_pgtable_arm_deferred

ktap_number=0
ktap_failed=0

# ktap_plan NUMBER
ktap_plan()
{
	echo "TAP version 13"
	echo "1..$1"
}

# ktap_skip_all REASON
ktap_skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit 4
}

# ktap_result STATUS NAME: 0 is ok
ktap_result()
{
	ktap_number=$((ktap_number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $ktap_number $2"
	else
		echo "not ok $ktap_number $2"
		ktap_failed=1
	fi
}

# ktap_skip NAME REASON
ktap_skip()
{
	ktap_number=$((ktap_number + 1))
	echo "ok $ktap_number $1 # SKIP $2"
}

# ktap_check NAME COMMAND...: the command's output becomes diagnostics
ktap_check()
{
	ktap_name=$1
	shift
	ktap_output=$("$@" 2>&1)
	ktap_status=$?
	[ -z "$ktap_output" ] || echo "$ktap_output" | sed 's/^/# /'
	ktap_result "$ktap_status" "$ktap_name"
	return "$ktap_status"
}

ktap_end()
{
	exit "$ktap_failed"
}

# kernel_before MAJOR MINOR: is it of a series before that one?
kernel_before()
{
	release=$(uname -r)
	major=${release%%.*}
	minor=${release#*.}
	minor=${minor%%[!0-9]*}
	[ "$major" -lt "$1" ] || { [ "$major" = "$1" ] && [ "$minor" -lt "$2" ]; }
}

# wait_for SECONDS COMMAND...
wait_for()
{
	wait_tries=$(($1 * 10))
	shift
	while ! "$@" > /dev/null 2>&1; do
		wait_tries=$((wait_tries - 1))
		[ "$wait_tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# The PCI functions that have this "0xVENDOR:0xDEVICE", one a line
pci_functions()
{
	for pci_dir in /sys/bus/pci/devices/*; do
		[ "$(cat "$pci_dir/vendor"):$(cat "$pci_dir/device")" != "$1" ] ||
			basename "$pci_dir"
	done
}

has_ipmmu_node()
{
	find /sys/firmware/devicetree/base -name compatible \
		-exec grep -q 'renesas,ipmmu-' {} \; -print 2>/dev/null | grep -q .
}

# As many as the device tree has: caches come after their root, one by one
has_iommus()
{
	caches=$(find /sys/firmware/devicetree/base/ -name renesas,ipmmu-main | wc -l)
	served=$(find /sys/class/iommu/ -type l | wc -l)
	[ "$served" -gt 0 ] && [ "$served" -ge "$caches" ]
}

# The driver is there and has its IPMMUs
load_driver()
{
	[ -d "$MODULE_SYS" ] || modprobe "$MODULE" || return 1
	wait_for 15 has_iommus
}

# counted_zero COUNTER, counted_some COUNTER: of what the emulated IPMMU has
# counted
counted_zero()
{
	counted=$(./witness "$1")
	echo "$1: $counted"
	[ "$counted" = 0 ]
}

counted_some()
{
	! counted_zero "$1"
}

# Skips unless an NVMe controller, $function, is to be translated by the
# emulated IPMMU, whose counters begin anew
need_translated_nvme()
{
	./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
	function=$(grep -l 0x010802 /sys/bus/pci/devices/*/class 2>/dev/null | head -n 1 |
		xargs -r dirname)
	[ -n "$function" ] || ktap_skip_all "no NVMe controller here"
	! grep -q 'iommu.passthrough=1' /proc/cmdline ||
		ktap_skip_all "iommu.passthrough=1: the kernel wants no translation"
	load_driver || ktap_skip_all "$MODULE does not load or serves nothing"
}

# A device gets its group when a driver is tried on it: the test module's is
load_test_module()
{
	[ -e /dev/ipmmu-test ] || insmod ./ipmmu_test.ko
}

# log_mark; then log_since WORDS: a line with them that came after the mark
log_mark()
{
	log_lines=$(dmesg | wc -l)
}

log_since()
{
	dmesg | tail -n +"$((log_lines + 1))" | grep -i -q -e "$1"
}

log_show()
{
	dmesg | tail -n +"$((log_lines + 1))" | tail -n 10
}
