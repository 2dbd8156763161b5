#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What Documentation/vfio.md and the README say about devices for guests, run as
# it stands there, from copies in /recipe:
#
#	recipe.sh plain		the recipe, on a host that snoops and has an ITS
#	recipe.sh gen3		the README's, on one that does not and has none
#	recipe.sh newer		the recipe with QEMU 10, and the same with iommufd
#	recipe.sh refused	of the table "What is refused" what needs no guest
#
# A line of that table that is run here is a result "row_...": its words are
# those that the document has, and what is seen is what it says.

cd "$(dirname "$0")" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ../ipmmu/ktap.sh
# shellcheck source=vfio.sh
. ./vfio.sh

VFIO=/recipe/vfio.md
README=/recipe/README.md
OUT=/tmp/out
KSFT=/selftests

# recipe_of FILE HEADING: the first block of commands behind that line, each
# with the lines that go on from it
recipe_of()
{
	awk -v heading="$2" '
		index($0, heading) == 1 { there = 1; next }
		!there { next }
		/^    / { line = line substr($0, 5); begun = 1
			if (sub(/\\$/, "", line)) next
			print line; line = ""; next }
		begun { exit }' "$1"
}

# run LINE: in this shell, as a reader's would
run()
{
	echo "# \$ $1"
	eval "$1" > "$OUT" 2>&1 < /dev/null
	run_status=$?
	# Of a guest, what came last
	tail -n 30 "$OUT" | sed 's/^/# /'
	return "$run_status"
}

# lines FILE: a result for each. The host finds its disk once the IPMMU is
# there, as with both modules in the initramfs.
lines()
{
	while read -r recipe_line <&4; do
		run "$recipe_line"
		ktap_result $? "$(echo "$recipe_line" | sed 's/ *#.*//; s/ .*[ /]\([^ /]*\)$/ \1/')"
		case $recipe_line in
		*modprobe*ipmmu*) host_has_disk || echo "# no disk in the host";;
		esac
	done 4< "$1"
}

host_has_disk()
{
	load_driver
	modprobe nvme
	wait_for 15 test -b /dev/nvme0n1
}

# In the place of QEMU: Debian's, whose guest is killed once it is at work
qemu_is_debians()
{
	cp /boot/Image /guest.cpio /bin/busybox $USERLAND/tmp
	mkdir -p /usr/local/bin
	cat > /usr/local/bin/qemu-system-aarch64 <<-END
	#!/bin/sh
	exec $KSFT/guest/assigned /tmp/result chroot $USERLAND /tmp/busybox sh -c \
		'cd /tmp && exec qemu-system-aarch64 "\$@"' sh "\$@"
	END
	chmod +x /usr/local/bin/qemu-system-aarch64
	PATH=/usr/local/bin:$PATH
}

# row NAME LEFT RIGHT COMMAND...: the document has that line, and the command
# sees what it says
row()
{
	row_name=$1 row_left=$2 row_right=$3
	shift 3
	ktap_check "row_$row_name" row_as_said "$@"
}

row_as_said()
{
	grep -q "^| $row_left.*| .*$row_right.* |\$" "$VFIO" || {
		echo "$VFIO has no line \"$row_left ... $row_right\""
		return 1
	}
	"$@"
}

harness()
{
	"$KSFT/vfio/$1" -t "$2" > "$OUT" 2>&1
	harness_status=$?
	tail -n 8 "$OUT"
	[ "$harness_status" = 0 ] && grep -q "^ok .*$2" "$OUT" && ! grep -q "SKIP" "$OUT"
}

# --- with a guest ---------------------------------------------------------

# far_bar WORDS CALL: QEMU says these words, which the document has, and which
# call it was that failed
far_bar()
{
	tr -s '\n ' '  ' < "$VFIO" | grep -qF "$1" || {
		echo "$VFIO does not have \"$1\""
		return 1
	}
	grep -F "$1" /tmp/guest.out && grep "$2(.*, 0x8000000000, .* = -22" /tmp/guest.out
}

no_word_of_bars()
{
	! grep -i "dma_map\|VFIO_MAP_DMA\|failed" /tmp/guest.out
}

takes_back()
{
	sed -n '/^device=/p; /^echo/s/vfio-pci/nvme/; /^echo/p' /tmp/recipe > /tmp/back
	# shellcheck source=/dev/null
	. /tmp/back
	wait_for 15 test -b /dev/nvme0n1
	dd if=/dev/nvme0n1 of=/dev/null bs=1048576 count=8 iflag=direct
}

no_error()
{
	../ipmmu/witness verdict && (cd ../ipmmu && counted_zero bypasses)
}

rows_of_addresses()
{
	row past "IOVAs past 39 bits" "\`EINVAL\`" harness vfio_type1 bad_iova
	row msi "IOVAs of the MSI window" "the same" harness vfio_type1 bad_iova
}

