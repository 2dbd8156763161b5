# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
#
# Results of the tests in sh, for them to source. The last command of a test is
# [ $failures -eq 0 ].
#
# Copyright (C) 2026 The ipmmu-deferred authors

KSFT_SKIP=4
number=0
failures=0

skip_all()
{
	echo "1..0 # SKIP $1"
	exit $KSFT_SKIP
}

# report NAME: the verdict of the command before; status 4 is a skip
report()
{
	status=$?
	number=$((number + 1))
	case $status in
	0) echo "ok $number $1" ;;
	"$KSFT_SKIP") echo "ok $number $1 # SKIP" ;;
	*)
		echo "not ok $number $1"
		failures=$((failures + 1))
		;;
	esac
}

# fail TEXT: say why, and be false
fail()
{
	echo "# $1"
	return 1
}

# load_module NAME [PARAMETER=VALUE]...: the installed one, or the one that the
# tarball for boards has beside the tests
load_module()
{
	own=$(dirname "$0")/../modules/$(echo "$1" | tr _ -).ko
	if [ -e "$own" ] && ! modprobe -D "$1" > /dev/null 2>&1; then
		shift
		insmod "$own" "$@"
	else
		modprobe "$@"
	fi
}
