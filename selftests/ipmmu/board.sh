#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A host as it is, real hardware above all: every IPMMU of the device tree is
# served, what is behind them is translated, disks there are read right (and are
# only read), and nothing goes wrong meanwhile that the driver or the kernel
# would notice.

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

# MiB of each disk that are read, twice
SIZE=${BOARD_TEST_MIB:-64}
DRIVER_FILES=/sys/kernel/debug/ipmmu-vmsa-deferred
LIBRARY_FILES=/sys/kernel/debug/io-pgtable-arm-deferred

# groups: IOMMU groups whose devices are behind one of these IPMMUs
groups()
{
	for group in /sys/kernel/iommu_groups/*; do
		for device in "$group"/devices/*; do
			case $(readlink "$device/iommu") in
			*.iommu) echo "$group";;
			esac
			break
		done
	done
}

tell_groups()
{
	for group in $(groups); do
		echo "group ${group##*/}: $(cat "$group/type"), $(cd "$group/devices" && echo *)"
	done
}

# Identity is what the kernel was asked for, or what an administrator has
# chosen.
all_translated()
{
	for group in $(groups); do
		case $(cat "$group/type") in
		DMA|DMA-FQ|unmanaged|blocked) ;;
		*) echo "group ${group##*/} is not translated: $(cat "$group/type")"; return 1;;
		esac
	done
}

# behind DEVICE: is it, or what it is a part of, in one of the groups?
behind()
{
	node=$(readlink -f "$1")
	while [ "$node" != /sys ] && [ "$node" != / ]; do
		if [ -e "$node/iommu_group" ]; then
			groups | grep -qx "$(readlink -f "$node/iommu_group")"
			return
		fi
		node=$(dirname "$node")
	done
	return 1
}

# Whole disks with something on them to read, by name
disks()
{
	for disk in /sys/block/*; do
		[ -e "$disk/device" ] && [ "$(cat "$disk/size")" -ge 2048 ] &&
			behind "$disk/device" && basename "$disk"
	done
}

# From the disk, not from what is left of it in memory
read_once()
{
	blockdev --flushbufs "/dev/$1" && sync && echo 3 > /proc/sys/vm/drop_caches &&
		dd if="/dev/$1" bs=65536 count=$((SIZE * 16)) 2> /dev/null | sha256sum
}

read_same()
{
	first=$(read_once "$1") && second=$(read_once "$1") || return 1
	echo "$1: $SIZE MiB, ${first%% *}"
	[ "$first" = "$second" ]
}

all_read_same()
{
	same=0
	for name in $disks; do
		read_same "$name" || same=1
	done
	return "$same"
}

flushes()
{
	awk '$1 == "context" { for (i = 1; i < NF; i++) if ($i == "flushes") sum += $(i + 1) }
	     END { print sum + 0 }' "$DRIVER_FILES/contexts"
}

more_flushes()
{
	echo "flushes: $before before, $(flushes) now"
	[ "$(flushes)" -gt "$before" ]
}

no_quarantine()
{
	cat "$DRIVER_FILES/contexts" && ! grep -q quarantined "$DRIVER_FILES/contexts"
}

nothing_pending()
{
	[ "$(cat "$LIBRARY_FILES/pending")" = 0 ]
}

# Of the driver since the boot, of the kernel since this test began. The title
# of a data race (KCSAN) does not say whose it is, and the kernel has many of
# its own, in pipes for one: selftests/machine/lib/verdict.sh reads the whole
# report.
no_trouble()
{
	! dmesg | grep -E 'ipmmu.*(fault|not done after|quarantine)|not translated' &&
	! dmesg | tail -n +"$((log_lines + 1))" | grep -v 'BUG: KCSAN: ' |
		grep -E 'WARNING: |BUG: |Oops|Internal error|I/O error|blocked for more'
}

# needs NAME WORDS COMMAND...: for what some hosts do not have
needs()
{
	name=$1 lack=$2 have=$3
	shift 3
	if [ -n "$have" ]; then
		ktap_check "$name" "$@"
	else
		ktap_skip "$name" "$lack"
	fi
}

has_ipmmu_node || ktap_skip_all "no IPMMU in the device tree"
load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"

# Drivers of devices that waited for the IPMMU are tried once more by now.
has_groups()
{
	[ -n "$(groups)" ]
}

wait_for 10 has_groups
sleep 2
log_mark
translated=$(! grep -q 'iommu.passthrough=1' /proc/cmdline && groups)
disks=$(disks)
files=$(! [ -e "$DRIVER_FILES/contexts" ] || echo yes)
disk_files=${disks:+$files}
ktap_plan 8
ktap_check board_all_served has_iommus
needs board_groups "no device is behind an IPMMU, or its driver came first" "$(groups)" tell_groups
needs board_translated "no device there, or iommu.passthrough=1" "$translated" all_translated
before=$([ -z "$files" ] || flushes)
needs board_read_same "no disk is behind an IPMMU" "$disks" all_read_same
needs board_flushes "no disk is behind an IPMMU, or no debugfs" "$disk_files" more_flushes
needs board_contexts "no debugfs" "$files" no_quarantine
needs board_nothing_pending "no debugfs" "$files" wait_for 30 nothing_pending
ktap_check board_no_trouble no_trouble
ktap_end
