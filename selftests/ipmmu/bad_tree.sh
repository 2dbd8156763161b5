#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Device trees that must not be believed: a clear message, no crash, and devices
# that work, or are refused, as the message says. Which fault the tree has is read
# from the tree; on a sound one there is nothing to test.

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

# One line for each entry of iommu-map: first rid, first micro-TLB, how many. The
# entries are four big-endian cells, the second of which is the IPMMU.
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
if [ "$(roots | wc -l)" -gt 1 ]; then
	fault=two_roots
elif [ -n "$(unknown_soc)" ]; then
	fault=unknown_soc
elif any_bad_utlb; then
	fault=bad_utlb
else
	ktap_skip_all "this device tree is sound"
fi
! [ -d "$MODULE_SYS" ] || ktap_skip_all "the driver is loaded already"

ktap_plan 3
log_mark
modprobe "$MODULE" 2>/dev/null
[ "$fault" != bad_utlb ] || wait_for 15 has_iommus
load_test_module
case $fault in
two_roots) ktap_check "two_roots_said" said "two main IPMMUs";;
unknown_soc) ktap_check "unknown_soc_said" said "$(unknown_soc)";;
bad_utlb) ktap_check "bad_utlb_said" said "micro-TLB";;
esac
case $fault in
bad_utlb) ktap_check "bad_utlbs_refused" bad_utlbs_refused;;
*) ktap_check "nothing_served" nothing_served;;
esac
ktap_check "verdict" ./witness verdict
ktap_end
