#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of the demonstration: an NVMe disk through the DMA API, then
# a device in the hands of a VFIO user.

cd "$(dirname "$0")" || exit 1

section()
{
	echo
	echo "== $1"
}

# fail WORDS
fail()
{
	echo "FAILED: $1"
	exit 1
}

section "loading io-pgtable-arm-deferred and ipmmu-vmsa-deferred on $(uname -r)"
modprobe ipmmu-vmsa-deferred || fail "the modules do not load"
caches=$(find /sys/firmware/devicetree/base/ -name renesas,ipmmu-main | wc -l)
tries=150
while [ "$(find /sys/class/iommu/ -type l | wc -l)" -lt "$caches" ]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || fail "not all of $caches cache IPMMUs were taken within 15 s"
	sleep 0.1
done
for iommu in /sys/class/iommu/*; do
	echo "  $(basename "$iommu") is served"
done

section "NVMe behind the IPMMU: random data written and read back"
../ipmmu/nvme.sh || fail "the NVMe test"

section "VFIO: 16 GiB of IOVA in pages of 4 KiB, below and above 4 GiB"
./vfio_copy || fail "the VFIO program"
exit 0
