#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: the driver's tables of SoCs, compiled for this machine. Speaks KTAP.
set -eu
. "$(dirname "$0")/../machine/lib/common.sh"
. "$(dirname "$0")/../machine/lib/tools.sh"

TOOLS="gcc libc6-dev make"
wanted_tools()
{
	echo "$TOOLS"
}

install_tools_alone
make --no-print-directory -C "$TOP/selftests/dt" OUTPUT="$BUILD/dt" "$BUILD/dt/socs" >&2
exec "$BUILD/dt/socs"
