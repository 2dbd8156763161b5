# SPDX-License-Identifier: GPL-2.0-only
#
# Counts the results of a KTAP stream, nested ones too: "PASSED FAILED SKIPPED".
# A test that has subtests is counted by them, unless it failed with none of
# them failing: it crashed, or took too long.

# Nesting is two columns a level, blank or "# " (as kselftest's runner has it).
function depth(line,    n)
{
	for (n = 0; line ~ /^(# |  )/; n++)
		line = substr(line, 3)
	text = line
	return n
}

function result(level, kind,    deeper)
{
	if (!children[level + 1] || (kind == "failed" && !child_failed[level + 1]))
		total[kind]++
	children[level]++
	if (kind == "failed")
		child_failed[level] = 1
	for (deeper = level + 1; deeper <= deepest; deeper++)
		children[deeper] = child_failed[deeper] = 0
}

{
	level = depth($0)
	if (text !~ /^(not )?ok [0-9]+/)
		next
	if (level > deepest)
		deepest = level
	kind = text ~ /^not ok/ ? "failed" : "passed"
	if (toupper(text) ~ /# *SKIP/)
		kind = "skipped"
	result(level, kind)
}

END {
	print total["passed"] + 0, total["failed"] + 0, total["skipped"] + 0
}
