# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the modules tell of themselves, held against Documentation/ABI, and their
# events. For tests in sh to source that have set "here", the folder where they
# and those documents are installed, "work", one for files that pass, and
# EVENTS, that of the events.
#
# Copyright (C) 2026 The ipmmu-deferred authors

TRACING=/sys/kernel/tracing

# What is there in a debug build alone
ABI_DEBUG_FILES="overlaps"

# abi_names FOLDER DOCUMENT: of the folder's files, those that the document has
# for this build
abi_names()
{
	sed -n "s,^What:[[:space:]]*$1/,,p" "$here/$2" | while read -r name; do
		case " $ABI_DEBUG_FILES " in
		*" $name "*) [ -e "$1/$name" ] || continue ;;
		esac
		echo "$name"
	done
}

# abi_documented FOLDER DOCUMENT: the same names in both; if not, says which
abi_documented()
{
	abi_names "$1" "$2" | sort >"$work/documented"
	find "$1" -mindepth 1 | sed "s,^$1/,," | sort >"$work/there"
	! [ -s "$work/there" ] || ! cmp -s "$work/documented" "$work/there" || return 0
	echo "$1 has: $(tr '\n' ' ' <"$work/there"); documented:" \
		"$(tr '\n' ' ' <"$work/documented")"
	return 1
}

events_on()
{
	echo 8192 >"$TRACING/buffer_size_kb"
	echo >"$TRACING/trace"
	echo 1 >"$EVENTS/enable"
}

# What came meanwhile is in "trace" of $work, a line each.
events_off()
{
	echo 0 >"$EVENTS/enable"
	grep -v '^#' "$TRACING/trace" >"$work/trace"
	echo >"$TRACING/trace"
}
