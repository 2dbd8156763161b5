# SPDX-License-Identifier: GPL-2.0-only
#
# Makes the tables of one kernel, in Markdown. Input: the files "sections" and
# "categories", what the guest printed, and the counts with names (resolve.awk).
# Variable: least, the smallest figure that gets a line of its own; it must also
# be a four-hundredth of the whole, or the long ones would hide what matters.

function trim(text)
{
	gsub(/^ +| +$/, "", text)
	return text
}

FNR == 1 { file++ }

file <= 2 && /^(#|$)/ { next }

file == 1 {
	split($0, part, "|")
	order[++nr_sections] = trim(part[1])
	less[order[nr_sections]] = trim(part[2])
	unit[order[nr_sections]] = trim(part[3])
	title[order[nr_sections]] = trim(part[4])
	next
}

file == 2 {
	at = index($0, "|")
	category_name[++nr_categories] = trim(substr($0, 1, at - 1))
	category_match[nr_categories] = "^(" trim(substr($0, at + 1)) ")$"
	next
}

file == 3 && $1 == "round" {
	name_of[++nr_rounds] = $2
	operations[$2] = $3
	clock[nr_rounds] = $4
}

file == 3 { next }

{
	total[$1] += $2
	if ($1 > nr_counted)
		nr_counted = $1 + 0
}

# The modules that measure are not part of the figure.
$4 ~ /^(ipmmu_bench|profile_pages|user)$/ { next }

{
	count[$1, $3 " " $4] += $2
	functions[$3 " " $4] = 1
}

function complain(text)
{
	print "error: " text > "/dev/stderr"
	failed = 1
}

# The clock is read outside the marks, which takes some 50 instructions, and
# moves in steps of 16.
function check_clock(round,    difference)
{
	difference = clock[round] - total[round]
	if (clock[round] && (difference < 0 || difference > 200))
		complain(sprintf("measurement %d, %s: the plugin counts %d instructions, the clock %d",
				 round, name_of[round], total[round], clock[round]))
}

function choose_rounds(    round, name)
{
	for (round = 1; round <= nr_rounds; round++) {
		check_clock(round)
		name = name_of[round]
		if (!(name in best) || total[round] < total[best[name]])
			best[name] = round
	}
}

function category(name, where,    i)
{
	if (where ~ /\.[ch]$/)
		return "ours: " where
	if (name == "stubs")
		return "stubs between modules and kernel"
	if (where != "kernel")
		return "ours: " where
	for (i = 1; i <= nr_categories; i++)
		if (name ~ category_match[i])
			return category_name[i]
	return "other"
}

# figure[] and sum[]: instructions an operation, by function and by category; in
# all and in our modules
function subtract(section,    key, part, value, from)
{
	split("", figure)
	split("", sum)
	from = less[section]
	all = 0
	ours = 0
	for (key in functions) {
		value = count[best[section], key]
		if (from != "-")
			value -= count[best[from], key]
		if (!value)
			continue
		value /= operations[section]
		split(key, part, " ")
		figure[key] = value
		sum[category(part[1], part[2])] += value
		all += value
		if (category(part[1], part[2]) ~ /^ours/)
			ours += value
	}
}

# print_sorted(values): lines "| KEY | VALUE | SHARE |", largest first
function print_sorted(values,    key, bound, rest, command)
{
	bound = all / 400 > least ? all / 400 : least
	command = "LC_ALL=C sort -t '|' -k3,3nr -k2,2"
	rest = 0
	for (key in values)
		if (values[key] >= bound)
			printf "| %s | %.1f | %.1f %% |\n", key, values[key], \
				100 * values[key] / all | command
		else
			rest += values[key]
	close(command)
	printf "| everything smaller | %.1f | %.1f %% |\n", rest, 100 * rest / all
	printf "| **in all** | **%.1f** | |\n", all
}

function report(section,    key, part, named)
{
	subtract(section)
	split("", named)
	printf "\n## %s: %.0f instructions a %s\n\n", title[section], all, unit[section]
	printf "Of these in our modules: %.1f, %.1f %%.\n\n", ours, 100 * ours / all
	printf "| part | instructions | share |\n|---|---:|---:|\n"
	print_sorted(sum)
	for (key in figure) {
		split(key, part, " ")
		named["`" part[1] "` (" part[2] ")"] = figure[key]
	}
	printf "\n| function | instructions | share |\n|---|---:|---:|\n"
	print_sorted(named)
}

END {
	if (!nr_rounds || nr_counted != nr_rounds)
		complain(sprintf("%d measurements were made and %d counted",
				 nr_rounds, nr_counted))
	choose_rounds()
	for (i = 1; i <= nr_sections && !failed; i++) {
		if (order[i] in best)
			report(order[i])
		else
			complain(order[i] " was not measured")
	}
	exit failed
}
