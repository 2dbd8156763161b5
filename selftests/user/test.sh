#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: the library in user space, under ASan and UBSan. Speaks KTAP.
#
#	USER_SEED	first seed [1]
#	USER_OPS	random operations in all; a fourth with larger pages [200000]
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

# on_each NAME PROGRAM ARGUMENTS...: with the page sizes that few kernels have
on_each()
{
	local name=$1 program=$2 page

	shift 2
	for page in $FEW; do
		run "$name with pages of $((1 << (page - 10))) KiB" \
			"$out/$page/$program" "$@"
	done
}

# log2 of the page size that most kernels have, and of those that few have
MOST=12
FEW="14 16"

install_tools_alone
make --no-print-directory -j2 -C "$here" OUTPUT="$out" PAGES="$MOST $FEW" >&2 || {
	echo "user: the tests do not compile: see above" >&2
	exit 1
}
mkdir -p "$out/corpus"
echo "TAP version 13"
echo "1..15"
run "descriptors, geometry and registers are as the Arm ARM says" "$out/$MOST/formats"
on_each "descriptors, geometry and registers are as the Arm ARM says" formats
run "random operations agree with the model" \
	"$out/$MOST/random" --seed="$seed" --ops="$ops"
on_each "random operations agree with the model" \
	random --seed="$seed" --ops=$((ops / 4))
run "every allocation fails in turn" "$out/$MOST/nth" --seed="$seed"
on_each "every allocation fails in turn" \
	nth --seed="$seed" --states=3
run "two callers meet after each access" "$out/$MOST/meet"
on_each "two callers meet after some accesses" \
	meet --every=11
run "the fuzzer finds nothing in $fuzz seconds" \
	"$out/$MOST/fuzz" "$out/corpus" "$here/corpus" -max_len=1200 \
	-max_total_time="$fuzz" -artifact_prefix="$out/" -verbosity=0 -seed="$seed"
on_each "the fuzzer finds nothing in $((fuzz / 4)) seconds" \
	fuzz "$out/corpus" "$here/corpus" -max_len=1200 \
	-max_total_time=$((fuzz / 4)) -artifact_prefix="$out/" -verbosity=0 -seed="$seed"
exit $failed
