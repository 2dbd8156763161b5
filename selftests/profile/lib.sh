# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts here share: to build what runs in the emulator and in the
# guest, and to give names to addresses. They have set "place", the folder of
# their own below build/, "series_wanted", and "modules", a folder or nothing.

PLUGIN_HEADERS=$BUILD/model/qemu-src/include/qemu
ADDR2LINE=${CROSS_COMPILE}addr2line

# own_module SERIES NAME: the file
own_module()
{
	find -L "${modules:-$BUILD/modules/$1}" -name "$2.ko" 2> /dev/null | head -n 1
}

check_prerequisites()
{
	local series name

	qemu-system-aarch64 --help | grep -q -e '^-plugin ' ||
		die "this qemu-system-aarch64 takes no plugins: use Debian's"
	for name in "$PLUGIN_HEADERS/qemu-plugin.h" "$BUILD/model/ipmmu-model.so"; do
		[ -e "$name" ] ||
			die "the model is not built: run selftests/machine/model/build.sh"
	done
	for series in "${series_wanted[@]}"; do
		[ -e "$BUILD/kernel/$series/release" ] ||
			die "kernel $series is not unpacked yet: run selftests/machine/setup"
		for name in io-pgtable-arm-deferred ipmmu-vmsa-deferred; do
			[ -n "$(own_module "$series" $name)" ] ||
				die "no $name.ko in ${modules:-$BUILD/modules/$series}:" \
					"run selftests/machine/modules $series"
		done
	done
}

# build_plugin NAME: of NAME.c
build_plugin()
{
	# shellcheck disable=SC2046 # pkg-config's words are to be split
	gcc -std=gnu11 -O2 -Wall -Wextra -Wno-unused-parameter -fPIC -shared \
		-fvisibility=hidden -I"$PLUGIN_HEADERS" $(pkg-config --cflags glib-2.0) \
		-o "$place/$1.so" "$profile/$1.c"
}

# build_for SERIES: what runs in the guest
build_for()
{
	local folder=$place/$1 module

	mkdir -p "$folder"
	link_tree "$profile" "$folder" kmod marks.h
	link_tree "$profile/../bench" "$folder/bench" kmod
	for module in kmod bench/kmod; do
		make_for_kernel "$1" M="$folder/$module" TOP="$TOP" \
			KCPPFLAGS="-I$TOP/include -I$TOP/selftests/include -I$TOP/selftests/machine/model" modules || return
	done
}

# offsets BASE SIZE: "ADDRESS OFFSET" of the counted addresses within a module's
# code; counts on standard input. Kernel addresses are negative numbers here.
offsets()
{
	local base=$((16#$1)) size=$2 address offset

	while read -r address; do
		offset=$((16#$address - base))
		if ((offset >= 0 && offset < size)); then
			printf '%s %016x\n' "$address" $offset
		fi
	done
}

# inlined SERIES MODULE: "ADDRESS FUNCTION FILE", from what the compiler has
# written down of its inlining; nothing if the module has no such information
inlined()
{
	local folder=$place/$1 name=$2 base file size

	base=$(awk -v name="$name" '$1 == "base" && $2 == name { print $3 }' "$folder/out")
	file=$(own_module "$1" "${name//_/-}")
	size=$("${CROSS_COMPILE}size" -A "$file" | awk '$1 == ".text" { print $2 }')
	offsets "$base" "$size" < "$folder/addresses" > "$folder/offsets"
	awk '{ print $2 }' "$folder/offsets" |
		"$ADDR2LINE" -a -f -i -j .text -e "$file" |
		awk -v offsets="$folder/offsets" -v ours=/drivers/iommu/ \
			-f "$profile/inlined.awk" "$folder/offsets" -
}

version()
{
	local commit

	commit=$(git -C "$TOP" describe --always --dirty 2> /dev/null) || commit=unknown
	echo "$(sed -n 's/^PACKAGE_VERSION="*\([^"]*\)"*/\1/p' "$TOP/dkms.conf"), commit $commit"
}
