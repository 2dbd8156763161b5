# SPDX-License-Identifier: GPL-2.0-only
#
# Reads what addr2line -a -f -i says: an offset, then the function there and its
# place, then the one that it was put into, and so on. The first that is ours is
# the one to name: helpers of the kernel's headers count for the function that
# uses them. Before that, in the file "offsets": "ADDRESS OFFSET". Variable:
# ours, the folder of our sources. Output: "ADDRESS FUNCTION FILE".

FILENAME == offsets {
	address[$2] = $1
	next
}

/^0x/ {
	at = substr($1, 3)
	found = 0
	line = 0
	next
}

++line % 2 { name = $1; next }

!found && index($1, ours) {
	found = 1
	file = $1
	sub(/:.*/, "", file)
	sub(/.*\//, "", file)
	print address[at], name, file
}
