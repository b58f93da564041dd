# Client spawns the server (server = 2 forks deep, started by fork+exec in the client); stale socket
# after kill -9 blocks the next start (exit 255). A naive restart after kill -9 fails: starter exit
# 255 (stale file); it says: fail2ban                [17192]: ERROR   Async configuration of server
# failed.

packages=(fail2ban)
class=(double-fork setsid-in-middle slow-starter stale-file-blocks-restart)
argv=(fail2ban-server -b -c "$DIR/f" -s "$DIR/f.sock" -p "$DIR/f.pid" start)
clean=("$DIR/f.sock")
complains='Async configuration of server failed'

setup() {
	mkdir -p "$DIR/f"
	printf '[Definition]\nloglevel = INFO\nlogtarget = %s\nsyslogsocket = auto\nsocket = %s\npidfile = %s\ndbfile = None\ndbpurgeage = 1d\ndbmaxmatches = 10\n' "$DIR/f.log" "$DIR/f.sock" "$DIR/f.pid" > "$DIR/f/fail2ban.conf"
	printf '[DEFAULT]\nenabled = false\n' > "$DIR/f/jail.conf"
}

main_pid() { cat "$DIR/f.pid"; }
ready() { fail2ban-client -s "$DIR/f.sock" ping | grep -q pong; }
