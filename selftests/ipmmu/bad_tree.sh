#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Device trees that must not be believed, and a kernel that has all DMA bounce:
# a clear message, no crash, and devices that work, or are refused, as the
# message says. Which fault the tree has is read from the tree; on a sound one
# there is nothing to test.

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

TREE=/sys/firmware/devicetree/base

# IPMMU nodes without a renesas,ipmmu-main are roots
ipmmu_nodes()
{
	find "$TREE" -name compatible 2>/dev/null | while read -r file; do
		grep -q 'ipmmu-' "$file" && dirname "$file"
	done
}

roots()
{
	ipmmu_nodes | while read -r node; do
		[ -e "$node/renesas,ipmmu-main" ] || echo "$node"
	done
}

# What the nodes call themselves, if it is nothing that the driver can know
unknown_soc()
{
	ipmmu_nodes | while read -r node; do
		grep -q 'renesas,ipmmu-r8a7795' "$node/compatible" ||
			tr '\0' '\n' < "$node/compatible"
	done | head -n 1
}

# One line for each entry of iommu-map: first rid, first micro-TLB, how many.
# The entries are four big-endian cells, the second of which is the IPMMU.
iommu_map()
{
	for map in "$TREE"/*/iommu-map; do
		od -An -v -t x1 "$map" | tr -d ' \n' | sed 's/.\{32\}/&\n/g'
	done | while read -r entry; do
		[ -z "$entry" ] || echo "$((0x$(echo "$entry" | cut -c 1-8)))" \
			"$((0x$(echo "$entry" | cut -c 17-24)))" \
			"$((0x$(echo "$entry" | cut -c 25-32)))"
	done
}

UTLBS=48	# of Gen3

# bad_utlb RID: the tree leads it to a micro-TLB that is not there
bad_utlb()
{
	iommu_map | while read -r rid first count; do
		[ "$1" -lt "$rid" ] || [ "$1" -ge $((rid + count)) ] ||
			[ $((first + $1 - rid)) -lt "$UTLBS" ] || echo bad
	done | grep -q bad
}

# Two engines on one micro-TLB: the numbers of the first entries are in order,
# and one goes back
crossed_utlb()
{
	iommu_map | while read -r rid first count; do
		[ "$count" -ne 1 ] || [ "$first" -ge "$rid" ] || echo "$rid"
	done
}

# function_of RID
function_of()
{
	printf '0000:00:%02x.%x\n' "$(($1 >> 3))" "$(($1 & 7))"
}

# Its sibling and the one whose micro-TLB it is on go on; it has no group, and no
# driver is tried on it
crossed_refused()
{
	refused=$(function_of "$(crossed_utlb)")
	for function in $(pci_functions 0x1234:0x1de1); do
		group=no
		[ ! -e "/sys/bus/pci/devices/$function/iommu_group" ] || group=yes
		expected=yes
		[ "$function" != "$refused" ] || expected=no
		echo "$function: served $group, expected $expected"
		[ "$group" = "$expected" ] || return 1
	done
	grep "$refused" /sys/kernel/debug/devices_deferred
}

# Engines with a good micro-TLB are served, those with a bad one are not
bad_utlbs_refused()
{
	for function in $(pci_functions 0x1234:0x1de1); do
		group=no
		[ ! -e "/sys/bus/pci/devices/$function/iommu_group" ] || group=yes
		slot=${function##*:}
		expected=yes
		! bad_utlb $((0x${slot%.*} << 3 | ${slot#*.})) || expected=no
		echo "$function: served $group, expected $expected"
		[ "$group" = "$expected" ] || return 1
	done
}

nothing_served()
{
	[ -z "$(ls /sys/class/iommu)" ]
}

caches()
{
	ipmmu_nodes | while read -r node; do
		[ ! -e "$node/renesas,ipmmu-main" ] || echo "$node"
	done
}

# cells FILE FIRST LAST: some of its bytes, as a hexadecimal number
cells()
{
	od -An -v -t x1 "$1" | tr -d ' \n' | cut -c "$((2 * $2 + 1))-$((2 * $3 + 2))"
}

# A cache whose main IPMMU is a cache itself
wrong_main()
{
	phandles=$(caches | while read -r node; do cells "$node/phandle" 0 3; done)
	caches | while read -r node; do
		main=$(cells "$node/renesas,ipmmu-main" 0 3)
		! echo "$phandles" | grep -q "$main" || basename "$node"
	done
}

# What the IPMMUs call themselves, if it is not all the same
mixed_soc()
{
	ipmmu_nodes | while read -r node; do
		tr '\0' ' ' < "$node/compatible"
		echo
	done | sort -u | sed -n 2p
}

# A root with less than the last register of Gen3
small_reg()
{
	roots | while read -r node; do
		[ "$((0x$(cells "$node/reg" 8 15)))" -ge $((0x6fc)) ] || echo small
	done | grep -q small
}

CACHES=32	# that the driver takes

too_many()
{
	[ "$(caches | wc -l)" -gt "$CACHES" ]
}

# all_but COUNT: so many caches are left out, and no more
all_but()
{
	served=$(find /sys/class/iommu/ -type l | wc -l)
	echo "$served of $(caches | wc -l) caches are served"
	[ "$served" = $(($(caches | wc -l) - $1)) ]
}

# The engines behind other caches have a group, those behind the one left out do
# not
wrong_main_refused()
{
	all_but 1 && [ ! -e "/sys/class/iommu/$(wrong_main | sed 's/iommu@\(.*\)/\1.iommu/')" ] &&
		ls -d /sys/bus/pci/devices/*/iommu_group > /dev/null
}

