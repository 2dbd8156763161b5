# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What must hold before the set-up starts. Each check says what is wrong and
# the way out; all are made before the first is fatal.

# Unpacked: kernels 300 to 450 MB each with headers, sources of the harness and
# of QEMU 1 GB for a while, packages 700 MB, builds and logs. Debug kernels take
# 2.5 GB more, kernels of other releases than Debian 12 take 1 GB.
NEEDED_MIB=5120

complain()
{
	say "error: $*"
	complaints=$((complaints + 1))
}

check_machine()
{
	local release=unknown

	# shellcheck source=/dev/null
	[ ! -r /etc/os-release ] || release=$(. /etc/os-release && echo "${VERSION_CODENAME-unknown}")
	[ "$(dpkg --print-architecture 2> /dev/null) $release" = "amd64 bookworm" ] ||
		complain "this is for Debian 12 (bookworm) on amd64: the emulator is" \
			"extended against its QEMU, and its kernels are tested"
}

check_root()
{
	# shellcheck disable=SC2046
	[ "$(id -u)" -eq 0 ] || sudo -n true 2> /dev/null ||
		{ [ -t 0 ] && command -v sudo > /dev/null; } ||
		complain "these packages are missing, and installing them takes root" \
			"rights or sudo:" $(missing_tools)
}

check_space()
{
	local free

	mkdir -p "$BUILD"
	free=$(df --output=avail -m "$BUILD" | tail -n 1)
	[ "$free" -ge $NEEDED_MIB ] ||
		complain "$BUILD has ${free// /} MiB free, and $NEEDED_MIB are needed"
}

# apt's own index tells where the mirror is, and proves that it answers. Without
# tools to install, and with an index, the host's is left alone: that takes no
# root rights, and the private one is asked next.
check_mirror()
{
	[ -n "$(missing_tools)" ] || [ -z "$(host_suites)" ] || return 0
	as_root apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=1 \
		-o APT::Update::Error-Mode=any update > "$BUILD/apt-update.log" 2>&1 ||
		complain "apt-get update fails, see $BUILD/apt-update.log: is the" \
			"network up, and the mirror in /etc/apt right?"
}

# everything_there SERIES...
everything_there()
{
	local series

	for series; do
		[ -e "$BUILD/kernel/$series/release" ] || return 1
	done
	[ -e "$BUILD/guest/busybox" ] && [ -e "$BUILD/kselftest/lib.mk" ] &&
		[ -z "$(missing_tools)" ]
}

# preflight SERIES...: nothing is asked of a machine that has it all.
preflight()
{
	complaints=0
	! everything_there "$@" || return 0
	check_machine
	[ -z "$(missing_tools)" ] || check_root
	check_space
	[ $complaints -gt 0 ] || check_mirror
	[ $complaints -eq 0 ] || die "nothing was done"
}
