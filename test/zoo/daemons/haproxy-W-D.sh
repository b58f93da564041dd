# Forks, then the master re-execs itself (same pid) already at start, again on USR2; worker exits
# when the master goes.

packages=(haproxy curl)
class=(single-fork setsid-in-main exec-after-fork has-children re-exec-same-pid-on-reload)
argv=(haproxy -W -D -f "$DIR/h.cfg" -p "$DIR/h.pid")

setup() {
	cat > "$DIR/h.cfg" <<X
global
 maxconn 50
 stats socket $DIR/h.sock
defaults
 mode http
 timeout client 5s
 timeout connect 5s
 timeout server 5s
frontend f
 bind 127.0.0.1:$PORT
 http-request return status 200 content-type text/plain string zoo
X
}

main_pid() { cat "$DIR/h.pid"; }
ready() { page; }
reload() { with_other_children USR2 "$(cat "$DIR/h.pid")"; }
