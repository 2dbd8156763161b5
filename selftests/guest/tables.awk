# SPDX-License-Identifier: GPL-2.0-only
#
# The two tables of "make demo-guest", from lines "run NAME=VALUE...": a column
# for each GIC, memory and value of deferred; of several runs the median.

# 262657 as 262,657
function grouped(value,    text)
{
	text = sprintf("%d", value)
	while (match(text, /[0-9][0-9][0-9][0-9]($|,)/))
		text = substr(text, 1, RSTART) "," substr(text, RSTART + 1)
	return text
}

function milliseconds(us)
{
	return us < 10000 ? sprintf("%.1f", us / 1000) : grouped(us / 1000 + 0.5)
}

function median(name, column,    i, j, n, swap, sorted)
{
	n = runs[column]
	for (i = 1; i <= n; i++) {
		sorted[i] = value[name, column, i] + 0
		for (j = i; j > 1 && sorted[j] < sorted[j - 1]; j--) {
			swap = sorted[j]
			sorted[j] = sorted[j - 1]
			sorted[j - 1] = swap
		}
	}
	return sorted[int((n + 1) / 2)]
}

function row(title, name, kind,    i, column, text)
{
	printf "%-44s", title
	for (i = 1; i <= columns; i++) {
		column = order[i]
		if (kind == "ms")
			text = milliseconds(median(name, column))
		else if (kind == "text")
			text = value[name, column, 1]
		else
			text = grouped(median(name, column))
		printf " %14s", text
	}
	printf "\n"
}

function heading(title,    i)
{
	printf "\n%-44s", title
	for (i = 1; i <= columns; i++)
		printf " %14s", value["gic", order[i], 1] " " value["memory", order[i], 1] / 1024 " GiB"
	printf "\n%-44s", ""
	for (i = 1; i <= columns; i++)
		printf " %14s", "deferred=" value["deferred", order[i], 1]
	printf "\n"
}

$1 == "run" {
	for (i = 2; i <= NF; i++) {
		split($i, pair, "=")
		field[pair[1]] = pair[2]
	}
	column = field["gic"] " " field["memory"] " " field["deferred"]
	if (!runs[column]++)
		order[++columns] = column
	for (name in field)
		value[name, column, runs[column]] = field[name]
	split(field["interrupts"], chip, "-")
	value["chip", column, runs[column]] = chip[1]
	value["sum", column, runs[column]] = substr(field["wrote"], 1, 12)
	value["sum_read", column, runs[column]] = substr(field["read"], 1, 12)
}

END {
	if (!columns)
		exit 1
	heading("a disk assigned to a guest")
	row("interrupts of the disk in the guest by", "chip", "text")
	row("highest IOVA of a transfer", "highest", "text")
	row("host wrote, guest read the same: SHA-256", "sum_read", "text")
	row("guest wrote, host read the same: SHA-256", "sum", "text")
	heading("QEMU killed in mid-I/O")
	row("pages pinned", "pinned")
	row("tables of the domain", "tables")
	row("QEMU gone after (ms)", "gone", "ms")
	row("no table pending after (ms)", "back", "ms")
	row("worst delay of a FIFO task meanwhile (ms)", "delay", "ms")
	row("the same while the guest is at work (ms)", "busy", "ms")
	row("the same, host idle (ms)", "idle", "ms")
	row("pages left pinned", "left")
}
