#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# On a kernel with PREEMPT_RT no task that maps, unmaps or frees tables holds a
# CPU: the timerlat tracer has a timer and a thread of the highest priority on
# each CPU and notes how late both are, while a full 39-bit space is filled and
# freed, by the worker and by the caller, in batches of the usual and of the
# largest size. A lock held or interrupts off across a batch of 4,096 tables
# would be seen as a delay of more than a million instructions.
#
# LATENCY_LIMIT_NS is how much later than on the idle machine they may be. On
# real hardware it depends on that; in the emulated host guest time has to count
# instructions for it to mean anything.
#
# Copyright (C) 2026 The ipmmu-deferred authors

LIB=io_pgtable_arm_deferred
PARAMS=/sys/module/$LIB/parameters
COUNTERS=/sys/kernel/debug/io-pgtable-arm-deferred
TRACING=/sys/kernel/tracing
KSFT_SKIP=4

# Tables of the last level: with those above, all of 39 bits
TABLES=${LATENCY_TABLES:-262144}
# Three times the most that was seen of interrupts that are off for longer than
# on the idle machine, 2,000; a batch of the usual size takes some 25,000
LIMIT=${LATENCY_LIMIT_NS:-6000}
# Between two wake-ups; the tracer takes no less
PERIOD_US=100
IDLE_SECONDS=1
WAIT_SECONDS=120

here=$(dirname "$0")
hold=$here/../io_pgtable/hold
number=0
failures=0

skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit $KSFT_SKIP
}

# result STATUS NAME
result()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failures=$((failures + 1))
	fi
}

load()
{
	[ -d /sys/module/$LIB ] || modprobe $LIB 2>/dev/null ||
		skip_all "$LIB cannot be loaded"
	[ -c /dev/iopd-test ] || insmod "$here/../io_pgtable/iopd_test.ko" \
		2>/dev/null || modprobe iopd_test 2>/dev/null ||
		skip_all "iopd_test cannot be loaded"
}

# worst CONTEXT: the latest of the samples that were taken
worst()
{
	awk -v context="$1" '
		$0 !~ /^#/ && $0 ~ "context +" context " " {
			for (i = 1; i < NF; i++)
				if ($i == "timer_latency" && $(i + 1) + 0 > max)
					max = $(i + 1) + 0
			samples++
		}
		END { print max + 0, samples + 0 }' "$TRACING/trace"
}

# sample COMMAND...: its worst delays, in irq, thread and samples
sample()
{
	status=0
	echo > "$TRACING/trace"
	echo timerlat > "$TRACING/current_tracer"
	"$@" || status=1
	echo 0 > "$TRACING/tracing_on"
	read -r irq samples <<-END
	$(worst irq)
	END
	read -r thread samples <<-END
	$(worst thread)
	END
	echo nop > "$TRACING/current_tracer"
	echo 1 > "$TRACING/tracing_on"
	return $status
}

all_freed()
{
	tries=$((WAIT_SECONDS * 10))
	while [ "$(cat "$COUNTERS/pending")" != 0 ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

fill_and_free()
{
	"$hold" free "$TABLES" > /dev/null && all_freed
}

# measure NAME DEFERRED BATCH
measure()
{
	before=$(cat "$COUNTERS/freed")
	echo "$2" > $PARAMS/deferred
	echo "$3" > $PARAMS/batch
	echo 1 > "$COUNTERS/reset"
	sample fill_and_free
	status=$?
	freed=$(($(cat "$COUNTERS/freed") - before))
	echo "# $1: $freed tables, longest batch $(cat "$COUNTERS/longest_batch") tables;" \
		"worst of $samples samples: interrupt $irq ns, thread $thread ns"
	[ $status = 0 ] && [ "$freed" -gt "$TABLES" ] && [ "$samples" -gt 100 ] &&
		[ $((irq - idle_irq)) -le "$LIMIT" ] &&
		[ $((thread - idle_thread)) -le "$LIMIT" ]
	result $? "$1"
}

restore()
{
	echo nop > "$TRACING/current_tracer"
	echo "$deferred" > $PARAMS/deferred
	echo "$batch" > $PARAMS/batch
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
uname -v | grep -q PREEMPT_RT || skip_all "not a kernel with PREEMPT_RT"
grep -qw timerlat "$TRACING/available_tracers" 2>/dev/null ||
	skip_all "no timerlat tracer in this kernel"
[ -x "$hold" ] || skip_all "no $hold"
load

read -r deferred < $PARAMS/deferred
read -r batch < $PARAMS/batch
trap restore EXIT
echo $PERIOD_US > $TRACING/osnoise/timerlat_period_us
echo 0 > $TRACING/osnoise/print_stack

echo "TAP version 13"
echo "1..5"
sample sleep $IDLE_SECONDS
idle_irq=$irq
idle_thread=$thread
echo "# idle: worst of $samples samples: interrupt $irq ns, thread $thread ns"
[ "$samples" -gt 100 ]
result $? "idle"
measure "worker" 1 "$batch"
measure "worker_largest_batches" 1 4096
measure "caller" 0 "$batch"
measure "caller_largest_batches" 0 4096
[ $failures -eq 0 ]
