# SPDX-License-Identifier: GPL-2.0-only
#
# Makes the tables of one kernel. Input: the file "rows", then what the boots
# printed, one file a boot, named DRIVER-MODE-CPUS.out. Variables: kernel (its
# release), csv, md (files to write).

function bare(file)
{
	sub(/.*\//, "", file)
	sub(/\.out$/, "", file)
	return file
}

function add_row(line,    part, name)
{
	if (line ~ /^#? *$/ || line ~ /^# /|| line == "#")
		return
	if (split(line, part, / *\| */) < 3) {
		order[++rows] = ""
		title[rows] = line
		return
	}
	name = part[1]
	hidden[rows + 1] = sub(/^#/, "", name)
	order[++rows] = name
	unit[rows] = part[2]
	title[rows] = part[3]
}

FNR == 1 {
	file++
	if (file > 1) {
		split(bare(FILENAME), part, "-")
		config = part[2] "-" part[3]
		if (!(config in seen)) {
			seen[config] = 1
			configs[++nr_configs] = config
		}
	}
}

file == 1 { add_row($0); next }
$1 == "row" { value[config, $2, $3] = $4 }
$1 == "note" { note[config, $2, $3] = $4 }

function factor(config, variant, size)
{
	if (known(config, variant, "total_" size) &&
	    known(config, variant, "alone_" size))
		value[config, variant, "factor_" size] = \
			value[config, variant, "total_" size] / \
			value[config, variant, "alone_" size]
}

function known(config, variant, row)
{
	return (config, variant, row) in value && value[config, variant, row] != ""
}

# Thousands apart where there are thousands
function number(x, unit,    text, out)
{
	if (unit == "ratio")
		return sprintf("%.2f", x)
	if (x < 100 && x != int(x))
		return sprintf("%.1f", x)
	text = sprintf("%.0f", x)
	for (out = ""; length(text) > 3 && text !~ /^-...$/; text = substr(text, 1, length(text) - 3))
		out = "," substr(text, length(text) - 2) out
	return text out
}

function cell(config, variant, i)
{
	if (known(config, variant, order[i]))
		return number(value[config, variant, order[i]], unit[i])
	if ((config, variant, order[i]) in note)
		return note[config, variant, order[i]]
	return "-"
}

# How the deferred mode compares with in-tree; with nothing on one side, no
# ratio
function ratio(config, i,    a, b)
{
	if (!known(config, "deferred", order[i]) || !known(config, "intree", order[i]) ||
	    unit[i] == "ratio")
		return ""
	a = value[config, "deferred", order[i]]
	b = value[config, "intree", order[i]]
	if (b <= 0)
		return a == b ? "1.00" : ""
	return sprintf(a / b < 0.1 ? "%.4f" : "%.2f", a / b)
}

function raw(config, variant, i)
{
	if (known(config, variant, order[i]))
		return value[config, variant, order[i]]
	if ((config, variant, order[i]) in note)
		return note[config, variant, order[i]]
	return ""
}

function unit_of(config, i)
{
	if (unit[i] != "time")
		return unit[i]
	return config ~ /^icount/ ? "instructions" : "ns"
}

function heading(config,    part)
{
	split(config, part, "-")
	return sprintf("Linux %s, %s CPU%s, %s", kernel, part[2], part[2] > 1 ? "s" : "",
		part[1] == "icount" ? "in instructions" : \
		"in nanoseconds of a normal run (a sanity check: other load shows)")
}

function write_csv(config, i,    part)
{
	split(config, part, "-")
	printf "%s,%s,%s,%s,\"%s\",%s,%s,%s,%s,%s\n", kernel, part[1], part[2],
		order[i], title[i], unit_of(config, i), raw(config, "deferred", i),
		raw(config, "deferred0", i), raw(config, "intree", i),
		ratio(config, i) > csv
}

function present(config, i)
{
	return raw(config, "deferred", i) raw(config, "deferred0", i) \
		raw(config, "intree", i) != ""
}

function write_table(config,    i, open)
{
	print "\n### " heading(config) > md
	open = 0
	for (i = 1; i <= rows; i++) {
		if (order[i] == "") {
			open = i
			continue
		}
		if (!present(config, i))
			continue
		write_csv(config, i)
		if (hidden[i])
			continue
		if (open) {
			printf "\n| %s | deferred | deferred=0 | in-tree | deferred / in-tree |\n", \
				title[open] > md
			print "|---|---:|---:|---:|---:|" > md
			open = 0
		}
		printf "| %s | %s | %s | %s | %s |\n", title[i], cell(config, "deferred", i), \
			cell(config, "deferred0", i), cell(config, "intree", i), \
			ratio(config, i) > md
	}
}

END {
	split("deferred deferred0 intree", variants, " ")
	print "kernel,mode,cpus,row,what,unit,deferred,deferred0,intree,ratio" > csv
	print "## Linux " kernel > md
	for (c = 1; c <= nr_configs; c++) {
		for (v = 1; v <= 3; v++) {
			factor(configs[c], variants[v], "4g")
			factor(configs[c], variants[v], "512g")
		}
		write_table(configs[c])
	}
}
