#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the driver and its tables tell of themselves: each file is documented,
# has the form that is documented while disk and DMA engine are busy, and agrees
# with the others once they are quiet; the driver's events come and are right.

cd "$(dirname "$0")" || exit 1
# shellcheck source=ktap.sh
. ./ktap.sh

DEBUGFS=/sys/kernel/debug
DRIVER_FILES=$DEBUGFS/ipmmu-vmsa-deferred
LIBRARY_FILES=$DEBUGFS/io-pgtable-arm-deferred
EVENTS=/sys/kernel/tracing/events/ipmmu_vmsa_deferred

here=.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=../abi.sh
. ./abi.sh

# form FILE REGEXP...: each line of it is one of those
form()
{
	cat "$1" > "$work/content" || return 1
	form_file=$1
	shift
	printf '^%s$\n' "$@" > "$work/forms"
	! grep -v -E -m 1 -f "$work/forms" "$work/content" > "$work/odd" || {
		echo "${form_file#"$DEBUGFS/"}: $(cat "$work/odd")"
		false
	}
}

# Ends grow within a context, and what a line says of size and level fits
tables_fit()
{
	awk '
	function hex(text, i, value) {
		for (i = 3; i <= length(text); i++)
			value = value * 16 + index("0123456789abcdef",
						   substr(text, i, 1)) - 1
		return value
	}
	function complain(why) {
		print "tables: " why ": " $0
		bad = 1
		exit
	}
	BEGIN {
		size["4 KiB"] = 4096; size["2 MiB"] = 2097152
		size["1 GiB"] = 1073741824
		level["4 KiB"] = 3; level["2 MiB"] = 2; level["1 GiB"] = 1
	}
	{
		split($3, range, "-")
		first = hex(range[1]); last = hex(range[2])
		leaf = $10 " " $11
		if ($2 < context || ($2 == context && last <= end))
			complain("goes back")
		if (last - first + 1 != $8 * size[leaf])
			complain("wrong size")
		if (first % size[leaf] || hex($5) % size[leaf])
			complain("not aligned")
		if ($7 != level[leaf])
			complain("wrong level")
		context = $2; end = last
	}
	END { exit bad }' "$work/content"
}

# looked_at FILE: it has its form
looked_at()
{
	case ${1#"$DEBUGFS/"} in
	*/contexts)
		form "$1" 'root [^ ]+ va_bits (32|39)' \
			'context [0-9]+ (free|reserved|blocking|busy|quarantined) users [0-9]+ caches 0x[0-9a-f]+ flushes [0-9]+';;
	*/utlbs)
		form "$1" '[^ ]+ cache [0-9]+ utlb [0-9]+ (context [0-9]+|off) masters( [^ ]+)+';;
	*/tables)
		form "$1" 'context [0-9]+ 0x[0-9a-f]{10}-0x[0-9a-f]{10} -> 0x[0-9a-f]{10} level [123] [0-9]+ x (4 KiB|2 MiB|1 GiB) r[w-][x-] (cached|uncached|device|outer-cached)( privileged)?' &&
			tables_fit;;
	*/trees_list)
		form "$1" '[^ ]+ (whole|parts) pending [0-9]+ freed [0-9]+ age_ms [0-9]+( busy)?' \
			'and [0-9]+ more';;
	*_hist)
		form "$1" '[0-9]+ [0-9]+ [0-9]+';;
	*)
		form "$1" '[0-9]+' && [ "$(wc -l < "$work/content")" = 1 ];;
	esac || { echo "${1#"$DEBUGFS/"} does not have its form"; false; }
}

readable_files()
{
	find "$DRIVER_FILES" "$LIBRARY_FILES" -type f -perm -400
}

look()
{
	for file in $(readable_files); do
		looked_at "$file" || return 1
	done
}

# engine TEST...: of the program dma, which makes a domain for each
engine()
{
	for test; do
		shift
		set -- "$@" -t "$test"
	done
	"./${program:-dma}" "$@" >> "$work/engine" 2>&1
}

# Page tables that change under the reader, then domains that do, beside those of
# the disk
load_engine()
{
	export RIG_HAS_NEIGHBOURS=1
	while [ -e "$work/busy" ]; do
		engine concurrent
		engine copy unmap_forgets block_after_table two_caches blocking
	done
}

load_disk()
{
	while [ -e "$work/busy" ]; do
		blockdev --flushbufs "$disk"
		dd if="$disk" of=/dev/null bs=65536 count=256 2> /dev/null
	done
}

