#!/bin/bash
# The zoo: daemons/NAME.sh is a daemon that puts itself into the background.
# It sets
#
#	packages  of Debian, to be installed
#	unpack    packages that exclude others, so that they are unpacked only, below $UNPACKED
#	class     what is difficult about it
#	argv      its command line
#	user      the user that runs it, default root
#	env       NAME=VALUE, what it needs in its environment
#	clean     files that a killed one leaves, and beside which a new one does not start
#	complains what it says then, if it always does
#	mute      what respawner says of it then, since it says nothing itself
#	mends     its main is the child of a helper: the signals that main must die of to
#	          be started anew by the helper, or "nothing"
#	ends      how its main ends when it gets TERM, as a pattern: "status 1", "signal 15";
#	          "status 0" if nothing is said
#
# and has the functions
#
#	prepare   what unpacked packages need beside their files
#	setup     writes its configuration into $DIR
#	main_pid  prints the pid of its main process, which it knows without a supervisor
#	ready     succeeds when it does its work
#	handover  has another process become main
#	reload    has it renew itself as the same process, and succeeds when it has
#
# They have $DIR, a folder, and the ports $PORT, $PORT2, $PORT3, $PORT4 of a
# network of their own.
#
#	zoo.sh packages NAME...    prints them
#	zoo.sh unpack NAME...      unpacks and prepares what is to be unpacked
#	zoo.sh list NAME VARIABLE  prints its values, each with a NUL behind it
#	zoo.sh call NAME FUNCTION
#	zoo.sh knows NAME FUNCTION
set -e
here=$(dirname "$0")

prepare() { :; }
setup() { :; }

# await succeeds when a command does, within 20 s.
await() {
	for _ in {1..200}; do
		if "$@"; then return; fi
		sleep 0.1
	done
	return 1
}

# with_other_children sends a signal to a process, which has other children then.
with_other_children() {
	local before=$(pgrep -P "$2")
	kill -"$1" "$2"
	await has_others "$2" "$before"
}
has_others() { [ "$(pgrep -P "$1")" != "$2" ]; }

alive() { kill -0 "$(cat "$1")"; }
page() { curl -fsS -m 5 -o /dev/null "http://127.0.0.1:$PORT/"; }
port_open() { exec 3<>"/dev/tcp/127.0.0.1/$PORT"; }

# answers: what is said on the port matches a pattern, after something was sent.
answers() {
	port_open
	printf "$2" >&3
	timeout 3 grep -aqm1 "$1" <&3
}

# The pid of the process that listens.
listener() { ss -Hlntp "sport = :$PORT" | first_pid; }
udp_listener() { ss -Hlnup "sport = :$PORT" | first_pid; }
unix_listener() { ss -Hlxp src "$1" | first_pid; }
first_pid() { grep -o 'pid=[0-9]*' | head -1 | tr -dc 0-9; }

print_packages() { printf '%s\n' "${packages[@]}" iproute2 procps util-linux; }

unpack_all() {
	mkdir -p "$UNPACKED"
	for package in "${unpack[@]}"; do
		[ ! -e "$UNPACKED/$package" ] || continue
		(cd "$UNPACKED" && apt-get -qq download "$package")
		dpkg -x "$UNPACKED/$package"_*.deb "$UNPACKED/$package"
	done
	prepare
}

print_list() {
	declare -n values=$1
	[ ${#values[@]} = 0 ] || printf '%s\0' "${values[@]}"
}

# each calls a function for each daemon.
each() {
	for name in "${@:2}"; do
		(. "$here/daemons/$name.sh" && "$1")
	done
}

verb=$1
shift
case $verb in
packages) each print_packages "$@" | sort -u ;;
unpack) each unpack_all "$@" ;;
list) . "$here/daemons/$1.sh" && print_list "$2" ;;
call) . "$here/daemons/$1.sh" && "$2" ;;
knows) . "$here/daemons/$1.sh" && declare -F "$2" >/dev/null ;;
esac
