#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What an administrator asks of the worker through its workqueue in sysfs is
# what it gets: the batches run on that CPU, by a thread that is so nice.
#
# Copyright (C) 2026 The ipmmu-deferred authors

LIB=io_pgtable_arm_deferred
COUNTERS=/sys/kernel/debug/io-pgtable-arm-deferred
WORKQUEUE=/sys/devices/virtual/workqueue/io-pgtable-deferred
TRACING=/sys/kernel/tracing
BATCH_END=$TRACING/events/io_pgtable_deferred/batch_end

here=$(dirname "$0")
# shellcheck source=results.sh
. "$here/results.sh"
work=$(mktemp -d)
planned=3

counter()
{
	cat "$COUNTERS/$1"
}

clean_up()
{
	echo 0 >$BATCH_END/enable
	echo "$old_nice" >$WORKQUEUE/nice
	echo "$old_cpumask" >$WORKQUEUE/cpumask
	rm -rf "$work"
}

# trace_while COMMAND...: the events meanwhile in $work/trace
trace_while()
{
	echo >$TRACING/trace
	echo 1 >$BATCH_END/enable
	"$@"
	echo 0 >$BATCH_END/enable
	grep -v '^#' $TRACING/trace >"$work/trace"
	echo >$TRACING/trace
}

free_and_wait()
{
	"$here/hold" free 3000
	while [ "$(counter pending)" -gt 0 ]; do
		sleep 0.1
	done
}

# ran_on CPU: all batches
ran_on()
{
	awk -v cpu="$1" '!match($0, /\[[0-9]+\]/) ||
		substr($0, RSTART + 1, RLENGTH - 2) + 0 != cpu {
			print "# not on CPU " cpu ": " $0; exit 1 }' "$work/trace"
}

# was_as_nice_as NICE: each task that ran them but the workqueue's rescuer,
# which has a value of its own and comes where no worker is to be had in time
was_as_nice_as()
{
	sed -n 's/^ *kworker[^ ]*-\([0-9]*\) .*/\1/p' "$work/trace" | sort -u >"$work/pids"
	[ -s "$work/pids" ] || fail "no worker ran them" || return 1
	while read -r pid; do
		nice=$(awk '{ print $19 }' "/proc/$pid/stat")
		[ "$nice" = "$1" ] ||
			fail "$(cat "/proc/$pid/comm") has nice $nice" || return 1
	done <"$work/pids"
}

# takes_effect CPUMASK CPU NICE
takes_effect()
{
	echo "$1" >$WORKQUEUE/cpumask && echo "$3" >$WORKQUEUE/nice ||
		fail "$WORKQUEUE takes no cpumask $1, nice $3" || return 1
	# The first of a new kind is to be made yet
	free_and_wait
	trace_while free_and_wait
	[ -s "$work/trace" ] || fail "no batch was seen" || return 1
	ran_on "$2" && was_as_nice_as "$3"
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -d /sys/module/$LIB ] || load_module $LIB 2>/dev/null || skip_all "$LIB cannot be loaded"
[ -e /dev/iopd-test ] || insmod "$here/iopd_test.ko" 2>/dev/null ||
	modprobe iopd_test 2>/dev/null || skip_all "iopd_test cannot be loaded"
"$here/hold" drain 1 || skip_all "no page table can be made"
for place in $COUNTERS $BATCH_END $WORKQUEUE/nice $WORKQUEUE/cpumask; do
	[ -e "$place" ] || skip_all "there is no $place"
done
[ "$(counter live)" = 0 ] || skip_all "others use the library: its counters are not ours"
[ "$(nproc)" -ge 3 ] || skip_all "needs 3 CPUs"

read -r old_nice <$WORKQUEUE/nice
read -r old_cpumask <$WORKQUEUE/cpumask
trap clean_up EXIT

echo "TAP version 13"
echo "1..$planned"
takes_effect 1 0 5
report "first_cpu_and_nice_5"
takes_effect 4 2 -10
report "third_cpu_and_nice_minus_10"
takes_effect 2 1 19
report "second_cpu_and_nice_19"
[ $failures -eq 0 ]
