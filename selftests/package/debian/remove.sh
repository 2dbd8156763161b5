#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# All of it away again, for all kernels.

# shellcheck source=lib.sh
. ./lib.sh

# In the document by words alone
off_the_list()
{
	# shellcheck disable=SC2086
	types "sudo sed -i $(printf -- '-e /^%s$/d ' $NAMES) $LIST"
}

renews_initramfs()
{
	# shellcheck disable=SC2016
	types "$(sed -n 's/.*`\(sudo update-initramfs[^`]*\)`.*/\1/p' "$DOCUMENT")"
}

take_clone
ktap_plan 8
ktap_check remove follows "To get rid of everything"
ktap_check off_the_list off_the_list
ktap_check renews_initramfs renews_initramfs
ktap_check no_entry no_entry
ktap_check in_no_initramfs in_no_initramfs
ktap_check no_file no_file
ktap_check no_mention no_mention
ktap_check list_as_before cmp $LIST $LIST_BEFORE
ktap_end
