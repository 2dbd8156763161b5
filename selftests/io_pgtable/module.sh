#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The modules come and go: twice, not while they are used, not before pending
# tables are freed, and not with parameters that make no sense.
#
# Copyright (C) 2026 The ipmmu-deferred authors

LIB=io_pgtable_arm_deferred
TEST=iopd_test
DEVICE=/dev/iopd-test
PARAMS=/sys/module/$LIB/parameters
COUNTERS=/sys/kernel/debug/io-pgtable-arm-deferred

here=$(dirname "$0")
# shellcheck source=results.sh
. "$here/results.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
planned=9

loaded()
{
	[ -d "/sys/module/$1" ]
}

load_lib()
{
	load_module $LIB "$@" 2>"$work/error"
}

load_test()
{
	if [ -e "$here/$TEST.ko" ]; then
		insmod "$here/$TEST.ko"
	else
		modprobe $TEST
	fi
}

unload()
{
	rmmod "$1" 2>"$work/error"
}

unload_both()
{
	if loaded $TEST; then unload $TEST || return 1; fi
	if loaded $LIB; then unload $LIB || return 1; fi
}

# Lines of the kernel log that must not grow
complaints()
{
	# A kernel with KCSAN has data races of its own to tell of at any time.
	dmesg | grep -v 'BUG: KCSAN:' | grep -c -E 'WARNING:|BUG:|Oops|Call trace:'
}

counter()
{
	cat "$COUNTERS/$1"
}

come_and_go()
{
	load_lib || fail "load: $(cat "$work/error")" || return 1
	[ -e $PARAMS/batch ] && [ -e $PARAMS/limit ] && [ -e $PARAMS/deferred ] ||
		fail "parameters are missing in $PARAMS" || return 1
	[ "$(counter live)" = 0 ] || fail "live is not 0 after loading" || return 1
	load_test || fail "$TEST does not load" || return 1
	[ -c $DEVICE ] || fail "no $DEVICE" || return 1
	unload_both || fail "unload: $(cat "$work/error")" || return 1
	[ ! -e $COUNTERS ] || fail "$COUNTERS is still there" || return 1
	[ ! -e $DEVICE ] || fail "$DEVICE is still there"
}

# Both modules in use by a process that holds a table
busy_while_used()
{
	load_lib && load_test || fail "the modules do not load" || return 1
	mkfifo "$work/stdin"
	"$here/hold" wait 100 <"$work/stdin" >"$work/stdout" &
	holder=$!
	exec 9>"$work/stdin"
	while kill -0 $holder 2>/dev/null && ! grep -q ready "$work/stdout"; do
		sleep 0.1
	done
	status=0
	[ "$(counter live)" = 102 ] ||
		fail "live is $(counter live), expected 102" || status=1
	! unload $TEST || fail "$TEST was unloaded with a table" || status=1
	! unload $LIB || fail "$LIB was unloaded with a table" || status=1
	exec 9>&-
	wait $holder || fail "the table's holder failed" || status=1
	unload_both || fail "unload: $(cat "$work/error")" || return 1
	return $status
}

# As many tables as a third of the free memory has room for, up to 150,000
tables_that_fit()
{
	page=$(sed -n '/^KernelPageSize:/{s/[^0-9]//gp;q}' /proc/self/smaps \
		2>/dev/null)
	free=$(sed -n '/^MemFree:/s/[^0-9]//gp' /proc/meminfo)
	tables=$((free / ${page:-4} / 3))
	[ $tables -lt 150000 ] || tables=150000
	echo $tables
}

# Small batches and many tables, so that some are pending when rmmod comes
drained_at_unload()
{
	load_lib batch=1 && load_test || fail "the modules do not load" || return 1
	"$here/hold" free "$(tables_that_fit)" || fail "no table could be made" || return 1
	pending=$(counter pending)
	unload $TEST || fail "unload: $(cat "$work/error")" || return 1
	last=$(counter pending)
	unload $LIB || fail "unload: $(cat "$work/error")" || return 1
	echo "# $pending tables pending after the free, $last before the unload"
	[ "$pending" -gt 0 ] || fail "the worker was too fast for this test"
}

# Callbacks that a lazy RCU puts off come after ten seconds
LAZY_SECONDS=5

# The library waits for the grace period of what was cut off a live page table
prompt_after_a_cut()
{
	load_lib && load_test || fail "the modules do not load" || return 1
	"$here/hold" cut 100 || fail "no table could be cut" || return 1
	unload $TEST || fail "unload: $(cat "$work/error")" || return 1
	start=$(date +%s)
	unload $LIB || fail "unload: $(cat "$work/error")" || return 1
	took=$(($(date +%s) - start))
	[ $took -lt $LAZY_SECONDS ] || fail "the unload took $took s"
}

pages_back()
{
	cat /proc/sys/vm/stat_refresh >"$work/refresh" 2>&1
	now=$(sed -n 's/^nr_sec_page_table_pages //p' /proc/vmstat)
	[ "$now" = "$pages" ] ||
		fail "nr_sec_page_table_pages is $now, was $pages"
}

bad_values()
{
	status=0
	for value in batch=0 batch=4097 batch=-1 batch=many limit=0 limit=-1 \
			limit=all workers=0 workers=9 deferred=maybe; do
		if load_lib $value; then
			fail "loaded with $value" || status=1
			unload $LIB
		fi
	done
	! loaded $LIB || fail "$LIB is loaded" || return 1
	return $status
}

good_values()
{
	load_lib deferred=0 batch=17 limit=4711 ||
		fail "load: $(cat "$work/error")" || return 1
	read -r deferred <$PARAMS/deferred
	read -r batch <$PARAMS/batch
	read -r limit <$PARAMS/limit
	unload $LIB || return 1
	[ "$deferred $batch $limit" = "N 17 4711" ] ||
		fail "read back: $deferred $batch $limit"
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
loaded $LIB || load_module $LIB 2>"$work/error" ||
	skip_all "$LIB cannot be loaded: $(cat "$work/error")"
unload_both || skip_all "the modules are in use: $(cat "$work/error")"
if load_lib && ! load_test; then
	unload $LIB
	skip_all "$TEST cannot be loaded"
fi
unload_both
cat /proc/sys/vm/stat_refresh >"$work/refresh" 2>&1
pages=$(sed -n 's/^nr_sec_page_table_pages //p' /proc/vmstat)
before=$(complaints)

echo "TAP version 13"
echo "1..$planned"
come_and_go
report "load_and_unload"
come_and_go
report "load_and_unload_again"
busy_while_used
report "no_unload_while_used"
drained_at_unload
report "unload_drains"
prompt_after_a_cut
report "unload_is_prompt_after_a_cut"
pages_back
report "pages_come_back"
bad_values
report "bad_parameters_refused"
good_values
report "good_parameters_taken"
[ "$(complaints)" = "$before" ]
report "kernel_log_is_quiet"
[ $failures -eq 0 ]
