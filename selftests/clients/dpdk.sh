#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# DPDK's testpmd on two network cards behind the IPMMU that have a cable between
# them, with virtual addresses as IOVAs: frames from a file go out by one card
# and come back by the other, all of them as they were; one process has both cards, or
# each its own; with huge pages and without. Then frames go round and round, and
# the process is killed.

cd "$(dirname "$0")/../ipmmu" || exit 1
# shellcheck source=../ipmmu/ktap.sh
. ./ktap.sh
# shellcheck source=../guest/vfio.sh
. ../guest/vfio.sh

FRAMES=${CLIENTS_FRAMES:-3000}
SENT=/tmp/sent.pcap	# as the programs see them
CAME=/tmp/came.pcap
HUGE_PAGES=64
ABI=23.0
SECONDS_FOR_FRAMES=$((120 * ${TIME_SCALE:-1}))
SECONDS_FOR_END=$((30 * ${TIME_SCALE:-1}))

# Few buffers, for there are no more than HUGE_PAGES; without --no-flush-rx the
# file's frames are thrown away before it begins
EAL="-l 0,1 --iova-mode=va --no-telemetry"
TESTPMD="--total-num-mbufs=4096 --rxd=256 --txd=256 --no-mlockall --no-flush-rx"

# testpmd NAME ARGUMENT...: what it says is in /tmp/NAME.log
testpmd()
{
	testpmd_log=/tmp/$1.log
	testpmd_name=$1
	shift
	# shellcheck disable=SC2086	# words
	chroot "$USERLAND" dpdk-testpmd $EAL --file-prefix="$testpmd_name" "$@" \
		> "$testpmd_log" 2>&1 < /dev/null &
}

# sent_by PORT FILE: frames that it has sent so far, of what testpmd says each
# second; it would ask for a key without saying so
sent_by()
{
	awk -v port="$1" '
		/NIC statistics for port/ { now = $6 }
		now == port && /TX-packets:/ { sent = $2 }
		END { print sent + 0 }' "$2"
}

# all_came PORT FILE PID: or no more will
all_came()
{
	[ "$(sent_by "$1" "$2")" -ge "$FRAMES" ] || gone "$3"
}

forwards()
{
	grep -q "NIC statistics for port" "$1"
}

gone()
{
	! kill -0 "$1" 2> /dev/null
}

# end PID: as by Ctrl-C, and it closes its files
end()
{
	kill -INT "$1"
	wait_for "$SECONDS_FOR_END" gone "$1" && return
	echo "testpmd does not end"
	kill -9 "$1"
	return 1
}

compare()
{
	../clients/frames compare "$USERLAND$SENT" "$USERLAND$CAME" && return
	for compare_log; do
		tail -n 25 "$compare_log"
	done
	return 1
}

# Ports: the cards are 0 and 1, the files 2 and 3
one_process()
{
	rm -f "$USERLAND$CAME"
	# shellcheck disable=SC2086	# words
	testpmd one "$@" -a "$first" -a "$second" --vdev="net_pcap0,rx_pcap=$SENT" \
		--vdev="net_pcap1,tx_pcap=$CAME" -- $TESTPMD \
		--stats-period=1 --portlist=2,0,1,3
	one=$!
	wait_for "$SECONDS_FOR_FRAMES" all_came 3 /tmp/one.log "$one"
	end "$one" && compare /tmp/one.log
}

# Each has a card, port 0, and a file, port 1; what takes the frames comes first
two_processes()
{
	rm -f "$USERLAND$CAME"
	# shellcheck disable=SC2086	# words
	testpmd to "$@" -a "$second" --vdev="net_pcap1,tx_pcap=$CAME" -- $TESTPMD \
		--stats-period=1 --portlist=0,1
	to=$!
	wait_for "$SECONDS_FOR_FRAMES" forwards /tmp/to.log
	# shellcheck disable=SC2086	# words
	testpmd from "$@" -a "$first" --vdev="net_pcap0,rx_pcap=$SENT" -- $TESTPMD \
		--stats-period=1 --portlist=1,0
	from=$!
	wait_for "$SECONDS_FOR_FRAMES" all_came 1 /tmp/to.log "$from"
	end "$from" && end "$to" && compare /tmp/from.log /tmp/to.log
}

# A burst that goes from card to card for ever
kill_busy()
{
	# shellcheck disable=SC2086	# words
	killed chroot "$USERLAND" dpdk-testpmd $EAL --file-prefix=killed "$@" -a "$first" \
		-a "$second" -- $TESTPMD --stats-period=600 --tx-first
}

translated()
{
	count=$(./witness translations)
	echo "$count translations"
	# Two descriptors and two pieces of data for each frame, four times
	[ "$count" -ge $((FRAMES * 4)) ]
}

bind_both()
{
	for function in $first $second; do
		give_to vfio-pci || return
	done
}

# testpmd loads whatever ends with the number of the interface, hundreds of
# drivers; libraries that it is linked with are in the same folder, by shorter
# names. Neither folder may be one that all can write to.
few_drivers()
{
	drivers=$USERLAND/usr/lib/aarch64-linux-gnu/dpdk/pmds-$ABI
	mount --bind "$drivers" "$USERLAND/run" && mkdir -p /run/pmds || return
	chmod 755 /run/pmds
	for driver in "$drivers"/*.so."${ABI%.0}"; do
		ln -s "/run/${driver##*/}.0" "/run/pmds/${driver##*/}"
	done
	for driver in bus_pci bus_vdev mempool_ring net_e1000 net_pcap; do
		ln -s "/run/librte_$driver.so.$ABI" "/run/pmds/librte_$driver.so.$ABI"
	done
	mount --bind /run/pmds "$drivers"
}

huge_pages()
{
	echo $HUGE_PAGES > /proc/sys/vm/nr_hugepages
	mkdir -p /dev/hugepages
	mount -t hugetlbfs hugetlbfs "$USERLAND/dev/hugepages"
}

first=$(pci_functions 0x8086:0x10d3 | head -n 1)
second=$(pci_functions 0x8086:0x10d3 | sed -n 2p)
[ -n "$second" ] || ktap_skip_all "no two network cards here"
mount_userland || ktap_skip_all "no user space on /dev/vda"
[ -x "$USERLAND/usr/bin/dpdk-testpmd" ] || ktap_skip_all "no dpdk-testpmd"
few_drivers || ktap_skip_all "no drivers of DPDK's"
export RUNTIME_DIRECTORY=/tmp
huge_pages || ktap_skip_all "no huge pages"
load_driver || ktap_skip_all "$MODULE does not load or serves nothing"
modprobe vfio_iommu_type1
modprobe vfio-pci
modprobe e1000e
./witness clear
seed=${IPMMU_TEST_SEED:-$(tr -dc 0-9 < /proc/uptime)}
../clients/frames make "$USERLAND$SENT" "$FRAMES" "$seed"

ktap_plan 11
echo "# seed $seed (IPMMU_TEST_SEED repeats it)"
ktap_check "bind" bind_both
live=$(live_tables)
ktap_check "one_process" one_process
ktap_check "one_process_no_huge" one_process --no-huge -m 64
ktap_check "two_processes" two_processes
ktap_check "two_processes_no_huge" two_processes --no-huge -m 64
ktap_check "killed_in_mid_dma" kill_busy
ktap_check "killed_in_mid_dma_no_huge" kill_busy --no-huge -m 64
ktap_check "tables_back" tables_back "$live"
ktap_check "translations" translated
ktap_check "no_bypass" counted_zero bypasses
ktap_check "verdict" ./witness verdict
ktap_end
