# SPDX-License-Identifier: GPL-2.0-only
#
# Functions that other files may call, and that have no kernel-doc where they
# are defined. Those of the public header have it there.
/^\/\*/ { doc = /^\/\*\*/; head = ""; next }
/^ \*/ { next }
/^[^ \t{}#*]/ { head = head $0 " " }
/^}/ || /;$/ { doc = 0; head = "" }
/^{/ && head ~ /\(/ && head !~ /^static |io_pgtable_deferred_/ && !doc {
	print FILENAME ": " FNR ": no kernel-doc: " head
}
