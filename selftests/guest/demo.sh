#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A disk behind the IPMMU assigned to a guest of Debian's QEMU with KVM, in the
# emulated host: see usage().
set -u
. "$(dirname "$0")/../machine/lib/common.sh"

usage()
{
	cat <<-EOT
	usage: demo.sh [OPTION]...

	  --kernel SERIES   of host and guest: 6.12 (default) or 6.1
	  --suite SUITE     Debian suite with the QEMU in the host (bookworm)
	  --gic VERSION     3 with ITS (default), or 2 with GICv2m; repeatable
	  --memory MIB      of the guest; repeatable (1024, and with GICv3 4608)
	  --rounds N        of several the median is shown (1)
	  --log FOLDER      where the logs go (build/log/demo-guest)
	EOT
}

GUEST=$TOP/selftests/guest
DISK_MIB=256
HOST_MIB=1536		# beside the guest's memory
BOOT_SECONDS=1800

series=6.12 suite=bookworm rounds=1 log=$BUILD/log/demo-guest
gics=() sizes=()

while [ $# -gt 0 ]; do
	[ "$1" != --help ] || { usage; exit 0; }
	[ $# -ge 2 ] || die "$1: no such option, or its value is missing (see --help)"
	case $1 in
	--kernel) have_series "$2"; series=$2;;
	--suite) suite=$2;;
	--gic) gics+=("$2");;
	--memory) sizes+=("$2");;
	--rounds) rounds=$2;;
	--log) log=$2;;
	*) die "$1: no such option (see --help)";;
	esac
	shift 2
done
[ ${#gics[@]} -gt 0 ] || gics=(3)

# boot GIC MIB...
boot()
{
	local gic=$1 largest
	shift

	largest=$(printf '%s\n' "$@" | sort -n | tail -n 1)
	echo
	echo "### Linux $series, GICv$gic, guests with" "${@/%/ MiB}"
	"$MACHINE/boot" --kernel "$series" --log "$log/gic$gic" --smp 2 \
		--mem $((largest + HOST_MIB)) --timeout $BOOT_SECONDS \
		--machine virtualization=on --machine "gic-version=$gic" \
		--nvme $DISK_MIB --image --userland "$suite" \
		--add "$log/guest.cpio:/guest.cpio" \
		-- "/selftests/guest/assign.sh $rounds $*" | tee "$log/gic$gic.out"
	[ "${PIPESTATUS[0]}" -eq 0 ] ||
		die "FAILED; the kernel's messages: $log/gic$gic/console.log"
}

[ -x "$BUILD/selftests/$series/guest/assigned" ] ||
	die "build/selftests/$series/guest is not built: run make demo-guest in the top folder"
mkdir -p "$log" || exit 1
rm -f "$log"/*.out
"$GUEST/initramfs" "$series" "$log/guest.cpio" || exit 1
for gic in "${gics[@]}"; do
	case $gic in
	3) usual=(1024 4608);;
	2) usual=(1024);;
	*) die "--gic takes 2 or 3, not \"$gic\"";;
	esac
	[ ${#sizes[@]} -eq 0 ] || usual=("${sizes[@]}")
	boot "$gic" "${usual[@]}"
done
cat "$log"/gic*.out | awk -f "$GUEST/tables.awk" || die "no results"
echo
echo "all passed in $SECONDS s; logs are in $log"
