#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the library tells of itself: debugfs, tracepoints and histograms have the
# form that is documented, under load too, and agree with each other.
#
# Copyright (C) 2026 The ipmmu-deferred authors

LIB=io_pgtable_arm_deferred
PARAMS=/sys/module/$LIB/parameters
COUNTERS=/sys/kernel/debug/io-pgtable-arm-deferred
EVENTS=/sys/kernel/tracing/events/io_pgtable_deferred

# Plain numbers; those that only grow are among them
NUMBERS="live pages pending freed batches longest_batch longest_batch_ns
	trees held trees_done helps drains shrinks sweeps swept limbo limbo_flushes"
GROWING="freed batches trees_done helps drains shrinks swept"

here=$(dirname "$0")
# shellcheck source=results.sh
. "$here/results.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=../abi.sh
. "$here/abi.sh"
planned=9

files_are_documented()
{
	abi_documented $COUNTERS debugfs-io-pgtable-arm-deferred >"$work/why" ||
		fail "$(cat "$work/why")"
}

check_number()
{
	value=$(cat "$COUNTERS/$1")
	case $value in
	'' | *[!0-9]*) fail "$1: '$value' is no number" ;;
	esac
}

# Lines "least below number": powers of two, each line where the last one ended
check_hist()
{
	awk -v name="$1" '
		function power(n) { while (n > 1) n /= 2; return n == 1 }
		NF != 3 || $1 !~ /^[0-9]+$/ || $2 !~ /^[0-9]+$/ ||
		$3 !~ /^[0-9]+$/ || $1 >= $2 || !power($2) ||
		($1 != 0 && !power($1)) || (NR > 1 && $1 != last) {
			print "# " name ": line " NR ": " $0
			bad = 1
		}
		{ last = $2 }
		END { exit bad }' "$COUNTERS/$1"
}

check_trees_list()
{
	cat "$COUNTERS/trees_list" >"$work/list"
	grep -q busy "$work/list" && seen_busy=1
	grep -v -E -e '^[^ ]+ (whole|parts) pending [0-9]+ freed [0-9]+ age_ms [0-9]+( busy)?$' \
		-e '^and [0-9]+ more$' "$work/list" >"$work/odd" || return 0
	fail "trees_list: $(head -n 1 "$work/odd")"
}

remember()
{
	for name in $GROWING; do
		read -r value <"$COUNTERS/$name"
		echo "$name $value"
	done
}

# Nothing that only grows is smaller than when last looked at
check_growth()
{
	remember >"$work/now"
	[ ! -e "$work/last" ] ||
		paste -d ' ' "$work/last" "$work/now" |
		awk '$4 < $2 { print "# " $1 " went from " $2 " to " $4; bad = 1 }
			END { exit bad }' || return 1
	mv "$work/now" "$work/last"
}

look_once()
{
	for name in $NUMBERS; do
		check_number "$name" || return 1
	done
	check_hist batch_hist && check_hist queue_hist && check_trees_list &&
		check_growth
}

# While page tables come and go
well_formed_under_load()
{
	seen_busy=0
	rounds=0
	IOPD_OPS=400 IOPD_SHARED=1 "$here/concurrent" >"$work/concurrent" 2>&1 &
	load=$!
	while kill -0 $load 2>/dev/null; do
		"$here/hold" free 2000
		look_once || break
		rounds=$((rounds + 1))
	done
	wait $load || fail "concurrent fails meanwhile: $(grep -B4 '^not ok' "$work/concurrent" | tr '\n' ' ')" ||
		return 1
	echo "# $rounds looks, $([ $seen_busy = 1 ] || echo no) tree seen while busy"
	look_once && [ $rounds -gt 0 ]
}

# The list while a tree is being freed, one table a batch. The worker may be
# done before this gets a CPU again, so it has more than one chance.
catch_a_tree()
{
	tries=20
	while [ $tries -gt 0 ]; do
		"$here/hold" free 100000
		cat "$COUNTERS/trees_list" >"$work/list"
		[ ! -s "$work/list" ] || return 0
		tries=$((tries - 1))
	done
}

trees_are_listed()
{
	echo 1 >$PARAMS/batch
	catch_a_tree
	echo 64 >$PARAMS/batch
	"$here/hold" drain 1
	grep -q -E '^iopd-test whole pending [0-9]+ ' "$work/list" ||
		fail "no tree of iopd-test: $(head -n 1 "$work/list")" || return 1
	check_trees_list || return 1
	[ ! -s "$work/list" ] || fail "after a drain: $(head -n 1 "$work/list")"
}

# Files of debugfs have no size: read them
is_empty()
{
	[ -z "$(cat "$COUNTERS/$1")" ]
}

