#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: what "make", "make install" and the like say when something is not as
# they need it, and that they work where they can. Needs no emulator, but
# headers of a kernel for arm64 (Debian's 6.12 or 6.1) and a cross compiler.
# Speaks KTAP.
set -u

. "$(dirname "$0")/../machine/lib/common.sh"
. "$TOP/selftests/ipmmu/ktap.sh"

# tree FOLDER: what a user has, without what was built in it
tree()
{
	link_tree "$TOP" "$1" Makefile Kbuild dkms.conf drivers include tools
	find "$1" \( -name '*.o' -o -name '*.ko' -o -name '.*.cmd' \) -delete
}

# kdir NAME: the kernel's headers once more, to be spoiled
kdir()
{
	cp -rsL "$kernel/kdir/." "$work/$1" 2> /dev/null
	rm -rf "$work/$1/include" && cp -r "$kernel/kdir/include" "$work/$1/include"
	# The flavour's Makefile looks beside itself.
	rm "$work/$1/Makefile"
	echo "include $common/Makefile" > "$work/$1/Makefile"
}

# config FOLDER NAME VALUE: as if it had been configured so
config()
{
	sed -i "/^CONFIG_$2=/d" "$work/$1/include/config/auto.conf"
	echo "CONFIG_$2=$3" >> "$work/$1/include/config/auto.conf"
}

make_in()
{
	local folder=$1

	shift
	env -u MAKEFLAGS -u MAKELEVEL make -C "$folder" --no-print-directory -j2 \
		KDIR="$kernel/kdir" "$@" 2>&1
}

ours()
{
	grep -v -e '^make' -e '^  [A-Z]' <<< "$1"
}

# refuses WORDS FOLDER ARGUMENT...: fails, and has one line to say, with these
# words
refuses()
{
	local words=$1 output status=0

	shift
	output=$(make_in "$@") || status=$?
	echo "$output" | head -n 5
	[ "$status" -ne 0 ] && [ "$(ours "$output" | wc -l)" = 1 ] &&
		grep -qF "$words" <<< "$(ours "$output")"
}

# works FOLDER ARGUMENT...: and leaves the output in $work/output
works()
{
	make_in "$@" > "$work/output" || { tail -n 5 "$work/output"; return 1; }
	! grep -iE 'error|warning: (the comp|over|ign)' "$work/output"
}

told()
{
	grep -F "$1" "$work/output"
}

compiled_by()
{
	readelf -p .comment "$work/tree/$2" | grep -i -m 1 "$1"
}

test_paths()
{
	tree "$work/a tree"
	ktap_check space_in_tree refuses 'the path of this tree has a space' "$work/a tree"
	rm -rf "$work/a tree"
	tree "$work/a:tree"
	ktap_check colon_in_tree refuses 'has a colon' "$work/a:tree"
	ln -s "$kernel/kdir" "$work/a kdir"
	ktap_check space_in_KDIR refuses 'KDIR has a space' "$work/tree" \
		KDIR="$work/a kdir"
	ktap_check space_in_INSTALL_MOD_PATH refuses 'INSTALL_MOD_PATH has a space' \
		"$work/tree" INSTALL_MOD_PATH="$work/an image" modules_install
	ktap_check no_headers refuses 'no kernel headers in /nowhere' "$work/tree" \
		KDIR=/nowhere
	ktap_check O_for_our_output refuses 'O= goes with KDIR=' "$work/tree" \
		O="$work/output-folder"
}

test_headers()
{
	kdir plain
	rm -r "$work/plain/include/config"
	ktap_check not_configured refuses 'is not configured' "$work/tree" \
		KDIR="$work/plain"
	kdir prepared
	rm "$work/prepared/Module.symvers"
	ktap_check no_symbol_versions refuses 'no Module.symvers' "$work/tree" \
		KDIR="$work/prepared"
	ktap_check compiler_of_the_user refuses 'apt install gcc-99-aarch64-linux-gnu' \
		"$work/tree" CC=aarch64-linux-gnu-gcc-99
	ktap_check path_of_the_user refuses 'CC= names the compiler /nowhere/gcc-99' \
		"$work/tree" CC=/nowhere/gcc-99
	kdir later
	rm "$work/later/.kernelvariables"
	# shellcheck disable=SC2016	# for make to expand
	echo 'CC = $(CROSS_COMPILE)gcc-98' > "$work/later/.kernelvariables"
	ktap_check compiler_of_the_headers refuses \
		'apt install gcc-98-aarch64-linux-gnu' "$work/tree" KDIR="$work/later"
}