# No task waits for such a reader, and it waits for none
load_reader()
{
	while [ -e "$work/busy" ]; do
		cat "$DRIVER_FILES"/* "$LIBRARY_FILES/trees_list" > /dev/null || break
	done
}

# More looks make the test longer, not better
LOOKS=12

under_load()
{
	touch "$work/busy"
	load_engine &
	load_reader &
	[ -z "$disk" ] || load_disk &
	rounds=0
	most=0
	failed=0
	while [ "$rounds" -lt "$LOOKS" ] && [ "$failed" = 0 ]; do
		look || failed=1
		lines=$(wc -l < "$DRIVER_FILES/tables")
		[ "$lines" -le "$most" ] || most=$lines
		rounds=$((rounds + 1))
	done
	rm "$work/busy"
	wait
	echo "$rounds looks, up to $most lines in tables, disk: ${disk:-none}"
	if grep -B 6 '^not ok' "$work/engine"; then
		failed=1
	fi
	grep -q '^ok' "$work/engine" && [ "$failed" = 0 ] && [ "$most" -gt 0 ]
}

# Of contexts: the users that the micro-TLBs make, and no table without a domain
files_agree()
{
	cat "$DRIVER_FILES/contexts" "$DRIVER_FILES/utlbs" "$DRIVER_FILES/tables" |
		awk '
		$1 == "context" && $4 == "users" { users[$2] = $5; state[$2] = $3; next }
		$4 == "utlb" && $6 == "context" { utlbs[$7]++; next }
		$1 == "context" && $4 == "->" && state[$2] != "busy" {
			print "tables of context " $2 ", which is " state[$2]
			bad = 1
		}
		END {
			for (id in users)
				if (users[id] != utlbs[id] + 0) {
					print "context " id " has " users[id] \
						" users, micro-TLBs say " utlbs[id] + 0
					bad = 1
				}
			exit bad
		}'
}

# Each master of the host has an owner, once on the one micro-TLB that it has
# here
masters_listed()
{
	for group in /sys/bus/pci/devices/*/iommu_group; do
		[ -e "$group" ] || continue
		function=$(basename "$(dirname "$group")")
		[ "$(grep -c -E " masters( .*)? $function( |\$)" "$DRIVER_FILES/utlbs")" = 1 ] || {
			echo "$function is not on one line of utlbs:"
			cat "$DRIVER_FILES/utlbs"
			return 1
		}
	done
}

# A master that is let through has its micro-TLB off. Nothing but what a driver
# has bound to it is in the way of another type.
let_through_is_off()
{
	function=$(pci_functions 0x1234:0x1de1 | tail -n 1)
	master=/sys/bus/pci/devices/$function
	type=$(cat "$master/iommu_group/type")
	[ ! -e "$master/driver" ] || echo "$function" > "$master/driver/unbind"
	echo identity > "$master/iommu_group/type" || return 1
	looked_at "$DRIVER_FILES/utlbs" &&
		grep -E " utlb [0-9]+ off masters $function\$" "$DRIVER_FILES/utlbs"
	status=$?
	echo "$type" > "$master/iommu_group/type" || return 1
	echo "$function" > /sys/bus/pci/drivers_probe
	return "$status"
}

