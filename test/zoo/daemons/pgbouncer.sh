# Exit 1 on SIGTERM (immediate shutdown), INT/clean = 0; refuses root.

packages=(pgbouncer)
class=(double-fork setsid-in-middle odd-exit-on-stop)
user=postgres
argv=(pgbouncer -d "$DIR/p.ini")
ends='status 1'

setup() {
	chown postgres "$DIR"
	cat > "$DIR/p.ini" <<X
[databases]
x = host=127.0.0.1 port=1
[pgbouncer]
listen_addr=127.0.0.1
listen_port=$PORT
unix_socket_dir=$DIR
auth_type=any
pidfile=$DIR/p.pid
logfile=$DIR/p.log
admin_users=zoo
X
}

main_pid() { cat "$DIR/p.pid"; }
ready() { port_open; }
