#!/bin/sh
# make demo: a web server that puts itself into the background is followed
# without a pidfile, killed with -9, comes back, and is stopped.
#
#	RESPAWNER=path HTTPD=path demo.sh
#
# RESPAWNER is the built binary, HTTPD the one built from test/httpd: this
# script's client, and the server where there is no lighttpd. DEMO_SERVER=own
# takes it even where there is one.
set -eu

: "${RESPAWNER:?is the path of the built respawner}" "${HTTPD:?is the path of the built test/httpd}"

dir=$(mktemp -d)
export RESPAWNER_RUNTIME_DIR="$dir/run"
server=httpd

clean_up() {
	code=$?
	trap - EXIT INT TERM
	"$RESPAWNER" stop "$server" >/dev/null 2>&1 || :
	[ "$code" = 0 ] || { echo "demo: FAILED"; cat "$dir/log" 2>/dev/null || :; }
	rm -rf "$dir"
	exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n# %s\n' "$*"; }

fail() {
	echo "demo: $*" >&2
	exit 1
}

# shown prints a command, and runs it.
shown() {
	echo "\$ respawner $*"
	"$RESPAWNER" "$@"
}

fetch() { "$HTTPD" -get "http://$address/" 2>/dev/null; }

visit() {
	answer=$(fetch) || fail "no answer at http://$address/"
	echo "GET http://$address/ answers: $answer"
}

main_pid() { "$RESPAWNER" status --json "$server" | sed -n 's/.*"main_pid": *\([0-9]*\).*/\1/p'; }

is_running() { "$RESPAWNER" status "$server" >/dev/null; }

not_running() { ! is_running; }

# wait_until asks five times a second, for ten seconds.
wait_until() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		for _ in 1 2 3 4 5; do
			! "$1" || return 0
			sleep 0.2
		done
	done
	fail "in vain waited until it is $1"
}

# is_alive asks for a process that is no zombie.
is_alive() { grep -qs '^State:[[:space:]][^ZX]' "/proc/$1/status"; }

PATH=$PATH:/usr/sbin:/sbin
address=$("$HTTPD" -free)
if [ "${DEMO_SERVER:-}" != own ] && command -v lighttpd >/dev/null; then
	server=lighttpd
	echo "hello from lighttpd" >"$dir/index.html"
	cat >"$dir/lighttpd.conf" <<-CONF
		server.document-root = "$dir"
		server.bind = "${address%:*}"
		server.port = ${address##*:}
		index-file.names = ( "index.html" )
	CONF
	set -- lighttpd -- -f "$dir/lighttpd.conf"
else
	set -- "$HTTPD" -- -listen "$address"
	server=$(basename "$HTTPD")
fi

say "start $server on $address; it forks and leaves, and no pidfile is used"
shown start --follow-forks -t 2 --log "$dir/log" "$@"
shown status "$server"
visit
old=$(main_pid)

say "kill -9 $old"
kill -9 "$old"
wait_until not_running
! shown status "$server" || fail "status still calls it running"
! fetch || fail "the port still answers"

say "wait for respawner to bring it back"
wait_until is_running
shown status "$server"
"$RESPAWNER" status "$server" | grep -q "last exit  *pid $old killed by signal 9 (SIGKILL)" || fail "status does not say how $old ended"
new=$(main_pid)
[ "$new" != "$old" ] || fail "the same pid $old again"
visit

say "stop it"
supervisor=$("$RESPAWNER" status --json "$server" | sed -n 's/.*"supervisor_pid": *\([0-9]*\).*/\1/p')
shown stop "$server"
for pid in "$old" "$new" "$supervisor"; do
	! is_alive "$pid" || fail "process $pid is left"
done
! fetch || fail "the port still answers"
echo "no process is left: not $new, which served, nor $supervisor, which watched it"

say "what the log says"
cat "$dir/log"