# The disk has queues that are mapped: readable, writable memory
disk_mapped()
{
	function=$(basename "$(readlink -f "/sys/block/${disk##*/}/device/device")")
	context=$(sed -n "s/.* context \([0-9]*\) masters $function\$/\1/p" \
		"$DRIVER_FILES/utlbs")
	count=$(grep -c "^context $context .* rw. cached\$" "$DRIVER_FILES/tables")
	echo "$function has context $context, $count lines of cached memory"
	[ -n "$context" ] && [ "$count" -gt 0 ]
}

# Events alone, without task, CPU and time
events_taken()
{
	events_off
	sed -i 's/^.*: \([a-z_]*: \)/\1/' "$work/trace"
}

# traced TEST...: tests of dma that pass while events are on
traced()
{
	events_on
	engine "$@"
	status=$?
	events_taken
	[ "$status" = 0 ] || tail -n 3 "$work/engine"
	return "$status"
}

flushes_asked()
{
	sed -n 's/.* flushes //p' "$DRIVER_FILES/contexts" |
		awk '{ sum += $1 } END { print sum }'
}

# No two wait for the same flush here: an event each
flush_events()
{
	before=$(flushes_asked)
	traced copy unmap_forgets block_after_table || return 1
	after=$(flushes_asked)
	count=$(grep -c '^flush: ' "$work/trace")
	echo "$count events for $((after - before)) flushes"
	! grep '^flush: ' "$work/trace" |
		grep -v -E -m 1 '^flush: [^ ]+ context=[1-9][0-9]* ns=[1-9][0-9]* completed$' &&
		[ "$count" = $((after - before)) ] && [ "$count" -gt 0 ]
}

# A domain and its context: first taken, flushed between, given back in the end
context_events()
{
	form='^context_(taken|given_back): [^ ]+ context=[0-9]+ caches=0x[0-9a-f]+$'
	! grep '^context_' "$work/trace" | grep -v -E -m 1 "$form" &&
		sed -n 's/^\([a-z_]*\): .*context=\([0-9]*\).*/\1 \2/p' "$work/trace" |
		awk '
		$1 == "context_taken" { if (taken[$2]) bad = 1; taken[$2] = 1; n++ }
		$1 == "context_given_back" { taken[$2] = 0; back++ }
		bad { print NR ": context " $2 " taken twice"; exit }
		END {
			print n " contexts taken, " back " given back"
			exit bad || n < 3 || back < 3
		}'
}

# The filter lets through none but those; one waits for 100 us at least
late_flush_told()
{
	echo 'completed == 0' > "$EVENTS/flush/filter"
	program=late
	traced unmap
	status=$?
	program=
	echo 0 > "$EVENTS/flush/filter"
	grep '^flush: ' "$work/trace"
	[ "$status" = 0 ] && ! grep '^flush: .* completed$' "$work/trace" &&
		grep -q -E '^flush: [^ ]+ context=[0-9]+ ns=[0-9]{6,} late$' "$work/trace"
}

# fault_told KIND ADDRESS: by a master that is an engine
fault_told()
{
	grep -E "^fault: [^ ]+ context=[0-9]+ address=0x$2 status=0x[0-9a-f]{8} ([a-z-]+\|)*$1(\|[a-z-]+)* [a-z-]+ level=[0-3]\$" \
		"$work/trace" > "$work/faults"
	for engine in $(pci_functions 0x1234:0x1de1); do
		! grep -q -F " $engine " "$work/faults" || return 0
	done
	echo "no event for $1 at 0x$2 among:"
	grep '^fault: ' "$work/trace"
	return 1
}

# The addresses are those of the tests
faults_told()
{
	events_on
	./faults -t unmapped -t read_only -t walk_abort -t multi_hit > "$work/output"
	status=$?
	events_taken
	[ "$status" = 0 ] || grep '^not ok' "$work/output"
	fault_told translation 12345000 && fault_told permission 40200000 &&
		fault_told walk-abort 51000000 && fault_told multi-hit 61000000
}

# recipe EVENT TRIGGER: it is taken, counts something and goes away again
recipe()
{
	echo "$2" > "$EVENTS/$1/trigger" || {
		tail -n 3 "$TRACING/error_log"
		return 1
	}
	engine copy
	hits=$(sed -n 's/^ *Hits: *//p' "$EVENTS/$1/hist")
	echo "$1: ${hits:-no} hits by $2"
	echo "!$2" > "$EVENTS/$1/trigger"
	[ "${hits:-0}" -gt 0 ] && ! grep -v -q '^#' "$EVENTS/$1/trigger"
}

# Those of Documentation/tracing.md
recipes()
{
	recipe flush 'hist:keys=context,ns.log2:sort=context,ns' &&
		recipe flush 'hist:keys=stacktrace:vals=ns:sort=ns.descending' &&
		recipe context_taken 'hist:keys=context'
}

# with_disk NAME COMMAND...: only where there is one
with_disk()
{
	if [ -n "$disk" ]; then
		ktap_check "$@"
	else
		ktap_skip "$1" "no NVMe disk here"
	fi
}

# histograms NAME COMMAND...: not every kernel has them
histograms()
{
	if [ -e "$EVENTS/flush/hist" ]; then
		ktap_check "$@"
	else
		ktap_skip "$1" "no histogram triggers in this kernel"
	fi
}

./witness clear 2>/dev/null || ktap_skip_all "no emulated IPMMU here"
load_driver || ktap_skip_all "ipmmu-vmsa-deferred does not load or serves nothing"
load_test_module
[ -n "$(pci_functions 0x1234:0x1de1)" ] || ktap_skip_all "no ipmmu-dma device here"
[ -d "$DRIVER_FILES" ] || ktap_skip_all "no debugfs"
[ -d "$EVENTS" ] || ktap_skip_all "no tracepoints in this kernel"
modprobe nvme 2>/dev/null
disk=$(wait_for 15 test -b /dev/nvme0n1 && echo /dev/nvme0n1)

ktap_plan 15
ktap_check "driver_files_documented" abi_documented "$DRIVER_FILES" debugfs-ipmmu-vmsa-deferred
ktap_check "library_files_documented" abi_documented "$LIBRARY_FILES" debugfs-io-pgtable-arm-deferred
ktap_check "driver_parameters_documented" abi_documented "$MODULE_SYS/parameters" \
	sysfs-module-ipmmu_vmsa_deferred
ktap_check "library_parameters_documented" abi_documented "$LIBRARY_SYS/parameters" \
	sysfs-module-io_pgtable_arm_deferred
ktap_check "files_under_load" under_load
ktap_check "files_agree" files_agree
ktap_check "masters_listed" masters_listed
ktap_check "let_through_is_off" let_through_is_off
with_disk "disk_mapped" disk_mapped
ktap_check "flush_events" flush_events
ktap_check "context_events" context_events
ktap_check "late_flush_told" late_flush_told
ktap_check "faults_told" faults_told
histograms "recipes" recipes
ktap_check "verdict" ./witness verdict
ktap_end