plain()
{
	recipe_of "$VFIO" "# Assigning" > /tmp/recipe
	ktap_plan $(($(grep -c . /tmp/recipe) + 5))
	lines /tmp/recipe
	cp "$OUT" /tmp/guest.out
	ktap_check "bar_at_512_gib_as_said" far_bar "VFIO_MAP_DMA failed: Invalid argument" \
		vfio_dma_map
	ktap_check "given_back" takes_back
	rows_of_addresses
	ktap_check "no_error" no_error
}

# The document's, for a guest of up to 3 GiB
small_guest()
{
	grep ^qemu /tmp/recipe | sed 's/virt,/virt,highmem=off,/; s/-m 4608/-m 1024/'
}

not_permitted()
{
	echo N > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
	run "$(small_guest)" && return 1
	echo Y > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
	grep -i "operation not permitted" "$OUT"
}

gen3()
{
	recipe_of "$README" "## Assign a device" > /tmp/readme
	recipe_of "$VFIO" "# Assigning" > /tmp/recipe
	ktap_plan $(($(grep -c . /tmp/readme) + 5))
	lines /tmp/readme
	cd "$KSFT/guest" || exit
	row no_its "a host without an ITS" "Operation not permitted" not_permitted
	run "$(small_guest)"
	ktap_result $? "guest_with_highmem_off"
	cp "$OUT" /tmp/guest.out
	ktap_check "no_warning_then" no_word_of_bars
	ktap_check "given_back" takes_back
	ktap_check "no_error" no_error
}

# --- with iommufd ---------------------------------------------------------

with_iommufd()
{
	run "$(grep ^qemu /tmp/recipe |
		sed 's/-device vfio-pci.*/-object iommufd,id=iommufd0 &,iommufd=iommufd0/')"
}

newer()
{
	while read -r name; do
		insmod "/iommufd/$name.ko" || ktap_skip_all "no iommufd"
	done < /iommufd/order
	recipe_of "$VFIO" "# Assigning" > /tmp/recipe
	ktap_plan $(($(grep -c . /tmp/recipe) + 4))
	lines /tmp/recipe
	cp "$OUT" /tmp/guest.out
	ktap_check "bar_at_512_gib_as_said" far_bar \
		"PCI peer-to-peer transactions on BARs are not supported" vfio_container_dma_map
	with_iommufd
	ktap_result $? "guest_with_iommufd"
	row dirty "tracking of dirty pages by iommufd" "\`EOPNOTSUPP\`" \
		harness vfio_iommufd dirty_tracking_refused
	ktap_check "no_error" no_error
}

# --- without a guest ------------------------------------------------------

not_coherent()
{
	log_mark
	give_to vfio-pci && return 1
	dmesg | tail -n +"$((log_lines + 1))" | grep "$function.*error -22" || {
		log_show
		return 1
	}
	[ ! -e "/sys/bus/pci/devices/$function/driver" ]
}

# Of eight engines and a disk, with the contexts that Gen3 has. The engines get
# their groups when the test module's driver is tried on them.
seventh_shares()
{
	insmod ../ipmmu/ipmmu_test.ko || return
	dmesg | grep "shares group, context" | sed 's/^.*] //'
	groups=$(find /sys/kernel/iommu_groups/*/devices/ -name '0000:*' |
		sed 's,/devices.*,,' | sort -u | wc -l)
	echo "$groups groups"
	[ "$groups" = 6 ] && dmesg | grep -q "shares group, context.*with [^ ]*: "
}

# An SD controller has one, other masters beside PCI have none
not_named()
{
	insmod ../ipmmu/ipmmu_master.ko || return
	for master in ee100000.mmc fea20000.fcp; do
		echo "$master: $(readlink "/sys/bus/platform/devices/$master/iommu_group")"
	done
	[ -e /sys/bus/platform/devices/ee100000.mmc/iommu_group ] &&
		[ ! -e /sys/bus/platform/devices/fea20000.fcp/iommu_group ]
}

refused()
{
	host_has_disk || ktap_skip_all "$MODULE serves nothing, or there is no disk"
	modprobe vfio-pci
	function=$(nvme_function)
	ktap_plan 4
	row not_coherent "a device that is not coherent, without \`assume_coherent=1\`" \
		"-22 when \`vfio-pci\` is bound" not_coherent
	row seventh "a seventh group on R-Car Gen3" "shares the group of another" \
		seventh_shares
	row not_named "a master that \`devices=\` does not name, neither PCI nor SD" \
		"it has no group" not_named
	ktap_check "no_error" no_error
}

[ -r "$VFIO" ] || ktap_skip_all "no $VFIO here"
case $1 in
plain | gen3 | newer)
	mount_userland || ktap_skip_all "no user space on /dev/vda"
	qemu_is_debians;;
refused) ;;
*) ktap_skip_all "usage: recipe.sh plain|gen3|newer|refused";;
esac
"$1"
ktap_end
