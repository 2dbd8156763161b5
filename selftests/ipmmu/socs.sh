#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver on each SoC that it knows, in a machine that has the IPMMUs of one
# of them: which masters are translated, which are not and what the log says
# then, which caches may not cache, how many bits an address has. What is to
# hold is written down here anew. Where the driver cannot be unloaded only the
# first SoC has its turn.
#
# Copyright (C) 2026 The ipmmu-deferred authors

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

PLATFORM=/sys/bus/platform/devices
SD="ee100000.mmc ee120000.mmc ee140000.mmc ee160000.mmc"
A3XX="fe6b0000.iommu fe6f0000.iommu fe980000.iommu fe990000.iommu ff8b0000.iommu"

# A DMA controller, on sixteen micro-TLBs, and two that share one
NAMED="e6700000.dma-controller fea20000.fcp fea40000.fcp"
# Behind the cache of the DMA controller, on a micro-TLB of its own
ETHERNET="e6800000.ethernet"

# One of each die, and one that is sold under another name; "socs" has all
# names. Number and revision of the SoC, the IPMMUs' name, bits of an address,
# whether caches in A3xx may not cache, and whether no master is let in
GEN3="
r8a7795 ES3.0 ipmmu-r8a7795 39 cache allow R-Car.H3
r8a7795 ES1.1 ipmmu-r8a7795 39 nocache deny R-Car.H3.ES1
r8a7795 ES2.0 ipmmu-r8a7795 39 nocache deny R-Car.H3.ES2
- - ipmmu-r8a7795 39 nocache allow R-Car.H3
r8a779m1 ES3.0 ipmmu-r8a7795 39 cache allow R-Car.H3
r8a7796 ES1.1 ipmmu-r8a7796 39 cache deny R-Car.M3-W.has
r8a77961 ES3.0 ipmmu-r8a77961 39 cache allow R-Car.M3-W+
r8a77965 ES1.1 ipmmu-r8a77965 39 nocache allow R-Car.M3-N
r8a779m4 ES1.1 ipmmu-r8a77965 39 nocache allow R-Car.M3-N
r8a77990 ES1.0 ipmmu-r8a77990 32 nocache allow R-Car.E3
r8a779m6 ES1.1 ipmmu-r8a77990 32 nocache allow R-Car.E3
r8a77995 ES1.1 ipmmu-r8a77995 32 cache allow R-Car.D3
r8a77970 ES1.0 ipmmu-r8a77970 32 cache allow R-Car.V3M
r8a77980 ES2.0 ipmmu-r8a77980 32 cache allow R-Car.V3H
r8a774a1 ES1.3 ipmmu-r8a774a1 39 cache deny RZ/G2M
r8a774b1 ES1.1 ipmmu-r8a774b1 39 nocache allow RZ/G2N
r8a774c0 ES1.0 ipmmu-r8a774c0 32 nocache allow RZ/G2E
r8a774e1 ES3.0 ipmmu-r8a774e1 39 cache allow RZ/G2H
"
GEN4="
r8a779g0 ES2.0 ipmmu-r8a779g0 32 cache allow R-Car.V4H
r8a779f0 ES1.2 ipmmu-r8a779f0 32 cache allow R-Car.S4-8
r8a779a0 ES1.0 ipmmu-r8a779a0 32 cache allow R-Car.V3U
r8a779h0 ES1.0 ipmmu-r8a779h0 32 cache allow R-Car.V4M
r8a779h2 ES1.0 rcar-gen4-ipmmu-vmsa 32 cache allow R-Car.Gen4
"

is_gen4()
{
	find /sys/firmware/devicetree/base/ -name 'iommu@eefc0000' | grep -q .
}

