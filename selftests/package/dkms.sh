#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dkms.sh: what the README says about DKMS, by Debian's dkms, with trees of its
# own and headers of two arm64 kernels: add, install, a second kernel as after
# an upgrade, what "make uninstall" must leave alone, remove. Nothing on the
# machine is changed. Takes root, as dkms does. Speaks KTAP.
set -u

. "$(dirname "$0")/../machine/lib/common.sh"
. "$TOP/selftests/ipmmu/ktap.sh"

KERNELS="6.1 6.12"
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$TOP/dkms.conf")

release_of()
{
	cat "$BUILD/kernel/$1/release"
}

# ours COMMAND ARGUMENT...: dkms, within the trees of this test
ours()
{
	local command=$1

	shift
	dkms "$command" --sourcetree "$work/src" --dkmstree "$work/dkms" \
		--installtree "$work/lib/modules" "$@" 2>&1
}

for_kernel()
{
	local kernel=$BUILD/kernel/$1

	echo -k "$(release_of "$1")" -a aarch64 --kernelsourcedir "$kernel/kdir" \
		--config "$kernel/kdir/.config"
}

# As the README has it
unpacks()
{
	mkdir -p "$source" "$work/dkms" &&
		git -C "$TOP" archive HEAD | tar -x -C "$source" &&
		echo "$(du -sk "$source" | cut -f 1) KiB" &&
		[ ! -e "$source/build" ]
}

# installs SERIES
installs()
{
	local status=0

	mkdir -p "$work/lib/modules/$(release_of "$1")"
	# shellcheck disable=SC2046
	ours install "ipmmu-deferred/$version" $(for_kernel "$1") --no-depmod \
		> "$work/install-$1" || status=$?
	[ "$status" -eq 0 ] || tail -n 5 "$work/install-$1" \
		"$work/dkms/ipmmu-deferred/$version/build/make.log"
	return "$status"
}

# modules_of SERIES: what is installed for it, and that for it
modules_of()
{
	local name file release

	release=$(release_of "$1")
	for name in io-pgtable-arm-deferred ipmmu-vmsa-deferred; do
		file=$(echo "$work/lib/modules/$release/updates/dkms/$name.ko"*)
		[ -e "$file" ] && [ "$(modinfo -F version "$file")" = "$version" ] &&
			[ "$(modinfo -F vermagic "$file" | cut -d ' ' -f 1)" = "$release" ] ||
			return
		echo "${file#"$work"}"
	done
}

is_signed()
{
	modinfo -F signer "$work/lib/modules/$(release_of "$1")/updates/dkms/"*.ko* | grep .
}

uninstall_spares()
{
	make --no-print-directory -C "$TOP" uninstall KDIR="$BUILD/kernel/$1/kdir" \
		INSTALL_MOD_PATH="$work" > "$work/output" 2>&1
	grep -F 'dkms status' "$work/output" && modules_of "$1"
}

removes()
{
	ours remove "ipmmu-deferred/$version" --all --no-depmod > "$work/output" ||
		{ tail -n 5 "$work/output"; return 1; }
	! find "$work/dkms" "$work/lib" -name '*deferred*' | grep .
}

[ "$(id -u)" -eq 0 ] || { ktap_plan 1; ktap_skip dkms "dkms takes root"; ktap_end; }
# shellcheck disable=SC2086
MORE_TOOLS="dkms git" "$MACHINE/setup" $KERNELS || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=$work/src/ipmmu-deferred-$version

ktap_plan $((3 + 4 * 2))
ktap_check unpacks unpacks
ktap_check add ours add "ipmmu-deferred/$version"
for series in $KERNELS; do
	ktap_check "install_$series" installs "$series"
	ktap_check "modules_$series" modules_of "$series"
	if grep -q "modules won't be signed" "$work/install-$series"; then
		ktap_skip "signed_$series" "this kernel's sign-file is not where dkms looks"
	else
		ktap_check "signed_$series" is_signed "$series"
	fi
	ktap_check "uninstall_spares_$series" uninstall_spares "$series"
done
ktap_check remove removes
ktap_end