reset_resets()
{
	"$here/hold" drain 1000
	if [ "$(cat $COUNTERS/longest_batch)" = 0 ] || is_empty batch_hist ||
			is_empty queue_hist; then
		fail "nothing to reset after a page table was freed"
		return
	fi
	echo 1 >$COUNTERS/reset
	if [ "$(cat $COUNTERS/longest_batch)" != 0 ] ||
			[ "$(cat $COUNTERS/longest_batch_ns)" != 0 ] ||
			! is_empty batch_hist || ! is_empty queue_hist; then
		fail "something is left after a reset"
	fi
}

count_events()
{
	grep -c " $1: " "$work/trace"
}

# Every table that is freed is in a batch_end; begin and end come in pairs
events_tell_all()
{
	[ -d $EVENTS ] || return $KSFT_SKIP
	"$here/hold" drain 1
	read -r before <$COUNTERS/freed
	read -r batches <$COUNTERS/batches
	events_on
	"$here/hold" drain 3000
	events_off
	read -r after <$COUNTERS/freed
	read -r batches_after <$COUNTERS/batches
	sum=$(sed -n 's/.* batch_end: .* tables=\([0-9]*\) .*/\1/p' "$work/trace" |
		awk '{ sum += $1 } END { print sum + 0 }')
	[ "$sum" = $((after - before)) ] && [ "$sum" -ge 3007 ] ||
		fail "batch_end tells of $sum tables, freed grew by $((after - before))" ||
		return 1
	[ "$(count_events batch_begin)" = "$(count_events batch_end)" ] &&
		[ "$(count_events batch_end)" -ge $((batches_after - batches)) ] ||
		fail "$(count_events batch_begin) batches begun, $(count_events batch_end) ended" ||
		return 1
	tree='iopd-test tree=[0-9a-f]+'
	grep -q -E " tree_queued: $tree tables=3007 whole\$" "$work/trace" ||
		fail "tree_queued: $(grep tree_queued "$work/trace")" || return 1
	grep -q -E " tree_done: $tree freed=3007 whole ns=[0-9]+\$" "$work/trace" ||
		fail "tree_done: $(grep tree_done "$work/trace")" || return 1
	numbers='tables=[0-9]+ scanned=[0-9]+'
	reason='reason=(empty|full|scanned|resched)'
	! grep ' batch_end: ' "$work/trace" |
		grep -v -q -E " $tree $numbers $reason ns=[0-9]+\$" ||
		fail "batch_end: $(grep -m 1 batch_end "$work/trace")"
}

help_is_told()
{
	[ -d $EVENTS ] || return $KSFT_SKIP
	read -r limit <$PARAMS/limit
	events_on
	echo 1 >$PARAMS/limit
	# The worker may have all of it in its hands first: a few chances
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		helps=$(cat $COUNTERS/helps)
		"$here/hold" drain 3000
		[ "$(cat $COUNTERS/helps)" -eq "$helps" ] || break
	done
	echo "$limit" >$PARAMS/limit
	events_off
	grep -q -E ' help: pending=[0-9]+ limit=1$' "$work/trace" ||
		fail "no help event: $(grep -c . "$work/trace") lines" || return 1
	grep -q ' batch_begin: .* help$' "$work/trace" || fail "no batch by a helper"
}

# How often a worker began a batch while another one's was under way
overlaps()
{
	awk '/ batch_begin: / && !/ help$/ { if (under_way++) n++ }
		/ batch_end: / && under_way { under_way-- }
		END { print n + 0 }' "$work/trace"
}

# hold_ready TABLES FIFO: a page table that is freed when FIFO has no writer
hold_ready()
{
	"$here/hold" wait "$1" <"$2" >"$work/ready" &
	while ! grep -q ready "$work/ready" 2>/dev/null; do
		sleep 0.05
	done
	rm "$work/ready"
}

# free_several WORKERS: three trees, one table a batch, and then a small one
free_several()
{
	rm -f "$work/big" "$work/small"
	mkfifo "$work/big" "$work/small"
	exec 8<>"$work/big" 9<>"$work/small"
	echo 1 >$PARAMS/batch
	echo "$1" >$PARAMS/workers
	for tables in 4000 4000 4000; do
		hold_ready $tables "$work/big" 8>&- 9>&-
	done
	hold_ready 10 "$work/small" 8>&- 9>&-
	events_on
	exec 8>&-
	while [ "$(cat $COUNTERS/trees)" -lt 3 ] && [ "$(cat $COUNTERS/live)" -gt 12 ]; do
		:
	done
	exec 9>&-
	wait
	# Without a drain, which would help
	while [ "$(cat $COUNTERS/pending)" != 0 ]; do
		sleep 0.1
	done
	events_off
	echo 64 >$PARAMS/batch
}

