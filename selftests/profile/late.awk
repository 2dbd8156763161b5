# SPDX-License-Identifier: GPL-2.0-only
#
# Says in Markdown what was executed while a task was kept waiting. Input: names
# of addresses (resolve.awk), what the guest printed, and the blocks of the
# plugin (trace.c). Variables: slices, the parts that the time is cut into, and
# most, how many functions are listed.

FNR == 1 { file++ }

file == 1 { name[$1] = "`" $3 "` (" $4 ")"; next }

file == 2 && $1 == "late" {
	what[++nr_whats] = $2
	delay[nr_whats] = $3
	wakes[nr_whats] = $4
}

file == 2 { next }

$1 == "begin" { finish(); measurement = $2; next }

{
	address[nr_blocks] = $1
	before[nr_blocks++] = $2
}

function complain(text)
{
	print "error: " text > "/dev/stderr"
	failed = 1
}

# add(from, to, where): what ran from so many instructions after the task was
# due
function add(from, to, where,    slice, end)
{
	if (from < 0)
		from = 0
	while (from < to) {
		slice = int(from * slices / waited)
		end = (slice + 1) * waited / slices
		if (end > to)
			end = to
		in_all[where] += end - from
		in_slice[slice, where] += end - from
		from = end
	}
}

# Sorted insertion into best[], of at most so many
function choose(where, count, limit,    i)
{
	for (i = nr_best < limit ? ++nr_best : limit + 1; i > 1 && count > best_count[i - 1]; i--)
		if (i <= limit) {
			best[i] = best[i - 1]
			best_count[i] = best_count[i - 1]
		}
	if (i <= limit) {
		best[i] = where
		best_count[i] = count
	}
}

function print_functions(    where, i, rest)
{
	nr_best = 0
	for (where in in_all)
		choose(where, in_all[where], most)
	print "\n| function | instructions | share |\n|---|---:|---:|"
	rest = waited
	for (i = 1; i <= nr_best; i++) {
		printf "| %s | %d | %.1f %% |\n", best[i], best_count[i], \
			100 * best_count[i] / waited
		rest -= best_count[i]
	}
	printf "| everything else | %d | %.1f %% |\n", rest, 100 * rest / waited
}

# The functions that took at least a sixth of a slice, at most three
function print_slices(    slice, where, i, text)
{
	print "\n| from | most of it |\n|---:|---|"
	for (slice = 0; slice < slices; slice++) {
		nr_best = 0
		for (where in in_all)
			if ((slice, where) in in_slice)
				choose(where, in_slice[slice, where], 3)
		text = ""
		for (i = 1; i <= nr_best; i++)
			if (i == 1 || 6 * best_count[i] * slices >= waited)
				text = text (i > 1 ? ", " : "") best[i]
		printf "| %d | %s |\n", slice * waited / slices, text
	}
}

# The clock moves in steps of 16, and the mark comes a few instructions after
# it.
function finish(    i, start)
{
	if (!measurement)
		return
	waited = delay[measurement]
	printf "\n## %s: %d instructions, the worst of %d wake-ups\n", \
		what[measurement], waited, wakes[measurement]
	split("", in_all)
	split("", in_slice)
	if (!nr_blocks) {
		complain(what[measurement] ": no task woke up")
		return
	}
	start = before[0]
	if (start < waited)
		printf "\nOnly the last %d of them are known.\n", start
	for (i = 0; i < nr_blocks; i++)
		add(waited - before[i], waited - (i + 1 < nr_blocks ? before[i + 1] : 0),
		    name[address[i]])
	print_functions()
	print_slices()
	nr_blocks = 0
}

END {
	finish()
	if (!nr_whats || measurement != nr_whats)
		complain(sprintf("%d things were done and %d traced", nr_whats,
				 measurement))
	exit failed
}
