# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Kernels that are built here, from Debian's linux-source packages.
#
# The source is unpacked once, to build/source/linux-source-VERSION; what is
# built stays in build/source/SERIES, so that a changed configuration builds
# only what it touches.

# build_settings SERIES CONFIGURATION...: where things lie. What a later
# configuration says goes before what an earlier one does.
build_settings()
{
	series=$1
	name=${series#*-}
	shift
	configs=("$@")
	package=linux-source-${series%-*}
	source=$BUILD/source/$package
	output=$BUILD/source/$series
	folder=$BUILD/kernel/$series
	compiler=(CROSS_COMPILE="$CROSS_COMPILE" CC="$CROSS_CC")
}

# up_to_date: built, and with these configurations
up_to_date()
{
	local config

	is_done "$folder/release" || return 1
	for config in "${configs[@]}"; do
		[ "$folder/release" -nt "$config" ] || return 1
	done
}

unpack_source()
{
	local unpacked=$BUILD/source/unpacked

	! is_done "$source" || return 0
	use_suite "$(suite_of "$series")"
	apt_update
	rm -rf "$unpacked" "$source.new"
	unpack_packages "$unpacked" "$package"
	say "unpacking the kernel's source"
	mkdir "$source.new"
	tar -x -C "$source.new" --strip-components=1 --use-compress-program="xz -T0" \
		-f "$unpacked/usr/src/$package.tar.xz" ||
		die "$package is not as expected: no $package.tar.xz"
	rm -rf "$unpacked"
	mv "$source.new" "$source"
}

kernel_make()
{
	nice make --no-print-directory -s -j2 -C "$source" O="$output" ARCH=arm64 \
		"${compiler[@]}" "$@"
}

# last_words FILE...: of lines about the same option, the last. "CONFIG_NAME="
# takes back what is said before, for kernels that do not have the option any
# more.
last_words()
{
	awk '
		match($0, /CONFIG_[A-Za-z0-9_]+/) && /^(CONFIG|# CONFIG_.* is not set)/ {
			option = substr($0, RSTART, RLENGTH)
			if (!(option in line))
				order[++options] = option
			line[option] = $0
		}
		END {
			for (i = 1; i <= options; i++)
				if (line[order[i]] !~ /=$/)
					print line[order[i]]
		}' "$@"
}

# Whatever the configurations say must be so in the end: an option that depends
# on another one is dropped without a word.
configure()
{
	local all=$output/all.config line lost=0

	last_words "${configs[@]}" > "$all"
	echo "CONFIG_LOCALVERSION=\"-$name\"" >> "$all"
	kernel_make KCONFIG_ALLCONFIG="$all" allnoconfig
	while read -r line; do
		grep -qxF "$line" "$output/.config" && continue
		say "error: the kernel does not take $line"
		lost=1
	done < "$all"
	[ "$lost" -eq 0 ] || die "set right what ${configs[*]} say"
}

build()
{
	local log=$output/build.log start=$SECONDS

	say "building kernel $series (log: $log)"
	kernel_make Image modules > "$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "no kernel $series"
	}
	say "kernel $series took $((SECONDS - start)) s"
}

install_kernel()
{
	local work=$folder.new

	rm -rf "$work" "$folder"
	mkdir -p "$work"
	kernel_make INSTALL_MOD_PATH="$work" DEPMOD=true modules_install
	cp "$output/arch/arm64/boot/Image" "$work/Image"
	ln -s "$output" "$work/kdir"
	cp "$output/include/config/kernel.release" "$work/release"
	depmod -b "$work" "$(cat "$work/release")"
	mv "$work" "$folder"
}