# The small tree came while all the others were pending: the shell may have been
# slow.
small_one_came_last()
{
	awk '{ tables = $0; sub(/.* (tables|freed)=/, "", tables) }
		/ tree_queued: / && tables + 0 > 100 { large++ }
		/ tree_done: / && tables + 0 > 100 { large-- }
		/ tree_queued: / && tables + 0 <= 100 { last = large == 3 }
		END { exit !last }' "$work/trace"
}

# It has not waited for them.
small_one_overtook()
{
	[ "$(sed -n 's/.* tree_done: .* freed=\([0-9]*\) .*/\1/p' "$work/trace" |
		tail -n 1)" -gt 100 ]
}

# Several chances for what needs time on a CPU: free_until COMMAND WORKERS
free_until()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		free_several "$2"
		if small_one_came_last && "$1"; then
			return 0
		fi
	done
	return 1
}

batches_overlap()
{
	[ "$(overlaps)" != 0 ]
}

# Never more at the same time than the parameter says, and soon as many
workers_share_trees()
{
	[ -d $EVENTS ] || return $KSFT_SKIP
	[ "$(nproc)" -gt 1 ] || return $KSFT_SKIP
	result=0
	free_until true 1 || fail "one worker: the small tree never came last" || return 1
	! batches_overlap || fail "one worker: $(overlaps) batches overlap" || return 1
	small_one_overtook || fail "one worker: the small tree was the last" || return 1
	free_until batches_overlap 2 || fail "two workers: no batches overlap" || result=1
	small_one_overtook || fail "two workers: the small tree was the last" || result=1
	echo "# two workers: $(overlaps) of $(count_events batch_begin) batches overlap"
	echo 1 >$PARAMS/workers
	return $result
}

# trigger FILE TEXT: set it, and remember how to take it away
trigger()
{
	echo "$2" >>"$1" || return 1
	echo "$1 $2" >>"$work/triggers"
}

remove_triggers()
{
	[ -e "$work/triggers" ] || return 0
	sed '1!G;h;$!d' "$work/triggers" | while read -r file text; do
		echo "!$text" >>"$file"
	done
	rm -f "$work/triggers"
	[ ! -e $TRACING/synthetic_events ] || echo '!first_batch' >>$TRACING/synthetic_events
}

# The recipes of Documentation/tracing.md
# shellcheck disable=SC2016 # $lat is the kernel's
histograms_work()
{
	[ -e $EVENTS/batch_end/hist ] && [ -e $TRACING/synthetic_events ] ||
		return $KSFT_SKIP
	queued='onmatch(io_pgtable_deferred.tree_queued).first_batch($lat)'
	trigger $EVENTS/batch_end/trigger 'hist:keys=ns.log2:vals=tables:sort=ns' &&
		trigger $EVENTS/batch_end/trigger 'hist:keys=reason:vals=tables,scanned' &&
		trigger $EVENTS/tree_done/trigger 'hist:keys=whole,ns.log2' &&
		echo 'first_batch u64 lat' >>$TRACING/synthetic_events &&
		trigger $EVENTS/tree_queued/trigger 'hist:keys=tree:ts0=common_timestamp.usecs' &&
		trigger $EVENTS/batch_begin/trigger \
			"hist:keys=tree:lat=common_timestamp.usecs-\$ts0:$queued" &&
		trigger $TRACING/events/synthetic/first_batch/trigger 'hist:keys=lat.log2' ||
		fail "a trigger is refused: $(tail -n 3 $TRACING/error_log 2>/dev/null)" ||
		return 1
	"$here/hold" drain 3000
	empty=0
	for hist in $EVENTS/batch_end/hist $EVENTS/tree_done/hist \
			$TRACING/events/synthetic/first_batch/hist; do
		grep -q -E 'Hits: [1-9]' "$hist" || fail "$hist is empty" || empty=1
	done
	return $empty
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -d /sys/module/$LIB ] || load_module $LIB 2>/dev/null || skip_all "$LIB cannot be loaded"
[ -e /dev/iopd-test ] || insmod "$here/iopd_test.ko" 2>/dev/null ||
	modprobe iopd_test 2>/dev/null || skip_all "iopd_test cannot be loaded"
"$here/hold" drain 1 || skip_all "no page table can be made"
[ -d $COUNTERS ] || skip_all "no debugfs"
[ "$(cat $COUNTERS/live)" = 0 ] || skip_all "others use the library: its counters are not ours"

echo "TAP version 13"
echo "1..$planned"
files_are_documented
report "files_are_documented"
well_formed_under_load
report "well_formed_under_load"
trees_are_listed
report "trees_are_listed"
reset_resets
report "reset_resets"
events_tell_all
report "events_tell_all"
help_is_told
report "help_is_told"
workers_share_trees
report "workers_share_trees"
histograms_work
result=$?
remove_triggers
(exit $result)
report "histograms_work"
! grep -q -v '^#' $EVENTS/batch_end/trigger 2>/dev/null
report "triggers_are_gone"
[ $failures -eq 0 ]
