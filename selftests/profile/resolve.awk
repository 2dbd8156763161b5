# SPDX-License-Identifier: GPL-2.0-only
#
# Gives names to addresses. Input, sorted: "ADDRESS S NAME [MODULE]" for symbols
# and "ADDRESS X MEASUREMENT EXECUTED" for counts, so that a count's function is
# the last symbol before it. In the file "inlined", which comes first: "ADDRESS
# FUNCTION FILE" for what the compiler has put into one another.
# Output: "MEASUREMENT EXECUTED FUNCTION WHERE", WHERE being a file of ours, a
# module, or the kernel.
#
# The compiler says nothing about the first instructions of a function, which
# are there for tracers: they belong to its file all the same.

FILENAME == inlined {
	function_at[$1] = $2
	file_at[$1] = $3
	file_of[$2] = $3
	next
}

$2 == "S" {
	name = $3
	module = $4 == "" ? "kernel" : $4
	gsub(/[][]/, "", module)
	next
}

$1 ~ /^0+$/ { print $3, $4, "user-space", "user"; next }
$1 in function_at { print $3, $4, function_at[$1], file_at[$1]; next }
module ~ /_deferred$/ && name in file_of { print $3, $4, name, file_of[name]; next }
{ print $3, $4, name, module }
