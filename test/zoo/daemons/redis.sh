# Plain fork+setsid; exit 0 on TERM.

packages=(redis-server redis-tools)
class=(single-fork setsid-in-main)
argv=(redis-server --bind 127.0.0.1 --port "$PORT" --daemonize yes --pidfile "$DIR/r.pid" --dir "$DIR"
	--logfile "$DIR/r.log")

main_pid() { cat "$DIR/r.pid"; }
ready() { [ "$(redis-cli -h 127.0.0.1 -p $PORT ping)" = PONG ]; }
