# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Single files of the kernel, out of Debian's packages of its source. Sourced,
# with packages.sh before.

# unpack_sources PACKAGE FOLDER SOURCE...: FOLDER/PACKAGE gets the files and
# folders, each in its place. The package is a tar file in a tar file.
unpack_sources()
{
	local package=$1 unpacked=$2 names=() source

	shift 2
	for source; do
		names+=("$package/$source")
	done
	apt_update
	rm -rf "$unpacked"
	unpack_packages "$unpacked" "$package"
	say "taking ${*##*/} out of $package"
	tar -xf "$unpacked/usr/src/$package.tar.xz" -C "$unpacked" "${names[@]}" ||
		die "$package does not have all of: $*"
	rm -rf "${unpacked:?}/usr"
}

# take_sources PACKAGE FOLDER SOURCE...: FOLDER gets the files by their own
# names.
take_sources()
{
	local package=$1 folder=$2 unpacked=$2.unpacked source

	shift 2
	unpack_sources "$package" "$unpacked" "$@"
	mkdir -p "$folder"
	for source; do
		mv "$unpacked/$package/$source" "$folder/"
	done
	rm -rf "$unpacked"
}
