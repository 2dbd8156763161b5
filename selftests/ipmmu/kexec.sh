#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Another kernel is started by kexec. Before it has the driver, a disk behind
# the IPMMU works as it does after a reset, untranslated; when it has, the disk
# is translated. The results are those of the second kernel, unless it does not
# come.
#
# Copyright (C) 2026 The ipmmu-deferred authors

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh
# shellcheck source=next_kernel.sh
. ./next_kernel.sh

driver_takes_disk()
{
	rmmod nvme
	load_driver
	./witness clear
	disk_translated
}

second()
{
	echo "TAP version 13"
	echo "1..8"
	./witness clear
	ktap_check "without_driver_disk" disk_there
	ktap_check "without_driver_same" disk_same
	ktap_check "without_driver_untranslated" counted_some bypasses
	ktap_check "without_driver_no_fault" counted_zero faults
	ktap_check "driver_takes_disk" driver_takes_disk
	ktap_check "with_driver_same" disk_same
	ktap_check "with_driver_no_bypass" counted_zero bypasses
	ktap_check "second_verdict" ./witness verdict
	ktap_end
}

[ "$1" != second ] || second
next_kernel_or_skip

ktap_plan 5
ktap_check "disk" disk_there
ktap_check "written" disk_write
ktap_check "translated" counted_some translations
ktap_check "initrd" make_initrd kexec.sh
ktap_check "verdict" ./witness verdict
# The runner shows what was said above when this ends, which it does not now
[ "$ktap_failed" = 0 ] || ktap_end
./kexec_now "$IMAGE" "$INITRD"
echo "not ok 6 kexec"
exit 1
