# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154
#
# For scripts that have other programs drive a device by VFIO: Debian's user
# space, and the device. Sourced, with ktap.sh before.

USERLAND=/debian

# Debian's programs are on a disk that is not behind the IPMMU.
mount_userland()
{
	modprobe virtio_blk
	modprobe ext4
	wait_for 15 test -b /dev/vda
	mkdir -p "$USERLAND"
	mount -o ro /dev/vda "$USERLAND" || return 1
	mount --bind /dev "$USERLAND/dev"
	mount --bind /proc "$USERLAND/proc"
	mount --bind /sys "$USERLAND/sys"
	mount -t tmpfs tmpfs "$USERLAND/tmp"
}

# The first NVMe controller, by its place on the bus
nvme_function()
{
	pci_path=$(grep -l 0x010802 /sys/bus/pci/devices/*/class | head -n 1)
	[ -n "$pci_path" ] && basename "$(dirname "$pci_path")"
}

# give_to DRIVER: the device $function
give_to()
{
	device=/sys/bus/pci/devices/$function
	[ ! -e "$device/driver" ] || echo "$function" > "$device/driver/unbind"
	echo "$1" > "$device/driver_override"
	echo "$function" > /sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink "$device/driver")")" = "$1" ]
}

# Tables that the library has, those that wait to be freed among them
live_tables()
{
	cat /sys/kernel/debug/io-pgtable-arm-deferred/live
}

# tables_back NUMBER: as many as there were once?
tables_back()
{
	tables_were=$1
	wait_for 60 tables_are "$1"
	echo "tables: $tables_were before, $(live_tables) now"
	tables_are "$1"
}

tables_are()
{
	[ "$(live_tables)" -le "$1" ]
}

# life PID: changes whenever the process runs
life()
{
	grep ctxt_switches "/proc/$1/status"
	cut -d ' ' -f 14,15 "/proc/$1/stat"
}

# kill_hung PID: kills it when it has not run for fifteen looks at it, and says
# so. They are as far apart as this machine is slow, so that there is no limit
# in time: one that has work to do, and no answer to wait for, has run by then.
kill_hung()
{
	hung_looks=0 hung_last=
	while kill -0 "$1" 2> /dev/null; do
		hung_now=$(life "$1" 2> /dev/null)
		[ "$hung_now" = "$hung_last" ] || hung_looks=0
		hung_last=$hung_now
		hung_looks=$((hung_looks + 1))
		if [ "$hung_looks" -gt 15 ]; then
			echo "it hangs"
			kill -9 "$1"
			return
		fi
		sleep 1
	done
}

# killed COMMAND...: a program that has a device is killed in mid-DMA; no page
# stays pinned, no table is left. "assigned" says what it has measured.
killed()
{
	killed_result=/tmp/killed
	../guest/assigned "$killed_result" ../clients/busy.sh "$@" || return 1
	cat "$killed_result"
	tr ' ' '\n' < "$killed_result" | grep -qx 'left=0'
}
