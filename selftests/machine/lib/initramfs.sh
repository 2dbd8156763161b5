# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The guest's file system: busybox, init, the stock modules that are asked for
# and ours, in one uncompressed cpio archive, made anew for each boot.

# Stock modules every boot needs: the channel to the runner, the devices that
# the tests drive through the IPMMU, and VFIO.
STOCK_MODULES="virtio_pci virtio_mmio virtio_console nvme vfio-pci vfio_iommu_type1"

# initramfs_skeleton ROOT
initramfs_skeleton()
{
	local root=$1

	mkdir -p "$root"/{bin,dev,etc,lib,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin}
	cp "$BUILD/guest/busybox" "$root/bin/busybox"
	install -m 755 "$MACHINE/guest/init" "$root/init"
	install -m 755 "$MACHINE/guest/timeout" "$root/usr/bin/timeout"
	echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
	echo 'root:x:0:' > "$root/etc/group"
}

# stock_module_files KERNEL RELEASE NAME...: the .ko files of the modules and
# of what they depend on, in the order of loading; built-in ones have none.
stock_module_files()
{
	local kernel=$1 release=$2

	shift 2
	modprobe -C /dev/null -d "$kernel" -S "$release" --show-depends -a "$@" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# stock_modules ROOT KERNEL RELEASE NAME...
stock_modules()
{
	local root=$1 kernel=$2 release=$3 files file

	shift 3
	files=$(stock_module_files "$kernel" "$release" "$@") ||
		die "kernel $release lacks one of these modules: $*"
	for file in $files; do
		install -D -m 644 "$file" "$root/${file#"$kernel"/}"
	done
	cp "$kernel/lib/modules/$release/modules."{builtin,builtin.modinfo,order} \
		"$root/lib/modules/$release"
	find "$root/lib/modules" -name '*.ko.xz' -exec xz -d {} +
}

# own_modules ROOT RELEASE FOLDER: all .ko files below FOLDER.
own_modules()
{
	local root=$1 release=$2 folder=$3

	mkdir -p "$root/lib/modules/$release/extra"
	find -L "$folder" -name '*.ko' -exec cp -t "$root/lib/modules/$release/extra" {} +
}

# first_module ROOT RELEASE FILE: init loads it before the channel, whose device
# may be behind what it drives.
first_module()
{
	local root=$1 release=$2 file=$3

	[ -e "$file" ] || die "--first $file: there is no such file"
	install -D -m 644 "$file" "$root/lib/modules/$release/extra/${file##*/}"
	basename "$file" .ko >> "$root/etc/first-modules"
}

# add_to_root ROOT HOST[:GUEST]
add_to_root()
{
	local root=$1 source=${2%%:*} target=/

	[ -e "$source" ] || die "--add $2: there is no $source"
	[ "$source" = "$2" ] || target=${2#*:}
	[ "$target" != / ] || target=/$(basename "$source")
	mkdir -p "$root$(dirname "$target")"
	cp -rLT "$source" "$root$target"
}

# pack_root ROOT FILE
pack_root()
{
	(cd "$1" && find . -print0 |
		cpio --quiet --null --create --format=newc --owner=0:0) > "$2"
}
