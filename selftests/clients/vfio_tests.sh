#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The newest kernel's own tests of VFIO, as vfio/build has made them into
# /vfio-tests, on a network card behind the IPMMU. Where there is /dev/iommu,
# all of them; else those of the two kinds of type1 containers. /iommufd, if
# there, has modules to load in the place of the kernel's VFIO.

cd "$(dirname "$0")/../ipmmu" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ./ktap.sh
# shellcheck source=../guest/vfio.sh
. ../guest/vfio.sh

TESTS=/vfio-tests
OUT=/tmp/out

load_vfio()
{
	if [ -e /iommufd/order ]; then
		while read -r name; do
			insmod "/iommufd/$name.ko" || return 1
		done < /iommufd/order
	else
		modprobe vfio_iommu_type1
		modprobe vfio-pci
	fi
}

# program NUMBER NAME ARGUMENT...: so many of its tests pass, and none is
# skipped or fails
program()
{
	wanted=$1 name=$2
	shift 2
	"$TESTS/$name" "$@" "$function" > "$OUT" 2>&1
	status=$?
	grep -E '^(not ok|ok .*SKIP|# (FAILED|PASSED|Totals))' "$OUT"
	[ "$status" = 0 ] || tail -n 30 "$OUT"
	[ "$status" = 0 ] && ! grep -q '^ok .*SKIP' "$OUT" &&
		[ "$(grep -c '^ok ' "$OUT")" = "$wanted" ]
}

# Of older kernels type1 has another error for a range that wraps around, which
# is none of ours
wraps_otherwise()
{
	kernel_before 7 0
}

# Each of the harness's variants by name: the two kinds of containers, page
# sizes
type1_variants()
{
	for kind in vfio_type1_iommu vfio_type1v2_iommu; do
		echo "-v $kind"
		for size in anonymous anonymous_hugetlb_2mb anonymous_hugetlb_1gb; do
			echo "-v ${kind}_$size"
		done
	done
}

# The first filter that a test matches decides
type1_mapping()
{
	if wraps_otherwise; then
		# shellcheck disable=SC2046	# words
		program 10 vfio_dma_mapping_test -T overflow $(type1_variants)
	else
		# shellcheck disable=SC2046	# words
		program 12 vfio_dma_mapping_test $(type1_variants)
	fi
}

type1_mapping_of_bars()
{
	# shellcheck disable=SC2046	# words
	program 6 vfio_dma_mapping_mmio_test $(type1_variants)
}

all_mapping()
{
	if ! wraps_otherwise; then
		program 30 vfio_dma_mapping_test
		return
	fi
	limits=vfio_dma_map_limit_test
	program 28 vfio_dma_mapping_test -r "$limits.iommufd.overflow" \
		-r "$limits.iommufd_compat_type1.overflow" \
		-r "$limits.iommufd_compat_type1v2.overflow" -T overflow \
		-f "$limits" -f vfio_dma_mapping_test
}

[ -d $TESTS ] || ktap_skip_all "no $TESTS here"
function=$(pci_functions 0x8086:0x10d3 | head -n 1)
[ -n "$function" ] || ktap_skip_all "no network card here"
load_driver || ktap_skip_all "$MODULE does not load or serves nothing"
load_vfio || ktap_skip_all "no VFIO"
modprobe e1000e
./witness clear

if [ -e /dev/iommu ]; then
	ktap_plan 7
	ktap_check "bind" give_to vfio-pci
	live=$(live_tables)
	ktap_check "device" program 5 vfio_pci_device_test
	ktap_check "mapping" all_mapping
	ktap_check "mapping_of_bars" program 15 vfio_dma_mapping_mmio_test
	ktap_check "iommufd_setup" program 6 vfio_iommufd_setup_test
else
	ktap_plan 6
	ktap_check "bind" give_to vfio-pci
	live=$(live_tables)
	ktap_check "device" program 5 vfio_pci_device_test.type1
	ktap_check "mapping" type1_mapping
	ktap_check "mapping_of_bars" type1_mapping_of_bars
fi
ktap_check "tables_back" tables_back "$live"
ktap_check "verdict" ./witness verdict
ktap_end