at_least_6_12()
{
	release=$(uname -r)
	minor=${release#*.}
	[ "${release%%.*}" -gt 6 ] || { [ "${release%%.*}" = 6 ] && [ "${minor%%.*}" -ge 12 ]; }
}

# start_soc NUMBER REVISION IPMMU
start_soc()
{
	control=0x500
	! is_gen4 || control=0x1500
	if [ "$1" = - ]; then
		insmod ./ipmmu_soc.ko compatible="renesas,$3" control="$control"
	else
		insmod ./ipmmu_soc.ko family='"R-Car Gen3"' soc_id="$1" revision="$2" \
			compatible="renesas,$3" control="$control"
	fi
}

# start_driver DEVICES [PARAMETER]...
start_driver()
{
	names=$(echo "$1" | tr ' ' ,)
	shift
	modprobe "$MODULE" devices="$names" "$@" && wait_for 15 has_iommus &&
		insmod ./ipmmu_master.ko
}

# Later kernels put PCI functions without a driver behind the IOMMU, too, and
# each of them holds on to the driver.
stop()
{
	for group in /sys/bus/pci/devices/*/iommu_group; do
		[ ! -e "$group" ] || echo 1 > "$(dirname "$group")/remove"
	done
	rmmod ipmmu_master && rmmod ipmmu_vmsa_deferred && rmmod ipmmu_soc
}

# dma NAME: what its DMA does, in one word if all micro-TLBs agree
dma()
{
	sort -u "$PLATFORM/$1/dma" | tr '\n' ' ' | sed 's/ $//'
}

# expect_dma WHAT NAME...
expect_dma()
{
	expected=$1
	shift
	for name; do
		[ "$(dma "$name")" = "$expected" ] || {
			echo "$name: $(dma "$name"), and not $expected"
			return 1
		}
	done
}

# said_once NAME WORDS: one line of the log about this master has them
said_once()
{
	count=$(dmesg | tail -n +"$((log_lines + 1))" | grep "$1: not translated" | grep -c -e "$2")
	[ "$count" = 1 ] || { echo "$count lines say that $1 is not translated ($2)"; return 1; }
}

said_nothing()
{
	! dmesg | tail -n +"$((log_lines + 1))" | grep "$1: not translated"
}

# Each driver that is tried on a master has the core ask again
try_again()
{
	for name in $SD ec100000.mmc; do
		echo "$name" > "/sys/bus/platform/drivers/ipmmu-master/unbind"
		echo "$name" > "/sys/bus/platform/drivers/ipmmu-master/bind"
	done
}

# masters allow|deny SOC
masters()
{
	# shellcheck disable=SC2086 # lists of words
	if [ "$1" = deny ]; then
		expect_dma direct $SD $NAMED ec100000.mmc || return
		for name in $SD $NAMED ec100000.mmc; do
			said_once "$name" "IPMMU of $2.*errata" || return
		done
		return
	fi
	# shellcheck disable=SC2086
	expect_dma translated $SD $NAMED && expect_dma direct ec100000.mmc &&
		said_once ec100000.mmc "$2, devices=ec100000.mmc" || return
	for name in $SD $NAMED; do
		said_nothing "$name" || return
	done
}

# bits NUMBER: the root says that; and debugfs
bits()
{
	grep -q "va_bits $1\$" "/sys/kernel/debug/$MODULE/contexts" || {
		head -n 1 "/sys/kernel/debug/$MODULE/contexts"
		return 1
	}
}

is_among()
{
	case " $2 " in *" $1 "*) return 0;; esac
	return 1
}

# caching cache|nocache: DISCACHE of all IPMMUs, and USE_SECGRP of none
caching()
{
	while read -r name value; do
		wanted=0x00000000
		[ "$1" = cache ] || ! is_among "$name" "$A3XX" || wanted=0xe0000000
		[ "$value" = "$wanted" ] || {
			echo "IMSCTLR of $name is $value, and not $wanted"
			return 1
		}
	done < /sys/module/ipmmu_soc/parameters/imsctlr
}

# one_soc NUMBER REVISION IPMMU BITS CACHING MASTERS NAME
one_soc()
{
	log_mark
	start_soc "$1" "$2" "$3" && start_driver "$NAMED" && try_again &&
		masters "$6" "$7" && bits "$4" && caching "$5" && ./witness verdict && return
	log_show
	return 1
}

soc_case()
{
	ktap_check "$1_$2_as_$3" one_soc "$@"
	! at_least_6_12 || stop
}

# 39 bits asked for where they are not known to work: they are used, with a
# warning
asked_for_39()
{
	log_mark
	start_soc - - "$1" && start_driver "$NAMED" va_bits=39 && bits 39 || return
	log_since "not known to walk 39-bit tables, va_bits=39 asks for them" &&
		expect_dma translated ee140000.mmc && ./witness verdict
}

said()
{
	log_since "$1" || { echo "no word about \"$1\" in the log"; log_show; false; }
}

VIDEO="e6e00000.video e6e20000.video e6e40000.video"
ODD="e6f00000.stray e6fa0000.same e6f20000.last e6f40000.beyond e6f60000.early e6f80000.cross"

# said_about NAME WORDS: in one line, although the core asks again and again
said_about()
{
	count=$(dmesg | tail -n +"$((log_lines + 1))" | grep "$1: " | grep -c -e "$2")
	[ "$count" = 1 ] || { echo "$count lines say of $1: $2"; log_show; return 1; }
}

# has_no WHAT NAME...
has_no()
{
	what=$1
	shift
	for name; do
		[ ! -e "$PLATFORM/$name/$what" ] || { echo "$name has a $what"; return 1; }
	done
}

# Two masters on a micro-TLB each, one on both; one behind two IPMMUs, and after
# it one on a micro-TLB of it; another behind two, and before it one on a
# micro-TLB of it; one on the last micro-TLB, one on the next. Those that cannot
# be served are blocked, on each of their micro-TLBs, or get no driver where
# others are at work there, and the log says so.
odd_masters()
{
	log_mark
	start_soc - - "$1" && start_driver "$VIDEO $ODD" || return
	expect_dma translated e6e00000.video e6e20000.video e6f20000.last e6f60000.early || return
	said_about e6e40000.video "micro-TLB .* is shared with a master of another group" &&
		said_about e6f00000.stray "is behind .* a master may have one IPMMU" &&
		said_about e6fa0000.same "micro-TLB 40 of .* is blocked" &&
		said_about e6f40000.beyond "micro-TLB 64 of .* is out of range" &&
		said_about e6f80000.cross "is behind .* a master may have one IPMMU" || return
	has_no iommu_group e6e40000.video e6f00000.stray e6fa0000.same e6f40000.beyond \
		e6f80000.cross && has_no driver e6e40000.video e6f80000.cross || return
	expect_dma blocked e6f00000.stray e6fa0000.same e6f40000.beyond && ./witness verdict
}

# Masters on one micro-TLB are one group, one on many has one group to itself
groups()
{
	group_of fea20000.fcp && fcp=$group && group_of fea40000.fcp || return
	[ "$group" = "$fcp" ] || { echo "the two fcp are in groups $fcp and $group"; return 1; }
	group_of e6700000.dma-controller && [ "$group" != "$fcp" ]
}

group_of()
{
	group=$(basename "$(readlink "$PLATFORM/$1/iommu_group")")
	[ -n "$group" ] || { echo "$1 has no group"; return 1; }
}

blocking_context()
{
	sed -n 's/^context \([0-9]*\) blocking .*/\1/p' "/sys/kernel/debug/$MODULE/contexts"
}

gone()
{
	printf %s "$1" > /sys/module/ipmmu_master/parameters/remove && ! [ -e "$PLATFORM/$1" ]
}

# Of two masters on a micro-TLB one goes: the other is not disturbed. With the
# last one the micro-TLB is blocked, and not let through.
masters_go()
{
	gone fea20000.fcp && expect_dma translated fea40000.fcp && gone fea40000.fcp || return
	left=$(grep ' masters none$' "/sys/kernel/debug/$MODULE/utlbs")
	echo "$left"
	[ -n "$left" ] && ! echo "$left" | grep -v " context $(blocking_context) masters none\$"
}

grouping()
{
	start_soc - - "$1" && start_driver "$NAMED" && groups && masters_go && ./witness verdict
}

# groups_among NAME...: how many different ones they are in
groups_among()
{
	for name; do
		group_of "$name"
		echo "$group"
	done | sort -u | wc -l
}

# Seven groups and, on Gen3, six contexts: one group has none, and is blocked
each_utlb()
{
	blocked=0
	for name; do
		case $(dma "$name") in
		translated) ;;
		blocked) blocked=$((blocked + 1));;
		*) expect_dma translated "$name"; return;;
		esac
	done
	if is_gen4; then
		[ "$blocked" = 0 ] && [ "$(groups_among "$@")" = 7 ]
	else
		[ "$blocked" -gt 0 ] && [ "$blocked" -le 2 ] && said "has no context left"
	fi
}

