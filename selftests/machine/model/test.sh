#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests the emulated IPMMU itself: its pure parts in a bare program, and the
# whole in the real QEMU without a guest. Speaks KTAP; fails if one of them
# does.
#
# Copyright The ipmmu-deferred authors

set -u

here=$(cd "$(dirname "$0")" && pwd)
model=$(cd "$here/../../.." && pwd)/build/model
time_limit=120			# seconds; they take two

[ $# -eq 0 ] || {
	echo "usage: $(basename "$0")    (no arguments)" >&2
	exit 2
}

"$here/build.sh" || exit 1

pure=
for part in log walk cache flush translate regs memory snoop; do
	pure="$pure $here/ipmmu-$part.c"
done
# shellcheck disable=SC2046,SC2086 # lists of words
gcc -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=all -I"$here" $(pkg-config --cflags glib-2.0) \
	"$here"/test-*.c $pure -o "$model/test-model" $(pkg-config --libs glib-2.0) || {
	echo "model: the test program does not compile: see above" >&2
	exit 1
}

failed=0

# run NUMBER NAME COMMAND...: as a subtest
run() {
	number=$1
	name=$2
	shift 2
	log=$model/test-$number.log
	timeout -k 5 "$time_limit" "$@" >"$log" 2>&1
	status=$?
	sed 's/^/  /' "$log"
	if [ "$status" -eq 0 ]; then
		echo "ok $number $name"
	else
		echo "not ok $number $name # exit status $status"
		failed=1
	fi
}

echo "TAP version 13"
echo "1..2"
run 1 "the model's parts" "$model/test-model"
run 2 "the model in QEMU" python3 "$here/test-machine.py" "$model/ipmmu-model.so"
exit "$failed"