test_clang()
{
	kdir clang
	rm "$work/clang/.kernelvariables"
	config clang CC_IS_CLANG y
	config clang CLANG_VERSION 990000
	mkdir "$work/bin"
	ln -s /usr/bin/* "$work/bin"
	rm -f "$work"/bin/*clang* "$work"/bin/*lld*
	PATH=$work/bin ktap_check clang_missing refuses 'apt install clang-99 lld-99' \
		"$work/tree" KDIR="$work/clang"
	# What else differs between a configuration for gcc and one for clang
	config clang CLANG_VERSION 140006
	config clang CC_IS_GCC ''
	config clang GCC_VERSION 0
	config clang CC_IMPLICIT_FALLTHROUGH -Wimplicit-fallthrough
	config clang CC_HAS_AUTO_VAR_INIT_ZERO_ENABLER y
	if [ -x /usr/lib/llvm-14/bin/ld.lld ]; then
		ktap_check clang_chosen one_object
	else
		ktap_skip clang_chosen "no lld-14 here"
	fi
}

# By clang, and without being told so
one_object()
{
	local object=drivers/iommu/ipmmu-vmsa/soc.o

	KDIR=$work/clang RELEASE='' "$work/tree/tools/kbuild" "$object" &&
		compiled_by clang "$object" && rm "$work/tree/$object"
}

# git would take nothing of what kbuild has left beside the sources, and user
# space does not compile it.
in_git()
{
	git -C "$work/tree" -c core.excludesFile="$TOP/.gitignore" "$@"
}

nothing_left()
{
	local left

	left=$(in_git ls-files --others --exclude-standard)
	echo "$left"
	[ -z "$left" ]
}

user_takes_sources()
{
	local commands

	find "$work/tree/drivers" -name '*.mod.c' | grep -q . || return 1
	commands=$(make -n -C "$TOP/selftests/user" SOURCE="$work/tree" \
		OUTPUT="$work/user") || return 1
	grep -q library/main.o <<< "$commands" && ! grep 'mod\.[co]' <<< "$commands"
}

test_check_kernel()
{
	ktap_check check_kernel works "$work/tree" check-kernel
	ktap_check check_kernel_verdict told 'symbols they ask for are exported'
	kdir poor
	sed -i '/\tiommu_device_register\t/d' "$work/poor/Module.symvers"
	ktap_check check_kernel_misses refuses \
		'not exported to modules: iommu_device_register' "$work/tree" \
		KDIR="$work/poor" check-kernel
}

test_build()
{
	in_git init -q && in_git add -A
	ktap_check arm64_without_ARCH works "$work/tree" PAHOLE=/nowhere/pahole
	ktap_check no_pahole told 'no pahole here'
	ktap_check right_compiler compiled_by GCC \
		drivers/iommu/ipmmu-vmsa/ipmmu-vmsa-deferred.ko
	ktap_check nothing_left_for_git nothing_left
	ktap_check user_space_afterwards user_takes_sources
	ktap_check kernel_built_with_O works "$work/tree" KDIR="$common" \
		O="$kernel/kdir" PAHOLE=/nowhere/pahole
}

installed_in()
{
	find "$work/image" -name '*-deferred.ko*' -printf '%P\n' | sort
}

# places FOLDER...: both modules are there, and in no other place
places()
{
	installed_in
	[ "$(installed_in)" = "$(printf '%s\n' "$@" | sort)" ]
}

# What DKMS and other means than modules_install leave in such folders
others()
{
	local name

	for name in io-pgtable-arm-deferred ipmmu-vmsa-deferred; do
		printf "lib/modules/$release/%s/$name.ko.xz\n" updates/dkms extra updates
	done
}

test_install()
{
	local place

	ktap_check install works "$work/tree" INSTALL_MOD_PATH="$work/image" \
		INSTALL_MOD_STRIP=1 PAHOLE=/nowhere/pahole install
	ktap_check no_signing_key told 'run "make sign" before'
	ktap_check installed test "$(installed_in | wc -l)" = 2
	for place in $(others); do
		mkdir -p "$work/image/${place%/*}"
		find "$work/image" -path "*/drivers/*/${place##*/}" \
			-exec cp {} "$work/image/$place" \;
	done
	ktap_check uninstall works "$work/tree" INSTALL_MOD_PATH="$work/image" uninstall
	# shellcheck disable=SC2046
	ktap_check only_those_of_install places $(others)
	ktap_check tells_of_dkms told 'dkms status'
}

# What was built goes, what was downloaded stays.
cleans()
{
	local left

	mkdir -p "$work/tree/build/kernel/any"
	touch "$work/tree/build/kernel/any/stock.ko" "$work/tree/build/kernel/any/part.o"
	make_in "$work/tree" clean
	left=$(cd "$work/tree" &&
		find . -name .git -prune -o -type f ! -name '*.orig' -print)
	echo "$left"
	[ "$(grep -c '/build/kernel/any/' <<< "$left")" = 2 ] &&
		[ "$(wc -l <<< "$left")" = 2 ]
}

make_key()
{
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=ipmmu test/" \
		-outform DER -keyout "$work/key" -out "$work/cert" 2> /dev/null
}

signed_by_us()
{
	modinfo -F signer "$work/tree/drivers/iommu/ipmmu-vmsa/ipmmu-vmsa-deferred.ko" |
		grep -F "ipmmu test"
}

test_signature()
{
	ktap_check sign_without_key refuses 'make sign takes KEY=' "$work/tree" sign
	ktap_check sign_with_key_missing refuses '/nowhere cannot be read' "$work/tree" \
		sign KEY=/nowhere CERT=/nowhere
	if command -v openssl > /dev/null && make_key; then
		ktap_check sign works "$work/tree" sign KEY="$work/key" CERT="$work/cert" \
			INSTALL_MOD_STRIP=1 CROSS_COMPILE="$CROSS_COMPILE"
		ktap_check signed signed_by_us
	else
		ktap_skip sign "no openssl here"
		ktap_skip signed "no openssl here"
	fi
	ktap_check clean cleans
}

for series in 6.12 6.1; do
	kernel=$BUILD/kernel/$series
	! is_done "$kernel/release" || break
done
if ! is_done "$kernel/release"; then
	ktap_plan 1
	ktap_skip package "neither 6.12 nor 6.1 is unpacked: run selftests/machine/setup 6.12"
	ktap_end
fi
release=$(cat "$kernel/release")
common=$(echo "$kernel"/usr/src/linux-headers-*-common)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree "$work/tree"

ktap_plan 33
test_paths
test_headers
test_clang
test_build
test_check_kernel
test_install
test_signature
ktap_end
