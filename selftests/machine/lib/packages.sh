# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages of arm64 without making the host a multi-arch one: apt with a
# configuration of its own under build/apt, whose mirrors are the host's. apt
# checks the signatures as always. Packages are unpacked, never installed.
#
# Suites that the host does not have are looked up at its mirrors, too, each
# with a configuration to itself: what comes from one is never mixed with
# another's.

APT_DIR=$BUILD/apt
APT_SUITE=
APT_ARCHITECTURES=arm64,amd64
PACKAGES=$BUILD/packages
DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

# The index is asked again after this many minutes: mirrors drop old versions.
APT_INDEX_MINUTES=360

# use_suite SUITE [ARCHITECTURES]: what follows is about packages of SUITE, or
# of the host's if ""
use_suite()
{
	APT_SUITE=$1
	APT_DIR=$BUILD/apt${1:+-$1}
	APT_ARCHITECTURES=${2:-$APT_ARCHITECTURES}
}

# absent MESSAGE...: the mirror lacks something. Of a suite that the host does
# not have that is to be expected some day: a release is archived, a kernel in
# backports gives way to the next.
absent()
{
	[ -n "$APT_SUITE" ] || die "$@"
	say "$@"
	exit $STATUS_ABSENT
}

# The host's Debian suites, one "SITE SUITE COMPONENT" a line.
host_suites()
{
	# shellcheck disable=SC2016	# these are apt's variables
	apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' |
	awk '$2 ~ /^bookworm/ && $3 == "main" && !seen[$0]++'
}

# wanted_suites: the host's, or the one of use_suite, in the same form. Security
# updates have a site of their own.
wanted_suites()
{
	local like=bookworm

	if [ -z "$APT_SUITE" ]; then
		host_suites
		return
	fi
	[ "$APT_SUITE" = "${APT_SUITE%-security}" ] || like=bookworm-security
	host_suites | awk -v like="$like" -v suite="$APT_SUITE" '
		$2 == like { print $1, suite, $3; exit }'
}

# How to reach mirrors (proxies and the like) is the host's; the rest is not,
# for what it has under /etc/apt would come after this file and win.
write_apt_conf()
{
	mkdir -p "$APT_DIR/state/lists/partial" "$APT_DIR/cache/archives/partial"
	touch "$APT_DIR/state/status"
	apt-config dump | grep '^Acquire::' > "$APT_DIR/apt.conf"
	cat >> "$APT_DIR/apt.conf" <<-EOF
	APT::Architecture "arm64";
	APT::Architectures { "arm64"; "amd64"; };
	APT::Sandbox::User "root";
	#clear Acquire::Languages;
	Acquire::Languages "none";
	Acquire::AllowInsecureRepositories "false";
	Acquire::Retries "3";
	Dir::Etc::main "/dev/null";
	Dir::Etc::parts "/dev/null";
	Dir::Etc::sourcelist "$APT_DIR/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::State "$APT_DIR/state";
	Dir::State::status "$APT_DIR/state/status";
	Dir::Cache "$APT_DIR/cache";
	EOF
}

write_sources()
{
	local suites

	suites=$(wanted_suites)
	[ -n "$suites" ] || die "apt knows no Debian 12 (bookworm) mirror" \
		"${APT_SUITE:+that could have $APT_SUITE}:" \
		"set one up in /etc/apt/sources.list and run 'apt-get update'"
	awk -v keys="$DEBIAN_KEYS" -v arch="$APT_ARCHITECTURES" '{
		printf "deb [arch=%s signed-by=%s] %s %s %s\n", arch, keys, $1, $2, $3
	}' <<< "$suites" > "$APT_DIR/sources.list"
}

# apt_update: a fresh index of arm64 packages, unless the one at hand is new.
apt_update()
{
	local stamp=$APT_DIR/updated

	[ -n "$(find "$stamp" -mmin -$APT_INDEX_MINUTES 2>/dev/null)" ] && return
	write_apt_conf
	write_sources
	say "reading the mirror's index of ${APT_SUITE:-arm64} packages"
	APT_CONFIG=$APT_DIR/apt.conf apt-get -q -o APT::Update::Error-Mode=any \
		update >&2 ||
		absent "the mirror does not answer${APT_SUITE:+ or has no $APT_SUITE}," \
			"nothing was done: is the network up, and the mirror in" \
			"/etc/apt right?"
	touch "$stamp"
}

# apt_field PACKAGE FIELD: a field of the newest version, nothing if unknown.
apt_field()
{
	APT_CONFIG=$APT_DIR/apt.conf apt-cache show --no-all-versions "$1" 2>/dev/null |
	awk -v field="$2:" '$1 == field { sub(/^[^ ]* /, ""); print; exit }'
}

# package_file PACKAGE[:ARCH]: the name apt gives to the downloaded file.
package_file()
{
	local name=$1 version

	version=$(apt_field "$name" Version)
	[ -n "$version" ] || absent "the mirror has no package ${name%:*}"
	printf '%s_%s_%s.deb\n' "${name%:*}" "${version//:/%3a}" \
		"$(apt_field "$name" Architecture)"
}

# unpack_packages FOLDER PACKAGE[:ARCH]...: downloads what is not at hand yet.
unpack_packages()
{
	local folder=$1 name file

	shift
	mkdir -p "$folder" "$PACKAGES"
	for name; do
		file=$(package_file "$name") || exit
		if [ ! -e "$PACKAGES/$file" ]; then
			say "downloading $file"
			(cd "$PACKAGES" && APT_CONFIG=$APT_DIR/apt.conf \
				apt-get -q download "$name" >&2) ||
				absent "could not download $file"
		fi
		say "unpacking $file"
		dpkg -x "$PACKAGES/$file" "$folder" ||
			die "$PACKAGES/$file is damaged: delete it and try again"
	done
}
