#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# busy.sh COMMAND...: what "assigned" takes for QEMU with a guest. Becomes the
# command; beside it a task says "guest: busy" as long as the IPMMU translates,
# and kills the command when it hangs, for then there is no DMA to be killed in.

cd "$(dirname "$0")/../ipmmu" || exit 1
# shellcheck source=../guest/vfio.sh
. ../guest/vfio.sh

watch()
{
	watch_last=
	while kill -0 "$1" 2> /dev/null; do
		watch_now=$(./witness translations)
		[ "$watch_now" = "$watch_last" ] || echo "guest: busy $watch_now"
		watch_last=$watch_now
		sleep 0.3
	done
}

watch $$ &
kill_hung $$ &
exec "$@"
