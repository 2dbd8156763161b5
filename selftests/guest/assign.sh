#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The host's part of "make demo-guest": gives an NVMe disk behind the IPMMU to a
# guest of Debian's QEMU with KVM, as in the README, and kills it in mid-I/O.
#
#	assign.sh ROUNDS MIB...
#
# For each size of guest memory and in each round once with deferred=1 and once
# with deferred=0. /dev/vda has the user space with QEMU. Each run prints a line
# "run ...".

cd "$(dirname "$0")" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ../ipmmu/ktap.sh
# shellcheck source=vfio.sh
. ./vfio.sh

MIB=32
RESULT=/tmp/result
SECTION=1048576

# fail WORDS
fail()
{
	echo "FAILED: $1"
	exit 1
}

# disk_sum OFFSET: of as many MiB as the guest reads and writes
disk_sum()
{
	sum=$(dd if=/dev/nvme0n1 bs=$SECTION skip="$1" count=$MIB iflag=direct \
		2> /dev/null | sha256sum)
	echo "${sum%% *}"
}

host_writes()
{
	give_to nvme || fail "nvme does not take $function"
	wait_for 15 test -b /dev/nvme0n1 || fail "no disk in the host"
	dd if=/dev/urandom of=/dev/nvme0n1 bs=$SECTION count=$MIB conv=fsync \
		2> /dev/null || fail "the host cannot write to the disk"
	host_wrote=$(disk_sum 0)
}

host_reads()
{
	give_to nvme || fail "nvme does not take $function"
	wait_for 15 test -b /dev/nvme0n1 || fail "no disk in the host"
	host_read=$(disk_sum $MIB)
}

# qemu MIB [COMMAND...]: the command line of the README, run by COMMAND
qemu()
{
	memory=$1
	shift
	"$@" chroot $USERLAND qemu-system-aarch64 \
		-machine "virt,gic-version=host$machine" -accel kvm -cpu host -smp 1 \
		-m "$memory" -nodefaults -display none -serial stdio \
		-kernel /tmp/Image -initrd /tmp/guest.cpio \
		-append "console=ttyAMA0 quiet panic=-1 guest.mib=$MIB" \
		-device "vfio-pci,host=$function"
}

# Where nothing isolates the interrupts of devices, that has to be allowed.
refused_or_allowed()
{
	[ $gic = GICv2 ] || return 0
	give_to vfio-pci || fail "vfio-pci does not take $function"
	if qemu 256 timeout 60 > /tmp/refused 2>&1 < /dev/null; then
		fail "QEMU ran although interrupts are not isolated"
	fi
	grep -i "not permitted" /tmp/refused ||
		fail "QEMU fails for another reason: $(cat /tmp/refused)"
	echo "  refused without allow_unsafe_interrupts=1, as it should be"
	echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
}

# value NAME: of the result
value()
{
	tr ' ' '\n' < $RESULT | sed -n "s/^$1=//p"
}

same()
{
	[ "$2" = "$3" ] || fail "$1: $2 and $3"
	echo "  $1: $(echo "$2" | cut -c 1-16)..."
}

# run MIB DEFERRED
run()
{
	echo
	echo "== $1 MiB for the guest, deferred=$2, $gic"
	echo "$2" > $LIBRARY_SYS/parameters/deferred
	../ipmmu/witness clear
	host_writes
	give_to vfio-pci || fail "vfio-pci does not take $function"
	qemu "$1" ./assigned $RESULT || fail "the run with $1 MiB"
	host_reads
	same "host wrote, guest read" "$host_wrote" "$(value read)"
	same "guest wrote, host read" "$(value wrote)" "$host_read"
	../ipmmu/witness verdict || fail "programming errors in the driver"
	[ "$(../ipmmu/witness bypasses)" = 0 ] || fail "DMA that was not translated"
	echo "run memory=$1 deferred=$2 gic=$gic $(cat $RESULT)"
}

[ $# -ge 2 ] || fail "usage: assign.sh ROUNDS MIB..."
rounds=$1
shift
function=$(nvme_function)
gic=GICv2
! grep -q GICv3 /proc/interrupts || gic=GICv3
mount_userland || fail "no user space on /dev/vda"
cp /boot/Image /guest.cpio $USERLAND/tmp
load_driver || fail "ipmmu-vmsa-deferred does not load or serves nothing"
modprobe nvme
modprobe vfio_iommu_type1
modprobe vfio-pci
# So that the domain has tables of all levels
echo never > /sys/kernel/mm/transparent_hugepage/enabled

# Both places of BARs: 512 GiB, where QEMU warns that it cannot map them, and
# below 4 GiB
machine=
[ $gic = GICv3 ] || machine=,highmem=off
refused_or_allowed

round=1
while [ "$round" -le "$rounds" ]; do
	for mib; do
		run "$mib" 1
		run "$mib" 0
	done
	round=$((round + 1))
done
