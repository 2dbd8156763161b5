# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a boot ended.

STATUS_TIMEOUT=124
STATUS_KERNEL=125
STATUS_NO_START=126

# What a kernel says when something in it is wrong.
KERNEL_TROUBLE='Kernel panic|WARNING: |\bBUG: |kernel BUG at|Oops|Internal error: '
KERNEL_TROUBLE+='|Unable to handle kernel|KASAN: |KFENCE: |KCSAN: |UBSAN: '
KERNEL_TROUBLE+='|rcu: INFO: .* stall|soft lockup|blocked for more than'
KERNEL_TROUBLE+='|possible recursive locking|possible circular locking|suspicious RCU'
KERNEL_TROUBLE+='|INFO: trying to register|refcount_t: |list_(add|del) corruption'
KERNEL_TROUBLE+='|Bad page state|bad: scheduling|sleeping function called'
# A warning in nothing but words: what a later kernel refuses altogether
KERNEL_TROUBLE+='|Read of boolean property|enqueued on deprecated workqueue'
KERNEL_TROUBLE+='|cannot create duplicate filename|debugfs: .* already present|: nobody cared'

# Those that are tested: a data race concerns us if one of them takes part,
# which is to say that it makes the access, or calls what does: a function of a
# list, say. Below that the kernel is at work on its own data.
RACE_DEPTH=3
# But not where it has called one of these: any number of CPUs may queue one
# work, and the kernel guards it in there.
GUARDED_CALLS='queue_work_on|__queue_work|queue_delayed_work_on|mod_delayed_work_on'
OUR_MODULES='io_pgtable_arm_deferred|ipmmu_vmsa_deferred|iopd_test|ipmmu_test'

# kernel_log: the console's log without KCSAN's reports of races in which the
# kernel is by itself. A report ends with a line of equals signs; the names of
# functions in a module have that of the module behind them; the function that
# the racing access interrupted has no part in it, nor has one that made a call
# in which the kernel guards what it does.
#
# Without the last line, too: while the kernel is at work that may have come in
# part, and the first half of a report of KCSAN says "BUG: ". It is not the last
# for long.
#
# And without the panic that a test asks for, by sysrq: where no other kernel
# goes on from there, the emulator ends.
kernel_log()
{
	sed '$d' "$log/console.log" 2> /dev/null |
	awk -v ours="[[]($OUR_MODULES)[]]" -v depth=$RACE_DEPTH \
		-v guarded=" ($GUARDED_CALLS)[+]" '
		/Kernel panic - not syncing: sysrq triggered crash/ { next }
		/BUG: KCSAN: / { report = 1; text = ""; show = 0 }
		!report { print; next }
		{ text = text $0 "\n" }
		/ by (task|interrupt)/ { apart = 0; frame = -1 }
		/ el1h?_(64_irq|interrupt)/ || $0 ~ guarded { apart = 1 }
		++frame <= depth && $0 ~ ours && !apart { show = 1 }
		/=====/ { if (show) printf "%s", text; report = 0 }
		END { if (report && show) printf "%s", text }
	'
}

kernel_trouble()
{
	kernel_log | grep -aE "$KERNEL_TROUBLE" > /dev/null
}

stop_qemu()
{
	kill "$1" 2> /dev/null
	wait "$1" 2> /dev/null
}

# host_load: how many tasks want each of this machine's CPUs, at least 1
host_load()
{
	awk -v cpus="$(nproc)" '{ load = int($1 / cpus + 0.99)
		print load < 1 ? 1 : load }' /proc/loadavg
}

# scaled_limit: the time limit as the guest's speed has it, once that is known
scaled_limit()
{
	echo $((time_limit * $(awk '$1 == "scale" { scale = $2 }
		END { print scale ? scale : 1 }' "$log/report" 2> /dev/null || echo 1)))
}

# wait_for_end PID: until the emulator is gone, the kernel is in trouble, or the
# time is over. Prints nothing; the reason is left in "ended".
wait_for_end()
{
	local pid=$1 start=$SECONDS

	ended=gone
	while kill -0 "$pid" 2> /dev/null; do
		if [ "$interactive" = no ] && kernel_trouble; then
			# The rest of the report is worth having.
			sleep 1
			ended=trouble
		elif [ "$interactive" = no ] && ((SECONDS - start >= time_limit)) &&
			((SECONDS - start >= $(scaled_limit))); then
			ended=late
		else
			sleep 0.2
			continue
		fi
		stop_qemu "$pid"
		return
	done
	wait "$pid" || ended=crashed
}

# verdict: the exit status of the boot, explained where it is not the command's.
verdict()
{
	local status

	status=$(awk '$1 == "exit" { print $2 }' "$log/report" 2> /dev/null)
	if kernel_trouble; then
		say "the guest's kernel reports trouble:"
		kernel_log | grep -aE -m 3 -A 3 "$KERNEL_TROUBLE" >&2
		status=$STATUS_KERNEL
	elif [ "$ended" = late ]; then
		say "no end within $(scaled_limit) seconds"
		# Among the results, where the last test has no line of its own
		echo "# the boot ran into its time limit of $(scaled_limit) s"
		status=$STATUS_TIMEOUT
	elif [ -z "$status" ]; then
		no_status
		status=$STATUS_NO_START
	fi
	return "$status"
}

no_status()
{
	if [ -s "$log/report" ]; then
		say "the guest went away before the command ended"
	else
		say "the guest did not start"
	fi
	tail -n 5 "$log/qemu.log" >&2
}
