# SPDX-License-Identifier: GPL-2.0-only
#
# From the rows of ./board, sorted by SoC, to the list of
# Documentation/boards.md, whose lines have at most 100 characters.

# put WORDS: an entry of the list. Figures with a slash between stay together.
function put(words,    n, i, word, line)
{
	n = split(words, word, " ")
	for (i = 1; i <= n; i++) {
		if (length(line " " word[i]) > 99) {
			print line
			line = " "
		}
		line = line (i == 1 ? "" : " ") word[i]
		gsub("\001", " ", line)
	}
	print line
}

BEGIN { FS = " [|] " }

{
	sub(/^[|] /, "")
	sub(/ [|]$/, "")
}

$2 != soc {
	soc = $2
	printf "\n## %s\n\n", soc
}

{
	gsub(" / ", "\001/\001")
	put("- " $1 ": caches " $3 "; reg " $4 "; translated: " $5 "; more: " $6 "; contexts: " $7)
}
