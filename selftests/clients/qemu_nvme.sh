#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's NVMe driver in user space (nvme://) on a disk behind the IPMMU: an
# image is written, compared and read back, I/O is killed while it is under way.
# In the emulated host that driver loses a completion now and then, behind
# QEMU's SMMUv3 and the kernel's own driver as well: what hangs is tried again,
# and counted.

cd "$(dirname "$0")/../ipmmu" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ./ktap.sh
# shellcheck source=../guest/vfio.sh
. ../guest/vfio.sh

MIB=${CLIENTS_MIB:-64}
TRIES=12
PARTS=8			# of a read
DATA=/tmp/data		# as the programs see it
LOST=/tmp/lost		# a line for each
HUNG=/tmp/hung

# image COMMAND ARGUMENT...: of qemu-img, again if it hangs
image()
{
	image_tries=$TRIES
	while [ "$image_tries" -gt 0 ]; do
		chroot "$USERLAND" qemu-img "$@" &
		image_pid=$!
		kill_hung "$image_pid" &
		wait "$image_pid"
		image_status=$?
		# Killed is what hung. All else is the result, and has no second
		# try.
		[ "$image_status" = 137 ] || return "$image_status"
		echo "$1" >> "$LOST"
		image_tries=$((image_tries - 1))
	done
	return 124
}

sum()
{
	sha256sum < "$USERLAND$1" | cut -d ' ' -f 1
}

write_disk()
{
	image convert -n -f raw -O raw "$DATA" "$disk"
}

# The disk is larger than the image, and the rest of it is zero
compare_disk()
{
	image compare -f raw -F raw "$DATA" "$disk"
}

# In parts, so that a completion that is lost costs no more than one of them
read_disk()
{
	part=$((MIB * 1048576 / PARTS))
	: > "$USERLAND$DATA.back"
	for read_part in $(seq 0 $((PARTS - 1))); do
		image convert -O raw --image-opts "driver=raw,offset=$((read_part * part)),size=$part,\
file.driver=nvme,file.device=$function,file.namespace=1" "$DATA.part" || return 1
		cat "$USERLAND$DATA.part" >> "$USERLAND$DATA.back"
		rm "$USERLAND$DATA.part"
	done
	echo "written $(sum "$DATA")"
	echo "read    $(sum "$DATA.back")"
	[ "$(sum "$DATA")" = "$(sum "$DATA.back")" ]
}

bench_disk()
{
	image bench -f raw -c 500 -d 8 -s 65536 "$disk"
}

# One that hangs is killed for it, and what waits for its DMA notices the end at
# once, though the tasks beside it have the same pipe to write to
hang_noticed()
{
	! killed sleep 100000 > "$HUNG" || return 1
	cat "$HUNG"
	grep -q "it hangs" "$HUNG" && grep -qx "failed: QEMU ended" "$HUNG"
}

# What hangs is killed too soon
kill_busy()
{
	kill_tries=$TRIES
	until killed chroot "$USERLAND" qemu-img bench -w -f raw -c 100000000 -d 8 -s 65536 \
			"$disk"; do
		echo kill >> "$LOST"
		kill_tries=$((kill_tries - 1))
		[ "$kill_tries" -gt 0 ] || return 1
	done
}

translated()
{
	count=$(./witness translations)
	echo "$count translations"
	[ "$count" -ge $((MIB * 256)) ]
}

function=$(nvme_function)
[ -n "$function" ] || ktap_skip_all "no NVMe controller here"
mount_userland || ktap_skip_all "no user space on /dev/vda"
load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"
modprobe vfio_iommu_type1 allow_unsafe_interrupts=1
modprobe vfio-pci
# By way of the host's driver the device gets its group, as on any host
modprobe nvme
wait_for 15 test -b /dev/nvme0n1
./witness clear
disk=nvme://$function/1
: > $LOST
dd if=/dev/urandom of=$USERLAND$DATA bs=1048576 count="$MIB" 2> /dev/null

ktap_plan 11
ktap_check "bind" give_to vfio-pci
live=$(live_tables)
ktap_check "convert" write_disk
ktap_check "compare" compare_disk
ktap_check "read_same" read_disk
ktap_check "bench" bench_disk
ktap_check "hang_noticed" hang_noticed
ktap_check "killed_in_mid_dma" kill_busy
ktap_check "tables_back" tables_back "$live"
ktap_check "translations" translated
ktap_check "no_bypass" counted_zero bypasses
ktap_check "verdict" ./witness verdict
echo "# completions lost: $(wc -l < $LOST)"
ktap_end
