# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the tools know about the kernel in KDIR, and how they say that something
# is wrong: in one line, with the way out. Sourced, never run.

TOP=$(cd "$(dirname "$0")/.." && pwd)

say()
{
	echo "ipmmu-deferred: $*" >&2
}

die()
{
	say "$*"
	exit 1
}

installed()
{
	command -v "$1" > /dev/null
}

# kconfig NAME: the value of CONFIG_NAME, without the quotes that kernels before
# 5.18 put around a string
kconfig()
{
	sed -n "s/^CONFIG_$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" \
		"$build/include/config/auto.conf" 2> /dev/null
}

# refuse_space NAME VALUE
refuse_space()
{
	case $2 in
	*[[:space:]]*) die "$1 has a space in it, which the kernel's build system" \
		"cannot take: use another path than \"$2\"";;
	esac
}

refuse_paths()
{
	refuse_space "the path of this tree" "$TOP"
	refuse_space KDIR "$KDIR"
	refuse_space O= "${O-}"
	refuse_space INSTALL_MOD_PATH "${INSTALL_MOD_PATH-}"
	case $TOP in
	*:*) die "the path of this tree has a colon in it, which the kernel's build" \
		"system cannot take: use another path than \"$TOP\"";;
	esac
}

# The folder that the kernel was built in, if it is on this machine: KDIR, or
# another that O= names
find_build()
{
	build=$KDIR
	[ -z "${O-}" ] || build=$(cd "$O" 2> /dev/null && pwd) || build=$O
}

refuse_no_kernel()
{
	# RELEASE is the caller's, release what it is for.
	# shellcheck disable=SC2153
	[ -e "$KDIR/Makefile" ] ||
		die "no kernel headers in $KDIR: on Debian, apt install" \
			"linux-headers-$RELEASE; elsewhere, set KDIR"
	[ ! -e "$build/include/config/auto.conf" ] || return 0
	[ -z "${O-}" ] ||
		die "O=$O is not where a kernel was built: O= goes with KDIR=(the kernel's" \
			"source); it is no place for what is built here, so leave it out"
	die "$KDIR is not configured: run \"make modules_prepare\" and \"make modules\"" \
		"there, or add O=(the folder that it was built in)"
}

# kernel_release: what the modules are installed for. "make kernelrelease"
# leaves out what distributions append.
kernel_release()
{
	header=$build/include/generated/utsrelease.h
	if [ -e "$header" ]; then
		sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$header"
	else
		echo "$RELEASE"
	fi
}

choose_architecture()
{
	[ -n "$(kconfig ARM64)" ] || return 0
	export ARCH="${ARCH:-arm64}"
	case $(uname -m) in
	aarch64|arm64) ;;
	*) export CROSS_COMPILE="${CROSS_COMPILE:-aarch64-linux-gnu-}";;
	esac
}

# What Debian's headers set in .kernelvariables wins over all but the command
# line.
headers_compiler()
{
	# shellcheck disable=SC2016	# for make to expand
	printf '%s\n' "CC = ${CROSS_COMPILE-}gcc" "-include $build/.kernelvariables" \
		'show: ; @echo $(lastword $(CC))' |
		MAKEFLAGS='' MAKELEVEL='' make -s --no-print-directory -f - show
}
