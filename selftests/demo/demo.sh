#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The main job on a stock kernel in the emulated host, in two boots: data
# through an NVMe disk and through a VFIO user's device; then a domain whose
# whole space is filled is freed, where guest time counts instructions.
set -u

usage()
{
	cat <<-EOT
	usage: demo.sh [--kernel SERIES] [--log FOLDER]

	  --kernel SERIES   6.1 (default) or 6.12
	  --log FOLDER      where the logs go (build/log/demo)
	EOT
}

here=$(cd "$(dirname "$0")" && pwd) || exit 1
top=$(cd "$here/../.." && pwd) || exit 1
boot=$top/selftests/machine/boot
series=6.1
log=$top/build/log/demo

# The whole 39-bit space has 1 + 512 + 262144 tables: 1.003 GiB, and the rest of
# the guest needs some as well.
MEASURE_MIB=3072
TRANSFER_SECONDS=280
MEASURE_SECONDS=280

while [ $# -gt 0 ]; do
	case $1 in
	--kernel) series=${2:?--kernel takes a series}; shift 2;;
	--log) log=${2:?--log takes a folder}; shift 2;;
	--help) usage; exit 0;;
	*) echo "$1: no such option" >&2; usage >&2; exit 1;;
	esac
done

# stage NAME DESCRIPTION BOOT-ARGUMENT...
stage()
{
	local name=$1 description=$2 status begin=$SECONDS
	shift 2

	echo
	echo "### $description"
	"$boot" --kernel "$series" --log "$log/$name" "$@"
	status=$?
	if [ "$status" = 0 ]; then
		echo "### $description: done in $((SECONDS - begin)) s"
		return
	fi
	echo "### $description: FAILED, $(reason "$status")" >&2
	echo "### the kernel's messages: $log/$name/console.log" >&2
	exit "$status"
}

# reason STATUS: what boot means by it
reason()
{
	case $1 in
	124) echo "time limit";;
	125) echo "trouble in the kernel (panic, warning, ...)";;
	126) echo "the guest did not start";;
	*) echo "the guest said so (status $1)";;
	esac
}

mkdir -p "$log" || exit 1
[ -x "$top/build/selftests/$series/demo/measure" ] || {
	echo "build/selftests/$series/demo is not built: run make demo in the top folder" >&2
	exit 1
}

stage transfer "NVMe and VFIO, Linux $series" --smp 2 --mem 2048 --nvme 256 --dma 2 \
	--timeout "$TRANSFER_SECONDS" -- /selftests/demo/transfer.sh
stage measure "freeing a full domain, one CPU, a nanosecond is an instruction" \
	--smp 1 --mem "$MEASURE_MIB" --icount --dma 1 --timeout "$MEASURE_SECONDS" \
	-- /selftests/demo/measure
echo
echo "all passed in $SECONDS s; logs are in $log"
