#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: the library in user space, under ASan, UBSan and TSan. Speaks KTAP.
#
#	USER_SEED	first seed [1]
#	USER_OPS	random operations in all; a fourth of that for each
#			kind that few kernels have [200000]
#	USER_FUZZ	seconds to fuzz after the corpus has been run; likewise [10]
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

seed=${USER_SEED:-1}
ops=${USER_OPS:-200000}
fuzz=${USER_FUZZ:-10}
failed=0 number=0

# run NAME COMMAND...
run()
{
	local name=$1 status=0

	shift
	number=$((number + 1))
	"$@" > "$out/test-$number.log" 2>&1 || status=$?
	if [ $status -eq 0 ]; then
		grep '^# ' "$out/test-$number.log"
		echo "ok $number $name"
	else
		tail -n 40 "$out/test-$number.log" | sed 's/^#* */# /'
		echo "not ok $number $name # exit status $status"
		failed=1
	fi
}

# What most kernels have: pages of 2^12 bytes, and what Linux 6.12 has
MOST=12
# What few have: larger pages
LARGER="14 16"
# Since 6.14 the library takes no block apart, since 6.15 there is a walk operation.
LATE=12-6.16

# on_each "KIND..." NAME PROGRAM ARGUMENTS...
on_each()
{
	local kinds=$1 name=$2 program=$3 kind

	shift 3
	for kind in $kinds; do
		case $kind in
		*-*) run "$name on Linux ${kind#*-}" "$out/$kind/$program" "$@" ;;
		*) run "$name with pages of $((1 << (kind - 10))) KiB" \
			"$out/$kind/$program" "$@" ;;
		esac
	done
}

install_tools_alone
make --no-print-directory -j2 -C "$here" OUTPUT="$out" KINDS="$MOST $LARGER $LATE" >&2 || {
	echo "user: the tests do not compile: see above" >&2
	exit 1
}
mkdir -p "$out/corpus"
echo "TAP version 13"
echo "1..31"
on_each "$MOST $LARGER $LATE" "descriptors, geometry and registers are as in the Arm ARM" \
	formats
on_each "$MOST $LARGER $LATE" "drivers get what they rely on, and hear of what they do wrong" \
	drivers
on_each "$MOST" "waits are for what was handed over before them" \
	epochs --seed="$seed"
on_each "$MOST" "random operations agree with the model" \
	random --seed="$seed" --ops="$ops"
on_each "$LARGER $LATE" "random operations agree with the model" \
	random --seed="$seed" --ops=$((ops / 4))
on_each "$MOST" "every allocation fails in turn" \
	nth --seed="$seed"
on_each "$LARGER $LATE" "every allocation fails in turn" \
	nth --seed="$seed" --states=3
on_each "$MOST $LARGER $LATE" "tables have the memory they should, case by case" \
	pages
on_each "$MOST" "calls whose ranges overlap are told, and no others" \
	overlap
on_each "$MOST" "two callers meet after some accesses" \
	meet --seed="$seed" --every=$((ops < 1000000 ? 3 : 1))
on_each "$LARGER" "two callers meet after some accesses" \
	meet --seed="$seed" --every=11
run "threads have no race" \
	"$out/threads-thread/threads" --seed="$seed" --rounds=$((ops / 200))
run "threads find nothing that has been freed" \
	"$out/threads-address/threads" --seed="$seed" --rounds=$((ops / 200))
on_each "$MOST" "the fuzzer finds nothing in $fuzz seconds" \
	fuzz "$out/corpus" "$here/corpus" -max_len=1200 \
	-max_total_time="$fuzz" -artifact_prefix="$out/" -verbosity=0 -seed="$seed"
on_each "$LARGER $LATE" "the fuzzer finds nothing in $((fuzz / 4)) seconds" \
	fuzz "$out/corpus" "$here/corpus" -max_len=1200 \
	-max_total_time=$((fuzz / 4)) -artifact_prefix="$out/" -verbosity=0 -seed="$seed"
exit $failed
