# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Programs of a later Debian on this one: each gets the loader and the C library
# of its own release, and shares everything else with the host.

# foreign_program FILE: a program that the loader has to be named for
foreign_program()
{
	patchelf --print-interpreter "$1" > /dev/null 2>&1
}

# take_libc TOOLCHAIN FILE...: the programs among them run with its C library.
take_libc()
{
	local folder=$1 file

	shift
	for file; do
		foreign_program "$file" || continue
		patchelf --set-interpreter "$folder/ld.so" --force-rpath \
			--set-rpath "$folder/lib" "$file" ||
			die "patchelf cannot change $file"
	done
}
