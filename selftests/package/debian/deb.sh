#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The package that "make deb" has made on another machine, on a Debian that has
# none of it.

# shellcheck source=lib.sh
. ./lib.sh

installs()
{
	types "$(./commands "Or as a Debian package" "$DOCUMENT" | grep 'apt install')"
}

# The engineer's own list is not what brings the modules into the initramfs.
list_untouched()
{
	! grep deferred "$LIST"
}

take_clone
ktap_plan 6
ktap_check install installs
ktap_check dkms_knows knows "$RELEASE"
ktap_check built built "$RELEASE"
ktap_check signed signed "$RELEASE"
ktap_check in_initramfs both_in_initramfs "$RELEASE"
ktap_check list_untouched list_untouched
ktap_end
