# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The Debian packages that building and running need on this machine.

TOOLS="bc binutils-aarch64-linux-gnu bison clang-14 cpio flex
	gcc gcc-12-aarch64-linux-gnu kmod libc6-dev libc6-dev-arm64-cross
	libclang-rt-14-dev lld-14 llvm-14
	make openssl perl qemu-system-arm rsync shellcheck sparse xz-utils"

# wanted_tools: ours, those that the model asks for, and more from the caller.
wanted_tools()
{
	echo "$TOOLS ${MORE_TOOLS-}"
	[ ! -x "$MACHINE/model/build.sh" ] || "$MACHINE/model/build.sh" --packages
}

# missing_tools: the wanted ones that are not installed, one a line.
missing_tools()
{
	local package

	for package in $(wanted_tools); do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null |
			grep -qx installed || echo "$package"
	done | sort -u
}

# as_root COMMAND...
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

install_tools()
{
	local missing

	missing=$(missing_tools)
	[ -n "$missing" ] || return 0
	# shellcheck disable=SC2086
	say "installing:" $missing
	# Others may be installing, too: wait for the lock for ten minutes.
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install -y \
		--no-install-recommends $missing >&2 ||
		die "apt-get could not install what is needed:" $missing
}

# install_tools_alone: for commands that do not run setup, which updates the
# index.
install_tools_alone()
{
	[ -n "$(missing_tools)" ] || return 0
	as_root apt-get -q -o DPkg::Lock::Timeout=600 update >&2 ||
		die "apt-get update fails: is the network up, and the mirror in" \
			"/etc/apt right?"
	install_tools
}
