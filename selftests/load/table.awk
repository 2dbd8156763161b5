# SPDX-License-Identifier: GPL-2.0-only
#
# A table of "KIND rate NAME N KiB a minute, longest pause P ms": a row for each
# device, a column for each kind of boot.
{
	row = ($2 == "rate" ? $3 : $3 ", debugfs read")
	sum[row, $1] += $4
	count[row, $1]++
	if ($10 + 0 > pause[row, $1])
		pause[row, $1] = $10 + 0
	if (!(row in has_row)) {
		has_row[row]
		rows[++nr_rows] = row
	}
	if (!($1 in has_column)) {
		has_column[$1]
		columns[++nr_columns] = $1
	}
}

END {
	printf "%-28s", ""
	for (i = 1; i <= nr_columns; i++)
		printf " %18s", columns[i]
	print ""
	for (j = 1; j <= nr_rows; j++) {
		printf "%-28s", rows[j]
		for (i = 1; i <= nr_columns; i++) {
			at = rows[j] SUBSEP columns[i]
			text = "-"
			if (count[at])
				text = sprintf("%d (%d)", sum[at] / count[at], pause[at])
			printf " %18s", text
		}
		print ""
	}
}
