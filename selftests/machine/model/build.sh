#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds build/model/ipmmu-model.so, the emulated IPMMU, for preloading into the
# qemu-system-aarch64 that is installed. QEMU itself is not built: its source of
# exactly that version is unpacked and configured, for the headers.
#
# Copyright The ipmmu-deferred authors

set -eu

usage() {
	cat <<-END
	usage: $(basename "$0") [--packages | --help]
	  builds build/model/ipmmu-model.so, if it is not up to date
	  --packages  prints the Debian packages that this needs
	END
}

packages="qemu-system-arm libglib2.0-dev libpixman-1-dev libfdt-dev ninja-build meson
	pkg-config dpkg-dev gcc libc6-dev python3 xz-utils"

say() {
	echo "model: $*" >&2
}

die() {
	say "$@"
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$here/../../.." && pwd)/build
model=$build/model
downloads=$build/packages
src=$model/qemu-src
out=$src/build-headers
so=$model/ipmmu-model.so
apt_home=$model/apt

check_packages() {
	missing=
	for package in $packages; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || missing="$missing $package"
	done
	[ -z "$missing" ] || die "packages are missing; as root: apt-get install --no-install-recommends$missing"
}

# A configuration of our own, so that the system's keeps its lists: the system's
# entries, as sources instead of binaries, with keys and options as they are.
apt_private() {
	mkdir -p "$apt_home/lists/partial" "$apt_home/cache/archives/partial"
	rm -rf "$apt_home/entries"
	mkdir -p "$apt_home/entries"
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN) $(SOURCESENTRY)' |
		sed -n 's/^Debian \(.*\):[0-9]*$/\1/p' | sort -u |
	while read -r entry; do
		sed -e 's/^Types:.*/Types: deb-src/' -e 's/^deb[[:space:]]/deb-src /' \
			"$entry" >"$apt_home/entries/$(basename "$entry")"
	done
	[ -n "$(ls "$apt_home/entries")" ] ||
		die "apt knows no Debian mirror: run apt-get update first"
}

apt_do() {
	apt-get -q -o Dir::Etc::SourceList=/dev/null \
		-o Dir::Etc::SourceParts="$apt_home/entries" \
		-o Dir::State::Lists="$apt_home/lists" \
		-o Dir::Cache="$apt_home/cache" \
		-o APT::Sandbox::User=root "$@" >&2
}

dsc_name() {
	echo "$downloads/qemu_${version#*:}.dsc"
}

download() {
	[ -f "$(dsc_name)" ] && return
	say "fetching the source package qemu $version"
	mkdir -p "$downloads"
	apt_private
	apt_do update || die "the mirror's source index cannot be had: see apt's message above"
	(cd "$downloads" && apt_do source --download-only "qemu=$version") ||
		die "no qemu source $version on the mirror: upgrade qemu-system-arm, then try again"
}

# The generated headers that QEMU's own include files ask for
header_targets() {
	ninja -C "$out" -t targets all |
		sed -n -E 's,^((qapi/|trace/|config-host|[a-z0-9-]+-config-|qemu-version)[^:]*\.h): .*,\1,p'
}

prepare() {
	[ "$(cat "$src/.prepared" 2>/dev/null)" = "$version" ] && return
	download
	say "unpacking and configuring qemu $version (half a minute)"
	rm -rf "$src"
	dpkg-source --no-check -x "$(dsc_name)" "$src" >"$model/unpack.log" 2>&1 ||
		die "dpkg-source failed: $model/unpack.log"
	mkdir -p "$out"
	(cd "$out" && ../configure --target-list=aarch64-softmmu --without-default-features \
		--enable-tcg --enable-fdt=system --enable-modules --disable-docs \
		--disable-tools) >"$model/configure.log" 2>&1 ||
		die "configure failed: $model/configure.log"
	header_targets | xargs ninja -C "$out" >"$model/headers.log" 2>&1 ||
		die "QEMU's headers could not be made: $model/headers.log"
	echo "$version" >"$src/.prepared"
}

up_to_date() {
	[ -f "$so" ] && [ "$(cat "$model/version" 2>/dev/null)" = "$version" ] &&
		[ -z "$(find "$here" \( -name 'ipmmu*.[ch]' -o -name witness.h -o -name build.sh \) \
			-newer "$so")" ]
}

# The flags that QEMU's own build would give, as far as its headers need them
# (CONFIG_PLUGIN is a part of the shape of a processor in Debian's build)
compile_against_qemu() {
	target=$1
	shift
	# shellcheck disable=SC2046 # pkg-config's words are to be split
	gcc -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden -Wall -Wextra \
		-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
		-fno-strict-aliasing -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DNEED_CPU_H \
		-DCONFIG_PLUGIN -DCONFIG_TARGET='"aarch64-softmmu-config-target.h"' \
		-DCONFIG_DEVICES='"aarch64-softmmu-config-devices.h"' \
		-I"$here" -I"$out" -I"$out/qapi" -isystem "$src/include" \
		-isystem "$src/target/arm" -isystem "$src/tcg/i386" -isystem "$src" \
		$(pkg-config --cflags glib-2.0 pixman-1) "$@" -o "$target.new" -lfdt ||
		die "$(basename "$target") does not compile: see above"
	mv "$target.new" "$target"
}

# Debian's qemu-system-arm leaves out QEMU's accelerator for tests that run no
# guest; its one file, unchanged, is enough for ours.
compile() {
	say "compiling $so"
	compile_against_qemu "$model/accel-qtest.so" "$src/accel/qtest/qtest.c"
	compile_against_qemu "$so" "$here"/ipmmu-*.c
	echo "$version" >"$model/version"
}

case "${1-}" in
"")
	;;
--packages)
	# shellcheck disable=SC2086 # one line of words
	echo $packages
	exit 0
	;;
--help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 2
	;;
esac

check_packages
version=$(dpkg-query -W -f '${source:Version}' qemu-system-arm)
if up_to_date; then
	say "$so is up to date (qemu $version)"
else
	mkdir -p "$model"
	prepare
	compile
fi
