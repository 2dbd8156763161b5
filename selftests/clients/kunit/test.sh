#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: the KUnit cases that the newest kernel has for its own
# io-pgtable-arm, run on the library in user space. Their source comes from
# Debian's linux-source package; nothing of it is kept here. Speaks KTAP.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../machine/lib/common.sh"
. "$here/../../machine/lib/packages.sh"
. "$here/../../bench/lib/source.sh"

SERIES=7.3
CASES="drivers/iommu/io-pgtable-arm-selftests.c drivers/iommu/io-pgtable-arm.h"

folder=$BUILD/clients/kunit
out=$BUILD/user

take_cases()
{
	use_suite "$(suite_of $SERIES)"
	# shellcheck disable=SC2086
	take_sources linux-source-$SERIES "$folder.new" $CASES
	rm -rf "$folder"
	mv "$folder.new" "$folder"
}

echo "TAP version 13"
if ! is_done "$folder"; then
	status=0
	(take_cases) >&2 || status=$?
	if [ $status -eq $STATUS_ABSENT ]; then
		echo "1..0 # SKIP there is no source of Linux $SERIES"
		exit $STATUS_ABSENT
	fi
	[ $status -eq 0 ] || exit $status
fi
echo "1..1"
make --no-print-directory -C "$TOP/selftests/user" -f "$here/kunit.mk" \
	OUTPUT="$out" CASES="$folder" >&2
status=0
"$out/kunit/run" > "$out/kunit/log" || status=$?
if [ $status -eq 0 ]; then
	tail -n 2 "$out/kunit/log"
	echo "ok 1 io_pgtable_arm_of_$SERIES"
else
	grep -B 1 FAILED "$out/kunit/log" || tail -n 20 "$out/kunit/log"
	echo "not ok 1 io_pgtable_arm_of_$SERIES"
fi
exit $status
