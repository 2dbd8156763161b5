# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The command line of the emulator, in the array "qemu".

MODEL=$BUILD/model/ipmmu-model.so

# The machine's memory begins there; what a test has of it for itself
MEMORY_BASE=0x40000000
SMMU_TEST_MIB=256

# emulator_of SUITE: its QEMU, or the host's
emulator_of()
{
	if [ -n "$1" ]; then
		echo "$BUILD/qemu/$1/qemu-system-aarch64"
	else
		echo qemu-system-aarch64
	fi
}

# userland_of SUITE: the file system that selftests/machine/userland makes
userland_of()
{
	echo "$BUILD/userland/$1.ext4"
}

# Slots of bus 0, in QEMU's notation (addr= takes hexadecimal). The IPMMU stands
# before slots 0 to 11; the witness and the runner's channel must work without
# it.
NVME_SLOT=0x1
DMA_FIRST_SLOT=0x2
IPMMU_LAST_SLOT=0xb
WITNESS_SLOT=0xc
CHANNEL_SLOT=0xd
USERLAND_SLOT=0xe

# R-Car Gen3 has the Cortex-A57, which has no pages of 16 KiB.
qemu_cpu()
{
	case $series in
	*-16k) echo cortex-a76;;
	*) echo cortex-a57;;
	esac
}

qemu_machine()
{
	local option

	if [ "$ipmmu" = yes ]; then
		qemu+=(-machine "rcar-gen3,gic-version=3")
	else
		qemu+=(-machine "virt,gic-version=3")
	fi
	for option in "${machine_options[@]}"; do
		qemu+=(-machine "$option")
	done
	qemu+=(-cpu "$(qemu_cpu)" -smp "$smp" -m "$memory" -nodefaults -no-reboot
		-accel tcg -display none)
	[ "$icount" = no ] || qemu+=(-icount "shift=0,sleep=off")
}

qemu_kernel()
{
	# A panic ends the emulator by way of -no-reboot.
	qemu+=(-kernel "$kernel/Image" -initrd "$log/initramfs"
		-append "console=ttyAMA0 panic=-1 oops=panic$append")
}

# Output and report go over virtio-serial ports, not over the console. An SMMU
# is before every slot of the bus: there the channel stays off it, or the kernel
# would make tables for the channel's interrupts while a test counts tables.
# UARTs are slower, but 7.3 has them back after a suspend, which it has virtio
# ports not.
qemu_channel()
{
	local bus=virtio-serial-pci,addr=$CHANNEL_SLOT

	[ -z "$smmu" ] || bus=virtio-serial-device
	qemu+=(-chardev "file,id=output,path=/dev/fd/3"
		-chardev "file,id=report,path=$log/report")
	if [ "$serial" = yes ]; then
		qemu+=(-device
			"pci-serial-2x,addr=$CHANNEL_SLOT,chardev1=output,chardev2=report")
	else
		qemu+=(-device "$bus"
			-device "virtserialport,chardev=output,name=output"
			-device "virtserialport,chardev=report,name=report")
	fi
	if [ "$interactive" = yes ]; then
		qemu+=(-chardev "stdio,id=console,mux=on,signal=off,logfile=$log/console.log"
			-serial chardev:console)
	else
		qemu+=(-serial "file:$log/console.log")
	fi
}

# --nvme MiB[,addr=SLOT]
qemu_nvme()
{
	local spec=$1 number=$2
	local size=${spec%%,*} options=addr=$NVME_SLOT

	[ "$size" = "$spec" ] || options=${spec#*,}
	[[ $size =~ ^[1-9][0-9]*$ ]] || die "--nvme $spec: not a number of MiB"
	truncate -s "${size}M" "$log/nvme$number"
	qemu+=(-drive "if=none,id=nvme$number,format=raw,cache=unsafe,file=$log/nvme$number"
		-device "nvme,drive=nvme$number,serial=nvme$number,$options")
}

# qemu_nic NUMBER: a network card at the hub that takes the place of a cable. Its
# boot ROM, which nothing boots from, would take another package.
qemu_nic()
{
	qemu+=(-netdev "hubport,id=nic$1,hubid=0" -device "e1000e,netdev=nic$1,romfile=")
}

qemu_devices()
{
	local i

	[ "$witness" = no ] || qemu+=(-device "ipmmu-witness,addr=$WITNESS_SLOT")
	for ((i = 0; i < ${#nvme[@]}; i++)); do
		qemu_nvme "${nvme[i]}" "$i"
	done
	for ((i = DMA_FIRST_SLOT; i < DMA_FIRST_SLOT + dma; i++)); do
		qemu+=(-device "ipmmu-dma,addr=$(printf '%#x' "$i")")
	done
	[ -z "$userland" ] ||
		qemu+=(-drive "if=none,id=userland,format=raw,readonly=on,file=$(userland_of "$userland")"
			-device "virtio-blk-pci,drive=userland,addr=$USERLAND_SLOT")
	for i in "${devices[@]}"; do
		qemu+=(-device "$i")
	done
	[ "$nics" = no ] || { qemu_nic 0; qemu_nic 1; }
}

qemu_arguments()
{
	qemu=("$(emulator_of "$emulator")")
	qemu_machine
	qemu_kernel
	qemu_channel
	qemu_devices
	qemu+=("${qemu_extra[@]}")
}
