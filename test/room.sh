#!/bin/sh
# room.sh PACKAGE... -- COMMAND...: runs a command with Debian's packages at hand, and leaves the machine as it is.
#
# As root the command runs in a mount namespace of its own. What is written there below /usr, /etc and /var goes to
# build/.room (overlayfs), and so do the packages. `make clean` removes that. Their daemons are neither started nor enabled.
# Where that can't be, the command runs without the packages that are missing. A test that needs one skips.
set -eu

say() { echo "room: $*" >&2; }

missing() { for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || printf ' %s' "$p"; done; }

# can_enter reports whether there can be a room.
can_enter() {
	case $PWD/ in /usr/* | /etc/* | /var/*) return 1 ;; esac # the tree must not be below what is covered
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && unshare --mount true 2>/dev/null
}

# cover mounts the overlays. Their upper folders are below build/.room.
cover() {
	for top in usr etc var; do
		mkdir -p "$room/$top" "$room/.$top"
		mount -t overlay room -o "lowerdir=/$top,upperdir=$room/$top,workdir=$room/.$top" "/$top" 2>/dev/null || return 1
	done
}

# furnish installs the packages that are missing. No package starts its daemon.
furnish() {
	[ -n "$(missing)" ] || return 0
	say "installing$(missing)"
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -q update && apt-get -qy install --no-install-recommends $(missing); } >build/.room.log 2>&1 || :
}

# enter is run in the new mount namespace.
enter() {
	[ "$room" -nt /var/lib/dpkg/status ] || rm -rf "$room" # the machine's packages have changed since
	mkdir -p "$room"
	if cover || { mount -t tmpfs room "$room" && cover; }; then # an overlay can't have its upper folder on another one
		furnish
	fi
}

room=$PWD/build/.room
entering=
[ "$1" != --entering ] || { entering=yes && shift; }
packages=
while [ "$1" != -- ]; do
	packages="$packages $1"
	shift
done
shift

if [ -z "$entering" ] && can_enter; then
	mkdir -p build
	flock -n build/.room.lock true || say "waits until another command has left build/.room"
	exec flock -o build/.room.lock unshare --mount sh "$0" --entering $packages -- "$@"
fi
[ -z "$entering" ] || enter
[ -z "$(missing)" ] || say "going on without$(missing)"
exec "$@"
