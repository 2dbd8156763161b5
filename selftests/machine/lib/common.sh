# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script of the emulated host shares: where things lie, and how to
# say that something went wrong. Sourced, never run.

MACHINE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOP=$(cd "$MACHINE/../.." && pwd)
BUILD=$TOP/build
export MACHINE TOP BUILD

# series_of COMMAND: the kernels that COMMAND takes by default; all that are
# known if it is "". "kernels" has them.
series_of()
{
	awk -F ' *[|] *' -v command="$1" '
		/^[^#]/ && (command == "" || index(" " $3 " ", " " command " ")) {
			printf "%s%s", separator, $1
			separator = " "
		}' "$MACHINE/series"
}

# kind_of SERIES: which of the boots are for it
kind_of()
{
	awk -F ' *[|] *' -v series="$1" '$1 == series { print $2 }' "$MACHINE/series"
}

# suite_of SERIES: the suite it comes from; nothing if that is one of the host's
suite_of()
{
	awk -F ' *[|] *' -v series="$1" '$1 == series { print $4 }' "$MACHINE/series"
}

SERIES_KNOWN=$(series_of "")
export SERIES_KNOWN

# The cross compiler is the one Debian 12 builds its kernels with.
CROSS_COMPILE=aarch64-linux-gnu-
CROSS_CC=${CROSS_COMPILE}gcc-12
export CROSS_COMPILE CROSS_CC

# module_cc SERIES: the compiler for its modules. A kernel whose headers ask for
# a later one has that beside it.
module_cc()
{
	local own=$BUILD/kernel/$1/cc

	if [ -e "$own" ]; then
		echo "$own"
	else
		echo "$CROSS_CC"
	fi
}

# A command's exit status when the mirror does not have a kernel any more; that
# of a kselftest that is skipped
STATUS_ABSENT=4

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# have_series SERIES: refuses a kernel that is not among ours.
have_series()
{
	local series

	for series in $SERIES_KNOWN; do
		[ "$series" = "$1" ] && return 0
	done
	die "kernel \"$1\" is not known here; known: $SERIES_KNOWN"
}

# is_done FILE: the step that makes FILE is complete. Steps build in a folder
# that gets its name last, so that a step cut short is done again.
is_done()
{
	[ -e "$1" ]
}

# link_tree FROM TO NAME...: TO/NAME becomes a folder of links to the files of
# FROM/NAME; what was built there stays.
link_tree()
{
	local from=$1 to=$2

	shift 2
	mkdir -p "$to"
	find "$to" -xtype l -delete
	(cd "$from" && cp -rsft "$to" "${@/#/"$from/"}")
}

# make_for_kernel SERIES ARGUMENT...: make in the kernel's headers. Type
# information of modules (BTF) would need pahole and is of no use here.
make_for_kernel()
{
	local kdir=$BUILD/kernel/$1/kdir cc

	cc=$(module_cc "$1")
	shift
	make --no-print-directory -j2 -C "$kdir" ARCH=arm64 \
		CROSS_COMPILE="$CROSS_COMPILE" CC="$cc" \
		CONFIG_DEBUG_INFO_BTF_MODULES= "$@"
}
