# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Boots and programs one after the other, whose results are counted. "logs" says
# where they go.

passed=0 failed=0 skipped=0

# part NAME COMMAND...: runs it, shows its output and counts its results.
part()
{
	local name=$1 status=0 p f s

	shift
	say "$name"
	"$@" < /dev/null | tee "$logs/$name.ktap" || status=$?
	read -r p f s < <(awk -f "$MACHINE/lib/count-ktap.awk" "$logs/$name.ktap")
	if [ "$status" -ne 0 ] && [ "$status" -ne $STATUS_ABSENT ] && [ "$f" -eq 0 ]; then
		say "$name: ended with status $status"
		f=1
	fi
	# What is skipped as a whole has no line of its own
	[ $((p + f + s)) -gt 0 ] || s=1
	say "$name: $p passed, $f failed, $s skipped"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# Returns 1 if one failed
parts_end()
{
	say "logs: $logs"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
