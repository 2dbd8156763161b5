#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A later kernel from the packages of Debian: theirs and DKMS' hooks do the rest.

# shellcheck source=lib.sh
. ./lib.sh

installs()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q --yes --no-install-recommends \
		install ./later/*.deb
}

is_later()
{
	echo "$RELEASE, then $new"
	[ "$new" != "$RELEASE" ]
}

take_clone
ktap_plan 8
ktap_check apt installs
new=$(newest_kernel)
ktap_check is_later is_later
ktap_check dkms_knows_new knows "$new"
ktap_check dkms_knows_old knows "$RELEASE"
ktap_check built built "$new"
ktap_check signed signed "$new"
ktap_check in_initramfs both_in_initramfs "$new"
ktap_check still_in_old both_in_initramfs "$RELEASE"
ktap_end
