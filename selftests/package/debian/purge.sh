#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The package away again, by its own scripts alone.

# shellcheck source=lib.sh
. ./lib.sh

not_known_to_dpkg()
{
	! dpkg-query -W ipmmu-deferred-dkms
}

take_clone
ktap_plan 6
ktap_check purge follows "Of the package"
ktap_check not_known_to_dpkg not_known_to_dpkg
ktap_check no_entry no_entry
ktap_check in_no_initramfs in_no_initramfs
ktap_check no_file no_file
ktap_check no_mention no_mention
ktap_end
