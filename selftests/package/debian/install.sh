#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The modules by DKMS, and into the initramfs, on a Debian that has none of it.

# shellcheck source=lib.sh
. ./lib.sh

serves()
{
	wait_for 60 has_iommus
	dmesg | grep 'ipmmu.*main IPMMU'
}

take_clone
cp $LIST $LIST_BEFORE
ktap_plan 7
ktap_check install follows "Or with DKMS"
ktap_check built built "$RELEASE"
ktap_check signed signed "$RELEASE"
ktap_check modprobe types "$(./commands "Needs Linux" "$DOCUMENT" | grep modprobe)"
ktap_check serves serves
ktap_check initramfs follows "Debian's initramfs takes the modules that a list names"
ktap_check in_initramfs both_in_initramfs "$RELEASE"
ktap_end
