# Starter waits about 1 s after the fork; exit status 15 (=signal number) on SIGTERM.

packages=(privoxy)
class=(single-fork setsid-in-main slow-starter odd-exit-on-stop)
argv=(privoxy --pidfile "$DIR/p.pid" "$DIR/config")
ends='status 15'

setup() {
	cat > "$DIR/config" <<X
confdir $DIR
logdir $DIR
listen-address 127.0.0.1:$PORT
toggle 0
X
}

main_pid() { cat "$DIR/p.pid"; }
ready() { curl -sS -m 5 -o /dev/null -x http://127.0.0.1:$PORT http://config.privoxy.org/; }
