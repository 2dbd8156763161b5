#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test-limits.sh: a test that runs into its time limit says so, and limits go with
# the speed of the machine. Runs on this machine, no emulator. Speaks KTAP.
set -u
. "$(dirname "$0")/lib/common.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

# check NAME STATUS TEXT COMMAND...: "" for no word of a limit
check()
{
	local name=$1 wanted=$2 text=$3 status=0

	shift 3
	number=$((number + 1))
	"$@" > "$work/out" 2>&1 || status=$?
	if [ $status -eq "$wanted" ] &&
		[ "$(grep -o 'ran into its time limit of [0-9]* s' "$work/out")" = "$text" ]; then
		echo "ok $number $name"
	else
		sed 's/^/# /' "$work/out"
		echo "not ok $number $name # status $status"
		failed=1
	fi
}

# The guest's shell has busybox's timeout, of which this is all that is used.
printf '#!/bin/sh\nshift\nexec timeout "$@"\n' > "$work/busybox"
chmod +x "$work/busybox"
export PATH=$work:$PATH

limited=(sh "$MACHINE/guest/timeout")

cat > "$work/test.c" << 'END'
#include "kselftest_harness.h"
FIXTURE(limit) {};
FIXTURE_SETUP(limit) {}
FIXTURE_TEARDOWN(limit) {}
TEST_F_TIMEOUT(limit, slow, 1)
{
	sleep(2);
}
TEST_HARNESS_MAIN
END
gcc -w -O1 -I"$TOP/selftests/include" -I"$BUILD/kselftest" -o "$work/test" \
	"$work/test.c" || die "the test does not compile"

echo "TAP version 13"
echo "1..6"
check "a program ends in time" 0 "" "${limited[@]}" 10 true
check "a program that takes too long says so" 124 "ran into its time limit of 1 s" \
	"${limited[@]}" 1 sleep 3
# As kselftest's runner has it: of two limits the inner speaks
check "a program under the runner says so" 124 "ran into its time limit of 1 s" \
	"${limited[@]}" --foreground 1 "${limited[@]}" 1 sleep 3
check "a program on a slow machine has time" 0 "" \
	env TIME_SCALE=9 "${limited[@]}" 1 sleep 2
check "a test that takes too long says so" 1 "ran into its time limit of 1 s" \
	"$work/test"
check "a test on a slow machine has time" 0 "" env TIME_SCALE=9 "$work/test"
exit $failed
