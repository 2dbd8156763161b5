#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: the library in user space, under ASan, UBSan and TSan. Speaks KTAP.
#
#	USER_SEED	first seed [another in each run, which is printed]
#	USER_OPS	random operations in all; a fourth of that for each
#			kind that few kernels have [200000]
#	USER_JOBS	how many tests run at a time [2 if there are as many
#			CPUs]
#	USER_FUZZ	seconds to fuzz after the corpus has been run; likewise
#			[10]
set -u

. "$(dirname "$0")/../machine/lib/common.sh"
. "$(dirname "$0")/../machine/lib/tools.sh"
here=$TOP/selftests/user
out=$BUILD/user

# The tests need no more than a compiler with its sanitizers.
TOOLS="clang-14 libc6-dev libclang-rt-14-dev llvm-14 make"
wanted_tools()
{
	echo "$TOOLS"
}

seed=${USER_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
ops=${USER_OPS:-200000}
fuzz=${USER_FUZZ:-10}
cpus=$(nproc)
jobs=${USER_JOBS:-$((cpus < 2 ? 1 : 2))}
failed=0 number=0 running=0 told=0 names=()

# run NAME COMMAND...: begins it beside others; results are told in their order.
run()
{
	if [ "$running" -ge "$jobs" ]; then
		collect
	fi
	number=$((number + 1)) running=$((running + 1))
	names[number]=$1
	shift
	run_one $number "$@" &
}

# run_one NUMBER COMMAND...
# shellcheck disable=SC2317
run_one()
{
	local number=$1 status=0

	shift
	"$@" > "$out/test-$number.log" 2>&1 || status=$?
	echo $status > "$out/test-$number.new-status"
	mv "$out/test-$number.new-status" "$out/test-$number.status"
}

# collect: waits until one has ended, and tells of those whose turn it is.
collect()
{
	wait -n
	running=$((running - 1))
	while [ -e "$out/test-$((told + 1)).status" ]; do
		told=$((told + 1))
		tell $told "$(cat "$out/test-$told.status")"
	done
}

# tell NUMBER STATUS
tell()
{
	if [ "$2" -eq 0 ]; then
		grep '^# ' "$out/test-$1.log"
		echo "ok $1 ${names[$1]}"
	else
		tail -n 40 "$out/test-$1.log" | sed 's/^#* */# /'
		echo "not ok $1 ${names[$1]} # exit status $2"
		failed=1
	fi
}

# with_seeds COUNT COMMAND...: short runs, each with the next seed, find more
# than a long one with the same decisions in the same order.
# shellcheck disable=SC2317
with_seeds()
{
	local count=$1 option=--seed i

	shift
	# It is libFuzzer's.
	[[ $1 != */fuzz ]] || option=-seed
	for ((i = 0; i < count; i++)); do
		"$@" "$option=$((seed + i))" || return
	done
}

# What most kernels have: pages of 2^12 bytes, and what Linux 6.12 has
MOST=12
# What few have: larger pages
LARGER="14 16"
# Since 6.14 the library takes no block apart, since 6.15 there is a walk
# operation.
LATE=12-6.16

# on_each [--seeds=COUNT] "KIND..." NAME PROGRAM ARGUMENTS...
on_each()
{
	local kinds name program kind seeds=1

	case $1 in
	--seeds=*) seeds=${1#*=}; shift ;;
	esac
	kinds=$1 name=$2 program=$3

	shift 3
	for kind in $kinds; do
		case $kind in
		*-*) run "$name on Linux ${kind#*-}" \
			with_seeds "$seeds" "$out/$kind/$program" "$@" ;;
		*) run "$name with pages of $((1 << (kind - 10))) KiB" \
			with_seeds "$seeds" "$out/$kind/$program" "$@" ;;
		esac
	done
}

# with_guards: accesses to memory in all of them, and which locks are held
# shellcheck disable=SC2317
with_guards()
{
	local program

	for program in policy drivers waits pages "scenes --seed=$seed" "epochs --seed=$seed" \
		"nth --seed=$seed" "random --seed=$seed --ops=$ops" \
		"meet --seed=$seed --every=15"; do
		# shellcheck disable=SC2086	# words
		"$out"/guards/$program || return
	done
}

install_tools_alone
make --no-print-directory -j2 -C "$here" OUTPUT="$out" KINDS="$MOST $LARGER $LATE" >&2 || {
	echo "user: the tests do not compile: see above" >&2
	exit 1
}
mkdir -p "$out/corpus"
rm -f "$out"/test-*
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2> /dev/null; exit 130' INT TERM
echo "TAP version 13"
echo "1..39"
echo "# USER_SEED=$seed has the same decisions made again"
on_each "$MOST $LARGER $LATE" "descriptors, geometry and registers are as in the Arm ARM" \
	formats
on_each "$MOST $LARGER $LATE" "drivers get what they rely on, and hear of what they do wrong" \
	drivers
on_each "$MOST" "as much is done at a time as is said, and all is counted" \
	policy
on_each "$MOST" "callers wait for what is theirs, and lend priority to its holder" \
	waits
on_each "$MOST $LARGER $LATE" "flushes end in any order, or fail" \
	scenes
on_each "$MOST" "waits are for what was handed over before them" \
	epochs
on_each --seeds=5 "$MOST" "random operations agree with the model" \
	random --ops=$((ops / 5))
on_each --seeds=2 "$LARGER $LATE" "random operations agree with the model" \
	random --ops=$((ops / 8))
on_each "$MOST" "every allocation fails in turn" \
	nth
on_each "$LARGER $LATE" "every allocation fails in turn" \
	nth --states=3
on_each "$MOST $LARGER $LATE" "tables have the memory they should, case by case" \
	pages
on_each "$MOST" "calls whose ranges overlap are told, and no others" \
	overlap
on_each "$MOST" "two callers meet after some accesses" \
	meet --every=$((ops < 1000000 ? 8 : 1))
on_each "$LARGER" "two callers meet after some accesses" \
	meet --every=31
run "locks are held where they have to be" \
	with_guards
run "threads have no race" \
	with_seeds 2 "$out/threads-thread/threads" --rounds=$((ops / 600))
run "threads find nothing that has been freed" \
	with_seeds 2 "$out/threads-address/threads" --rounds=$((ops / 600))
run "a mapper waits for a table that is being cut off" \
	"$out/threads-address/detach"
on_each "$MOST" "the fuzzer finds nothing in $fuzz seconds" \
	fuzz "$out/corpus" "$here/corpus" -max_len=1200 \
	-max_total_time="$fuzz" -artifact_prefix="$out/" -verbosity=0
on_each "$LARGER $LATE" "the fuzzer finds nothing in $((fuzz / 4)) seconds" \
	fuzz "$out/corpus" "$here/corpus" -max_len=1200 \
	-max_total_time=$((fuzz / 4)) -artifact_prefix="$out/" -verbosity=0
while [ "$running" -gt 0 ]; do
	collect
done
exit $failed
