# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
#
# What the scripts share that run in a booted Debian: the commands of
# Documentation/install.md, typed by an engineer in a clone of the repository,
# and what is looked at afterwards. witness is not in PATH.

# shellcheck source=../../ipmmu/ktap.sh
. ./ktap.sh

NAMES="io-pgtable-arm-deferred ipmmu-vmsa-deferred"
CLONE=/home/engineer/ipmmu-deferred
DOCUMENT=$CLONE/Documentation/install.md
LIST=/etc/initramfs-tools/modules
LIST_BEFORE=/home/engineer/list-before
DATA=/dev/nvme0n1
RELEASE=$(uname -r)

# take_clone: the engineer's own
take_clone()
{
	rm -rf "$CLONE"
	cp -r ipmmu-deferred "$CLONE" && chown -R engineer: "$CLONE"
}

# types COMMANDS: as the engineer does, who sees the first one that fails
types()
{
	echo "$1" | sed 's/^/$ /'
	[ -n "$1" ] && runuser -l engineer -c "set -e; cd $CLONE; $1"
}

# follows TEXT: the commands that the document has after it
follows()
{
	types "$(./commands "$1" "$DOCUMENT")"
}

# built RELEASE: both modules are installed for that kernel, and are ours
built()
{
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$CLONE/dkms.conf")
	for name in $NAMES; do
		modinfo -k "$1" -F filename "$name" | grep /updates/dkms/ || return
		[ "$(modinfo -k "$1" -F version "$name")" = "$version" ] &&
			modinfo -k "$1" -F vermagic "$name" | grep "^$1 " || return
	done
}

# knows RELEASE: as dkms has it
knows()
{
	dkms status | grep "^ipmmu-deferred/.*, $1, .*: installed"
}

signed()
{
	for name in $NAMES; do
		modinfo -k "$1" -F signer "$name" | grep . || return
	done
}

# in_initramfs FILE: how many of the two are in it
in_initramfs()
{
	lsinitramfs "$1" | grep -cE '/(io-pgtable-arm|ipmmu-vmsa)-deferred\.ko'
}

both_in_initramfs()
{
	[ "$(in_initramfs "/boot/initrd.img-$1")" = 2 ]
}

# newest_kernel: of those that are installed
newest_kernel()
{
	for folder in /lib/modules/*; do
		echo "${folder##*/}"
	done | sort -V | tail -n 1
}

# The data disk, whose files have their sums beside them
FILES=/srv
KIB=32768

mount_data()
{
	wait_for 60 test -b "$DATA" && mount "$DATA" "$FILES"
}

unmount_data()
{
	umount "$FILES" && blockdev --flushbufs "$DATA" && echo 3 > /proc/sys/vm/drop_caches
}

# reads_data: what was written before, in this boot or another
reads_data()
{
	mount_data || return
	(cd "$FILES" && sha256sum -c SUMS)
	status=$?
	unmount_data && return "$status"
}

# writes_data: the sum is made of what is written, not of what was
writes_data()
{
	mount_data || return
	file=data-$(date +%s)
	(cd "$FILES" && head -c $((KIB * 1024)) /dev/urandom | tee "$file" |
		sha256sum | sed "s/-\$/$file/" >> SUMS && sync "$file" SUMS)
	status=$?
	unmount_data && return "$status"
}

no_kernel_errors()
{
	! dmesg | grep -i -E 'nvme nvme.*(timeout|error|abort)|I/O error|EXT4-fs error'
}

# What is looked at after all was removed
no_entry()
{
	! dkms status | grep ipmmu
}

# Neither a module nor its parameters
in_no_initramfs()
{
	for file in /boot/initrd.img-*; do
		echo "$file:"
		! lsinitramfs "$file" | grep -E '(ipmmu|io-pgtable).*-deferred' || return
	done
}

# The engineer's own files are not what was installed.
no_file()
{
	! find / -xdev \( -path /home -o -path "$PWD" -o -path /proc -o -path /sys \) -prune -o \
		\( -name '*ipmmu*deferred*' -o -name '*io*pgtable*deferred*' \) -print |
		grep .
}

# Neither in what was changed nor in depmod's
no_mention()
{
	! grep -rlE '(ipmmu.vmsa|io.pgtable.arm).deferred' /etc /usr/share/initramfs-tools \
		/lib/modules/*/modules.* /var/lib/dkms /var/lib/initramfs-tools 2> /dev/null |
		grep .
}
