#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Since 5.19 VFIO needs DMA that is coherent with the caches. Where the device
# tree does not promise that, a device is refused, unless the administrator
# promises it.

cd "$(dirname "$0")" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ./ktap.sh

function=$(pci_functions 0x1234:0x1de1 | head -n 1)

coherent()
{
	bridge=$(readlink -f "/sys/bus/pci/devices/$function")
	while [ "$bridge" != /sys/devices ]; do
		[ ! -e "$bridge/of_node/dma-coherent" ] || return 0
		bridge=$(dirname "$bridge")
	done
	return 1
}

promised()
{
	[ "$(cat "$MODULE_SYS/parameters/assume_coherent")" = Y ]
}

bound()
{
	[ -e "/sys/bus/pci/drivers/vfio-pci/$function" ]
}

bind()
{
	echo vfio-pci > "/sys/bus/pci/devices/$function/driver_override"
	echo "$function" > /sys/bus/pci/drivers_probe
	bound
}

unbind()
{
	! bound || echo "$function" > /sys/bus/pci/drivers/vfio-pci/unbind
	echo > "/sys/bus/pci/devices/$function/driver_override"
}

refused()
{
	if bind; then
		unbind
		echo "vfio-pci took $function, whose DMA is not coherent"
		return 1
	fi
	unbind
}

[ -n "$function" ] || ktap_skip_all "no ipmmu-dma device here"
load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"
modprobe vfio-pci || ktap_skip_all "no vfio-pci"

ktap_plan 1
if coherent; then
	ktap_check "coherent_taken" bind
elif promised; then
	ktap_check "promised_taken" bind
elif kernel_before 5 19; then
	ktap_skip "not_coherent_refused" "VFIO does not insist on coherency before 5.19"
else
	ktap_check "not_coherent_refused" refused
fi
unbind
ktap_end
