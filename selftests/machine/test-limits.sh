#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test-limits.sh: a test that runs into its time limit says so, limits go with
# the speed of the machine, and what a kernel's log says is taken for trouble
# only if it is. Runs on this machine, no emulator. Speaks KTAP.
set -u
. "$(dirname "$0")/lib/common.sh"
# It has variables of "boot", where it is checked.
# shellcheck source=/dev/null
. "$MACHINE/lib/verdict.sh"

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

# check_log NAME STATUS: of kernel_trouble(), for the log from standard input
check_log()
{
	local status=0

	cat > "$work/console.log"
	log=$work kernel_trouble 2> "$work/out" || status=$?
	number=$((number + 1))
	if [ $status -eq "$2" ] && [ ! -s "$work/out" ]; then
		echo "ok $number $1"
	else
		sed 's/^/# /' "$work/console.log" "$work/out"
		echo "not ok $number $1 # status $status"
		failed=1
	fi
}

# race FRAME...: a report of KCSAN, in whole lines
race()
{
	printf '[ 1.0] BUG: KCSAN: data-race in one / other\n[ 1.0] \n'
	printf '[ 1.0] read to 0xffff0 of 8 bytes by task 3 on cpu 1:\n'
	printf '[ 1.0]  %s\n' "$@" "work+0x74/0xfc" "thread+0x18/0x1c" "fork+0x10/0x20"
	printf '[ 1.0] ======\n[ 2.0] reboot: Power down\n'
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
echo "1..10"
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
check_log "a race of the kernel's own is none of ours" 1 < <(race "foreign+0x74/0xfc")
check_log "a race of ours is trouble" 0 < <(race "iopd_map+0x1/0xfc [io_pgtable_arm_deferred]")
ours="iopd_map+0x1/0xfc [io_pgtable_arm_deferred]"
check_log "a race in what we have called is trouble" 0 < <(race "list_add+0x4/0x8" "$ours")
check_log "a race in the workqueue that we have called is none of ours" 1 < \
	<(race "queue_work_on+0x4c/0xd0" "$ours")
# The log is looked at while the kernel writes to it
check_log "half a line is not judged yet" 1 < <(race "foreign+0x74/0xfc" | head -c 14)
check_log "a bug is trouble" 0 < <(printf '[ 1.0] BUG: KASAN: in f\n[ 2.0] reboot: Power down\n')
exit $failed
