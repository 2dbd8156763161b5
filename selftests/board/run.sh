#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# run.sh [COLLECTION:TEST]...: these tests on the machine that it runs on, as
# root; all that are not for an emulated machine by design if none is named.
# busybox is enough. What needs hardware or a kernel that is not there is
# skipped, with the reason. Ends with a summary, and fails if a test failed. The
# whole output is in results.ktap.

cd "$(dirname "$0")" || exit 2

# Those that take all memory, all CPUs and all of the machine's time are for a
# machine that is there for them: name them.
LIBRARY_TESTS="io_pgtable:formats io_pgtable:compare io_pgtable:edges
	io_pgtable:chunks io_pgtable:random io_pgtable:concurrent io_pgtable:teardown
	io_pgtable:module.sh io_pgtable:observe.sh io_pgtable:workqueue.sh rt:latency.sh"
DRIVER_TESTS="ipmmu:module.sh ipmmu:board.sh ipmmu:refused.sh ipmmu:bad_tree.sh
	ipmmu:dma ipmmu:faults ipmmu:late ipmmu:hammer ipmmu:takeover ipmmu:teardown ipmmu:lazy
	ipmmu:nvme.sh
	ipmmu:observe.sh vfio:vfio_type1 vfio:coherency.sh"

die()
{
	echo "run.sh: $*" >&2
	exit 2
}

check_machine()
{
	[ "$(id -u)" = 0 ] || die "this takes root: modules are loaded, and files below" \
		"/sys/kernel/debug are read"
	[ "$(uname -r)" = "$(cat release)" ] ||
		die "these modules are for Linux $(cat release), and this is $(uname -r):" \
			"make selftests-tar KDIR=(its headers)"
}

# Where nothing has mounted them yet
mount_files()
{
	[ -e /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug
	[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
} 2> /dev/null

# load NAME: the installed one, or the one that is here
load()
{
	[ ! -d "/sys/module/$(echo "$1" | tr - _)" ] || return 0
	modprobe "$1" 2> /dev/null || insmod "modules/$1.ko" ||
		echo "run.sh: $1 does not load: see dmesg" >&2
}

# The driver stays out where it would be tried on a machine without an IPMMU.
load_driver()
{
	! find /sys/firmware/devicetree/base -name compatible \
		-exec grep -q 'renesas,ipmmu-' {} \; -print 2> /dev/null | grep -q . ||
		{ load io-pgtable-arm-deferred && load ipmmu-vmsa-deferred; }
}

# run_tests TEST...: in one go; its output joins what others have left
run_tests()
{
	arguments=
	for test; do
		grep -qx "$test" kselftest-list.txt ||
			die "there is no test $test; see kselftest-list.txt"
		arguments="$arguments -t $test"
	done
	# shellcheck disable=SC2086	# options
	./run_kselftest.sh $arguments 2>&1 | tee -a results.ktap
}

# The library has its counters to itself as long as the driver does not use it.
run_all()
{
	load io-pgtable-arm-deferred
	# shellcheck disable=SC2086	# one a word
	run_tests $LIBRARY_TESTS
	load_driver
	# shellcheck disable=SC2086
	run_tests $DRIVER_TESTS
}

# A test case for each result, where a lab's LAVA has started this
report_to_lava()
{
	command -v lava-test-case > /dev/null || return 0
	sed -n -e 's/^# selftests: \([a-z_]*\): \(.*\)/@ \1.\2/p' \
		-e 's/^# \(not ok\|ok\) [0-9]* *\([^ #]*\)\(.*\)/\1|\2\3/p' results.ktap |
	awk -F '|' '
		/^@/ { test = substr($0, 3); next }
		{
			result = $1 == "ok" ? "pass" : "fail"
			if (toupper($2) ~ /# *SKIP/)
				result = "skip"
			split($2, name, " ")
			print test "." name[1], result
		}' |
	while read -r name result; do
		lava-test-case "$name" --result "$result"
	done
}

# A line for each test that was skipped or failed, as a whole or a part of it
summary()
{
	echo
	sed -n -e 's/^# selftests: \([a-z_]*\): \(.*\)/@ \1:\2/p' \
		-e 's/^\(# \)*not ok [0-9]* *\(.*\)/failed: \2/p' \
		-e 's/^# 1\.\.0 # SKIP \(.*\)/skipped: \1/p' \
		-e 's/^# ok [0-9]* *\(.*\) # SKIP *\(.*\)/skipped: \1: \2/p' results.ktap |
	awk '$1 == "@" { test = $2; next } !/selftests: / { print test ": " $0 }'
	echo
	report_to_lava
	awk -f count-ktap.awk results.ktap | {
		read -r passed failed skipped
		echo "Linux $(uname -r), $(tr -d '\0' < /proc/device-tree/model)"
		echo "$passed passed, $failed failed, $skipped skipped"
		[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	}
}

check_machine
mount_files
: > results.ktap
if [ $# -eq 0 ]; then
	run_all
else
	load io-pgtable-arm-deferred
	load_driver
	run_tests "$@"
fi
summary