any_bad_utlb()
{
	for function in $(pci_functions 0x1234:0x1de1); do
		slot=${function##*:}
		! bad_utlb $((0x${slot%.*} << 3 | ${slot#*.})) || return 0
	done
	return 1
}

# said WORD: the kernel log has a line of the driver with it
said()
{
	log_since "$1" || { echo "no word about \"$1\" in the log:"; log_show; false; }
}

has_ipmmu_node || ktap_skip_all "no IPMMU in the device tree"
if grep -q swiotlb=force /proc/cmdline; then
	fault=bounce
elif [ "$(roots | wc -l)" -gt 1 ]; then
	fault=two_roots
elif [ -n "$(mixed_soc)" ]; then
	fault=mixed_soc
elif [ -n "$(unknown_soc)" ]; then
	fault=unknown_soc
elif any_bad_utlb; then
	fault=bad_utlb
elif [ -n "$(wrong_main)" ]; then
	fault=wrong_main
elif [ -n "$(crossed_utlb)" ]; then
	fault=crossed_utlb
elif small_reg; then
	fault=small_reg
elif too_many; then
	fault=too_many
else
	ktap_skip_all "this device tree is sound"
fi
! [ -d "$MODULE_SYS" ] || ktap_skip_all "the driver is loaded already"

ktap_plan 3
log_mark
modprobe "$MODULE" 2>/dev/null
case $fault in
bad_utlb | crossed_utlb) wait_for 15 has_iommus;;
wrong_main | mixed_soc | too_many) wait_for 15 all_but 1;;
small_reg) wait_for 15 log_since "are too few";;
bounce) wait_for 15 log_since "tables must be reached";;
esac
load_test_module
case $fault in
two_roots) ktap_check "two_roots_said" said "two main IPMMUs";;
unknown_soc) ktap_check "unknown_soc_said" said "$(unknown_soc)";;
bad_utlb) ktap_check "bad_utlb_said" said "micro-TLB";;
wrong_main) ktap_check "wrong_main_said" said "renesas,ipmmu-main points at .*, which is no main IPMMU";;
mixed_soc) ktap_check "mixed_soc_said" said "is of another SoC than its main IPMMU";;
crossed_utlb) ktap_check "crossed_utlb_said" said "its bus puts it in one group, its micro-TLB in another";;
small_reg) ktap_check "small_reg_said" said "are too few for this SoC";;
bounce) ktap_check "bounce_said" said "tables must be reached at their physical address";;
too_many) ktap_check "too_many_said" said "more than $CACHES cache IPMMUs";;
esac
case $fault in
bad_utlb) ktap_check "bad_utlbs_refused" bad_utlbs_refused;;
wrong_main) ktap_check "wrong_main_refused" wrong_main_refused;;
too_many | mixed_soc) ktap_check "one_refused" all_but 1;;
crossed_utlb) ktap_check "crossed_refused" crossed_refused;;
*) ktap_check "nothing_served" nothing_served;;
esac
ktap_check "verdict" ./witness verdict
ktap_end