# Masters behind three caches, on seven micro-TLBs: a cache has more than one
grouping_is()
{
	log_mark
	start_soc - - "$1" && start_driver "$NAMED $ETHERNET" grouping="$2" || return
	by=$2
	# shellcheck disable=SC2086 # lists of words
	set -- $SD $NAMED $ETHERNET
	if [ "$by" = utlb ]; then
		each_utlb "$@"
	else
		expect_dma translated "$@"
	fi || return
	echo "$(groups_among "$@") groups"
	# shellcheck disable=SC2086
	case $by in
	root) [ "$(groups_among "$@")" = 1 ];;
	cache) [ "$(groups_among "$@")" = 3 ] && [ "$(groups_among $SD)" = 1 ];;
	esac && ./witness verdict
}

# From 6.15 on the kernel warns (WARN) of a device whose domain was refused when
# it was found, and which is tried again when its driver comes.
grouping_case()
{
	if [ "$2" = utlb ] && ! is_gen4 && ! kernel_before 6 15; then
		ktap_skip "grouping_$2" "this kernel warns of masters without a domain"
		return
	fi
	ktap_check "grouping_$2" grouping_is "$1" "$2"
	stop
}

./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
[ -e "$PLATFORM/ee100000.mmc" ] || ktap_skip_all "no emulated masters beside PCI here"
[ -e ipmmu_soc.ko ] || ktap_skip_all "this kernel has no CONFIG_SOC_BUS"
! [ -d "$MODULE_SYS" ] || ktap_skip_all "the driver is loaded already"

if is_gen4; then
	cases=$GEN4 more=6 own=ipmmu-r8a779g0
else
	cases=$GEN3 more=4 own=ipmmu-r8a7795
fi
if ! at_least_6_12; then
	cases=$(echo "$cases" | sed -n 2p) more=0
fi
ktap_plan $(($(echo "$cases" | grep -c .) + more))
while read -r line; do
	# shellcheck disable=SC2086 # a line of words
	[ -z "$line" ] || soc_case $line
done <<END
$cases
END
if [ "$more" -gt 0 ]; then
	ktap_check "grouping" grouping "$own"
	stop
	grouping_case "$own" root
	grouping_case "$own" cache
	grouping_case "$own" utlb
fi
if [ "$more" -gt 4 ]; then
	ktap_check "asked_for_39" asked_for_39 "$own"
	stop
	ktap_check "odd_masters" odd_masters "$own"
	stop
fi
ktap_end
